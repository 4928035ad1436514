package metainfo

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse: whatever is accepted is consistent, safe, and survives being
// written and read again.
func FuzzParse(f *testing.F) {
	for name := range corpus(f) {
		if b := readCorpus(f, name); len(b) < 5000 {
			f.Add(b)
		}
	}
	f.Add(withLayers(hybridInfo(), dict{root3: layer3}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tor, err := Parse(b)
		if err != nil {
			if tor != nil || !errors.Is(err, ErrInvalid) || !utf8.ValidString(err.Error()) {
				t.Fatalf("%v, %v", tor, err)
			}
			return
		}
		checkSafe(t, tor)
		checkInfo(t, tor.Info)
		out, err := tor.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out)
		if err != nil || again.ID != tor.ID || string(again.InfoBytes) != string(tor.InfoBytes) {
			t.Fatalf("%v of own output", err)
		}
		sameOuter(t, "again", tor, again)
		in, id, err := ParseInfo(tor.InfoBytes)
		if err != nil || id != tor.ID || !reflect.DeepEqual(in, tor.Info) {
			t.Fatalf("info alone: %v", err)
		}
		link := tor.Magnet()
		m, err := ParseMagnet(link.String())
		if err == nil && m.ID != tor.ID {
			t.Fatalf("%s: %v", link, err)
		}
	})
}

// checkInfo asserts the sums that everyone relies on.
func checkInfo(t testing.TB, in *Info) {
	t.Helper()
	var off, pieces int64
	for _, f := range in.Files() {
		if f.Offset != off || f.Length < 0 || f.Symlink && f.Length != 0 {
			t.Fatalf("%+v at %d", f, off)
		}
		off += f.Length
	}
	for i := range min(in.NumPieces(), 1000) {
		n := in.PieceSize(i)
		if n < 1 || int64(n) > in.PieceLength() || in.PieceOffset(i) != int64(i)*in.PieceLength() {
			t.Fatalf("piece %d has %d bytes", i, n)
		}
		var sum int64
		for _, s := range in.AppendSpans(nil, in.PieceOffset(i), int64(n)) {
			if s.Length < 1 || s.Offset < 0 || s.Offset+s.Length > in.Files()[s.File].Length {
				t.Fatalf("span %+v", s)
			}
			sum += s.Length
		}
		if sum != int64(n) {
			t.Fatalf("spans of piece %d have %d of %d bytes", i, sum, n)
		}
		pieces += int64(n)
	}
	if off != in.Size() || in.NumPieces() <= 1000 && pieces != off || in.Payload() > off || in.Payload() < 0 {
		t.Fatalf("sizes %d %d %d", off, in.Size(), pieces)
	}
}

// FuzzMagnet: an accepted link has an ID, keeps its limits, and its own form
// means the same.
func FuzzMagnet(f *testing.F) {
	f.Add("magnet:?xt=urn:btih:" + hex40 + "&xt=urn:btmh:1220" + hex64 + "&dn=a%20b&xl=42&tr=http%3A%2F%2Ft.example%2Fannounce&ws=http://w/&x.pe=[::1]:6881&so=0,2,4-6")
	f.Add("magnet:?xt.1=urn:btih:" + b32 + "&amp;tr=http://127.0.0.1/x")
	f.Add("magnet:?xt=urn:btih:%zz")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMagnet(s)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || !utf8.ValidString(err.Error()) {
				t.Fatal(err)
			}
			return
		}
		if m.ID == (ID{}) || len(m.Trackers) > 100 || len(m.WebSeeds) > 100 || len(m.Peers) > 100 || len(m.Warnings) > maxWarnings+4 {
			t.Fatalf("%+v", m)
		}
		link := m.String()
		if strings.ContainsAny(link, " \n\x00\"<>") {
			t.Fatalf("%q", link)
		}
		again, err := ParseMagnet(link)
		if len(link) > maxMagnet {
			return
		}
		m.Warnings = nil
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%q becomes %+v, %v; was %+v", link, again, err, m)
		}
	})
}

// FuzzNames: two files of any names get safe paths that differ everywhere.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"..", "CON", "a\u202eb", "é", "e\u0301", "x. ", strings.Repeat("日", 100) + ".mp4", "a/b", "\xff", "straße", "ẞ", "İ"} {
		f.Add(s, "STRASSE")
		f.Add("dir", s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 2000 || len(b) > 2000 {
			return
		}
		for _, s := range []string{a, b} {
			safe := SafeName(s)
			if why := unsafeElement(safe); why != "" {
				t.Fatalf("SafeName(%q) = %q %s", s, safe, why)
			}
			if again := SafeName(safe); again != safe {
				t.Fatalf("SafeName(%q) = %q, and of that %q", s, safe, again)
			}
		}
		files := []File{{Raw: []string{a}}, {Raw: []string{b}}, {Raw: []string{a, b}}, {Raw: []string{b, a}}, {Raw: []string{a, a, b}}, {Raw: []string{a}}}
		var w warnings
		if err := mapPaths("dir", files, true, &w); err != nil {
			t.Fatal(err)
		}
		checkSafe(t, &Torrent{Info: &Info{files: files}})
		for _, f := range files {
			if !strings.HasPrefix(f.Path, "dir/") {
				t.Fatalf("%q", f.Path)
			}
		}
	})
}
