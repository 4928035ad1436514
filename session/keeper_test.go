package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
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

// TestR01Hold: who works on a record beyond the time that was allowed keeps it until the work is over, so that no two write it at once.
func TestR01Hold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{busy: make(chan struct{}, 1), ended: make(chan struct{})}
		take := func() (bool, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return r.take(ctx)
		}
		if ok, err := take(); !ok {
			t.Fatal(err)
		}
		h, release := newHold(r.give), make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := h.within(ctx, func() error { <-release; return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		h.letGo()
		if ok, err := take(); ok || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second one has the record while the first is at it: %v, %v", ok, err)
		}
		close(release)
		if ok, err := take(); !ok {
			t.Errorf("nobody gave the record back: %v", err)
		}
	})
}

// watched is a folder that reports which files are to be made in it.
type watched struct {
	fsys.FS
	making func(name string)
}

func (f watched) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	if flag&os.O_CREATE != 0 {
		f.making(name)
	}
	return f.FS.OpenFile(name, flag, perm)
}

// TestR01RecordBeforeFiles: when the first file appears there is a record already that says it is ours; a kill between the two would leave
// files that nobody knows.
func TestR01RecordBeforeFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick).run()
		made := 0
		folder := watched{n.disk, func(name string) {
			if made++; made > 1 {
				return
			}
			if rec, _ := state.Load(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, w.tor.ID, w.tor.Info.NumPieces(), 1); rec == nil {
				t.Errorf("%s is made before there is a record of it", name)
			}
		}}
		if _, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: folder, Preallocate: true, Peers: []string{seed.addr()}}); err != nil {
			t.Fatal(err)
		}
		n.wait(time.Minute)
		if made == 0 {
			t.Error("no file was made")
		}
	})
}
