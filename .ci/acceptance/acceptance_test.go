package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestFindTests(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("a/b/x_test.go", `package b
// W90 in a comment is no test.
func TestM01M02Both(t *testing.T) { t.Errorf("W91 is a message") }
func helperM03() {}
func TestTable(t *testing.T) {
	for _, c := range []struct{ name string }{{"W04 one"}, {"W05 W06: two"}, {f("W92 data")}, {"above W93"}} {
		t.Run("W07 "+c.name, nil)
		t.Run(fmt.Sprintf("W08 %d", 1), func(t *testing.T) { t.Log("W94 inside") })
	}
}
func TestScripts(t *testing.T) { glob("../testdata/*.txt") }
`)
	write("a/testdata/s01_s02_full.txt", "")
	write("a/testdata/w95.go", "")
	write(".ci/x_test.go", "package x\nfunc TestW96(t *testing.T) {}\n")
	write("a/testdata/x_test.go", "package x\nfunc TestW97(t *testing.T) {}\n")
	got, err := findTests(root)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"M01": {"a/b TestM01M02Both"}, "M02": {"a/b TestM01M02Both"}, "W04": {"a/b TestTable"}, "W05": {"a/b TestTable"},
		"W06": {"a/b TestTable"}, "W07": {"a/b TestTable"}, "W08": {"a/b TestTable"},
		"S01": {"a/b TestScripts/s01_s02_full.txt"}, "S02": {"a/b TestScripts/s01_s02_full.txt"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("found %v\nwant  %v", got, want)
	}
}

func TestDisabled(t *testing.T) {
	for line, want := range map[string]string{
		"if a || b {":             "if false && (a || b) {",
		"if n := f(); n > 3 {":    "if n := f(); false && (n > 3) {",
		"} else if a {":           "} else if false && (a) {",
		"case a && b:":            "case false && (a && b):",
		"for a {":                 "",
		"return a":                "",
		"if a, ok := b[c]; !ok {": "if a, ok := b[c]; false && (!ok) {",
	} {
		if got := disabled(line); got != want {
			t.Errorf("disabled(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestApply(t *testing.T) {
	src := "a\n\tif  x {\nb\n\tif y {\nb\n"
	for _, c := range []struct{ line, with, want, why string }{
		{"if x {", "", "a\nif false && (x) {\nb\n\tif y {\nb\n", ""},
		{"if y {\nb", "c", "a\n\tif  x {\nb\nc\n\n", ""},
		{"b", "c", "", "twice"},
		{"if z {", "", "", "not there"},
		{"a", "", "", "needs a replacement"},
	} {
		g := guard{line: c.line, with: c.with}
		got, err := g.apply([]byte(src))
		if string(got) != c.want || (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: %q, %v", c.line, got, err)
		}
	}
}

func TestDraw(t *testing.T) {
	a, b := draw(20, 7, ""), draw(20, 7, "")
	if len(a) != 20 || !reflect.DeepEqual(a, b) {
		t.Errorf("one seed draws %d and %d guards", len(a), len(b))
	}
	seen := map[string]bool{}
	for _, g := range a {
		if seen[g.id] {
			t.Errorf("%s was drawn twice", g.id)
		}
		seen[g.id] = true
	}
	if len(draw(-1, 0, "")) != len(guards) || len(draw(0, 0, "W04")) < 2 {
		t.Error("not all guards are drawn")
	}
}
