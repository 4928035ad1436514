package metainfo

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

const corpusDir = "../testdata/torrents"

// expectation is what libtorrent 2.0.8 says of a file; see NOTICE there.
type expectation struct {
	Accepted    bool   `json:"accepted"`
	Error       string `json:"error"`
	Name        string `json:"name"`
	V1          string `json:"v1"`
	V2          string `json:"v2"`
	TotalSize   int64  `json:"total_size"`
	PieceLength int64  `json:"piece_length"`
	NumPieces   int    `json:"num_pieces"`
	Pad         int64  `json:"pad"`
	Private     bool   `json:"private"`
}

// differs lists where we decide otherwise than libtorrent, and why.
var differs = map[string]struct {
	accepted bool
	reason   string
}{
	"large_piece_size.torrent": {false, "512 MiB pieces pass our limit of 128 MiB (M07)"},
	"zero.torrent":             {true, "a torrent of empty files is complete at once (M10)"},
	"zero2.torrent":            {true, "a torrent of empty files is complete at once (M10)"},
}

func readCorpus(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpusDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// corpus returns the names of all files and what is expected of them.
func corpus(t testing.TB) map[string]expectation {
	t.Helper()
	want := map[string]expectation{}
	if err := json.Unmarshal(readCorpus(t, "expected.json"), &want); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(corpusDir, "*.torrent"))
	if err != nil || len(files) != len(want) || len(files) < 60 {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(want), err)
	}
	return want
}

func TestCorpus(t *testing.T) {
	for name, want := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(readCorpus(t, name))
			d, differs := differs[name]
			accepted := want.Accepted
			if differs {
				accepted = d.accepted
			}
			if accepted != (err == nil) {
				t.Fatalf("libtorrent: accepted %v %q, we: %v", want.Accepted, want.Error, err)
			}
			if err != nil {
				t.Log(err)
				return
			}
			checkSafe(t, got)
			if !differs {
				checkExpected(t, got, want)
			}
		})
	}
}

func checkExpected(t *testing.T, got *Torrent, want expectation) {
	var v1, v2 string
	if got.ID.HasV1() {
		v1 = got.ID.V1.String()
	}
	if got.ID.HasV2() {
		v2 = got.ID.V2.String()
	}
	if v1 != want.V1 || v2 != want.V2 {
		t.Errorf("hashes %q %q, want %q %q", v1, v2, want.V1, want.V2)
	}
	in := got.Info
	if in.Payload() != want.TotalSize-want.Pad {
		t.Errorf("payload %d, want %d", in.Payload(), want.TotalSize-want.Pad)
	}
	if in.NumPieces() != want.NumPieces || in.PieceLength() != want.PieceLength || in.Private() != want.Private {
		t.Errorf("pieces %d x %d private %v, want %d x %d %v", in.NumPieces(), in.PieceLength(), in.Private(), want.NumPieces, want.PieceLength, want.Private)
	}
	if err := in.Downloadable(); (err == nil) != (want.V1 != "") {
		t.Errorf("Downloadable() = %v", err)
	}
}

// checkSafe asserts what must hold of the paths of every accepted torrent.
func checkSafe(t testing.TB, tor *Torrent) {
	t.Helper()
	seen := map[string]string{}
	m := newNameMap(0)
	folders := map[string]bool{}
	for _, f := range tor.Info.Files() {
		if f.Pad {
			continue
		}
		if len(f.Path) > maxPath {
			t.Errorf("path of %d bytes", len(f.Path))
		}
		elems := strings.Split(f.Path, "/")
		for _, e := range elems {
			if why := unsafeElement(e); why != "" {
				t.Errorf("path %q: element %q %s", f.Path, e, why)
			}
		}
		folded := m.folded(f.Path)
		if other, ok := seen[folded]; ok {
			t.Errorf("%q and %q are one on some systems", other, f.Path)
		}
		seen[folded] = f.Path
		for i := 1; i < len(elems); i++ {
			folders[m.folded(strings.Join(elems[:i], "/"))] = true
		}
	}
	for folded, path := range seen {
		if folders[folded] {
			t.Errorf("%q is a file and a folder", path)
		}
	}
}

// unsafeElement judges a stored name by rules of its own, not by SafeName's.
func unsafeElement(e string) string {
	switch {
	case e == "", e == ".", e == "..":
		return "is no name"
	case len(e) > 255:
		return "is too long"
	case !utf8.ValidString(e):
		return "is not UTF-8"
	case strings.ContainsAny(e, "\\/:*?\"<>|\u202e\u202d\u2066\u2067\u2068\u200b\ufeff"):
		return "has a forbidden character"
	case strings.HasSuffix(e, "."), strings.HasSuffix(e, " "):
		return "ends in a dot or blank"
	}
	for _, r := range e {
		if r < 0x20 || r >= 0x7f && r <= 0x9f {
			return "has a control character"
		}
	}
	base, _, _ := strings.Cut(strings.ToUpper(e), ".")
	base = strings.TrimRight(base, " ")
	for _, dev := range []string{"CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "COM¹", "LPT³", "CONIN$", "CONOUT$"} {
		if base == dev {
			return "is a device of Windows"
		}
	}
	return ""
}

func TestMarshalKeepsInfo(t *testing.T) {
	for name := range corpus(t) {
		b := readCorpus(t, name)
		a, err := Parse(b)
		if err != nil {
			continue
		}
		out, err := a.Marshal()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, err := Parse(out)
		if err != nil {
			t.Errorf("%s: own output: %v", name, err)
			continue
		}
		if string(c.InfoBytes) != string(a.InfoBytes) || c.ID != a.ID || string(c.layers) != string(a.layers) {
			t.Errorf("%s: info or layers changed", name)
		}
		sameOuter(t, name, a, c)
		again, err := c.Marshal()
		if err != nil || string(again) != string(out) {
			t.Errorf("%s: second output differs: %v", name, err)
		}
	}
}

func sameOuter(t testing.TB, name string, a, b *Torrent) {
	t.Helper()
	ja, errA := json.Marshal([]any{a.Trackers, a.WebSeeds, a.Nodes, a.Comment, a.CreatedBy, a.Created})
	jb, errB := json.Marshal([]any{b.Trackers, b.WebSeeds, b.Nodes, b.Comment, b.CreatedBy, b.Created})
	if string(ja) != string(jb) || errA != nil || errB != nil {
		t.Errorf("%s: %s became %s", name, ja, jb)
	}
}
