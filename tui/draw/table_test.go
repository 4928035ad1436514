package draw

import (
	"fmt"
	"testing"

	"shoal/tui/theme"
)

// torrentTable is a list as wide as that of a large terminal.
func torrentTable() ([]Column, func(int) Row) {
	cols := []Column{{Width: 1}, {Width: 1, Join: true}, {Width: 1, Join: true}, {Title: "NAME", Width: 12, Flex: 1}, {Title: "SIZE", Width: 8, Align: Right, Rank: 3},
		{Title: "PROGRESS", Width: 16, Rank: 4}, {Title: "DONE", Width: 4, Align: Right}, {Title: "DOWN", Width: 9, Align: Right, Rank: 1}, {Title: "UP", Width: 9, Align: Right, Rank: 2}}
	cells := make([]Cell, len(cols))
	return cols, func(i int) Row {
		copy(cells, []Cell{{Text: " "}, {Text: "●"}, {Text: "▼", Role: theme.Down}, {Text: fmt.Sprintf("日本語 torrent %d of many.iso", i)}, {Text: "5.5 GB"},
			{Bar: true, Share: float64(i%100) / 100}, {Text: "47%"}, {Text: "9.8 MB/s", Role: theme.Down}, {Text: "1.1 MB/s", Role: theme.Up}})
		return Row{Cells: cells}
	}
}

// TestTableAsksForWhatIsSeen: rows that are not seen are not formatted.
func TestTableAsksForWhatIsSeen(t *testing.T) {
	s := styles(t)["ascii, plain"]
	cols, rows := torrentTable()
	asked := 0
	s.Table(cols, func(i int) Row {
		if asked++; i < 5000 || i >= 5049 {
			t.Errorf("row %d was asked for", i)
		}
		return rows(i)
	}, 5000, 10000, 160, 50)
	if asked != 49 {
		t.Errorf("%d rows", asked)
	}
}

// TestColumnsGo: when it is narrow, columns go by their ranks.
func TestColumnsGo(t *testing.T) {
	cols, _ := torrentTable()
	for w, want := range map[int]string{160: "NAME SIZE PROGRESS DONE DOWN UP ", 60: "NAME SIZE DONE DOWN UP ", 45: "NAME DONE DOWN UP ", 35: "NAME DONE DOWN ", 25: "NAME DONE "} {
		got := ""
		for i, n := range layout(cols, w) {
			if n > 0 && cols[i].Title != "" {
				got += cols[i].Title + " "
			}
		}
		if got != want {
			t.Errorf("%d cells: %q, not %q", w, got, want)
		}
	}
}

func BenchmarkTable160x50(b *testing.B) {
	s := styles(b)["braille, true colour"]
	cols, rows := torrentTable()
	b.ReportAllocs()
	for b.Loop() {
		s.Table(cols, rows, 5000, 10000, 160, 50)
	}
}
