package session

import (
	"context"

	"shoal/metainfo"
	"shoal/piece"
)

// checkAhead is how many pieces the check has out at a time: the workers
// never wait for it.
const checkAhead = 2 * diskWorkers

// check hashes the pieces that are not trusted but may be there and returns all that
// are right.
func (t *torrent) check(ctx context.Context) (metainfo.Bitfield, error) {
	have, todo := t.opened.Trust.Clone(), &t.opened.Check
	results := make(chan piece.Result, checkAhead) // room for every job that is out
	out := 0
	collect := func() {
		r := <-results
		out--
		t.checked.Add(1)
		if r.Err != nil && ctx.Err() == nil {
			t.s.log.Warn("piece cannot be read", "torrent", t.id, "piece", r.Job.Piece, "err", r.Err)
		}
		if r.OK {
			have.Set(r.Job.Piece)
		}
	}
	for i := 0; i < todo.Len() && ctx.Err() == nil; i++ {
		if !todo.Has(i) {
			continue
		}
		if out == checkAhead {
			collect()
		}
		out++
		t.s.disk.Submit(&piece.Job{Kind: piece.Verify, Store: t.store, Piece: i, Done: func(r piece.Result) { results <- r }})
	}
	for out > 0 {
		collect()
	}
	return have, ctx.Err()
}
