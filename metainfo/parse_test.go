package metainfo

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"shoal/internal/bencode"
)

func outer(pairs ...any) []byte {
	return []byte(encode(with(dict{"info": single()}, pairs...)))
}

func TestParseOuter(t *testing.T) {
	tor := parses(t, outer(
		"announce", "http://ignored.example/announce",
		"announce-list", []any{
			[]any{"http://a.example/announce", "  udp://b.example:80 "},
			[]any{"http://a.example/announce"}, // again
			[]any{"b.example:80/announce", "wss://c.example", 7, ""},
			"not a list",
			[]any{"https://d.example/x y?k=1"},
		},
		"url-list", []any{"http://w.example/a b", "http://w.example/a%20b", "ftp://x.example/", "", 5},
		"nodes", []any{[]any{"192.0.2.1", 6881}, []any{"2001:db8::1", 1}, []any{"h.example", 0}, []any{"x"}, 5, []any{"a b", 80}},
		"comment", "a comment", "created by", "someone", "creation date", 1000000000,
	))
	want := &Torrent{
		ID: tor.ID, Info: tor.Info, InfoBytes: tor.InfoBytes, Warnings: tor.Warnings,
		Trackers: [][]string{{"http://a.example/announce", "udp://b.example:80"}, {"https://d.example/x%20y?k=1"}},
		WebSeeds: []string{"http://w.example/a%20b"},
		Nodes:    []string{"192.0.2.1:6881", "[2001:db8::1]:1"},
		Comment:  "a comment", CreatedBy: "someone", Created: time.Unix(1000000000, 0).UTC(),
	}
	if !reflect.DeepEqual(tor, want) {
		t.Errorf("%+v", tor)
	}
	if len(tor.Warnings) != 7 {
		t.Errorf("warnings %q", tor.Warnings)
	}
	b, err := tor.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again := parses(t, b)
	want.Warnings = nil
	want.Info, want.InfoBytes = again.Info, again.InfoBytes
	if !reflect.DeepEqual(again, want) {
		t.Errorf("%+v", again)
	}
}

func TestParseLoneAnnounce(t *testing.T) {
	tor := parses(t, outer("announce", "http://a.example/announce", "announce-list", []any{}, "url-list", "http://w.example/"))
	if fmt.Sprint(tor.Trackers, tor.WebSeeds) != "[[http://a.example/announce]] [http://w.example/]" {
		t.Error(tor.Trackers, tor.WebSeeds)
	}
	b, _ := tor.Marshal()
	if got := string(b); strings.Contains(got, "announce-list") || !strings.HasPrefix(got, "d8:announce25:http://a.example/announce4:info") {
		t.Errorf("%q", got)
	}
}

// One malformed key beside the info dictionary costs that key only.
func TestParseOuterTolerates(t *testing.T) {
	for _, key := range []string{"announce", "announce-list", "url-list", "nodes", "comment", "created by", "creation date", "piece layers", "encoding"} {
		for _, v := range []any{-1, "x", []any{1}, []any{[]any{1, []any{}}}, dict{"x": 1}} {
			tor := parses(t, outer(key, v))
			if len(tor.Trackers)+len(tor.WebSeeds)+len(tor.Nodes) != 0 || !tor.Created.IsZero() {
				t.Errorf("%s = %v: %+v", key, v, tor)
			}
		}
	}
	many := make([]any, 3000)
	for i := range many {
		many[i] = []any{fmt.Sprintf("http://t%d.example/", i)}
	}
	tor := parses(t, outer("announce-list", many))
	if len(tor.Trackers) != maxTrackers {
		t.Errorf("%d trackers", len(tor.Trackers))
	}
	warned(t, tor, "2000 trackers beyond the first 1000")
}

