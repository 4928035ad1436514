package rpc

import (
	"sync"

	"shoal/internal/text"
	"shoal/status"
)

// trackerIDs are the numbers that trackers have among those of their torrent. As long as nobody has changed these that is their place in the
// list; afterwards those that stay keep what they have, and those that come get numbers that none of the torrent had. It is
// for any goroutine; the nil value knows of no change.
type trackerIDs struct {
	mu      sync.Mutex
	changed map[int]*numbering // by torrent
}

// numbering has the numbers of one torrent's trackers.
type numbering struct {
	of   map[string]int // by URL
	next int
}

// list returns the numbers of an entry's trackers, in their order.
func (x *trackerIDs) list(e *status.Entry) []int {
	ids := make([]int, 0, countTrackers(e.Trackers))
	if x != nil {
		x.mu.Lock()
		defer x.mu.Unlock()
		if n := x.changed[e.Number]; n != nil {
			for _, tier := range e.Trackers {
				for _, u := range tier {
					ids = append(ids, n.number(u))
				}
			}
			return ids
		}
	}
	for i := range cap(ids) {
		ids = append(ids, i)
	}
	return ids
}

// number returns the number of a tracker, which may have come in another way.
func (n *numbering) number(u string) int {
	id, ok := n.of[u]
	if !ok {
		id = n.next
		n.of[u] = id
		n.next++
	}
	return id
}

// change notes that an entry has other trackers from now on.
func (x *trackerIDs) change(e *status.Entry, to [][]string) {
	ids := x.list(e)
	x.mu.Lock()
	defer x.mu.Unlock()
	old := x.changed[e.Number]
	if old == nil {
		old = &numbering{of: map[string]int{}, next: len(ids)}
		i := 0
		for _, tier := range e.Trackers {
			for _, u := range tier {
				if _, twice := old.of[u]; !twice {
					old.of[u] = ids[i]
				}
				i++
			}
		}
	}
	now := &numbering{of: make(map[string]int, countTrackers(to)), next: old.next}
	for _, tier := range to {
		for _, u := range tier {
			if id, ok := old.of[u]; ok {
				now.of[u] = id
			} else {
				now.number(u)
			}
		}
	}
	if x.changed == nil {
		x.changed = map[int]*numbering{}
	}
	x.changed[e.Number] = now
}

// forget drops what is known of a torrent that has gone.
func (x *trackerIDs) forget(number int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.changed, number)
}

// numbered calls f for each of an entry's trackers, with its number and tier, as long as f returns true.
func (x *trackerIDs) numbered(e *status.Entry, f func(id, tier int, u string) bool) {
	ids := x.list(e)
	for tier, urls := range e.Trackers {
		for _, u := range urls {
			if !f(ids[0], tier, u) {
				return
			}
			ids = ids[1:]
		}
	}
}

// shown returns the numbers of trackers by the address that is shown of them; those of one address follow each other.
func (x *trackerIDs) shown(e *status.Entry) map[string][]int {
	ids := map[string][]int{}
	x.numbered(e, func(id, _ int, u string) bool {
		masked := text.MaskTracker(u)
		ids[masked] = append(ids[masked], id)
		if u != masked {
			ids[u] = append(ids[u], id)
		}
		return true
	})
	return ids
}
