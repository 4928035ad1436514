package draw

import (
	"strings"

	"shoal/tui/theme"
)

// Pieces draws a map of n pieces in w by h cells, in reading order. A cell that stands for several pieces tells their share, and is full only
// when all are there; cells of which a piece is under way have a character of their own. Both functions are asked once for each piece;
// inFlight may be nil.
func (s Style) Pieces(have, inFlight func(i int) bool, n, w, h int) []string {
	w, h = width(w), height(h)
	out := make([]string, h)
	for y := range out {
		line := runs{theme: s.Theme}
		for x := range w {
			from, to := stretch(y*w+x, w*h, n)
			line.add(s.piece(have, inFlight, from, to))
		}
		out[y] = line.end()
	}
	return out
}

// stretch is what of n things the i-th of cells stands for; nothing when n is 0.
func stretch(i, cells, n int) (from, to int) {
	if n <= 0 {
		return 0, 0
	}
	from = int(int64(i) * int64(n) / int64(cells))
	to = int(int64(i+1) * int64(n) / int64(cells))
	return from, max(to, from+1)
}

func (s Style) piece(have, inFlight func(i int) bool, from, to int) (string, theme.Role) {
	if from == to {
		return " ", theme.Text
	}
	got, flying := 0, false
	for i := from; i < to; i++ {
		if have(i) {
			got++
		} else if inFlight != nil && inFlight(i) {
			flying = true
		}
	}
	n := level(float64(got)/float64(to-from), len(s.Shades)-1, 1)
	switch {
	case flying:
		return s.Flight, theme.Warn
	case n == len(s.Shades)-1:
		return s.Shades[n], theme.Good
	case n == 0:
		return s.Shades[0], theme.Dim
	}
	return s.Shades[n], theme.Accent
}

// Availability draws in one line of w cells how many peers have each piece: a cell shows the rarest that it stands for, as high as it is
// against the most common; pieces that nobody has are marked as an error.
func (s Style) Availability(counts []uint16, w int) string {
	w = width(w)
	least, top := make([]uint16, w), uint16(0)
	for x := range least {
		from, to := stretch(x, w, len(counts))
		for i := from; i < to; i++ {
			if i == from || counts[i] < least[x] {
				least[x] = counts[i]
			}
			top = max(top, counts[i])
		}
	}
	line := runs{theme: s.Theme}
	for _, n := range least {
		switch {
		case len(counts) == 0:
			line.add(" ", theme.Text)
		case n == 0:
			line.add(s.Error, theme.Bad)
		default:
			line.add(s.step(graphLevel(float64(n)/float64(top), len(s.Steps))), theme.Accent)
		}
	}
	return line.end()
}

// runs collects cells and paints neighbours of one role together.
type runs struct {
	theme     *theme.Theme
	done, run strings.Builder
	role      theme.Role
}

func (l *runs) add(cell string, r theme.Role) {
	if r != l.role {
		l.end()
		l.role = r
	}
	l.run.WriteString(cell)
}

func (l *runs) end() string {
	l.done.WriteString(l.theme.Paint(l.role, l.run.String()))
	l.run.Reset()
	return l.done.String()
}
