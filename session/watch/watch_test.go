package watch

import (
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
)

func put(t *testing.T, dir fsys.FS, name, text string) {
	t.Helper()
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

func scan(t *testing.T, f *Folder, want ...string) {
	t.Helper()
	got, err := f.Scan()
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
}

func names(dir fsys.FS) (out []string) {
	list, _ := dir.ReadDir(".")
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// TestScan: a file is taken when it was the same in two looks; what was taken, is hidden or has another name is not looked at.
func TestScan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := fsys.NewMem()
		f := New(dir)
		put(t, dir, "a.torrent", "half")
		put(t, dir, "B.MAGNET", "magnet:?")
		put(t, dir, ".hidden.torrent", "x")
		put(t, dir, "text.txt", "x")
		put(t, dir, "empty.torrent", "")
		if err := dir.MkdirAll("folder.torrent", 0o777); err != nil {
			t.Fatal(err)
		}
		scan(t, f)
		time.Sleep(time.Second)
		put(t, dir, "a.torrent", "halfhalf")
		scan(t, f, "B.MAGNET")
		scan(t, f, "B.MAGNET", "a.torrent") // as long as nobody says what became of it
		if !IsMagnet("B.MAGNET") || IsMagnet("a.torrent") {
			t.Error("kinds")
		}
		if b, err := f.Read("a.torrent", 100); string(b) != "halfhalf" || err != nil {
			t.Error(b, err)
		}
		if _, err := f.Read("a.torrent", 7); err == nil {
			t.Error("too much was read")
		}
		if err := errors.Join(f.Added("B.MAGNET", true), f.Added("a.torrent", false)); err != nil {
			t.Error(err)
		}
		scan(t, f)
		put(t, dir, "a.torrent", "again")
		scan(t, f)
		scan(t, f, "a.torrent")
		if err := f.Invalid("a.torrent"); err != nil {
			t.Error(err)
		}
		put(t, dir, "a.torrent", "third")
		scan(t, f)
		scan(t, f, "a.torrent")
		if err := f.Added("a.torrent", false); err != nil {
			t.Error(err)
		}
		if got := names(dir); !slices.Equal(got, []string{".hidden.torrent", "a.torrent.added", "a.torrent.added.2", "a.torrent.invalid", "empty.torrent", "folder.torrent", "text.txt"}) {
			t.Error(got)
		}
	})
}

// TestReadOnly: where nothing can be renamed a file is taken once, and again when it changes.
func TestReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := fsys.NewMem()
		f := New(dir)
		put(t, dir, "a.torrent", "x")
		scan(t, f)
		scan(t, f, "a.torrent")
		dir.FailAt(1, os.ErrPermission)
		if err := f.Added("a.torrent", false); !errors.Is(err, os.ErrPermission) {
			t.Error(err)
		}
		scan(t, f)
		scan(t, f)
		time.Sleep(time.Second)
		put(t, dir, "a.torrent", "y")
		scan(t, f)
		scan(t, f, "a.torrent")
	})
}
