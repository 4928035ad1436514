package fsys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestRenameAcross: a file changes its folder within one volume, and no link leads out of either.
func TestRenameAcross(t *testing.T) {
	one, two, outside := t.TempDir(), t.TempDir(), t.TempDir()
	open := func(path string) FS {
		d, err := OpenDir(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
	from, to := open(one), open(two)
	for _, d := range []string{filepath.Join(one, "a"), filepath.Join(two, "b")} {
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{filepath.Join(one, "a", "x"), filepath.Join(outside, "theirs")} {
		if err := os.WriteFile(f, []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(one, "out")), os.Symlink(outside, filepath.Join(two, "out"))); err != nil {
		t.Log("no symbolic links here:", err)
	}
	for _, tt := range [][2]string{{"out/theirs", "b/y"}, {"a/x", "out/y"}, {"../x", "b/y"}, {"a/x", "../y"}, {"a/none", "b/y"}, {"a/x", "none/y"}} {
		if err := RenameAcross(from, tt[0], to, tt[1]); err == nil {
			t.Errorf("%q", tt)
		}
	}
	if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
		t.Errorf("outside: %v, %v", list, err)
	}
	err := RenameAcross(from, "a/x", to, "b/y")
	if runtime.GOOS == "windows" && errors.Is(err, ErrElsewhere) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(two, "b", "y")); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := from.Lstat("a/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := RenameAcross(from, "a/x", NewMem(), "y"); !errors.Is(err, ErrElsewhere) {
		t.Error(err)
	}
	if err := RenameAcross(NewMem(), "a/x", to, "y"); !errors.Is(err, ErrElsewhere) {
		t.Error(err)
	}
}
