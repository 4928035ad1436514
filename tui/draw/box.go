package draw

import (
	"strings"

	"shoal/tui/theme"
)

// Box frames painted lines in w by h cells, frame included; Inner says how much room is in it. The title, foreign or not, stands in the upper edge.
// What is too narrow or too low for a frame has none.
func (s Style) Box(title string, lines []string, w, h int) []string {
	w, h = width(w), height(h)
	if w < 4 || h < 2 {
		return s.Lines(lines, w, h)
	}
	b := s.Glyphs.Box
	out := make([]string, 0, h)
	out = append(out, s.edge(title, w))
	side := s.Paint(theme.Border, b.Vertical)
	for _, l := range s.Lines(lines, w-2, h-2) {
		out = append(out, side+l+side)
	}
	return append(out, s.Paint(theme.Border, b.BottomLeft+strings.Repeat(b.Horizontal, w-2)+b.BottomRight))
}

// Inner is the room in a box of that size.
func Inner(w, h int) (int, int) {
	w, h = width(w), height(h)
	if w < 4 || h < 2 {
		return w, h
	}
	return w - 2, h - 2
}

// edge is the upper edge of a box, with the title if there is room.
func (s Style) edge(title string, w int) string {
	b := s.Glyphs.Box
	if title == "" || w < 10 {
		return s.Paint(theme.Border, b.TopLeft+strings.Repeat(b.Horizontal, w-2)+b.TopRight)
	}
	name := s.Cut(title, w-6)
	return s.Paint(theme.Border, b.TopLeft+b.Horizontal) + " " + s.Paint(theme.Title, name) + " " +
		s.Paint(theme.Border, strings.Repeat(b.Horizontal, w-5-Width(name))+b.TopRight)
}

// Over lays a box of lines of equal width over the middle of a screen of w by h cells, which it returns; what does not fit is cut.
func (s Style) Over(screen, box []string, w, h int) []string {
	w, h = width(w), height(h)
	out := s.Lines(screen, w, h)
	if len(box) == 0 {
		return out
	}
	boxW := min(Width(box[0]), w)
	x, y := (w-boxW)/2, max((h-len(box))/2, 0)
	for i, line := range box {
		if y+i >= h {
			break
		}
		right := w - x - boxW
		rest := ""
		if right > 0 {
			rest = behind(out[y+i], w-right)
		}
		out[y+i] = s.line(out[y+i], x, "") + s.Line(line, boxW) + s.Line(rest, right)
	}
	return out
}
