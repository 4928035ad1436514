package swarm

import "shoal/metainfo"

// served is one request of a peer that was accepted.
type served struct {
	block metainfo.Block
	taken bool // the writer was told to give it back
}

// serveQueue holds the requests of one peer in their order: list[done:head] lie with its link's writer, which
// sends them in this order, list[head:] wait. No block is in it twice, but for one that was cancelled and asked for again.
type serveQueue struct {
	list       []served
	done, head int
	set        map[metainfo.Block]struct{} // those in list that are not taken back
}

func (q *serveQueue) waiting() int { return len(q.list) - q.head }
func (q *serveQueue) out() int     { return q.head - q.done }

// has reports whether b is asked for already.
func (q *serveQueue) has(b metainfo.Block) bool {
	_, ok := q.set[b]
	return ok
}

// push queues b, which must not be there.
func (q *serveQueue) push(b metainfo.Block) {
	if q.done > 0 && len(q.list) == cap(q.list) {
		q.list = q.list[:copy(q.list, q.list[q.done:])]
		q.head -= q.done
		q.done = 0
	}
	if q.set == nil {
		q.set = make(map[metainfo.Block]struct{})
	}
	q.set[b] = struct{}{}
	q.list = append(q.list, served{block: b})
}

// next returns the first block that waits; hand moves it to the writer.
func (q *serveQueue) next() metainfo.Block { return q.list[q.head].block }

func (q *serveQueue) hand() { q.head++ }

// sent forgets the n oldest blocks with the writer.
func (q *serveQueue) sent(n int) {
	for n = min(n, q.out()); n > 0; n-- {
		if e := &q.list[q.done]; !e.taken {
			delete(q.set, e.block)
		}
		q.done++
	}
	if q.done == len(q.list) {
		q.list, q.done, q.head = q.list[:0], 0, 0
	}
}

// find returns where b is in list, counted from the oldest with the writer, or -1.
func (q *serveQueue) find(b metainfo.Block) int {
	for i := range q.list[q.done:] {
		if e := &q.list[q.done+i]; e.block == b && !e.taken {
			return i
		}
	}
	return -1
}

// remove takes out the block that find found at i, if it waits, and reports so. If it is with the writer it is marked: the
// writer will say whether it still had it.
func (q *serveQueue) remove(i int) bool {
	i += q.done
	delete(q.set, q.list[i].block)
	if i < q.head {
		q.list[i].taken = true
		return false
	}
	q.list = append(q.list[:i], q.list[i+1:]...)
	return true
}

// back notes that the writer gave b back. The blocks that it sent next may have been reported first, and
// then b was counted as the oldest of them; one of those is still on the list in its place.
func (q *serveQueue) back(b metainfo.Block) {
	for i := q.done; i < q.head; i++ {
		if e := &q.list[i]; e.block == b && e.taken {
			q.list = append(q.list[:i], q.list[i+1:]...)
			q.head--
			return
		}
	}
	q.sent(1)
}

// choke takes out all blocks but those that keep wants: drop is called for each that waited, and take for each that is with
// the writer. The memory of a long queue is given back.
func (q *serveQueue) choke(keep func(metainfo.Block) bool, drop, take func(metainfo.Block)) {
	var rest []served
	set := make(map[metainfo.Block]struct{})
	out := q.out()
	for i, e := range q.list[q.done:] {
		switch {
		case e.taken:
		case keep(e.block):
			set[e.block] = struct{}{}
		case i < out:
			e.taken = true
			take(e.block)
		default:
			drop(e.block)
			continue
		}
		rest = append(rest, e)
	}
	q.list, q.set, q.done, q.head = rest, set, 0, out
}
