package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitecture compares ARCHITECTURE.md with the table of arrows: its map names every room, and its arrows are those of the table.
func TestArchitecture(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "\n```\n")
	if len(blocks) < 4 || !strings.Contains(blocks[3], "->") {
		t.Fatal("the map and the arrows are not where they were")
	}
	for room := range arrows {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(path.Base(room)) + `\b`).MatchString(blocks[1]) {
			t.Errorf("the map has no %s", room)
		}
	}
	drawn := map[string][]string{} // what each room of the table may import as ARCHITECTURE.md has it
	for line := range strings.Lines(blocks[3]) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), " -> ")
		if !ok {
			t.Fatalf("%q is no arrow", line)
		}
		targets := strings.Split(to, ", ")
		for _, word := range strings.Fields(from)[1:] {
			some := false
			for room := range arrows {
				if same, err := path.Match(word, room); err == nil && same {
					drawn[room], some = append(drawn[room], targets...), true
				}
			}
			if !some {
				t.Errorf("%q: there is no room %s", line, word)
			}
		}
	}
	for room, want := range arrows {
		have, ok := drawn[room]
		if !ok && !strings.HasPrefix(room, "bench") && !strings.HasPrefix(room, "internal/") {
			t.Errorf("no arrow begins at %s", room)
		}
		for _, target := range want {
			if ok && !slices.ContainsFunc(have, func(word string) bool { return means(word, room, target) }) {
				t.Errorf("the arrow from %s to %s is not drawn", room, target)
			}
		}
		for _, word := range have {
			_, isRoom := arrows[word]
			if isRoom && !slices.Contains(want, word) && !slices.Contains(want, "*") && !slices.Contains(shared, word) && word != "metainfo" {
				t.Errorf("an arrow is drawn from %s to %s, and the table has none", room, word)
			}
		}
	}
}

// means reports whether a word of ARCHITECTURE.md's arrows stands for one from room to target.
func means(word, room, target string) bool {
	switch word {
	case "everything below":
		return target == "*"
	case "its children":
		return strings.HasPrefix(target, room+"/")
	}
	same, err := path.Match(word, target)
	return err == nil && same
}
