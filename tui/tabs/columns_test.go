package tabs

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/theme"
)

// TestColumnsHoldWhatIsLarge: figures of any size stand in the tables in full, at each width.
func TestColumnsHoldWhatIsLarge(t *testing.T) {
	s := style(t, "mono", theme.Plain, theme.ASCII())
	sizes := []int64{0, 999, 999_499, 999_500, 1_023_000_000, 9_949_999_999, 1 << 50, math.MaxInt64}
	counts := []int{-1, 0, 999, 9999, 99_999, 1_000_000, math.MaxInt - 1}
	spans := []time.Duration{0, time.Second, 3599 * time.Second, 86399 * time.Second, 99*24*time.Hour + 23*time.Hour, 1000 * 24 * time.Hour}
	for _, w := range []int{40, 60, 80, 110, 160, 200} {
		for i := range 60 {
			d := sample()
			n, c := sizes[i%len(sizes)], counts[i%len(counts)]
			d.Peers = []status.Peer{{Addr: netip.MustParseAddrPort("192.0.2.1:1"), Client: "c", Source: "incoming", Have: 1, Down: n, Up: sizes[i*3%len(sizes)], DownTotal: n, UpTotal: n, Queue: c,
				AmInterested: true, PeerInterested: true, Snubbed: true, Encrypted: true, Incoming: true, UTP: true}}
			d.Files = []status.File{{Path: "f", Length: n, Have: n, Wanted: true, Priority: 2}}
			d.Trackers = []status.Tracker{{URL: "udp://t/", Tier: max(c, 0), Working: true, Complete: c, Incomplete: c, Next: now.Add(spans[i%len(spans)]), Last: now.Add(-spans[i%len(spans)])}}
			for _, tab := range []Tab{&filesTab{}, &peersTab{}, &trackersTab{}} {
				if got := tab.View(s, d, w, 3); strings.Contains(got[1], s.Ellipsis) {
					t.Errorf("%s at %d: a figure is cut:\n%s", tab.Name(), w, strings.Join(got, "\n"))
				}
			}
		}
	}
}

// logOf is a log of so many lines, of which every fifth is long and every seventh is of several lines.
func logOf(d *Data, n int) {
	d.Log = nil
	for k := 1; k <= n; k++ {
		x := fmt.Sprintf("<%d>", k)
		switch {
		case k%5 == 0:
			for word := range 20 * k % 300 {
				x += fmt.Sprintf(" %d.%d", k, word)
			}
		case k%7 == 0:
			x += "\nand\n\nmore\r\n"
		}
		d.Log = append(d.Log, status.LogLine{Serial: int64(k), Torrent: d.Entry.ID, Text: x + fmt.Sprintf("</%d>", k)})
	}
}

// TestLogScrollsByLinesOfTheScreen: from the end to the top and back each step moves by one line, all of each line is seen, and the ends are the ends.
func TestLogScrollsByLinesOfTheScreen(t *testing.T) {
	s := style(t, "mono", theme.Plain, theme.ASCII())
	for _, size := range [][2]int{{20, 3}, {40, 6}, {80, 20}, {10, 1}} {
		tab, d := &logTab{}, sample()
		logOf(d, 60)
		view := func() []string { return tab.View(s, d, size[0], size[1]) }
		var all []string // from the end to the top
		last := view()
		for range 10_000 {
			tab.Handle("up", d)
			next := view()
			if strings.Join(next, "\n") == strings.Join(last, "\n") {
				break
			}
			if len(last) > 1 && strings.Join(next[1:], "\n") != strings.Join(last[:len(last)-1], "\n") {
				t.Fatalf("%v: a step is not one line:\n%s\n\n%s", size, strings.Join(last, "\n"), strings.Join(next, "\n"))
			}
			all = append(all, last[len(last)-1])
			last = next
		}
		if !strings.Contains(last[0], "<1>") {
			t.Errorf("%v: the top is\n%s", size, strings.Join(last, "\n"))
		}
		joined := ""
		for _, l := range append(all, last[len(last)-1]) {
			joined = l + joined
		}
		joined = strings.ReplaceAll(joined, " ", "")
		for k := 20; k <= 60; k++ {
			if !strings.Contains(joined, fmt.Sprintf("</%d>", k)) && size[0] > 20 {
				t.Errorf("%v: the end of line %d is never seen", size, k)
			}
		}
		tab.Handle("bottom", d)
		if got := view(); !strings.Contains(strings.Join(got, ""), "</60>") && size[0] > 20 {
			t.Errorf("%v: the end is\n%s", size, strings.Join(got, "\n"))
		}
		for range 30 { // lines that are read may go
			tab.Handle("up", d)
		}
		d.Log = d.Log[55:]
		view()
		d.Log = nil
		view()
		tab.Handle("up", d)
		tab.Handle("top", d)
		view()
	}
	other := &logTab{}
	d := sample()
	d.Entry.ID = metainfo.ID{V1: metainfo.Hash{7}}
	if got := strings.Join(other.View(s, d, 80, 5), "\n"); !strings.Contains(got, "Nothing was logged") {
		t.Error(got)
	}
}

// TestLogTakesOverWhatIsNew: lines are told in the same place of memory when old ones have gone; it is the new ones that are seen.
func TestLogTakesOverWhatIsNew(t *testing.T) {
	s := style(t, "mono", theme.Plain, theme.ASCII())
	tab, d := &logTab{}, sample()
	logOf(d, 3)
	tab.View(s, d, 80, 5)
	for i := range d.Log {
		d.Log[i].Serial += 3
		d.Log[i].Text = "new"
	}
	if got := strings.Join(tab.View(s, d, 80, 5), "\n"); !strings.Contains(got, "new") || strings.Contains(got, "<3>") {
		t.Error(got)
	}
}
