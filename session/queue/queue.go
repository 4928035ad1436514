// Package queue decides which torrents of a list may run and which wait, and moves torrents within the order of that list. It owns
// no state and reads no clock: all of it is functions of their arguments, which any goroutine may call as long as nobody
// changes the arguments meanwhile.
package queue

import (
	"cmp"
	"slices"
	"time"
)

// Hold is the usual Limits.Hold.
const Hold = 10 * time.Minute

// Torrent is what the queue needs to know of a torrent that its user wants to run. Stopped ones are not in the list.
type Torrent struct {
	Position int  // in the queue; smaller ones go first. Of equal ones the first in the list does
	Seed     bool // it has all that is wanted: it takes a place of the seeds, else of the downloads
	Forced   bool // it runs beside the queue, whatever the limits
	Running  bool
	// Stalled says that it runs, but moves no payload: it takes no place. Of a torrent that does not run it means nothing.
	Stalled bool
	// Since is when it last began to run, or to move payload again after it had stalled, whichever was later.
	Since time.Time
}

// Limits are the places.
type Limits struct {
	Downloads, Seeds int // at a time; 0 for all
	// Hold is how long one that runs keeps its place though others come first, counted from Torrent.Since. So torrents that
	// stall and come back do not stop each other all the time. 0 is right after the user changed the order or the limits.
	Hold time.Duration
}

// Decide says of each torrent of the list whether it may run. run is reused if it is large enough.
//
// In the order of their positions torrents take the places of their kind. Those without one wait, and stop if they run, but for
// those within their hold, whose place stays taken: the limits are only ever exceeded by torrents that ran already
// and had stalled. next is when the first hold ends that keeps one running, zero if there is none: decide again then,
// and when anything in the list changed.
func Decide(now time.Time, list []Torrent, lim Limits, run []bool) (may []bool, next time.Time) {
	run = slices.Grow(run[:0], len(list))[:len(list)]
	order := byPosition(list)
	for _, k := range [...]struct {
		seed   bool
		places int
	}{{false, lim.Downloads}, {true, lim.Seeds}} {
		places := k.places
		if places <= 0 {
			places = len(list)
		}
		until := deal(now, list, order, k.seed, places, lim.Hold, run)
		if !until.IsZero() && (next.IsZero() || until.Before(next)) {
			next = until
		}
	}
	return run, next
}

// deal gives away the places of one kind. It goes through the list twice: first to those who run, of whom some keep
// places that are not theirs, then to those who wait.
func deal(now time.Time, list []Torrent, order []int32, seed bool, places int, hold time.Duration, run []bool) (next time.Time) {
	first, taken := 0, 0 // how many came so far that want a place, and how many of all have one
	for _, i := range order {
		t := &list[i]
		if t.Seed != seed {
			continue
		}
		run[i] = t.Forced || t.Running && t.Stalled
		if run[i] {
			continue
		}
		first++
		if !t.Running {
			continue
		}
		until := t.Since.Add(hold)
		switch {
		case first <= places:
			run[i] = true
		case until.After(now):
			run[i] = true
			if next.IsZero() || until.Before(next) {
				next = until
			}
		}
		if run[i] {
			taken++
		}
	}
	for _, i := range order {
		if taken >= places {
			break
		}
		if t := &list[i]; t.Seed == seed && !t.Running && !run[i] {
			run[i] = true
			taken++
		}
	}
	return next
}

// byPosition returns the indices of the list in the order of the positions.
func byPosition(list []Torrent) []int32 {
	order := make([]int32, len(list))
	for i := range order {
		order[i] = int32(i)
	}
	compare := func(a, b int32) int {
		return cmp.Or(cmp.Compare(list[a].Position, list[b].Position), cmp.Compare(a, b))
	}
	if !slices.IsSortedFunc(order, compare) {
		slices.SortFunc(order, compare)
	}
	return order
}
