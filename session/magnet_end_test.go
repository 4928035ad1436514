package session

import (
	"context"
	"io/fs"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/session/state"
)

// TestMagnetRemovedAtOnce: a magnet link that is removed the moment it was added leaves nothing that goes on looking for it.
func TestMagnetRemovedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(false)
		defer w.close()
		n := w.node(quick)
		n.start(Add{Magnet: w.magnet()})
		if err := n.s.Remove(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		m := w.magnet()
		m.Trackers = []string{"http://tracker.test/announce"}
		id, err := n.s.Add(t.Context(), Add{Magnet: m, Folder: fsys.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		if st := n.status(); st.ID != id || st.Name != "a name" {
			t.Errorf("seen at once: %+v", st)
		}
		if err := n.s.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		n.s.announce.mu.Lock()
		left := len(n.s.announce.byKey)
		n.s.announce.mu.Unlock()
		if left != 0 {
			t.Errorf("%d torrents are announced", left)
		}
	})
}

// slowFolder is a folder in which it takes a minute until a file is made, as when much space is reserved.
type slowFolder struct {
	fsys.FS
	begun chan struct{}
}

func (f *slowFolder) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	if flag&os.O_CREATE != 0 && name == "file.bin" {
		select {
		case f.begun <- struct{}{}:
			time.Sleep(time.Minute)
		default:
		}
	}
	return f.FS.OpenFile(name, flag, perm)
}

// TestMagnetStoppedBeforeBegin: a session that ends while the files of a magnet link are being made leaves a record that is right, and
// no file open.
func TestMagnetStoppedBeforeBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10).real(false)
		defer w.close()
		seed := w.node(quick).seed()
		n := w.node(quick)
		n.cfg.State = n.state
		s, err := New(n.cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()
		folder := &slowFolder{FS: n.disk, begun: make(chan struct{})}
		id, err := s.Add(ctx, Add{Magnet: w.magnet(seed.addr()), Folder: folder, Preallocate: true})
		if err != nil {
			t.Fatal(err)
		}
		<-folder.begun
		cancel()
		<-ended
		rec, notes := state.Load(n.state, fileName(id, folder.Path())+recordSuffix, id, w.tor.Info.NumPieces(), 1)
		if len(notes) > 0 {
			t.Errorf("record: %v, %v", rec, notes)
		}
		if n := s.files.Len(); n > 0 {
			t.Errorf("%d files are open", n)
		}
		n.start(Add{Magnet: w.magnet(seed.addr())})
		n.wait(time.Minute)
	})
}
