package rpc

import (
	"context"
	"time"

	"shoal/status"
)

// Engine is what a Server answers for. What Entries returns of a hundred thousand torrents at once is 90 MB: calls about many torrents
// ask for their numbers, and then for some at a time.
type Engine interface {
	status.Engine
	// Numbers returns the numbers of those torrents that Entries would return, and the same of those that were removed.
	Numbers(ctx context.Context, since time.Time) (list, gone []int, err error)
	// Page fills into with the torrents of these numbers, in their order, as many as there is room for. Those that are gone are left out: it
	// returns how many there are.
	Page(ctx context.Context, numbers []int, into []status.Entry) (int, error)
}

// pageSize is how many entries are in memory at a time.
const pageSize = 256

// eachOf calls do for the torrents of some numbers until it fails. The entry is good until do returns.
func eachOf(ctx context.Context, engine Engine, numbers []int, do func(e *status.Entry) error) error {
	page := make([]status.Entry, min(pageSize, len(numbers)))
	for len(numbers) > 0 {
		some := numbers[:min(pageSize, len(numbers))]
		numbers = numbers[len(some):]
		n, err := engine.Page(ctx, some, page)
		if err != nil {
			return err
		}
		for i := range page[:n] {
			if err := do(&page[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// eachEntry calls do for every torrent, in the order of their numbers.
func eachEntry(ctx context.Context, engine Engine, do func(e *status.Entry) error) error {
	all, _, err := engine.Numbers(ctx, time.Time{})
	if err != nil {
		return err
	}
	return eachOf(ctx, engine, all, do)
}

// each calls do for every torrent of a selection until it fails. The entry is good until do returns.
func (sel *selection) each(c *call, do func(e *status.Entry) error) error {
	if err := eachOf(c.ctx, c.s.engine, sel.numbers, do); err != nil {
		return err
	}
	for i := range sel.named {
		if err := do(&sel.named[i]); err != nil {
			return err
		}
	}
	return nil
}
