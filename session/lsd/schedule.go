package lsd

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"shoal/metainfo"
)

// When torrents are announced. BEP 14 asks for at most one announce a torrent and minute.
const (
	every   = 5 * time.Minute  // each torrent again
	spread  = 15 * time.Second // at most so much later, by chance
	pace    = time.Second      // between two messages
	soon    = time.Second      // the first announce of a torrent comes within that
	answer  = 2 * time.Second  // after somebody else's announce ours comes within that
	minimum = time.Minute      // between two announces of a torrent that others have caused
)

// schedule says when to announce which torrents. It is pure; the zero value with rnd set is ready.
type schedule struct {
	rnd     *rand.Rand
	entries map[metainfo.Hash]*entry
	queue   queue
	after   time.Time // no message before
}

// entry is one torrent.
type entry struct {
	hash metainfo.Hash
	due  time.Time
	last time.Time // when it was announced; zero for never
	at   int       // its place in the queue
	// ahead has it go before those that are overdue: somebody waits for it.
	ahead bool
}

// add begins to announce a torrent; nothing happens when it is there already. addLater does the same for one of which
// there may be thousands, and that nobody waits for.
func (s *schedule) add(now time.Time, h metainfo.Hash) {
	s.enter(&entry{hash: h, due: now.Add(s.chance(soon)), ahead: true})
}

func (s *schedule) addLater(now time.Time, h metainfo.Hash) {
	s.enter(&entry{hash: h, due: now.Add(s.chance(every))})
}

func (s *schedule) enter(e *entry) {
	if s.entries[e.hash] != nil {
		return
	}
	if s.entries == nil {
		s.entries = make(map[metainfo.Hash]*entry)
	}
	s.entries[e.hash] = e
	heap.Push(&s.queue, e)
}

func (s *schedule) remove(h metainfo.Hash) {
	if e := s.entries[h]; e != nil {
		heap.Remove(&s.queue, e.at)
		delete(s.entries, h)
	}
}

// again makes every torrent due, because the network is another one.
func (s *schedule) again(now time.Time) {
	for _, e := range s.queue {
		if e.due = now.Add(s.chance(soon)); !e.last.IsZero() && e.due.Before(e.last.Add(minimum)) {
			e.due = e.last.Add(minimum) // networks that come and go are no reason to shout
		}
	}
	heap.Init(&s.queue)
}

// heard notes that somebody else has announced a torrent, and reports whether it is one of ours. Ours
// comes soon after, so that both sides need not wait for the next turn.
func (s *schedule) heard(now time.Time, h metainfo.Hash) (ours bool) {
	e := s.entries[h]
	if e == nil {
		return false
	}
	at := now.Add(s.chance(answer))
	if (e.last.IsZero() || now.Sub(e.last) >= minimum) && at.Before(e.due) {
		e.due, e.ahead = at, true
		heap.Fix(&s.queue, e.at)
	}
	return true
}

// take returns the torrents of the message to send now, nil when it is not time yet.
func (s *schedule) take(now time.Time) (out []metainfo.Hash) {
	if now.Before(s.after) {
		return nil
	}
	for len(out) < MaxHashes && len(s.queue) > 0 && !s.queue[0].due.After(now) {
		e := s.queue[0]
		e.last, e.due, e.ahead = now, now.Add(every+s.chance(spread)), false
		heap.Fix(&s.queue, 0)
		out = append(out, e.hash)
	}
	if len(out) > 0 {
		s.after = now.Add(pace)
	}
	return out
}

// next is when to call take; zero while there are no torrents.
func (s *schedule) next() time.Time {
	if len(s.queue) == 0 {
		return time.Time{}
	}
	if due := s.queue[0].due; due.After(s.after) {
		return due
	}
	return s.after
}

func (s *schedule) chance(most time.Duration) time.Duration {
	return time.Duration(s.rnd.Int64N(int64(most)))
}

// queue is a heap of entries: those ahead, and then by the time they are due.
type queue []*entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].ahead && !q[j].ahead || q[i].ahead == q[j].ahead && q[i].due.Before(q[j].due)
}
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}
func (q *queue) Push(x any) {
	e := x.(*entry)
	e.at = len(*q)
	*q = append(*q, e)
}
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
