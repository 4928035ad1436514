package metainfo

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// M11: whatever an element says, the file stays below the chosen folder. The
// mapping has no knowledge of the system it runs on, so this table holds for
// Linux, macOS and Windows alike.
func TestM11Traversal(t *testing.T) {
	for raw, want := range map[string]string{
		"..":             "__",
		".":              "_",
		"...":            "___",
		"":               "_",
		"/etc/x":         "_etc_x",
		"a/../../b":      "a_.._.._b",
		`..\x`:           ".._x",
		`C:\x`:           "C__x",
		"C:":             "C_",
		"a:b":            "a_b",
		"a\x00b":         "a_b",
		`\\server\s`:     "__server_s",
		"/":              "_",
		"~":              "~",
		"-rf":            "-rf",
		"a\nb\tc\x7fd":   "a_b_c_d",
		"?*\"<>|":        "______",
		"plain.txt":      "plain.txt",
		".hidden":        ".hidden",
		"Ünïcode 日本.txt": "Ünïcode 日本.txt",
	} {
		if got := SafeName(raw); got != want {
			t.Errorf("SafeName(%q) = %q, want %q", raw, got, want)
		}
		tor := parses(t, torrent(multi(file(5, raw))))
		if got := paths(tor); got != "dir/"+want {
			t.Errorf("file %q: %q", raw, got)
		}
		if raw != want {
			warned(t, tor, fmt.Sprintf("file %q is stored as %q", raw, "dir/"+want))
		} else if len(tor.Warnings) > 0 {
			t.Errorf("file %q: warnings %q", raw, tor.Warnings)
		}
		tor = parses(t, torrent(multi(file(5, raw, raw, "x"))))
		if got := paths(tor); got != "dir/"+want+"/"+want+"/x" {
			t.Errorf("folder %q: %q", raw, got)
		}
		if raw == "" {
			continue // a torrent without a name is refused
		}
		tor = parses(t, torrent(with(single(), "name", raw)))
		if got := paths(tor); got != want || tor.Info.Name() != raw {
			t.Errorf("name %q: %q", raw, got)
		}
		if raw != want {
			warned(t, tor, fmt.Sprintf("name %q is stored as %q", raw, want))
		}
		tor = parses(t, torrent(with(multi(file(5, "x")), "name", raw)))
		if got := paths(tor); got != want+"/x" {
			t.Errorf("folder name %q: %q", raw, got)
		}
	}
}

// M12: device names, ends that Windows drops, and long names.
func TestM12DevicesAndLength(t *testing.T) {
	for raw, want := range map[string]string{
		"CON": "_CON", "con": "_con", "nul.txt": "_nul.txt", "NUL.tar.gz": "_NUL.tar.gz", "aux .c": "_aux .c",
		"LPT¹": "_LPT¹", "lpt1.x": "_lpt1.x", "COM0": "_COM0", "com³.txt": "_com³.txt", "CONIN$": "_CONIN$", "CON.": "_CON_", "CON ": "_CON_",
		"x.": "x_", "x ": "x_", "x. .": "x___", "console": "console", "COM10": "COM10", "LPT": "LPT", "x.con": "x.con",
	} {
		if got := SafeName(raw); got != want {
			t.Errorf("SafeName(%q) = %q, want %q", raw, got, want)
		}
	}
	for _, c := range []struct{ raw, end string }{
		{strings.Repeat("x", 300), "x"},
		{strings.Repeat("x", 300) + ".torrent", "x.torrent"},
		{strings.Repeat("日本", 50), "日"}, // 300 bytes, cut between characters
		{strings.Repeat("日", 100) + ".mp4", "日.mp4"},
		{strings.Repeat("x.", 200), "_"},
		{strings.Repeat("x", 254) + " y", "_"},
		{"x" + strings.Repeat(" ", 300), "_"},
		{"x." + strings.Repeat("e", 300), "e"},
	} {
		got := SafeName(c.raw)
		if len(got) > 255 || len(got) < 250 || !utf8.ValidString(got) || !strings.HasSuffix(got, c.end) || unsafeElement(got) != "" {
			t.Errorf("SafeName(%.20q...) = %d bytes %q", c.raw, len(got), got)
		}
	}

	// Elements that differ only beyond byte 255, and paths of 5000 bytes.
	long := strings.Repeat("x", 300)
	tor := parses(t, torrent(multi(file(5, long+"a.txt"), file(0, long+"b.txt"), file(0, long+"b.txt"))))
	if got := paths(tor); strings.Count(got, ".txt") != 3 || !strings.Contains(got, "x.1.txt") || !strings.Contains(got, "x.2.txt") {
		t.Error(got)
	}
	deep := make([]any, 50)
	for i := range deep {
		deep[i] = strings.Repeat("y", 100)
	}
	a := append(append([]any{}, deep...), "a.txt")
	b := append(append([]any{}, deep...), "b.txt")
	tor = parses(t, torrent(multi(file(5, a...), file(0, b...), file(0, a...), file(0, "_long"))))
	got := strings.Fields(paths(tor))
	for i, end := range []string{"-a.txt", "-b.txt", "-a.1.txt"} {
		if !strings.HasPrefix(got[i], "dir/_long/") || !strings.HasSuffix(got[i], end) {
			t.Errorf("%q", got[i])
		}
	}
	if got[3] != "dir/_long.1" {
		t.Errorf("%q", got[3])
	}
	warned(t, tor, "is stored as \"dir/_long/")
}

