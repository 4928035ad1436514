//go:build unix

package piece_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// live is a whole torrent in a real folder.
type live struct {
	torrent
	root  fsys.FS
	path  string
	store *piece.Store
}

func newLive(t *testing.T, limit int) *live {
	t.Helper()
	path := filepath.Join(t.TempDir(), "downloads")
	root, err := fsys.CreateDir(path)
	if err != nil {
		t.Fatal(err)
	}
	tt := makeTorrent(t, 64*kib, metainfo.File{Path: "t/a", Length: 100 * kib},
		metainfo.File{Path: "t/sub/b", Length: 200 * kib}, metainfo.File{Path: "t/c", Length: 100 * kib})
	l := &live{torrent: tt, root: root, path: path, store: piece.NewStore(root, tt.info, piece.NewFiles(limit))}
	tt.writeAll(t, l.store)
	if err := l.store.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.open(t)
	if err := l.store.Inspect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.store.Close(); root.Close() })
	l.nextTick(t)
	return l
}

// nextTick returns when a change would get a time of its own: file times move in ticks of
// the kernel's clock.
func (l *live) nextTick(t *testing.T) {
	t.Helper()
	last, err := os.Stat(filepath.Join(l.path, "t/sub/b"))
	if err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(t.TempDir(), "probe")
	for {
		os.WriteFile(probe, nil, 0o666)
		if st, err := os.Stat(probe); err != nil || st.ModTime().After(last.ModTime()) {
			return
		}
		os.Remove(probe)
	}
}

// open reads everything, which opens every file for which there is room.
func (l *live) open(t *testing.T) {
	t.Helper()
	if _, err := l.store.ReadAt(make([]byte, len(l.data)), 0); err != nil {
		t.Fatal(err)
	}
}

// harms are what other programs do to t/sub/b.
var harms = []struct {
	name string
	do   func(file string) error
	want error // of Inspect
	gone bool  // the file must not come back
}{
	{"cut", func(f string) error { return os.Truncate(f, 1000) }, piece.ErrCut, false},
	{"deleted", os.Remove, piece.ErrDeleted, true},
	{"folder deleted", func(f string) error { return os.RemoveAll(filepath.Dir(f)) }, piece.ErrDeleted, true},
	{"replaced by a folder", func(f string) error {
		return errors.Join(os.Remove(f), os.Mkdir(f, 0o777))
	}, piece.ErrReplaced, false},
	{"replaced by a file", func(f string) error {
		b, err := os.ReadFile(f)
		later := time.Now().Add(time.Second)
		return errors.Join(err, os.WriteFile(f+"2", b, 0o666), os.Chtimes(f+"2", later, later), os.Rename(f+"2", f))
	}, piece.ErrReplaced, false},
	{"replaced by a link", func(f string) error {
		return errors.Join(os.Rename(f, f+"2"), os.Symlink("b2", f))
	}, piece.ErrReplaced, false},
	{"folder replaced by a file", func(f string) error {
		return errors.Join(os.RemoveAll(filepath.Dir(f)), os.WriteFile(filepath.Dir(f), nil, 0o666))
	}, syscall.ENOTDIR, false},
	{"made read-only", func(f string) error { return os.Chmod(f, 0o444) }, piece.ErrReadOnly, false},
	{"S05 written to", func(f string) error {
		w, err := os.OpenFile(f, os.O_WRONLY, 0)
		if err == nil {
			_, err = w.WriteAt([]byte("x"), 5)
			err = errors.Join(err, w.Close())
		}
		return err
	}, piece.ErrChanged, false},
	{"S05 written to with its old times", func(f string) error {
		st, err := os.Stat(f)
		return errors.Join(err, os.WriteFile(f, make([]byte, 200*kib), 0), os.Chtimes(f, time.Time{}, st.ModTime()))
	}, piece.ErrChanged, false},
	{"S05 longer", func(f string) error { return os.Truncate(f, 200*kib+1) }, piece.ErrChanged, false},
}

const harmed = 120 * kib // an offset within t/sub/b

