package metainfo

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"
)

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

// buildTree is a folder with odd sizes, an empty file and things to leave out.
func buildTree() (fstest.MapFS, []byte) {
	sizes := []struct {
		name string
		n    int
	}{{"a.txt", 5}, {"b/empty", 0}, {"b/long", 100_000}, {"b/z", 16384}, {"c", 1}}
	fsys := fstest.MapFS{}
	var all []byte
	for i, f := range sizes {
		data := randomBytes(uint64(i), f.n)
		fsys["some/dir/"+f.name] = &fstest.MapFile{Data: data, Mode: 0o644}
		all = append(all, data...)
	}
	fsys["some/dir/link"] = &fstest.MapFile{Data: []byte("a.txt"), Mode: fs.ModeSymlink | 0o777}
	fsys["some/dir/pipe"] = &fstest.MapFile{Mode: fs.ModeNamedPipe | 0o644}
	fsys["some/lone.iso"] = &fstest.MapFile{Data: randomBytes(9, 40_000), Mode: 0o644}
	fsys["some/empty/x"] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	return fsys, all
}

func build(t *testing.T, fsys fs.FS, root string, opt BuildOptions) *Torrent {
	t.Helper()
	tor, err := Build(t.Context(), fsys, root, opt)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tor.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again := parses(t, b)
	if again.ID != tor.ID || !bytes.Equal(again.InfoBytes, tor.InfoBytes) {
		t.Error("the file says something else")
	}
	sameOuter(t, "built", tor, again)
	return tor
}

// checkHashes compares the piece hashes with data, file after file.
func checkHashes(t *testing.T, in *Info, data []byte) {
	t.Helper()
	if in.Size() != int64(len(data)) {
		t.Fatalf("%d bytes, want %d", in.Size(), len(data))
	}
	for i := range in.NumPieces() {
		off := int(in.PieceOffset(i))
		if in.PieceHash(i) != sha1.Sum(data[off:off+in.PieceSize(i)]) {
			t.Errorf("hash of piece %d", i)
		}
	}
}

func TestBuildFolder(t *testing.T) {
	fsys, data := buildTree()
	for _, n := range []int64{0, 16384, 32768, 128 << 20} {
		tor := build(t, fsys, "some/dir", BuildOptions{PieceLength: n})
		checkHashes(t, tor.Info, data)
		if got := paths(tor); got != "dir/a.txt dir/b/empty dir/b/long dir/b/z dir/c" || !tor.Info.Multi() || tor.Info.Private() {
			t.Errorf("%q", got)
		}
		if n != 0 && tor.Info.PieceLength() != n {
			t.Errorf("piece length %d", tor.Info.PieceLength())
		}
		warned(t, tor, `"link" is left out`, `"pipe" is left out`)
	}
	sub, err := fs.Sub(fsys, "some/dir")
	if err != nil {
		t.Fatal(err)
	}
	tor := build(t, sub, ".", BuildOptions{Name: "dir"})
	if other := build(t, fsys, "some/dir", BuildOptions{}); other.ID != tor.ID {
		t.Error("the same files below another root give another torrent")
	}
}

func TestBuildLoneFile(t *testing.T) {
	fsys, _ := buildTree()
	tor := build(t, fsys, "some/lone.iso", BuildOptions{})
	checkHashes(t, tor.Info, fsys["some/lone.iso"].Data)
	if paths(tor) != "lone.iso" || tor.Info.Multi() {
		t.Error(paths(tor))
	}
	tor = build(t, fstest.MapFS{"x": {}}, "x", BuildOptions{})
	if tor.Info.NumPieces() != 0 || tor.Info.Size() != 0 {
		t.Errorf("%+v", tor.Info)
	}
}

func TestBuildOptions(t *testing.T) {
	fsys, _ := buildTree()
	opt := BuildOptions{
		Name: "other", Private: true, Source: "S", Comment: "c", CreatedBy: "shoal",
		Trackers: [][]string{{"http://a.example/announce", " http://a.example/announce"}, {}, {"udp://b.example:80"}},
		WebSeeds: []string{"http://w.example/x y"}, Date: time.Date(2024, 5, 6, 7, 8, 9, 10, time.FixedZone("", 3600)),
	}
	a := build(t, fsys, "some/dir", opt)
	b := build(t, fsys, "some/dir", opt)
	ab, _ := a.Marshal()
	bb, _ := b.Marshal()
	if !bytes.Equal(ab, bb) {
		t.Error("equal input gives different bytes")
	}
	in := a.Info
	if in.Name() != "other" || !in.Private() || in.Source() != "S" || a.Comment != "c" || a.CreatedBy != "shoal" ||
		len(a.Trackers) != 2 || len(a.Trackers[0]) != 1 || a.WebSeeds[0] != "http://w.example/x%20y" || a.Created.Unix() != opt.Date.Unix() {
		t.Errorf("%+v", a)
	}
	opt.Date, opt.Comment, opt.CreatedBy = time.Time{}, "", ""
	opt.Trackers, opt.WebSeeds, opt.Private, opt.Source = nil, nil, false, ""
	out, err := build(t, fsys, "some/lone.iso", opt).Marshal()
	if want := "d4:infod6:lengthi40000e4:name5:other12:piece lengthi32768e6:pieces40:"; err != nil || !strings.HasPrefix(string(out), want) || len(out) != len(want)+42 {
		t.Errorf("%.100q, %v", out, err)
	}
}

