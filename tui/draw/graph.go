package draw

import (
	"math"
	"slices"
	"strings"

	"shoal/tui/theme"
)

// Bar draws a share from 0 to 1 in w cells, without edges. It is full only when nothing is missing, and empty only when nothing is there;
// a share that is no number is none.
func (s Style) Bar(share float64, w int) string { return s.Paint(theme.Accent, s.bar(share, width(w))) }

// BareBar is Bar without colours, for a row that has its own.
func (s Style) BareBar(share float64, w int) string { return s.bar(share, width(w)) }

func (s Style) bar(share float64, w int) string {
	steps := len(s.Glyphs.Bar) - 1
	n := level(share, w*steps, 1)
	full := strings.Repeat(s.Glyphs.Bar[steps], n/steps)
	rest := w - n/steps
	if n%steps > 0 {
		full += s.Glyphs.Bar[n%steps]
		rest--
	}
	return full + strings.Repeat(s.Glyphs.Bar[0], rest)
}

// level puts share in steps from 0 to n: at least low when there is anything at all, and n only when all is there.
func level(share float64, n, low int) int {
	switch {
	case n <= 0 || math.IsNaN(share) || share <= 0:
		return 0
	case share >= 1:
		return n
	}
	return min(max(int(share*float64(n)), low), max(n-1, low))
}

// Graph draws a series in w by h cells, the newest value at the right, the height standing for top; top <= 0 takes the largest value
// that can be seen. What is not zero is at least one step high; negative values are zero. With dots a cell has two values, else one.
func (s Style) Graph(w, h int, top int64, series []int64, r theme.Role) []string {
	w, h = width(w), height(h)
	perCell, steps := 1, len(s.Steps)
	if s.Glyphs.Graph == theme.Dots {
		perCell, steps = 2, 4
	}
	if len(series) > w*perCell {
		series = series[len(series)-w*perCell:]
	}
	if top <= 0 && len(series) > 0 {
		top = slices.Max(series)
	}
	// The column of the newest value is the last one; what is older than the series is empty.
	heights := make([]int, w*perCell)
	for i, v := range series {
		if v > 0 {
			heights[len(heights)-len(series)+i] = graphLevel(float64(v)/float64(top), h*steps)
		}
	}
	out := make([]string, h)
	for y := range out {
		base := (h - 1 - y) * steps
		var b strings.Builder
		for x := range w {
			if perCell == 2 {
				b.WriteRune(dots(heights[2*x]-base, heights[2*x+1]-base))
			} else {
				b.WriteString(s.step(heights[x] - base))
			}
		}
		out[y] = s.Paint(r, b.String())
	}
	return out
}

// Binned returns a series as a graph of w cells shows it, with the largest of neighbours so that all of it fits and no peak is lost, and the largest
// value of all, which stays what it is while the series moves on.
func (s Style) Binned(w int, series []int64) (shown []int64, top int64) {
	n := width(w)
	if s.Glyphs.Graph == theme.Dots {
		n *= 2
	}
	if shown = series; n > 0 && len(series) > n {
		shown = make([]int64, n)
		for i := range shown {
			from, to := i*len(series)/n, max((i+1)*len(series)/n, i*len(series)/n+1)
			shown[i] = slices.Max(series[from:to])
		}
	}
	for _, x := range shown {
		top = max(top, x)
	}
	return shown, top
}

func graphLevel(share float64, n int) int {
	return min(max(int(math.Round(min(share, 1)*float64(n))), 1), n)
}

// step is a cell of a column that reaches n steps into it.
func (s Style) step(n int) string {
	if n <= 0 {
		return " "
	}
	return s.Steps[min(n, len(s.Steps))-1]
}

// dots is the braille character whose columns are filled left and right from the bottom up to so many of four dots.
func dots(left, right int) rune {
	if left <= 0 && right <= 0 {
		return ' '
	}
	lefts, rights := [5]rune{0, 0x40, 0x44, 0x46, 0x47}, [5]rune{0, 0x80, 0xA0, 0xB0, 0xB8}
	return 0x2800 | lefts[min(max(left, 0), 4)] | rights[min(max(right, 0), 4)]
}
