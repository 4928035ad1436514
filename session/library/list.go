package library

import (
	"cmp"
	"math"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/session/queue"
	"shoal/status"
)

// maxGone is how many removals are remembered for those who ask what has changed.
const maxGone = 10_000

// rankStep lies between the ranks of two torrents that were added one after the other.
const rankStep = 1 << 32

// maxRank bounds what is believed of a rank.
const maxRank = 1 << 62

// noRank asks for the last rank.
const noRank = math.MinInt64

// list has the items by hash, by number, by when they changed and in the order of the queue. It is not for
// concurrent use.
type list struct {
	byID    map[metainfo.Hash]*item // by each hash that it has
	items   []*item                 // by number
	queue   []*item                 // by rank, as long as ordered
	ordered bool
	high    int64 // the highest rank
	newest  *item // the last one that changed; item.older leads on
	oldest  *item
	stamp   int64
	last    int // number
	gone    []goneItem
	strings map[string]string // those that many items have
	tiers   map[string][][]string
}

type goneItem struct {
	number int
	at     int64
}

func newList() *list {
	return &list{byID: map[metainfo.Hash]*item{}, strings: map[string]string{}, tiers: map[string][][]string{}, ordered: true}
}

// find returns the item with one of these hashes, or nil.
func (l *list) find(id metainfo.ID) *item {
	for _, h := range hashes(id) {
		if it := l.byID[h]; it != nil {
			return it
		}
	}
	return nil
}

// hashes are the keys of a torrent: both halves of a hybrid lead to one.
func hashes(id metainfo.ID) (out []metainfo.Hash) {
	if id.HasV1() {
		out = append(out, id.V1)
	}
	if id.HasV2() {
		out = append(out, metainfo.Hash(id.V2[:20]))
	}
	return out
}

// add enters an item, which gets the next number, and as its rank, if it has none, the last one.
func (l *list) add(now time.Time, it *item) {
	l.last++
	it.number = l.last
	l.share(&it.kept)
	for _, h := range hashes(it.id) {
		l.byID[h] = it
	}
	if it.rank == noRank || it.rank > maxRank || it.rank < -maxRank {
		it.rank = l.high + rankStep
	}
	it.position = len(l.queue)
	l.items = append(l.items, it)
	l.queue = append(l.queue, it)
	if it.rank <= l.high {
		l.ordered = false
	}
	l.high = max(l.high, it.rank)
	l.touch(now, it)
}

// remove takes an item out.
func (l *list) remove(now time.Time, it *item) {
	it.gone = true
	for _, h := range hashes(it.id) {
		if l.byID[h] == it {
			delete(l.byID, h)
		}
	}
	if i, ok := slices.BinarySearchFunc(l.items, it.number, func(a *item, n int) int { return cmp.Compare(a.number, n) }); ok {
		l.items = slices.Delete(l.items, i, i+1)
	}
	l.order(now)
	if i := it.position; i < len(l.queue) && l.queue[i] == it {
		l.queue = slices.Delete(l.queue, i, i+1)
		l.ordered = false
	}
	l.unlink(it)
	l.gone = append(l.gone, goneItem{it.number, l.next(now)})
	if len(l.gone) > maxGone {
		l.gone = slices.Clone(l.gone[maxGone/10:])
	}
}

// next returns a stamp later than all before, also when the clock was set back: by at least the step of
// the coarsest clock that stamps go through.
func (l *list) next(now time.Time) int64 {
	l.stamp = max(l.stamp+1, now.UnixNano())
	return l.stamp
}

// touch notes that something about an item has changed.
func (l *list) touch(now time.Time, it *item) {
	if it.gone {
		return
	}
	l.unlink(it)
	it.changed = l.next(now)
	it.older = l.newest
	if l.newest != nil {
		l.newest.newer = it
	} else {
		l.oldest = it
	}
	l.newest = it
}

func (l *list) unlink(it *item) {
	if it.newer != nil {
		it.newer.older = it.older
	} else if l.newest == it {
		l.newest = it.older
	}
	if it.older != nil {
		it.older.newer = it.newer
	} else if l.oldest == it {
		l.oldest = it.newer
	}
	it.newer, it.older = nil, nil
}

// order brings the queue into order if something has changed, and says so of those whose position did.
func (l *list) order(now time.Time) {
	if l.ordered {
		return
	}
	l.ordered = true
	slices.SortStableFunc(l.queue, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.number, b.number))
	})
	for i, it := range l.queue {
		if it.position != i {
			it.position = i
			l.touch(now, it)
		}
	}
}

