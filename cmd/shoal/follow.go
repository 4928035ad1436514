package main

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"shoal/status"
)

// follower sees a daemon's list over and over, and has only what changed told. It belongs to one goroutine.
type follower struct {
	engine status.Engine
	list   map[int]status.Entry
	mark   time.Time // of the last look
}

// look returns the whole list as it is now, by numbers.
func (f *follower) look(ctx context.Context) ([]status.Entry, error) {
	now := time.Now()
	list, gone, err := f.engine.Entries(ctx, f.mark)
	if err != nil {
		return nil, err
	}
	if f.mark.IsZero() {
		f.list = map[int]status.Entry{}
	}
	for _, n := range gone {
		delete(f.list, n)
	}
	for _, e := range list {
		f.list[e.Number] = e
	}
	f.mark = now
	return slices.SortedFunc(maps.Values(f.list), func(a, b status.Entry) int { return cmp.Compare(a.Number, b.Number) }), nil
}