func TestS04HarmWhileOpen(t *testing.T) {
	for _, h := range harms {
		t.Run(h.name, func(t *testing.T) {
			l := newLive(t, 10)
			file := filepath.Join(l.path, "t/sub/b")
			if err := h.do(file); err != nil {
				t.Fatal(err)
			}
			err := l.store.Inspect()
			wantIs(t, err, h.want)
			wantFile(t, err, l.root, "t/sub/b")
			l.refuses(t, h.gone, file)
			if _, err := l.store.ReadAt(make([]byte, 10), 0); err != nil {
				t.Errorf("another file: %v", err)
			}
			if err := l.store.Inspect(); err != nil {
				t.Errorf("told twice: %v", err)
			}
			l.store.Reset()
			err = l.store.WriteBlocks(l.info.PieceOffset(3), l.blocks(3))
			if st, serr := os.Lstat(file); serr == nil && st.Mode().IsRegular() || h.gone {
				if err != nil && !os.IsPermission(err) {
					t.Errorf("after Reset: %v", err)
				}
			} else if err == nil {
				t.Error("after Reset something that is no file was written")
			}
		})
	}
}

// refuses checks that the harmed file is neither read, nor written, nor made again.
func (l *live) refuses(t *testing.T, gone bool, file string) {
	t.Helper()
	_, err := l.store.ReadAt(make([]byte, 10), harmed)
	if err == nil {
		t.Error("the file is still served")
	}
	if _, ok := errors.AsType[*piece.FileError](err); !ok {
		t.Errorf("read error %v names no file", err)
	}
	if err := l.store.WriteBlocks(harmed, [][]byte{{1}}); err == nil {
		t.Error("the file is still written")
	}
	if _, err := os.Lstat(file); gone && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file came back: %v", err)
	}
}

// TestS04HarmWhileClosed: what happens to a file that is not open shows when it is opened.
func TestS04HarmWhileClosed(t *testing.T) {
	for _, h := range harms {
		if h.want == piece.ErrReadOnly {
			continue // the system says so by itself when it is opened for writing
		}
		t.Run(h.name, func(t *testing.T) {
			l := newLive(t, 1) // t/c is open
			file := filepath.Join(l.path, "t/sub/b")
			if err := h.do(file); err != nil {
				t.Fatal(err)
			}
			if err := l.store.Inspect(); err != nil {
				t.Fatal(err)
			}
			l.refuses(t, h.gone, file)
			if h.name == "folder deleted" {
				if _, err := os.Lstat(filepath.Dir(file)); err == nil {
					t.Error("the folder came back")
				}
			}
		})
	}
}

func TestS04CutFileIsAnErrorAtOnce(t *testing.T) {
	l := newLive(t, 10)
	os.Truncate(filepath.Join(l.path, "t/sub/b"), 1000)
	_, err := l.store.ReadAt(make([]byte, 10), harmed)
	wantIs(t, err, io.ErrUnexpectedEOF)
	wantFile(t, err, l.root, "t/sub/b")
}

// TestS04RootGone takes the whole folder away, as an unmount does, and checks
// that a download under way makes nothing at its old place.
func TestS04RootGone(t *testing.T) {
	for _, how := range []string{"removed", "moved"} {
		t.Run(how, func(t *testing.T) {
			l := newLive(t, 1)
			var err error
			if how == "removed" {
				err = os.RemoveAll(l.path)
			} else {
				err = os.Rename(l.path, l.path+"2")
			}
			if err != nil {
				t.Fatal(err)
			}
			err = l.store.Inspect()
			wantIs(t, err, fsys.ErrMoved)
			wantFile(t, err, l.root, "")
			fresh := makeTorrent(t, 64*kib, metainfo.File{Path: "u/new", Length: kib})
			other := piece.NewStore(l.root, fresh.info, piece.NewFiles(2))
			defer other.Close()
			err = other.WriteBlocks(0, [][]byte{{1}})
			if how == "removed" {
				wantIs(t, err, fs.ErrNotExist)
			}
			if err := l.store.WriteBlocks(harmed, [][]byte{{1}}); how == "removed" && err == nil {
				t.Error("a write went through")
			}
			if _, err := os.Lstat(l.path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder came back: %v", err)
			}
		})
	}
}

