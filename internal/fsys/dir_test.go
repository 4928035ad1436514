//go:build unix

package fsys

import (
	"os"
	"path/filepath"
	"testing"
)

func openTemp(t *testing.T) (FS, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root")
	root, err := CreateDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, path
}

func TestM15LinksOutOfTheRoot(t *testing.T) {
	root, path := openTemp(t)
	outside := filepath.Join(filepath.Dir(path), "outside")
	os.Mkdir(outside, 0o777)
	os.WriteFile(filepath.Join(outside, "f"), []byte("secret"), 0o666)
	os.Symlink("/etc", filepath.Join(path, "a"))
	os.Symlink("../outside", filepath.Join(path, "b"))
	os.Symlink("../outside/f", filepath.Join(path, "c"))
	for _, name := range []string{"a/passwd", "b/f", "b/new", "c"} {
		if f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666); err == nil {
			f.Close()
			t.Errorf("%s was opened through a link that leaves the root", name)
		}
		if err := root.MkdirAll(name+"/x", 0o777); err == nil {
			t.Errorf("a folder was made below %s", name)
		}
	}
	if st, err := root.Lstat("c"); err != nil || st.Mode&os.ModeSymlink == 0 {
		t.Errorf("link is seen as %+v, %v", st, err)
	}
	if list, _ := os.ReadDir(outside); len(list) != 1 {
		t.Errorf("outside holds %v", list)
	}
}

// TestS04RootGone moves and removes the root under an open FS: nothing may be
// made at the old path.
func TestS04RootGone(t *testing.T) {
	root, path := openTemp(t)
	if err := os.Rename(path, path+"-moved"); err != nil {
		t.Fatal(err)
	}
	wantIs(t, root.Check(), ErrMoved)
	os.Mkdir(path, 0o777) // what an unmounted disk leaves: an empty folder of that name
	wantIs(t, root.Check(), ErrMoved)
	create(t, root, "still").Close()
	if list, _ := os.ReadDir(path); len(list) != 0 {
		t.Errorf("the new folder got %v", list)
	}
	os.Remove(filepath.Join(path+"-moved", "still"))
	if err := os.Remove(path + "-moved"); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	wantIs(t, root.Check(), ErrMoved)
	if _, err := root.OpenFile("f", os.O_RDWR|os.O_CREATE, 0o666); err == nil {
		t.Error("a file was made in a removed folder")
	}
	if err := root.MkdirAll("d", 0o777); err == nil {
		t.Error("a folder was made in a removed folder")
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the root came back")
	}
}

func TestPermissionsFollowTheUmask(t *testing.T) {
	root, path := openTemp(t)
	create(t, root, "f")
	root.MkdirAll("d", 0o777)
	os.WriteFile(filepath.Join(path, "f2"), nil, 0o666)
	os.Mkdir(filepath.Join(path, "d2"), 0o777)
	for _, name := range []string{"f", "d"} {
		mine, _ := root.Lstat(name)
		plain, _ := root.Lstat(name + "2")
		if mine.Mode != plain.Mode {
			t.Errorf("%s has mode %v, want %v", name, mine.Mode, plain.Mode)
		}
	}
}

func TestWritevAllocatesNothing(t *testing.T) {
	root, _ := openTemp(t)
	f := create(t, root, "f")
	bufs := make([][]byte, 64)
	for i := range bufs {
		bufs[i] = make([]byte, 16<<10)
	}
	if n := testing.AllocsPerRun(20, func() { f.WritevAt(bufs, 0) }); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func TestLockedFileOfADeadProcess(t *testing.T) {
	root, path := openTemp(t)
	os.WriteFile(filepath.Join(path, "l"), []byte("stale"), 0o666)
	l, err := root.Lock("l")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// A lock file that was removed from under its holder is made anew by the next one, who keeps it when the
// first holder ends.
func TestLockRemovedFromUnderItsHolder(t *testing.T) {
	root, path := openTemp(t)
	first, err := root.Lock("x.lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(path, "x.lock")); err != nil {
		t.Fatal(err)
	}
	second, err := root.Lock("x.lock")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	_, err = root.Lock("x.lock")
	wantIs(t, err, ErrLocked)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