func TestBuildRefuses(t *testing.T) {
	fsys, _ := buildTree()
	for name, c := range map[string]struct {
		root string
		opt  BuildOptions
	}{
		"piece length 3":     {"some/dir", BuildOptions{PieceLength: 3}},
		"not a power of two": {"some/dir", BuildOptions{PieceLength: 49152}},
		"too long pieces":    {"some/dir", BuildOptions{PieceLength: 256 << 20}},
		"no name":            {".", BuildOptions{}},
		"name with a slash":  {"some/dir", BuildOptions{Name: "a/b"}},
		"dots":               {"some/dir", BuildOptions{Name: ".."}},
		"tracker":            {"some/dir", BuildOptions{Trackers: [][]string{{"file:///x"}}}},
		"web seed":           {"some/dir", BuildOptions{WebSeeds: []string{"ftp://x/"}}},
		"no files":           {"some/empty", BuildOptions{}},
	} {
		if _, err := Build(t.Context(), fsys, c.root, c.opt); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Build(t.Context(), fsys, "absent", BuildOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	if _, err := Build(t.Context(), fstest.MapFS{"d/\xff": {}}, "d", BuildOptions{}); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("not UTF-8: %v", err)
	}
}

// Names that others cannot store are kept on this side, so that the files can
// be seeded, and spoken of.
func TestBuildKeepsOwnPaths(t *testing.T) {
	tor, err := Build(t.Context(), fstest.MapFS{"d/a:b": {Data: []byte("x")}, "d/A": {}, "d/a": {}}, "d", BuildOptions{})
	if err != nil || paths(tor) != "d/A d/a d/a:b" {
		t.Fatalf("%v %q", err, paths(tor))
	}
	warned(t, tor, `other systems store "a:b" as "a_b"`, `other systems store "a" as "a.1"`)
}

func TestBuildProgressAndCancel(t *testing.T) {
	fsys := fstest.MapFS{"x": {Data: randomBytes(1, 1_000_000)}}
	var calls, last int64
	tor := build(t, fsys, "x", BuildOptions{PieceLength: 16384, Progress: func(done, total int64) {
		calls++
		if done <= last || total != 1_000_000 {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
	}})
	if last != 1_000_000 || calls != int64(tor.Info.NumPieces()) {
		t.Errorf("%d calls, last %d", calls, last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var seen atomic.Int64
	_, err := Build(ctx, fsys, "x", BuildOptions{PieceLength: 16384, Progress: func(done, _ int64) {
		seen.Store(done)
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || seen.Load() == 1_000_000 {
		t.Errorf("%v at %d", err, seen.Load())
	}
}

// liarFS claims a size that the file does not have.
type liarFS struct {
	fstest.MapFS
	by int64
}

func (l liarFS) Stat(name string) (fs.FileInfo, error) {
	st, err := fs.Stat(l.MapFS, name)
	return liarInfo{st, l.by}, err
}

type liarInfo struct {
	fs.FileInfo
	by int64
}

func (l liarInfo) Size() int64 { return l.FileInfo.Size() + l.by }

func TestBuildNoticesChanges(t *testing.T) {
	files := fstest.MapFS{"x": {Data: randomBytes(1, 50_000)}}
	for by, word := range map[int64]string{1: "shorter", -1: "longer", 20_000: "shorter"} {
		if _, err := Build(t.Context(), liarFS{files, by}, "x", BuildOptions{}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("size off by %d: %v", by, err)
		}
	}
}

func TestChoosePieceLength(t *testing.T) {
	for _, c := range []struct{ total, want int64 }{
		{0, 32 << 10}, {1, 32 << 10}, {64 << 20, 32 << 10}, {64<<20 + 1, 64 << 10}, {1 << 30, 512 << 10},
		{4 << 30, 2 << 20}, {32 << 30, 16 << 20}, {1 << 40, 16 << 20}, {13 << 40, 32 << 20}, {1 << 45, 64 << 20}, {1 << 48, 128 << 20},
	} {
		got := choosePieceLength(c.total)
		if got != c.want {
			t.Errorf("%d bytes: %d, want %d", c.total, got, c.want)
		}
	}
}
