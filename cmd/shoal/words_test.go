package main

import (
	"slices"
	"testing"

	"shoal/status"
)

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]string{
		"a":                     {"a"},
		"  a  b\tc ":            {"a", "b", "c"},
		`a 'b c' "d 'e'"`:       {"a", "b c", "d 'e'"},
		`a'b c'd`:               {"ab cd"},
		`a ''`:                  {"a", ""},
		`mv $HOME/x; rm \ *`:    {"mv", "$HOME/x;", "rm", `\`, "*"},
		`/opt/日本 "zwei Wörter"`: {"/opt/日本", "zwei Wörter"},
		"":                      nil, " \t": nil, `a "b`: nil, "'": nil,
	} {
		got, err := splitWords(in)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, path string
		want       bool
	}{
		{"*.txt", "a.txt", true},
		{"*.txt", "sub/deep/a.txt", true},
		{"*.txt", "a.txt.bin", false},
		{"sub", "sub/a", true},
		{"sub/", "sub/deep/a", true},
		{"sub/*.txt", "sub/a.txt", true},
		{"sub/*.txt", "x/sub/a.txt", false},
		{"sub/*.txt", "sub/deep/a.txt", false},
		{"sub/*", "sub/deep/a.txt", true},
		{"/a.txt", "a.txt", true},
		{"/a.txt", "sub/a.txt", false},
		{"./a/b", "a/b/c", true},
		{"[ab]?", "x/b1", true},
		{"A", "a", false},
	} {
		if got := (globs{c.glob}).match(c.path); got != c.want {
			t.Errorf("%q, %q: %v", c.glob, c.path, got)
		}
	}
}

func TestParseFileList(t *testing.T) {
	for in, want := range map[string][]int{
		"1": {0}, "1-3,8": {0, 1, 2, 7}, "8,1-2": {0, 1, 7}, "3-3": {2}, " 1 , 2 ": {0, 1}, "9-": {8, 9}, "2,2,1-2": {0, 1},
		"0": nil, "11": nil, "3-1": nil, "a": nil, "1,,2": nil, "-3": nil, "": nil, "1-11": nil, "99999999999999999999": nil,
	} {
		got, err := parseFileList(in, 10)
		var on []int
		for i, b := range got {
			if b {
				on = append(on, i)
			}
		}
		if !slices.Equal(on, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v", in, on, err)
		}
	}
}

// TestShowUnknown: what no peer has told yet is not said to be nothing.
func TestShowUnknown(t *testing.T) {
	for want, e := range map[string]*status.Entry{
		"not known yet":               {},
		"0 B, 0 B of 0 B wanted here": {Files: 1},
	} {
		if lines := entryLines(e); !slices.Contains(lines, [2]string{"size", want}) {
			t.Errorf("%q is missing in %q", want, lines)
		}
	}
}