// Lists of nothing but rubbish end early.
func TestParseOuterRubbish(t *testing.T) {
	bad := "l" + strings.Repeat("1:x", 1_000_000) + "e"
	start := time.Now()
	tor := parses(t, []byte("d13:announce-listl"+bad+"e4:info"+encode(single())+"5:nodes"+bad+"8:url-list"+bad+"e"))
	if took := time.Since(start); took > 30*time.Second { // generous: others may hold the processor
		t.Errorf("took %v", took)
	}
	warned(t, tor, "trackers beyond the first", "and ")
	if len(tor.Warnings) > maxWarnings+4 {
		t.Errorf("%d warnings", len(tor.Warnings))
	}
}

func TestWireStruct(t *testing.T) {
	if err := bencode.CheckFields(outerDict{}); err != nil {
		t.Error(err)
	}
}

func TestParseInfoFields(t *testing.T) {
	for v, want := range map[any]bool{1: true, 2: true, 0: false, "1": false} {
		if got := parses(t, torrent(with(single(), "private", v))).Info.Private(); got != want {
			t.Errorf("private %v: %v", v, got)
		}
	}
	tor := parses(t, torrent(with(single(), "source", "X", "name.utf-8", "né")))
	if tor.Info.Source() != "X" || tor.Info.Name() != "né" || paths(tor) != "né" {
		t.Errorf("%+v", tor.Info)
	}
	tor = parses(t, torrent(multi(dict{"length": 5, "path": []any{"\xff"}, "path.utf-8": []any{"ü"}, "attr": "xh"},
		dict{"length": 3, "attr": "p", "path": []any{".pad", "3"}}, file(0, "z"))))
	f := tor.Info.Files()
	if f[0].Path != "dir/ü" || !f[0].Executable || !f[0].Hidden || !f[1].Pad || tor.Info.Payload() != 5 || tor.Info.Size() != 8 {
		t.Errorf("%+v", f)
	}
	for name, info := range map[string]any{
		"a list":         []any{},
		"a string":       "x",
		"no name":        with(single(), "name", nil),
		"empty name":     with(single(), "name", ""),
		"name number":    with(single(), "name", 7),
		"files number":   with(single(), "length", nil, "files", 7),
		"file number":    multi(7),
		"no path":        multi(dict{"length": 5}),
		"empty path":     multi(file(5)),
		"path string":    multi(dict{"length": 5, "path": "a"}),
		"path of number": multi(file(5, 1, "a")),
		"length string":  with(single(), "length", "5"),
	} {
		t.Run(name, func(t *testing.T) { refused(t, torrent(info)) })
	}
}

// A cut file is never a torrent, and never more than an error.
func TestParseEveryCut(t *testing.T) {
	for _, b := range [][]byte{
		outer("announce", "http://a.example/announce"), withLayers(hybridInfo(), dict{root3: layer3}), readCorpus(t, "sample.torrent"),
	} {
		for i := range b {
			refused(t, b[:i])
		}
	}
}

func TestParseInfoLimits(t *testing.T) {
	big := torrent(with(single(), "x", strings.Repeat("x", MaxMetadata)))
	tor := parses(t, big) // a local file may be larger than what peers send
	if _, _, err := ParseInfo(tor.InfoBytes); err == nil || !strings.Contains(err.Error(), "33554432 bytes") {
		t.Errorf("%v", err)
	}
}

// The names of a file tree share their folders, so a small file could spell
// gigabytes of paths; the budget stops that.
func TestNamesBudget(t *testing.T) {
	leaf := "d0:d6:lengthi0eee"
	var b strings.Builder
	b.WriteString("d4:infod9:file tree")
	const depth = 90
	for range depth {
		b.WriteString("d10:0123456789")
	}
	b.WriteString("d")
	for i := range 120_000 {
		fmt.Fprintf(&b, "6:%06d%s", i, leaf)
	}
	b.WriteString("e" + strings.Repeat("e", depth) + "12:meta versioni2e4:name3:dir12:piece lengthi16384eee")
	refused(t, []byte(b.String()), "the names of the files take more than 256 MiB")
}
