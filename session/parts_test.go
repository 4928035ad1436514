package session

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/piece"
)

// TestS07TooLargeAtAdd: a file that a FAT disk cannot hold is named at once, and can be left out.
func TestS07TooLargeAtAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		files := w.folder(64<<10, 300_000, 600_000, 500_000)
		n := w.node(quick)
		n.disk.SetFAT(550_000)
		_, err := n.s.addTo(w, n, Add{})
		if !errors.Is(err, piece.ErrTooLarge) || !strings.Contains(err.Error(), files[1].Path) {
			t.Errorf("add says %v", err)
		}
		n.start(Add{Priorities: []uint8{1, 0, 1}})
		n.stop()
	})
}

// TestPartsSurviveRestart: what a selected download keeps of its neighbours is trusted in the next run, and
// fetched again when it is gone.
func TestPartsSurviveRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		files := w.folder(64<<10, 300_000, 600_000, 500_000)
		seed := w.node(quick)
		seed.putFolder(files)
		seed.start(Add{Seed: true})
		synctest.Wait()
		n := w.node(quick)
		var before int64
		hidden := "." + w.tor.ID.String() + ".parts"
		for run, want := range []struct {
			pick  []uint8
			fetch bool
		}{
			{[]uint8{0, 1, 0}, true},
			{[]uint8{0, 1, 0}, false},
			{[]uint8{0, 1, 0}, true}, // the hidden file was removed before
			{nil, true},
			{nil, false},
		} {
			if run == 2 {
				if err := n.disk.Remove(hidden); err != nil {
					t.Fatal(err)
				}
			}
			n.start(Add{Peers: []string{seed.addr()}, Priorities: want.pick})
			if err := n.s.Wait(t.Context(), w.tor.ID); err != nil {
				t.Fatalf("run %d: %v", run, err)
			}
			total := n.status().DownTotal // of all runs
			n.stop()
			if got := total - before; got > 0 != want.fetch || run == 2 && got > 2*64<<10 {
				t.Errorf("run %d: %d bytes were fetched", run, got)
			}
			before = total
			if _, err := n.disk.Lstat(hidden); err == nil != (want.pick != nil) {
				t.Errorf("run %d: the hidden file is there: %v", run, err == nil)
			}
			for i, f := range files {
				if _, err := n.disk.Lstat(f.Path); err == nil != (want.pick == nil || i == 1) {
					t.Errorf("run %d: %s is there: %v", run, f.Path, err == nil)
				}
			}
		}
		for i := range w.tor.Info.NumPieces() {
			checkPiece(t, w, n, i)
		}
	})
}

// TestR01PartsOfAnEarlierRun: a torrent was removed and its files deleted, but what was kept of those that nobody chose is there still. When it
// comes again, for all files, nothing of that looks like somebody else's; neither does it after a kill at any moment.
func TestR01PartsOfAnEarlierRun(t *testing.T) {
	for calls := 1; ; calls++ {
		over := false
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 2<<20, 64<<10)
			defer w.close()
			files := w.folder(64<<10, 300_000, 600_000, 500_000)
			seed := w.node(quick)
			seed.putFolder(files)
			seed.start(Add{Seed: true})
			n := w.node(quick)
			ctx := t.Context()
			n.start(Add{Peers: []string{seed.addr()}, Priorities: []uint8{0, 1, 0}})
			if err := errors.Join(n.s.Wait(ctx, w.tor.ID), n.s.Remove(ctx, w.tor.ID), n.disk.Remove(files[1].Path)); err != nil {
				t.Fatal(err)
			}
			n.stop()
			if _, err := n.disk.Lstat("." + w.tor.ID.String() + ".parts"); err != nil {
				t.Fatal("nothing was kept apart:", err)
			}
			n.life = newLife(calls)
			n.start(Add{}) // nobody brings anything: files that look like somebody else's would have to be right
			select {
			case <-n.life.ended:
			case <-time.After(time.Minute):
				over = true
			}
			n.stop()
			n.life = nil
			n.start(Add{Peers: []string{seed.addr()}})
			if err := n.s.Wait(ctx, w.tor.ID); err != nil {
				t.Errorf("after a kill in call %d: %v", calls, err)
			}
		})
		if over || t.Failed() {
			t.Logf("%d changing calls", calls-1)
			return
		}
	}
}

// checkPiece reads the content back past the session.
func checkPiece(t *testing.T, w *sim, n *node, i int) {
	t.Helper()
	info := w.tor.Info
	s := piece.NewStore(n.disk, info, piece.NewFiles(2))
	defer s.Close()
	b := make([]byte, info.PieceSize(i))
	if _, err := s.ReadAt(b, info.PieceOffset(i)); err != nil && !strings.Contains(err.Error(), "EOF") {
		t.Fatal(err)
	}
	if string(b) != string(w.data[info.PieceOffset(i):][:len(b)]) {
		t.Errorf("piece %d differs", i)
	}
}
