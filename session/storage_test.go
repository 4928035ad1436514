package session

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"os"

	"shoal/internal/fakepeer"
	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/status"
)

// TestS01DiskFull: the torrent stops, says why and where, claims no false
// piece, and goes on when there is room again.
func TestS01DiskFull(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		n.disk.SetFree(1 << 20)
		err := n.fails(time.Minute)
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "file.bin") {
			t.Errorf("error %q must wrap ENOSPC and name the file", err)
		}
		have := n.s.reg.find(w.tor.ID.Wire()).running().Have()
		disk := get(t, n.disk, "file.bin")
		for i := range have.Len() {
			off, end := i*64<<10, (i+1)*64<<10
			if have.Has(i) && !bytes.Equal(disk[off:end], w.data[off:end]) {
				t.Errorf("piece %d is claimed and is not on disk", i)
			}
		}
		n.disk.SetFree(1 << 40)
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		n.wait(5 * time.Minute)
		t.Logf("stopped with %d of %d pieces: %v; went on when there was room", have.Count(), have.Len(), err)
	})
}

// TestS01EveryCall: whichever changing call of a whole download fails with ENOSPC, once, the torrent
// stops in words or the record is saved later, nothing false is claimed, and Resume completes it.
func TestS01EveryCall(t *testing.T) {
	t.Parallel()
	total, stops := 0, 0
	for call := 1; ; call += fewer {
		reached := false
		bubble(t, func(t *testing.T, w *sim, seed *node) {
			n := w.node(quick)
			n.disk.FailAt(call, syscall.ENOSPC)
			n.start(Add{Peers: []string{seed.addr()}})
			for {
				err := n.s.Wait(t.Context(), w.tor.ID)
				if err == nil {
					break
				}
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("call %d: %v", call, err)
				}
				stops++
				if n.s.reg.find(w.tor.ID.Wire()).running() == nil {
					n.stop() // it could not even start: again from the beginning
					n.start(Add{Peers: []string{seed.addr()}})
				} else if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
					t.Fatal(err)
				}
			}
			_ = n.s.Flush(t.Context()) // fails if it is the sync that fails
			synctest.Wait()            // until the torrent knows of that
			if n.status().Phase == status.Failed {
				stops++
				if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
			}
			n.wait(time.Minute)
			reached = n.disk.Calls() >= call
			n.stop()
			n.start(Add{})
			n.wait(time.Minute)
		})
		if !reached {
			break
		}
		total++
	}
	t.Logf("%d calls failed one by one, %d stops; every download was completed", total, stops)
}

// TestS02ReadError: a piece that cannot be read is not served and not claimed any more, and is fetched again.
func TestS02ReadError(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		p := w.fake(quick, n, [20]byte{'r', 'e', 'a', 'd'})
		defer p.Close()
		if err := p.Send(wire.Message{Kind: wire.Interested}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Expect(wire.Unchoke, time.Minute); err != nil {
			t.Fatal(err)
		}
		// Both the read of the run and that of the single block fail.
		failed := errors.New("input/output error")
		n.disk.FailReadAt(1, failed)
		ask := wire.Message{Kind: wire.Request, Index: 3, Begin: 0, Length: 16 << 10}
		if err := p.Send(ask); err != nil {
			t.Fatal(err)
		}
		m, err := p.Next(time.Minute)
		for err == nil && m.Kind != wire.Piece && m.Kind != wire.Reject {
			m, err = p.Next(time.Minute)
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == wire.Piece && !bytes.Equal(m.Block.Bytes(), w.data[3*64<<10:3*64<<10+16<<10]) {
			t.Error("wrong bytes were served")
		}
		before := n.status().DownTotal
		time.Sleep(time.Minute)
		n.wait(time.Minute)
		if got := n.status().DownTotal - before; got == 0 {
			t.Error("the piece was not fetched again")
		}
	})
}

// TestS03SyncError: a failed sync is not taken for done: the pieces are not claimed in the record, not read back
// from the cache, and written again.
func TestS03SyncError(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		eio := errors.New("input/output error")
		n.disk.FailAt(1, eio) // the next changing call is the sync
		if err := n.s.Flush(t.Context()); !errors.Is(err, eio) {
			t.Errorf("Flush says %v", err)
		}
		synctest.Wait()
		if err := n.fails(time.Minute); !errors.Is(err, eio) || !strings.Contains(err.Error(), "file.bin") {
			t.Errorf("error %v must name cause and file", err)
		}
		rec := n.s.reg.find(w.tor.ID.Wire()).record.get()
		if rec.Have.Count() != 0 || rec.Synced.Count() != 0 || rec.Doubt.Count() != rec.Doubt.Len() {
			t.Errorf("record after the failure: have %d, synced %d, doubt %d", rec.Have.Count(), rec.Synced.Count(), rec.Doubt.Count())
		}
		n.stop()
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		if got := n.status().DownTotal; got < 2*int64(len(w.data)) {
			t.Errorf("%d bytes fetched in all; all pieces were to be fetched again", got)
		}
	})
}

// TestS04FilesChange: what happens to files while the torrent runs, on a real disk.
func TestS04FilesChange(t *testing.T) {
	info, data := fakepeer.Content("file.bin", 4<<20, 256<<10, 3)
	tor := &metainfo.Torrent{ID: metainfo.ID{V1: metainfo.Hash{9}}, Info: info}
	for name, harm := range map[string]func(path string) error{
		"cut":     func(path string) error { return os.Truncate(path, 1<<20) },
		"deleted": os.Remove,
		"replaced by a folder": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o777))
		},
		"folder moved": func(path string) error {
			return os.Rename(filepath.Dir(path), filepath.Dir(path)+".moved")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "d", "file.bin")
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o777), os.WriteFile(path, data, 0o666)); err != nil {
				t.Fatal(err)
			}
			s := running(t, Config{Listen: "127.0.0.1:0", NoTrackers: true})
			id, err := s.Add(t.Context(), Add{Torrent: tor, Folder: dir(t, filepath.Dir(path)), Seed: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Wait(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			st := failed(t, s)
			if !strings.Contains(st.Err, filepath.Dir(path)) {
				t.Errorf("error %q does not name what is wrong", st.Err)
			}
			t.Log(st.Err)
			if _, err := os.Lstat(path); name == "deleted" && err == nil {
				t.Error("the file was made again")
			}
		})
	}
}

// failed waits until the only torrent of s has failed; within two looks at its files.
func failed(t *testing.T, s *Session) status.Torrent {
	t.Helper()
	for range 300 {
		ts, err := s.Torrents(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ts[0].Phase == status.Failed {
			return ts[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the change was not noticed within 3 s")
	return status.Torrent{}
}
