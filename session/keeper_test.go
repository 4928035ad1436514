package session

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/session/state"
)

// TestRecordKept: while a download runs its record is never more than about five seconds
// behind, and what it calls durable is.
func TestRecordKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 16<<20, 64<<10)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(simnet.Link{Up: 1 << 20, Down: 1 << 20})
		n.start(Add{Peers: []string{seed.addr()}})
		for range 2 {
			time.Sleep(7 * time.Second)
			rec, notes := state.Load(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, w.tor.ID, w.tor.Info.NumPieces(), 1)
			if rec == nil || len(notes) > 0 {
				t.Fatalf("record %v, notes %v", rec, notes)
			}
			behind := n.status().PiecesHave - rec.Have.Count()
			t.Logf("%d pieces, %d of them in the record, %d durable", n.status().PiecesHave, rec.Have.Count(), rec.Synced.Count())
			if limit := 6 << 20 / (64 << 10); behind > limit || rec.Clean || rec.Synced.Count() != rec.Have.Count() {
				t.Errorf("the record is %d pieces behind, at most %d are allowed; clean %v", behind, limit, rec.Clean)
			}
		}
		n.stop()
		rec, _ := state.Load(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, w.tor.ID, w.tor.Info.NumPieces(), 1)
		if rec == nil || !rec.Clean || rec.Synced.Count() != rec.Have.Count() || !rec.Files[0].Closed {
			t.Errorf("record after an orderly end: %+v", rec)
		}
	})
}

// TestWithin: a disk that hangs holds nobody up for longer than was allowed.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		defer close(release)
		begun := time.Now()
		err := within(ctx, func() error { <-release; return nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		if err := within(t.Context(), func() error { return errors.ErrUnsupported }); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	})
}
