// Package draw owns the geometry of what a terminal shows: text fitted to cells, bars, graphs, maps of pieces, frames and tables. It is pure, it
// knows nothing of torrents, and the rooms that draw (tui/tabs, tui/app) use it. Every function returns lines of exactly the width that
// it was asked for, as Width measures, and exactly so many lines, whatever it is given; a width or height
// below one gives empty lines or none. Pin makes such a line ready for terminals that measure otherwise. Foreign text is cleaned here. Nothing is shared: every function may be called from any goroutine.
package draw

import (
	"strings"

	"shoal/tui/theme"
)

// Style is how things are drawn: in which colours and with which characters. Neither is nil.
type Style struct {
	*theme.Theme
	*theme.Glyphs
}

// Bounds of what is drawn, far beyond any terminal: nobody asks for a line that does not fit into memory.
const (
	maxWidth  = 4096
	maxHeight = 4096
)

func width(w int) int  { return min(max(w, 0), maxWidth) }
func height(h int) int { return min(max(h, 0), maxHeight) }

// blank is w cells of nothing.
func blank(w int) string { return strings.Repeat(" ", width(w)) }

// Lines returns exactly h lines of w cells: lines that were painted here, cut and padded, and empty ones below.
func (s Style) Lines(lines []string, w, h int) []string {
	w, h = width(w), height(h)
	out := make([]string, h)
	for i := range out {
		if i < len(lines) {
			out[i] = s.Line(lines[i], w)
		} else {
			out[i] = blank(w)
		}
	}
	return out
}

// Beside puts panes of the same height side by side.
func Beside(panes ...[]string) []string {
	if len(panes) == 0 {
		return nil
	}
	out := make([]string, len(panes[0]))
	for i := range out {
		var b strings.Builder
		for _, p := range panes {
			if i < len(p) {
				b.WriteString(p[i])
			}
		}
		out[i] = b.String()
	}
	return out
}

// Rule is a line across w cells, with a title in it unless that is empty.
func (s Style) Rule(title string, w int) string {
	w = width(w)
	if title == "" || w < 8 {
		return s.Paint(theme.Border, strings.Repeat(s.Glyphs.Rule, w))
	}
	name := s.Cut(title, w-6)
	rest := w - 4 - Width(name)
	return s.Paint(theme.Border, strings.Repeat(s.Glyphs.Rule, 2)) + " " + s.Paint(theme.Title, name) + " " +
		s.Paint(theme.Border, strings.Repeat(s.Glyphs.Rule, rest))
}