// since returns the items that changed after a stamp, by number, and the numbers of those that went.
func (l *list) since(at int64) (out []*item, gone []int) {
	for it := l.newest; it != nil && it.changed > at; it = it.older {
		out = append(out, it)
	}
	slices.SortFunc(out, func(a, b *item) int { return cmp.Compare(a.number, b.number) })
	for i := len(l.gone) - 1; i >= 0 && l.gone[i].at > at; i-- {
		gone = append(gone, l.gone[i].number)
	}
	slices.Sort(gone)
	return out, gone
}

// shared bounds the tables of what items share: full ones are begun anew.
const maxShared = 10_000

// share replaces what many torrents have in common by one copy.
func (l *list) share(k *kept) {
	k.dir, k.final = l.one(k.dir), l.one(k.final)
	k.trackers = l.tier(k.trackers)
	k.comment, k.creator = l.one(k.comment), l.one(k.creator)
	if k.opt != nil {
		labels := slices.Clone(k.opt.labels) // who has an entry has the old ones
		for i, s := range labels {
			labels[i] = l.one(s)
		}
		k.opt.labels = labels
		k.opt.group = l.one(k.opt.group)
	}
}

func (l *list) one(s string) string {
	if s == "" {
		return ""
	}
	if t, ok := l.strings[s]; ok {
		return t
	}
	if len(l.strings) >= maxShared {
		clear(l.strings)
	}
	l.strings[s] = s
	return s
}

func (l *list) tier(t [][]string) [][]string {
	if len(t) == 0 {
		return nil
	}
	key := make([]byte, 0, 256)
	for _, tier := range t {
		for _, u := range tier {
			key = append(append(key, u...), '\n')
		}
		key = append(key, '\n')
	}
	if have, ok := l.tiers[string(key)]; ok {
		return have
	}
	if len(l.tiers) >= maxShared {
		clear(l.tiers)
	}
	l.tiers[string(key)] = t
	return t
}

// move moves items within the queue and returns those whose rank is another now.
func (l *list) move(now time.Time, who []*item, to status.QueueMove) (changed []*item) {
	l.order(now)
	return l.arrange(queue.Move(l.queue, who, to), who)
}

// putAt puts items at a position.
func (l *list) putAt(now time.Time, who []*item, at int) (changed []*item) {
	l.order(now)
	return l.arrange(queue.Place(l.queue, who, at), who)
}

// arrange gives the chosen ones ranks between their neighbours, and all of them new ranks where there is no room.
func (l *list) arrange(q, who []*item) (changed []*item) {
	l.ordered = false
	chosen := make(map[*item]bool, len(who))
	for _, it := range who {
		chosen[it] = true
	}
	for i := 0; i < len(q); i++ {
		if !chosen[q[i]] {
			continue
		}
		n := 1
		for i+n < len(q) && chosen[q[i+n]] {
			n++
		}
		low, high := int64(0), int64(0)
		switch {
		case i == 0 && i+n == len(q):
			low, high = 0, int64(n+1)*rankStep
		case i == 0:
			high = q[n].rank
			low = high - int64(n+1)*rankStep
		case i+n == len(q):
			low = q[i-1].rank
			high = low + int64(n+1)*rankStep
		default:
			low, high = q[i-1].rank, q[i+n].rank
		}
		step := (high - low) / int64(n+1)
		if step < 1 {
			for j, it := range q {
				it.rank = int64(j+1) * rankStep
			}
			l.queue, l.high = q, q[len(q)-1].rank
			return q
		}
		for j := range n {
			q[i+j].rank = low + int64(j+1)*step
			changed = append(changed, q[i+j])
		}
		i += n - 1
	}
	l.queue, l.high = q, max(l.high, q[len(q)-1].rank)
	return changed
}

// restore enters an item again that was removed, with its number.
func (l *list) restore(now time.Time, it *item) {
	it.gone = false
	for _, h := range hashes(it.id) {
		l.byID[h] = it
	}
	i, _ := slices.BinarySearchFunc(l.items, it.number, func(a *item, n int) int { return cmp.Compare(a.number, n) })
	l.items = slices.Insert(l.items, i, it)
	l.queue = append(l.queue, it)
	l.ordered = false
	l.gone = slices.DeleteFunc(l.gone, func(g goneItem) bool { return g.number == it.number })
	l.touch(now, it)
}
