package session

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// folder turns the simulated torrent into one of several files of odd sizes, with an
// empty one, cut from the same data.
func (w *sim) folder(pieceLength int, sizes ...int) (files []metainfo.File) {
	w.t.Helper()
	sum := 0
	for i, n := range sizes {
		name := string(rune('a'+i)) + ".bin"
		files = append(files, metainfo.File{Path: "dir/sub/" + name, Raw: []string{"sub", name}, Length: int64(n)})
		sum += n
	}
	w.data = w.data[:sum]
	var hashes []byte
	for rest := w.data; len(rest) > 0; rest = rest[min(pieceLength, len(rest)):] {
		h := sha1.Sum(rest[:min(pieceLength, len(rest))])
		hashes = append(hashes, h[:]...)
	}
	info, err := metainfo.NewInfo("dir", int64(pieceLength), hashes, files, true, false)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tor.Info = info
	return files
}

// TestFolder: a folder with odd sizes, one of them zero, arrives, is trusted after a
// stop, and a file that somebody changed meanwhile is hashed and mended (R04).
func TestFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 2<<20, 64<<10)
		defer w.close()
		files := w.folder(64<<10, 100_001, 0, 1, 700_000, 65_536, 333_333)
		seed := w.node(quick)
		if err := seed.disk.MkdirAll("dir/sub", 0o777); err != nil {
			t.Fatal(err)
		}
		rest := w.data
		for _, f := range files {
			put(t, seed.disk, f.Path, rest[:f.Length])
			rest = rest[f.Length:]
		}
		seed.start(Add{Seed: true})
		synctest.Wait()
		n := w.node(simnet.Link{Up: 1 << 20, Down: 1 << 20})
		same := func() {
			t.Helper()
			rest := w.data
			for _, f := range files {
				if !bytes.Equal(get(t, n.disk, f.Path), rest[:f.Length]) {
					t.Errorf("%s differs", f.Path)
				}
				rest = rest[f.Length:]
			}
			list, err := n.s.Files(t.Context(), w.tor.ID)
			if err != nil || len(list) != len(files) {
				t.Fatalf("files: %v, %v", list, err)
			}
			for _, f := range list {
				if f.Have != f.Length {
					t.Errorf("%s: %d of %d bytes", f.Path, f.Have, f.Length)
				}
			}
		}
		wait := func() {
			t.Helper()
			if err := n.s.Wait(t.Context(), w.tor.ID); err != nil {
				t.Fatal(err)
			}
		}
		n.start(Add{Peers: []string{seed.addr()}})
		wait()
		same()
		n.stop()

		time.Sleep(time.Second)
		changed := bytes.Clone(w.data[100_002:800_002])
		changed[350_000] ^= 1
		put(t, n.disk, files[3].Path, changed)
		n.start(Add{Peers: []string{seed.addr()}})
		opened := &n.s.reg.find(w.tor.ID.Wire()).opened.Check
		if got := opened.Count(); got != 12 { // pieces 1 to 12 touch the file
			t.Errorf("%d pieces to be hashed, 12 touch the changed file", got)
		}
		wait()
		same()
		if got := n.status().DownTotal - int64(len(w.data)); got != 64<<10 {
			t.Errorf("%d bytes fetched to mend one piece", got)
		}
	})
}

// TestS05Changed: bytes that another program changed are not served: the torrent stops
// within a second, and Resume checks everything and fetches what is wrong.
func TestS05Changed(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		if err := n.s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		bad := bytes.Clone(w.data)
		bad[500_000] ^= 1
		put(t, n.disk, "file.bin", bad)
		time.Sleep(1100 * time.Millisecond)
		if st := n.status(); st.Phase != status.Failed {
			t.Fatalf("a second after the change: %+v", st)
		}
		if err := n.fails(time.Second); !errors.Is(err, piece.ErrChanged) {
			t.Errorf("error %v, want ErrChanged", err)
		}
		if err := n.s.Resume(t.Context(), w.tor.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		n.wait(time.Minute)

		// The same without Resume: the next start does not trust the file either.
		put(t, n.disk, "file.bin", bad)
		time.Sleep(1100 * time.Millisecond)
		n.stop()
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)

		// And when nobody had the time to notice it.
		if err := n.s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		put(t, n.disk, "file.bin", bad)
		n.stop()
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
	})
}

// TestR05StateFolderFull: a state folder that cannot be written costs the memory of the torrent, not the torrent.
func TestR05StateFolderFull(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.state.SetFree(0)
		n.start(Add{Peers: []string{seed.addr()}})
		n.wait(time.Minute)
		if err := n.s.Flush(t.Context()); err == nil {
			t.Error("Flush must say that the record was not saved")
		}
		n.state.SetFree(1 << 30)
		time.Sleep(time.Minute)
		if _, err := n.state.Lstat(fileName(w.tor.ID, "/mem") + recordSuffix); errors.Is(err, fs.ErrNotExist) {
			t.Error("the record was not saved when there was room again")
		}
	})
}
