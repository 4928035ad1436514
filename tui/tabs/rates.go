package tabs

import (
	"fmt"
	"slices"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/theme"
)

// rateStep is the time that one of Data.Rates stands for.
const rateStep = 5 * time.Second

// Rates are what came and went, newest last, of step each, in h lines of w cells: a graph each, side by side where there is room, else below each other, and
// where there is none for both what came. Each has its own scale, and says it, the rate now and the time that it spans.
func Rates(s draw.Style, rates []status.Rate, step time.Duration, w, h int) []string {
	down, up := make([]int64, len(rates)), make([]int64, len(rates))
	for i, r := range rates {
		down[i], up[i] = r.Down, r.Up
	}
	graph := func(glyph string, r theme.Role, series []int64, w, h int) []string {
		return rateGraph(s, glyph, r, series, step, w, h)
	}
	if w >= 60 {
		half := (w - 2) / 2
		return draw.Beside(graph(s.Glyphs.Down, theme.Down, down, half, h), s.Lines(nil, w-2*half, h), graph(s.Glyphs.Up, theme.Up, up, half, h))
	}
	if h < 4 {
		return graph(s.Glyphs.Down, theme.Down, down, w, h)
	}
	return append(graph(s.Glyphs.Down, theme.Down, down, w, h-h/2), graph(s.Glyphs.Up, theme.Up, up, w, h/2)...)
}

func rateGraph(s draw.Style, glyph string, r theme.Role, series []int64, step time.Duration, w, h int) []string {
	now := int64(0)
	if n := len(series); n > 0 {
		now = series[n-1]
	}
	shown, top := s.Binned(w, series)
	head := fmt.Sprintf("%s %s, at most %s", glyph, text.Rate(now), text.Rate(top))
	if span := " in " + text.Duration(step*time.Duration(len(series))); len(series) > 0 && draw.Width(head)+draw.Width(span) <= w {
		head += span
	}
	return s.Lines(slices.Concat([]string{s.Paint(r, s.Fit(head, w, draw.Left))}, s.Graph(w, h-1, top, shown, r)), w, h)
}
