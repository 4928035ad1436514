package main

import (
	"slices"
	"testing"

	"shoal/metainfo"
	"shoal/session"
)

// TestPriorities: --high and --low order what is chosen; high wins, and what was left out stays out.
func TestPriorities(t *testing.T) {
	in, err := metainfo.NewInfo("album", metainfo.BlockSize, make([]byte, 20), []metainfo.File{
		{Path: "album/a.flac", Length: 1}, {Path: "album/b.flac", Length: 1}, {Path: "album/covers/front.png", Length: 1}, {Path: "album/notes.txt", Length: 1},
	}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	const no, low, normal, high = session.Unwanted, session.Low, session.Normal, session.High
	for _, c := range []struct {
		what string
		s    selection
		want []uint8
	}{
		{"nothing said", selection{}, nil},
		{"both", selection{high: []string{"notes.txt"}, low: []string{"covers"}}, []uint8{normal, normal, low, high}},
		{"high wins", selection{high: []string{"*.flac"}, low: []string{"b*"}}, []uint8{high, high, normal, normal}},
		{"with a choice", selection{only: []string{"*.flac"}, high: []string{"b*", "covers"}}, []uint8{normal, high, no, no}},
	} {
		chosen, err := c.s.of(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.s.priorities(in, chosen); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
