package fsys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// each runs a test over every implementer of FS.
func each(t *testing.T, test func(t *testing.T, root FS)) {
	t.Run("dir", func(t *testing.T) {
		root, err := OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		test(t, root)
	})
	t.Run("mem", func(t *testing.T) { test(t, NewMem()) })
}

func create(t *testing.T, root FS, name string) File {
	t.Helper()
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func content(t *testing.T, f File) []byte {
	t.Helper()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size)
	if n, err := f.ReadAt(b, 0); n != len(b) || err != nil && err != io.EOF {
		t.Fatalf("read %d of %d: %v", n, len(b), err)
	}
	return b
}

func wantIs(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestNames(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		for _, name := range []string{"", "..", "../x", "/etc/passwd", "a/../../x", "a//b", "a/", "./a"} {
			_, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
			wantIs(t, err, fs.ErrInvalid)
			wantIs(t, root.MkdirAll(name, 0o777), fs.ErrInvalid)
			_, err = root.Lstat(name)
			wantIs(t, err, fs.ErrInvalid)
			wantIs(t, root.Remove(name), fs.ErrInvalid)
			wantIs(t, root.Rename(name, "x"), fs.ErrInvalid)
			wantIs(t, root.Rename("x", name), fs.ErrInvalid)
			wantIs(t, root.SyncDir(name), fs.ErrInvalid)
			_, err = root.ReadDir(name)
			wantIs(t, err, fs.ErrInvalid)
			_, err = root.Lock(name)
			wantIs(t, err, fs.ErrInvalid)
		}
	})
}

func TestOpen(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		_, err := root.OpenFile("a", os.O_RDONLY, 0)
		wantIs(t, err, fs.ErrNotExist)
		_, err = root.OpenFile("dir/a", os.O_RDWR|os.O_CREATE, 0o666)
		wantIs(t, err, fs.ErrNotExist)
		f := create(t, root, "a")
		if _, err := f.WriteAt([]byte("hello"), 0); err != nil {
			t.Fatal(err)
		}
		_, err = root.OpenFile("a", os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		wantIs(t, err, fs.ErrExist)
		_, err = root.OpenFile("a/b", os.O_RDONLY, 0)
		if err == nil {
			t.Error("a file was walked through")
		}
		r, err := root.OpenFile("a", os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file opened for reading was written")
		}
		if got := content(t, r); string(got) != "hello" {
			t.Errorf("content %q", got)
		}
		r.Close()
		if err := r.Close(); err == nil {
			t.Error("second Close succeeded")
		}
		if err := r.Sync(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("Sync after Close: %v", err)
		}
		tr, err := root.OpenFile("a", os.O_RDWR|os.O_TRUNC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		if got := content(t, f); len(got) != 0 {
			t.Errorf("after O_TRUNC: %q", got)
		}
		if err := root.MkdirAll("d", 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := root.OpenFile("d", os.O_RDWR, 0); err == nil {
			t.Error("a folder was opened for writing")
		}
	})
}

func TestFolders(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		for range 2 {
			if err := root.MkdirAll("x/y/z", 0o777); err != nil {
				t.Fatal(err)
			}
		}
		create(t, root, "x/y/b").Close()
		create(t, root, "x/y/a").Close()
		if err := root.MkdirAll("x/y/a/q", 0o777); err == nil {
			t.Error("a folder was made below a file")
		}
		list, err := root.ReadDir("x/y")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range list {
			got = append(got, fmt.Sprint(e.Name(), e.IsDir()))
		}
		if want := "[afalse bfalse ztrue]"; fmt.Sprint(got) != want {
			t.Errorf("entries %v, want %v", got, want)
		}
		if err := root.Remove("x/y"); err == nil {
			t.Error("a folder with entries was removed")
		}
		for _, name := range []string{"x/y/z", "x/y/a", "x/y/b", "x/y", "x"} {
			if err := root.SyncDir("."); err != nil {
				t.Fatal(err)
			}
			if err := root.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		wantIs(t, root.Remove("x"), fs.ErrNotExist)
		_, err = root.Lstat("x")
		wantIs(t, err, fs.ErrNotExist)
		wantIs(t, root.SyncDir("x"), fs.ErrNotExist)
	})
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		root.MkdirAll("d", 0o777)
		f := create(t, root, "new")
		f.WriteAt([]byte("new"), 0)
		f.Close()
		g := create(t, root, "d/old")
		g.WriteAt([]byte("older"), 0)
		g.Close()
		if err := root.Rename("new", "d/old"); err != nil {
			t.Fatal(err)
		}
		if st, err := root.Lstat("d/old"); err != nil || st.Size != 3 || !st.Mode.IsRegular() {
			t.Errorf("after rename: %+v, %v", st, err)
		}
		wantIs(t, root.Rename("new", "d/old"), fs.ErrNotExist)
		wantIs(t, root.Rename("d/old", "none/x"), fs.ErrNotExist)
	})
}

