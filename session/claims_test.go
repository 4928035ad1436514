package session

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
)

// TestUnsyncedOfEarlierRun: pieces that a killed run wrote but never synced are
// synced by the next run before its record calls them durable.
func TestUnsyncedOfEarlierRun(t *testing.T) {
	for _, remembered := range []bool{true, false} {
		for seed := range uint64(20 / fewer) {
			bubble(t, func(t *testing.T, w *sim, from *node) {
				put(t, from.disk, "copy", w.data) // a file that is whole and was never synced
				n := w.node(quick)
				put(t, n.disk, "file.bin", w.data)
				if remembered {
					claim(t, w, n)
				}
				n.start(Add{Peers: []string{from.addr()}})
				n.wait(time.Minute)
				time.Sleep(10 * time.Second) // the keeper has had its round
				rec, _ := state.Load(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, w.tor.ID, w.tor.Info.NumPieces(), 1)
				if rec == nil {
					t.Fatal("no record")
				}
				if rec.Synced.Count() != rec.Have.Count() {
					t.Errorf("%d of %d pieces are durable after ten seconds", rec.Synced.Count(), rec.Have.Count())
				}
				rnd := rand.New(rand.NewPCG(seed, 7))
				n.disk, n.state = n.disk.Crash(rnd), n.state.Crash(rnd)
				left := []byte(nil)
				if _, err := n.disk.Lstat("file.bin"); err == nil {
					left = get(t, n.disk, "file.bin")
				}
				size := 64 << 10
				for i := range rec.Synced.Len() {
					if rec.Synced.Has(i) && (len(left) < (i+1)*size || string(left[i*size:(i+1)*size]) != string(w.data[i*size:(i+1)*size])) {
						t.Fatalf("remembered %v: piece %d was recorded as durable and is lost", remembered, i)
					}
				}
			})
		}
	}
}

// claim leaves the record of a run that was killed: all pieces written, none synced.
func claim(t *testing.T, w *sim, n *node) {
	t.Helper()
	st, err := n.disk.Lstat("file.bin")
	if err != nil {
		t.Fatal(err)
	}
	rec := emptyRecord(w)
	rec.Have.SetAll()
	rec.Files[0] = state.File{Exists: true, Size: st.Size, Inode: st.Inode}
	if err := state.Save(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, rec); err != nil {
		t.Fatal(err)
	}
}

// slowDisk is a folder whose files take long to sync or to write.
type slowDisk struct {
	fsys.FS
	sync, write, read time.Duration
}

func (s slowDisk) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	return slowFile{f, s}, err
}

type slowFile struct {
	fsys.File
	slow slowDisk
}

func (f slowFile) Sync() error {
	time.Sleep(f.slow.sync)
	return f.File.Sync()
}

func (f slowFile) ReadAt(p []byte, off int64) (int, error) {
	if f.slow.read > 0 {
		time.Sleep(f.slow.read)
	}
	return f.File.ReadAt(p, off)
}

func (f slowFile) WritevAt(bufs [][]byte, off int64) (int64, error) {
	time.Sleep(f.slow.write)
	return f.File.WritevAt(bufs, off)
}

// TestNoLateSave: a save that was under way when a torrent was removed does
// not bring its record back.
func TestNoLateSave(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.cfg.State = n.state
		s, err := New(n.cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		defer func() { cancel(); <-done }()
		if _, err := s.Add(ctx, Add{Torrent: w.tor, Folder: slowDisk{FS: n.disk, sync: 8 * time.Second}, Peers: []string{seed.addr()}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Wait(ctx, w.tor.ID); err != nil {
			t.Fatal(err)
		}
		saved := make(chan error, 1)
		go func() { saved <- s.Flush(context.WithoutCancel(ctx)) }()
		time.Sleep(time.Second) // it is in the middle of its sync
		if err := s.Remove(ctx, w.tor.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		<-saved
		if _, err := n.state.Lstat(fileName(w.tor.ID, "/mem") + recordSuffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the record of a removed torrent came back: %v", err)
		}
	})
}

// TestSaveAfterTheLast: once the last record of a session is saved, no late Flush marks it as that of a kill.
func TestSaveAfterTheLast(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		n.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		_ = n.s.Flush(ctx)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("Flush after the end took %v", took)
		}
		rec, _ := state.Load(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, w.tor.ID, w.tor.Info.NumPieces(), 1)
		if rec == nil || !rec.Clean {
			t.Errorf("record after the end: %+v", rec)
		}
	})
}

// TestDuplicate: the same torrent twice in one session is a duplicate, not somebody else's lock.
func TestDuplicate(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{})
		_, err := n.s.Add(t.Context(), Add{Torrent: w.tor, Folder: n.disk})
		if !errors.Is(err, ErrDuplicate) || errors.Is(err, ErrLocked) {
			t.Errorf("the same torrent again: %v", err)
		}
	})
}

// TestDurableOnlyIfTrusted: a file that was changed since its record is not durable because its hash is right.
func TestDurableOnlyIfTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.node(quick)
		put(t, n.disk, "file.bin", w.data)
		rec := emptyRecord(w)
		rec.Have.SetAll()
		rec.Synced.SetAll()
		rec.Clean = true
		rec.Files[0] = state.File{Exists: true, Closed: true, Size: 1 << 20, Inode: 99}
		if err := state.Save(n.state, fileName(w.tor.ID, "/mem")+recordSuffix, rec); err != nil {
			t.Fatal(err)
		}
		n.start(Add{})
		n.wait(time.Minute)
		got := n.s.reg.find(w.tor.ID.Wire()).record.get()
		if got.Have.Count() != 16 || got.Synced.Count() != 0 {
			t.Errorf("%d pieces, %d durable; none was synced", got.Have.Count(), got.Synced.Count())
		}
	})
}

func emptyRecord(w *sim) *state.Record {
	n := w.tor.Info.NumPieces()
	return &state.Record{
		Serial: 1, ID: w.tor.ID, Dir: "/mem", BootID: "boot", Have: bits(n), Synced: bits(n), Doubt: bits(n),
		Files: make([]state.File, len(w.tor.Info.Files())),
	}
}

func bits(n int) metainfo.Bitfield { return metainfo.NewBitfield(n) }
