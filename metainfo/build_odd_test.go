package metainfo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

// hookFS tells which file is opened, before it is.
type hookFS struct {
	fs.FS
	open func(name string) error
}

func (h hookFS) Open(name string) (fs.File, error) {
	if err := h.open(name); err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return h.FS.Open(name)
}

// A file that is written to while it is hashed has no hash: such a torrent would
// be seeded as complete although it is not what is on the disk.
func TestBuildNoticesWritesOfTheSameSize(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	if err := os.WriteFile(name, make([]byte, 50_000), 0o666); err != nil {
		t.Fatal(err)
	}
	h := hookFS{os.DirFS(dir), func(string) error {
		later := time.Now().Add(time.Hour)
		return errors.Join(os.WriteFile(name, randomBytes(1, 50_000), 0o666), os.Chtimes(name, later, later))
	}}
	if _, err := Build(t.Context(), h, "x", BuildOptions{}); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("%v", err)
	}
}

// The same, after the file was read but before the last one was.
func TestBuildNoticesWritesToFilesAlreadyRead(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 50_000), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	h := hookFS{os.DirFS(filepath.Dir(dir)), func(name string) error {
		if !strings.HasSuffix(name, "/b") {
			return nil
		}
		later := time.Now().Add(time.Hour)
		a := filepath.Join(dir, "a")
		return errors.Join(os.WriteFile(a, randomBytes(1, 50_000), 0o666), os.Chtimes(a, later, later))
	}}
	if _, err := Build(t.Context(), h, filepath.Base(dir), BuildOptions{Name: "n"}); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("%v", err)
	}
}

func TestBuildUnreadable(t *testing.T) {
	fsys := fstest.MapFS{"d/a": {Data: []byte("x")}, "d/sub/b": {Data: []byte("y")}}
	for _, denied := range []string{"d/a", "d/sub", "d/sub/b"} {
		h := hookFS{fsys, func(name string) error {
			if name == denied {
				return fs.ErrPermission
			}
			return nil
		}}
		_, err := Build(t.Context(), h, "d", BuildOptions{})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), denied) {
			t.Errorf("%s: %v", denied, err)
		}
	}
}

// Names that are not UTF-8, of files and of folders, in a real folder.
func TestBuildForeignBytes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is sure to store such names")
	}
	for _, name := range []string{"caf\xe9", "caf\xe9/x", "ok/caf\xe9/deep/x"} {
		dir := t.TempDir()
		file := filepath.Join(dir, "d", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte("x"), 0o666)); err != nil {
			t.Fatal(err)
		}
		_, err := Build(t.Context(), os.DirFS(dir), "d", BuildOptions{})
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "UTF-8") || !strings.Contains(err.Error(), `caf\xe9`) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Links are left out, whether they lead to a file, a folder, nowhere, or round in a circle.
func TestBuildLinks(t *testing.T) {
	dir := t.TempDir()
	d := filepath.Join(dir, "d")
	err := errors.Join(os.MkdirAll(filepath.Join(d, "sub"), 0o777), os.WriteFile(filepath.Join(d, "sub/x"), []byte("x"), 0o666),
		os.Symlink("sub/x", filepath.Join(d, "file")), os.Symlink("sub", filepath.Join(d, "folder")),
		os.Symlink("..", filepath.Join(d, "sub/circle")), os.Symlink("absent", filepath.Join(d, "nowhere")))
	if err != nil {
		t.Fatal(err)
	}
	tor := build(t, os.DirFS(dir), "d", BuildOptions{})
	if got := paths(tor); got != "d/sub/x" || len(tor.Warnings) != 4 {
		t.Errorf("%q, %q", got, tor.Warnings)
	}
}

// What no torrent can hold is said before hours of hashing, not after.
func TestBuildRefusesBeforeItReads(t *testing.T) {
	var opened atomic.Int64
	fsys := fstest.MapFS{"d/" + strings.Repeat("d/", 100) + "x": {Data: []byte("x")}, "d/a": {Data: []byte("x")}}
	h := hookFS{fsys, func(name string) error {
		if name == "d/a" {
			opened.Add(1)
		}
		return nil
	}}
	_, err := Build(t.Context(), h, "d", BuildOptions{})
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "100 folders deep") {
		t.Errorf("%v", err)
	}
	if opened.Load() > 0 {
		t.Error("a file was read although the torrent cannot be made")
	}
}

// The automatic piece length gives an info dictionary that peers take.
func TestBuildPieceLengthFitsMetadata(t *testing.T) {
	for total := int64(1); total < 1<<47; total *= 2 {
		n := choosePieceLength(total - 1)
		if pieces := (total - 2 + n) / n; n < MaxPieceLength && pieces*20 > MaxMetadata*3/4 {
			t.Errorf("%d bytes: %d hashes", total, pieces)
		}
	}
}

// What Parse would drop or change is refused or left out when a torrent is made.
func TestBuildOptionsComeBack(t *testing.T) {
	fsys := fstest.MapFS{"x": {Data: []byte("x")}}
	tor := build(t, fsys, "x", BuildOptions{WebSeeds: []string{"http://a/", "http://b/", "http://a/"}})
	if len(tor.WebSeeds) != 2 {
		t.Errorf("web seeds %q", tor.WebSeeds)
	}
	var many []string
	for i := range maxTrackers + 1 {
		many = append(many, fmt.Sprintf("http://t/%d", i))
	}
	for name, opt := range map[string]BuildOptions{
		"trackers":       {Trackers: [][]string{many}},
		"web seeds":      {WebSeeds: many},
		"before 1970":    {Date: time.Unix(-1, 0)},
		"the year 10000": {Date: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := Build(t.Context(), fsys, "x", opt); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