// TestInspectWhileWriting: our own writes are never taken for somebody else's.
func TestInspectWhileWriting(t *testing.T) {
	l := newLive(t, 2)
	stop := make(chan struct{})
	ended := make(chan error, 2)
	for w := range 2 {
		go func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					ended <- nil
					return
				default:
				}
				p := (2*i + w) % l.info.NumPieces()
				if err := l.store.WriteBlocks(l.info.PieceOffset(p), l.blocks(p)); err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	for n := range 300 {
		if err := l.store.Inspect(); err != nil {
			t.Error(err)
			break
		}
		if n%10 == 0 {
			if err := l.store.Sync(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestM15Links(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "b")
	os.WriteFile(secret, []byte("secret"), 0o666)
	mkdir := func(p, name string) error { return os.Mkdir(filepath.Join(p, name), 0o777) }
	write := func(p, name string) error { return os.WriteFile(filepath.Join(p, name), []byte("mine"), 0o666) }
	link := func(p, name, to string) error { return os.Symlink(to, filepath.Join(p, name)) }
	for name, plant := range map[string]func(p string) error{
		"folder to elsewhere": func(p string) error { return link(p, "t", outside) },
		"folder within":       func(p string) error { return errors.Join(mkdir(p, "u"), link(p, "t", "u")) },
		"file to elsewhere":   func(p string) error { return errors.Join(mkdir(p, "t"), link(p, "t/b", secret)) },
		"file within": func(p string) error {
			return errors.Join(mkdir(p, "t"), write(p, "x"), link(p, "t/b", "../x"))
		},
		"dangling": func(p string) error { return errors.Join(mkdir(p, "t"), link(p, "t/b", "../none")) },
		"pipe": func(p string) error {
			return errors.Join(mkdir(p, "t"), syscall.Mkfifo(filepath.Join(p, "t/b"), 0o666))
		},
		"folder":            func(p string) error { return errors.Join(mkdir(p, "t"), mkdir(p, "t/b")) },
		"file for a folder": func(p string) error { return write(p, "t") },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			if err := plant(path); err != nil {
				t.Fatal(err)
			}
			root, err := fsys.OpenDir(path)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			tt := makeTorrent(t, 64*kib, metainfo.File{Path: "t/b", Length: 6})
			s := piece.NewStore(root, tt.info, piece.NewFiles(4))
			defer s.Close()
			if n, err := s.ReadAt(make([]byte, 6), 0); err == nil || n > 0 {
				t.Errorf("read %d bytes", n)
			}
			err = s.WriteBlocks(0, tt.blocks(0))
			if err == nil {
				t.Error("written")
			}
			if fe, ok := errors.AsType[*piece.FileError](err); !ok {
				t.Errorf("error %v names no file", err)
			} else if rel, _ := filepath.Rel(path, fe.Path); rel != "t" && rel != "t/b" {
				t.Errorf("error names %s", fe.Path)
			}
			if b, _ := os.ReadFile(secret); string(b) != "secret" {
				t.Errorf("outside now holds %q", b)
			}
			if list, _ := os.ReadDir(outside); len(list) != 1 {
				t.Errorf("outside holds %v", list)
			}
			if list, _ := os.ReadDir(filepath.Join(path, "u")); len(list) != 0 {
				t.Errorf("the link's target holds %v", list)
			}
			if _, err := os.Lstat(filepath.Join(path, "none")); err == nil {
				t.Error("the dangling link was followed")
			}
		})
	}
}

func TestM15HardLinks(t *testing.T) {
	path := t.TempDir()
	root, err := fsys.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	os.WriteFile(filepath.Join(path, "mine"), []byte("123456"), 0o666)
	os.Link(filepath.Join(path, "mine"), filepath.Join(path, "b"))
	tt := makeTorrent(t, 64*kib, metainfo.File{Path: "b", Length: 6})
	s := piece.NewStore(root, tt.info, piece.NewFiles(4))
	defer s.Close()
	got := make([]byte, 6)
	if _, err := s.ReadAt(got, 0); err != nil || string(got) != "123456" {
		t.Errorf("a file with two links must be readable: %q %v", got, err)
	}
	err = s.WriteBlocks(0, tt.blocks(0))
	wantIs(t, err, piece.ErrLinked)
	wantFile(t, err, root, "b")
	if b, _ := os.ReadFile(filepath.Join(path, "mine")); string(b) != "123456" {
		t.Errorf("the other name holds %q", b)
	}
	s.AllowLinks(true)
	if err := s.WriteBlocks(0, tt.blocks(0)); err != nil {
		t.Error(err)
	}
}
