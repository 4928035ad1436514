package main

import (
	"os"
	"strings"

	"golang.org/x/term"

	"shoal/internal/text"
)

// column is one column of a table for people.
type column struct {
	head string
	left bool // aligned to the left; numbers are not
	wide bool // gives way when the terminal is too narrow, and may be cut
}

// minWide is how narrow a column that gives way may become, in cells.
const minWide = 12

// layout lays a table out: two blanks between columns, at most width cells a line if that is not 0. Cells are clean text. The last
// column is never filled up with blanks. Columns that do not fit even so are left out at the end.
func layout(cols []column, rows [][]string, width int) []string {
	sizes := make([]int, len(cols))
	for i, c := range cols {
		sizes[i] = text.Width(c.head)
		for _, row := range rows {
			sizes[i] = max(sizes[i], text.Width(row[i]))
		}
	}
	shown := fitColumns(cols, sizes, width)
	lines := make([]string, 0, len(rows)+1)
	heads := make([]string, len(cols))
	for i, c := range cols {
		heads[i] = c.head
	}
	for _, row := range append([][]string{heads}, rows...) {
		var b strings.Builder
		for i := range shown {
			if i > 0 {
				b.WriteString("  ")
			}
			cell := row[i]
			if text.Width(cell) > sizes[i] {
				cell = text.Truncate(cell, sizes[i])
			}
			blanks := strings.Repeat(" ", sizes[i]-text.Width(cell))
			if cols[i].left {
				b.WriteString(cell + blanks)
			} else {
				b.WriteString(blanks + cell)
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// fitColumns makes wide columns narrower until everything fits, and returns how many columns are shown.
func fitColumns(cols []column, sizes []int, width int) (shown int) {
	shown = len(cols)
	if width <= 0 {
		return shown
	}
	total := func() int {
		n := 2 * (shown - 1)
		for _, s := range sizes[:shown] {
			n += s
		}
		return n
	}
	for over := total() - width; over > 0; over = total() - width {
		widest := -1
		for i := range shown {
			if cols[i].wide && sizes[i] > minWide && (widest < 0 || sizes[i] > sizes[widest]) {
				widest = i
			}
		}
		switch {
		case widest >= 0:
			sizes[widest] = max(minWide, sizes[widest]-over)
		case shown > 1:
			shown--
		default:
			sizes[0] = max(1, width)
			return shown
		}
	}
	return shown
}

// width is how wide a table may be: as wide as the terminal at standard output; where there is none, as was said, and else 0 for any.
func (c *console) width() int {
	f, ok := c.stdout.w.(*os.File)
	if !ok {
		return c.cells
	}
	n, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return n
}

// table prints a table for people.
func (c *console) table(cols []column, rows [][]string) {
	if c.json {
		return
	}
	for _, line := range layout(cols, rows, c.width()) {
		c.Result("%s", line)
	}
}
