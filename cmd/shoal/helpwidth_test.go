package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestHelpFits: help is read in terminals of 80 columns; only examples, which are there to be copied, may be wider.
func TestHelpFits(t *testing.T) {
	root, _ := newRoot(newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}))
	for _, c := range documented(root) {
		var out, stderr bytes.Buffer
		if code := run(append([]string{"help"}, strings.Fields(c.CommandPath())[1:]...), strings.NewReader(""), &out, &stderr); code != 0 {
			t.Fatalf("help %s: exit code %d: %s", c.Name(), code, stderr.String())
		}
		example := false
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			example = line == "Examples:" || example && line != ""
			if widest := helpWidth + 20; len(line) > widest || !example && len(line) > helpWidth {
				t.Errorf("help %s: %d columns: %s", c.Name(), len(line), line)
			}
		}
		if !strings.Contains(out.String(), "Flags:") {
			t.Errorf("help %s names no flags:\n%s", c.Name(), out.String())
		}
	}
}

// TestRewrap: paragraphs are broken anew, what is indented stays.
func TestRewrap(t *testing.T) {
	long := strings.Repeat("abc ", 30)
	for in, want := range map[string]string{
		"":                       "",
		"a\nb":                   "a b",
		"a\n\nb  c":              "a\n\nb c",
		"list:\n  a\n  b":        "list:\n  a\n  b",
		long:                     strings.TrimSpace(strings.Repeat("abc ", 20)) + "\n" + strings.TrimSpace(strings.Repeat("abc ", 10)),
		strings.Repeat("x", 100): strings.Repeat("x", 100),
	} {
		if got := rewrap(in); got != want {
			t.Errorf("rewrap(%q) = %q, want %q", in, got, want)
		}
	}
}