func TestWritevAt(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		f := create(t, root, "v")
		rng := rand.New(rand.NewPCG(1, 2))
		want := make([]byte, 1<<21)
		// 0 buffers, one, empty ones between, more than one call takes.
		for _, n := range []int{0, 1, 2, 64, 255, 256, 257, 1100} {
			off := rng.IntN(1 << 20)
			var bufs [][]byte
			at := off
			for range n {
				b := make([]byte, rng.IntN(900))
				for i := range b {
					b[i] = byte(rng.Uint32())
				}
				at += copy(want[at:], b)
				bufs = append(bufs, b)
			}
			m, err := f.WritevAt(bufs, int64(off))
			if err != nil || m != int64(at-off) {
				t.Fatalf("%d buffers: wrote %d of %d: %v", n, m, at-off, err)
			}
		}
		got := content(t, f)
		if !bytes.Equal(got, want[:len(got)]) || len(bytes.Trim(want[len(got):], "\x00")) > 0 {
			t.Error("content differs")
		}
		f.Close()
		if _, err := f.WritevAt([][]byte{{1}, {2}}, 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestSizeAndHoles(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		f := create(t, root, "s")
		if _, _, err := f.DataAt(0); err != io.EOF {
			t.Errorf("data in an empty file: %v", err)
		}
		const at = 1 << 20
		if _, err := f.WriteAt([]byte("data"), at); err != nil {
			t.Fatal(err)
		}
		start, end, err := f.DataAt(0)
		if err != nil || start > at || end < at+4 {
			t.Errorf("data at %d to %d, %v", start, end, err)
		}
		if _, _, err := f.DataAt(at + 4); err != io.EOF {
			t.Errorf("data beyond the end: %v", err)
		}
		b := make([]byte, 8)
		if n, err := f.ReadAt(b, at-4); n != 8 || err != nil && err != io.EOF || string(b) != "\x00\x00\x00\x00data" {
			t.Errorf("read %d %q %v", n, b, err)
		}
		if n, err := f.ReadAt(b, at); n != 4 || err != io.EOF {
			t.Errorf("read over the end: %d, %v", n, err)
		}
		if _, err := f.ReadAt(b, -1); err == nil {
			t.Error("negative offset was read")
		}
		if err := f.Truncate(at + 2); err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(at + 4); err != nil {
			t.Fatal(err)
		}
		if f.ReadAt(b[:4], at); string(b[:4]) != "da\x00\x00" {
			t.Errorf("after truncate %q", b[:4])
		}
		if err := f.Allocate(2 * at); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		} else if st, _ := f.Stat(); err == nil && st.Size != 2*at {
			t.Errorf("allocated %d", st.Size)
		}
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStat(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		f := create(t, root, "a")
		before, err := f.Stat()
		if err != nil || !before.Mode.IsRegular() || before.Links != 1 || before.MTime.IsZero() {
			t.Errorf("%+v %v", before, err)
		}
		named, err := root.Lstat("a")
		if err != nil || named != before {
			t.Errorf("by name %+v, by handle %+v, %v", named, before, err)
		}
		create(t, root, "b")
		if other, _ := root.Lstat("b"); other.Inode == before.Inode && before.Inode != 0 {
			t.Error("two files with one inode")
		}
		if st, err := root.Lstat("."); err != nil || !st.Mode.IsDir() {
			t.Errorf("root: %+v %v", st, err)
		}
	})
}

func TestLock(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		for range 3 {
			l, err := root.Lock("x.lock")
			if err != nil {
				t.Fatal(err)
			}
			_, err = root.Lock("x.lock")
			wantIs(t, err, ErrLocked)
			other, err := root.Lock("y.lock")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(other.Close(), l.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if list, _ := root.ReadDir("."); len(list) > 0 {
			t.Errorf("locks left %v behind", list)
		}
		if _, err := root.Lock("none/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("lock in a missing folder: %v", err)
		}
	})
}

func TestFreeAndCheck(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		free, err := root.Free()
		if err != nil || free <= 0 {
			t.Errorf("free %d %v", free, err)
		}
		if total, err := root.Total(); err != nil || total < free {
			t.Errorf("%d bytes in all, %d of them free, %v", total, free, err)
		}
		if err := root.Check(); err != nil {
			t.Error(err)
		}
	})
}

func TestOpenDirMakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	_, err := OpenDir(path)
	wantIs(t, err, fs.ErrNotExist)
	root, err := CreateDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if root.Path() != path {
		t.Errorf("path %q", root.Path())
	}
}

// A lock given back twice must not take away the next holder's.
func TestLockClosedTwice(t *testing.T) {
	each(t, func(t *testing.T, root FS) {
		first, err := root.Lock("x.lock")
		if err != nil {
			t.Fatal(err)
		}
		first.Close()
		second, err := root.Lock("x.lock")
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err == nil {
			t.Error("closing twice is no error")
		}
		_, err = root.Lock("x.lock")
		wantIs(t, err, ErrLocked)
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
}
