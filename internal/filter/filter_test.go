package filter

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

func entries() []status.Entry {
	list := []status.Entry{
		{Torrent: status.Torrent{ID: metainfo.ID{V1: metainfo.Hash{0xab, 0xcd}}, Name: "Debian 12 or 13", Phase: status.Seeding, Pieces: 1, Size: 4e9, Wanted: 4e9, Have: 4e9, Up: 5,
			DownTotal: 4e9, UpTotal: 8e9, Peers: 3, Dir: "/srv/iso", Added: time.Now().Add(-48 * time.Hour)},
			Labels: []string{"Linux", "iso"}, Trackers: [][]string{{"http://A.example/announce"}}},
		{Torrent: status.Torrent{Name: "album", Phase: status.Leeching, Pieces: 2, Size: 200, Wanted: 100, Have: 49, Private: true, Added: time.Now()}, Stalled: true, Priority: 1},
		{Torrent: status.Torrent{Name: "broken (1)", Phase: status.Failed, Err: "disk full"}, Stopped: true, Group: "slow"},
		{Torrent: status.Torrent{Name: "magnet", Phase: status.Metadata}, QueuePosition: 3},
		{Torrent: status.Torrent{Name: "later", Phase: status.Paused, Pieces: 1, Wanted: 7}, Waiting: true},
	}
	for i := range list {
		list[i].Number = i + 1
	}
	return list
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		expr string
		want []int
	}{
		{"", []int{1, 2, 3, 4, 5}},
		{"  ", []int{1, 2, 3, 4, 5}},
		{"debian", []int{1}},
		{`"12 or"`, []int{1}},
		{`name:"12 or" or ALBUM`, []int{1, 2}},
		{`"broken (1)"`, []int{3}},
		{"not debian", []int{2, 3, 4, 5}},
		{"! debian !album", []int{3, 4, 5}},
		{"not not album", []int{2}},
		{"state:seeding", []int{1}},
		{"state:downloading or state:metadata", []int{2, 4}},
		{"state:waiting", []int{5}},
		{"state:error", []int{3}},
		{"state:complete", []int{1}},
		{"state:incomplete state:private", []int{2}},
		{"state:stalled", []int{2}},
		{"state:active", []int{1}},
		{"label:linux", []int{1}},
		{"not label:linux", []int{2, 3, 4, 5}},
		{"label: and state:waiting", []int{5}},
		{"tracker:a.EXAMPLE", []int{1}},
		{"dir:/srv", []int{1}},
		{"error:", []int{3}},
		{"error:full", []int{3}},
		{"group:slow", []int{3}},
		{"hash:ABCD", []int{1}},
		{"size>1GB", []int{1}},
		{"size>=100 size<=100", []int{2}},
		{"done<50 done>40%", []int{2}},
		{"done=100", []int{1}},
		{"ratio>=2", []int{1}},
		{"ratio:2", []int{1}},
		{"ratio<1", []int{2}}, // not those of which there is nothing to send
		{"peers>0 or queue>3", []int{1, 4}},
		{"priority=1", []int{2}},
		{"age>1d", []int{1}},
		{"age<90m", []int{2}},
		{"idle>0", nil},
		{"left>0 and left<60", []int{2, 5}},
		{"down>0", nil},
		{"id=3", []int{3}},
		{"(album or debian) and not state:seeding", []int{2}},
		{"album or debian state:stopped", []int{2}},
		{`"and"`, nil},
		{`"size>1GB"`, nil},
		{"=x", nil},
		{"up>1 and(debian)", []int{1}},
	} {
		f, err := Parse(c.expr)
		if err != nil {
			t.Errorf("%s: %v", c.expr, err)
			continue
		}
		var got []int
		for _, e := range entries() {
			if f.Match(&e) {
				got = append(got, e.Number)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.expr, got, c.want)
		}
	}
}

func TestFilterSyntax(t *testing.T) {
	for expr, want := range map[string]string{
		"(album": "not closed", "album)": "closes nothing", `"album`: "quote", "or album": "before", "album or": "missing", "not": "missing", "()": "before",
		"colour:red": "no colour", "state:asleep": "choose one of", "size>big": "not a size", "ratio>x": "not a number", "age>soon": "not a time", "name>x": "name:WORD",
		strings.Repeat("(", 100): "deeper", strings.Repeat("not ", 100) + "x": "deeper", strings.Repeat("x", MaxLength+1): "longer", "ratio>nan": "not a number", "age>xd": "not a number",
	} {
		if _, err := Parse(expr); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", expr, err, want)
		}
	}
}

// TestStates: each word of a state that entries have is one that filters take.
func TestStates(t *testing.T) {
	for p := status.Opening; p <= status.Failed; p++ {
		for _, e := range []status.Entry{{}, {Stopped: true}, {Waiting: true}, {Verifying: true}} {
			e.Phase = p
			if !slices.Contains(States, e.State()) {
				t.Errorf("%v: %q", p, e.State())
			}
		}
	}
}

// FuzzFilter: no text makes it panic, and what is taken can be asked about anything.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"a or b and not (c)", `name:"x y"`, "size>1GB", "state:seeding !label:x", "((", "age<1e999", `"`} {
		f.Add(s)
	}
	list := entries()
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := Parse(s)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		for i := range list {
			filter.Match(&list[i])
		}
	})
}
