package piece_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"shoal/internal/fsys"
	"shoal/piece"
)

// TestDiskForgets: a worker that has nothing to do keeps no job of before, and so no torrent that is gone.
func TestDiskForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := piece.NewDisk(1)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		b := &bench{torrent: evenTorrent(t), Disk: d}
		b.store = piece.NewStore(fsys.NewMem(), b.info, piece.NewFiles(8))
		defer b.store.Close()
		var jobs []weak.Pointer[piece.Job]
		for _, kind := range []piece.JobKind{piece.Commit, piece.Verify, piece.Write} {
			for i := range 4 {
				j := &piece.Job{Kind: kind, Piece: i, Store: b.store, Done: func(r piece.Result) {
					if !r.OK {
						t.Errorf("%+v", r)
					}
				}}
				if kind != piece.Verify {
					j.Blocks = b.pooled(b.blocks(i))
				}
				jobs = append(jobs, weak.Make(j))
				d.Submit(j)
			}
			synctest.Wait()
			runtime.GC()
			for i, j := range jobs {
				if j.Value() != nil {
					t.Errorf("job %d of %d is kept, the last were of kind %d", i, len(jobs), kind)
				}
			}
		}
		cancel()
		<-ended
	})
}
