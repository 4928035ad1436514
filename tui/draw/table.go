package draw

import (
	"slices"
	"strings"

	"shoal/tui/theme"
)

// Column is one column of a table.
type Column struct {
	Title string
	Width int // cells; of a flexible column the least
	Flex  int // how much of the room that is left it takes, against the others'; 0: fixed
	Max   int // of a flexible column the most, 0 for no bound
	Align Align
	// Rank says which columns stay when the table is narrow: those of the highest rank go first, those of rank 0 never.
	Rank int
	// Join leaves out the space before the column.
	Join bool
}

// Cell is what stands in a column: Text, which may be foreign, or a bar.
type Cell struct {
	Text  string
	Role  theme.Role
	Bar   bool
	Share float64 // of the bar, 0 to 1
}

// Row is one row: a cell for each column, in their order; those that are not there are empty. A Role other than Text covers the
// roles of the cells, and the spaces between them.
type Row struct {
	Cells []Cell
	Role  theme.Role
}

// Table draws the heads of the columns and h-1 of n rows, from first on, in w cells. rows is asked for those that are seen and no others; Table is done
// with a row before it asks for the next one, so that cells may be reused. What a column cannot hold is cut. No title at all: no line of heads, h rows.
func (s Style) Table(cols []Column, rows func(i int) Row, first, n, w, h int) []string {
	w, h = width(w), height(h)
	widths := layout(cols, w)
	out := make([]string, 0, h)
	if h > 0 && slices.ContainsFunc(cols, func(c Column) bool { return c.Title != "" }) {
		heads := make([]Cell, len(cols))
		for i, c := range cols {
			heads[i] = Cell{Text: c.Title}
		}
		out = append(out, s.row(cols, widths, Row{heads, theme.Head}, w))
	}
	for i := max(first, 0); len(out) < h; i++ {
		if i >= n {
			out = append(out, blank(w))
			continue
		}
		out = append(out, s.row(cols, widths, rows(i), w))
	}
	return out
}

// row draws one row.
func (s Style) row(cols []Column, widths []int, r Row, w int) string {
	var b strings.Builder
	n := 0
	for i, c := range cols {
		if widths[i] == 0 {
			continue
		}
		if n > 0 && !c.Join {
			b.WriteByte(' ')
			n++
		}
		n += widths[i]
		var cell Cell
		if i < len(r.Cells) {
			cell = r.Cells[i]
		}
		var text string
		if cell.Bar {
			text = s.bar(cell.Share, widths[i])
		} else {
			text = s.Fit(cell.Text, widths[i], c.Align)
		}
		if r.Role == theme.Text {
			text = s.Paint(cell.Role, text)
		}
		b.WriteString(text)
	}
	b.WriteString(blank(w - n))
	if r.Role != theme.Text {
		return s.Paint(r.Role, b.String())
	}
	return b.String()
}

// layout returns the width of each column, 0 for those that there is no room for; with the spaces between them they take at most w cells.
func layout(cols []Column, w int) []int {
	widths := make([]int, len(cols))
	for i, c := range cols {
		widths[i] = width(c.Width)
		if c.Flex > 0 {
			widths[i] = max(widths[i], 1)
		}
	}
	for taken(cols, widths) > w && drop(cols, widths) {
	}
	squeeze(cols, widths, w)
	grow(cols, widths, w-taken(cols, widths))
	return widths
}

// taken is how many cells the columns take.
func taken(cols []Column, widths []int) int {
	n := 0
	for i, c := range cols {
		if widths[i] == 0 {
			continue
		}
		if n > 0 && !c.Join {
			n++
		}
		n += widths[i]
	}
	return n
}

// drop takes away the last of the columns of the highest rank, unless that is 0.
func drop(cols []Column, widths []int) bool {
	worst := -1
	for i, c := range cols {
		if widths[i] > 0 && c.Rank > 0 && (worst < 0 || c.Rank >= cols[worst].Rank) {
			worst = i
		}
	}
	if worst < 0 {
		return false
	}
	widths[worst] = 0
	return true
}

// squeeze narrows columns that cannot go, the widest first and those at the right before others, until they fit.
func squeeze(cols []Column, widths []int, w int) {
	for taken(cols, widths) > w {
		widest := 0
		for i := range widths {
			if widths[i] >= widths[widest] {
				widest = i
			}
		}
		widths[widest]--
	}
}

// grow deals the room that is left to the flexible columns.
func grow(cols []Column, widths []int, room int) {
	for room > 0 {
		weight := 0
		for i, c := range cols {
			if open(c, widths[i]) {
				weight += c.Flex
			}
		}
		if weight == 0 {
			return
		}
		left := room
		for i, c := range cols {
			if !open(c, widths[i]) {
				continue
			}
			more := max(room*c.Flex/weight, 1)
			if c.Max > 0 {
				more = min(more, c.Max-widths[i])
			}
			more = min(more, left)
			widths[i] += more
			left -= more
		}
		room = left
	}
}

// open reports whether a column may be wider.
func open(c Column, w int) bool { return c.Flex > 0 && w > 0 && (c.Max <= 0 || w < c.Max) }
