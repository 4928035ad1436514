package tabs

import (
	"slices"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/theme"
)

// rateStep is the time that one of Data.Rates stands for.
const rateStep = 5 * time.Second

// Rates are the rate now and what came and went before, newest last, of step each, in h lines of w cells: a graph each, side by side where there is
// room, else below each other, and where there is none for both what came. Each has its own scale, and says it, and the time that it spans.
func Rates(s draw.Style, now status.Rate, rates []status.Rate, step time.Duration, w, h int) []string {
	down, up := make([]int64, len(rates)), make([]int64, len(rates))
	for i, r := range rates {
		down[i], up[i] = r.Down, r.Up
	}
	came := func(w, h int) []string { return rateGraph(s, s.Glyphs.Down, theme.Down, now.Down, down, step, w, h) }
	went := func(w, h int) []string { return rateGraph(s, s.Glyphs.Up, theme.Up, now.Up, up, step, w, h) }
	if w >= 60 {
		half := (w - 2) / 2
		return draw.Beside(came(half, h), s.Lines(nil, w-2*half, h), went(half, h))
	}
	if h < 4 {
		return came(w, h)
	}
	return append(came(w, h-h/2), went(w, h/2)...)
}

func rateGraph(s draw.Style, glyph string, r theme.Role, now int64, series []int64, step time.Duration, w, h int) []string {
	shown, top := s.Binned(w, series)
	head := glyph + " " + text.Rate(now)
	if most := ", at most " + text.Rate(max(top, now)); top > 0 && draw.Width(head)+draw.Width(most) <= w {
		head += most
		if span := " in " + text.Duration(step*time.Duration(len(series))); draw.Width(head)+draw.Width(span) <= w {
			head += span
		}
	}
	return s.Lines(slices.Concat([]string{s.Paint(r, s.Fit(head, w, draw.Left))}, s.Graph(w, h-1, top, shown, r)), w, h)
}