// M12: a path of 1024 bytes is kept as it is, one more is too long, be it for its last element or its folders.
func TestM12PathLimit(t *testing.T) {
	for _, c := range []struct {
		folders, name int // bytes of each of 9 folders, of the name
		long          bool
	}{{100, 111, false}, {100, 112, true}, {113, 1, true}} {
		path := make([]any, 10)
		for i := range path {
			path[i] = strings.Repeat("y", c.folders)
		}
		path[9] = strings.Repeat("n", c.name)
		got := paths(parses(t, torrent(multi(file(5, path...)))))
		if long := strings.HasPrefix(got, "dir/_long/"); long != c.long || len(got) > 1024 {
			t.Errorf("folders of %d and a name of %d bytes: stored as %d bytes %.20q", c.folders, c.name, len(got), got)
		}
	}
}

// M13: names that some file system takes for one are numbered apart, in
// torrent order, and the same everywhere.
func TestM13Collisions(t *testing.T) {
	for _, c := range []struct {
		files [][]any
		want  string
	}{
		{[][]any{{"A"}, {"a"}}, "dir/A dir/a.1"},
		{[][]any{{"é.txt"}, {"e\u0301.txt"}, {"É.txt"}}, "dir/é.txt dir/e\u0301.1.txt dir/É.2.txt"},
		{[][]any{{"a"}, {"a", "b"}}, "dir/a dir/a.1/b"},
		{[][]any{{"a", "b"}, {"a"}}, "dir/a/b dir/a.1"},
		{[][]any{{"A", "x"}, {"a", "x"}, {"A", "y"}, {"a", "y"}}, "dir/A/x dir/a.1/x dir/A/y dir/a.1/y"},
		{[][]any{{"x.tar"}, {"x.tar"}, {"x.1.tar"}, {"x.tar"}}, "dir/x.tar dir/x.1.tar dir/x.1.1.tar dir/x.2.tar"},
		{[][]any{{"a:"}, {"a?"}, {"a_"}}, "dir/a_ dir/a_.1 dir/a_.2"},
		{[][]any{{"STRASSE"}, {"straße"}}, "dir/STRASSE dir/straße.1"},
		{[][]any{{"x\u200dy"}, {"xy"}}, "dir/x\u200dy dir/xy.1"},
		{[][]any{{"a", "x"}, {"b", "X"}}, "dir/a/x dir/b/X"},
	} {
		var files []any
		for i, p := range c.files {
			files = append(files, file(5*(1-min(i, 1)), p...))
		}
		b := torrent(multi(files...))
		tor := parses(t, b)
		if got := paths(tor); got != c.want {
			t.Errorf("%q: %q, want %q", c.files, got, c.want)
		}
		if again := parses(t, b); paths(again) != paths(tor) {
			t.Errorf("%q: another time %q", c.files, paths(again))
		}
	}
	// 20 000 files of one name are numbered in linear time.
	same := strings.Repeat("d6:lengthi0e4:pathl1:aee", 20_000)
	tor := parses(t, []byte("d4:infod5:filesl"+same+"e4:name3:dir12:piece lengthi16384e6:pieces0:ee"))
	if f := tor.Info.Files(); f[19_999].Path != "dir/a.19999" {
		t.Errorf("%q", f[19_999].Path)
	}
	if n := len(tor.Warnings); n != maxWarnings+1 {
		t.Errorf("%d warnings", n)
	}
}

// M18: a hostile name changes nothing in the hash and is stored harmlessly. (How
// it is shown is tested where it is shown.)
func TestM18HostileText(t *testing.T) {
	for raw, want := range map[string]string{
		"\x1b]52;c;aGk=\x07.txt":           "_]52;c;aGk=_.txt",
		"photo\u202egpj.exe":               "photo_gpj.exe",
		"a\u2066b\u2069c":                  "a_b_c",
		"csi\u009b31m":                     "csi_31m",
		"bad\xff\xfe.txt":                  "bad__.txt",
		"zero\u200bwidth\ufeff":            "zero_width_",
		"\xed\xa0\x80":                     "___", // a lone surrogate
		"family\U0001F468\u200d\U0001F469": "family\U0001F468\u200d\U0001F469",
	} {
		info := with(single(), "name", raw)
		tor := parses(t, torrent(info))
		_, id, err := ParseInfo([]byte(encode(info)))
		if err != nil || tor.ID != id || tor.Info.Name() != raw {
			t.Errorf("%q: %v, name %q", raw, err, tor.Info.Name())
		}
		if got := paths(tor); got != want {
			t.Errorf("%q is stored as %q, want %q", raw, got, want)
		}
		for _, w := range tor.Warnings {
			if strings.ContainsAny(w, "\x1b\x07\u202e\u2066\u009b\u200b") || !utf8.ValidString(w) {
				t.Errorf("warning %q", w)
			}
		}
	}
}
