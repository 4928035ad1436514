package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"shoal/bench/figures"
)

// curve is one figure against what grows.
type curve struct {
	title, below string
	key          figures.Key
	scale        float64 // from the figure to what is drawn
	row          figures.Row
}

// curves returns what is drawn as curves.
func curves(rows []figures.Row) []curve {
	var all []curve
	for _, r := range rows {
		switch r.Name {
		case "peers":
			all = append(all, curve{"Serving, MiB/s", "connections", figures.Rate, 1, r})
		case "memory":
			all = append(all, curve{"Peak memory, MiB", "pieces", figures.Peak, 1, r})
		case "quiet":
			all = append(all, curve{"CPU of a quiet hour, s", "torrents", figures.Busy, 3600.0 / 100, r})
		}
	}
	return all
}

// draw draws the curve with its corner at x and y: logarithmic to the right, and from zero upwards.
func (c *curve) draw(b *strings.Builder, x, y int) {
	var xs []float64
	most := 0.0
	for i := range c.row.Lines {
		l := &c.row.Lines[i]
		if v := l.Median(c.key) * c.scale; v > most {
			most = v
		}
		if l.X > 0 && !slices.Contains(xs, l.X) {
			xs = append(xs, l.X)
		}
	}
	if len(xs) == 0 || most == 0 {
		return
	}
	slices.Sort(xs)
	highest := nice(most)
	const plotLeft = 38
	px := func(v float64) float64 {
		if len(xs) == 1 {
			return float64(x + plotLeft)
		}
		return float64(x+plotLeft) + (chartW-plotLeft)*math.Log(v/xs[0])/math.Log(xs[len(xs)-1]/xs[0])
	}
	py := func(v float64) float64 { return float64(y+20) + chartH*(1-v/highest) }
	fmt.Fprintf(b, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", x, y+4, escape(c.title))
	for _, part := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"small end\" x=\"%d\" y=\"%.1f\">%s</text>\n",
			x+plotLeft, py(highest*part), x+chartW, x+plotLeft-6, py(highest*part)+4, number(highest*part))
	}
	for _, v := range xs {
		fmt.Fprintf(b, "<text class=\"small mid\" x=\"%.1f\" y=\"%d\">%s</text>\n", px(v), y+chartH+36, short(v))
	}
	fmt.Fprintf(b, "<text class=\"small mid\" x=\"%d\" y=\"%d\">%s</text>\n", x+plotLeft+(chartW-plotLeft)/2, y+chartH+52, escape(c.below))
	c.lines(b, x+chartW, y+4, px, py)
}

// lines draws the clients' curves, and what they are called up to a point on the right.
func (c *curve) lines(b *strings.Builder, right, y int, px, py func(float64) float64) {
	var names, legend []string
	for _, l := range c.row.Lines {
		if !math.IsNaN(l.Median(c.key)) && !slices.Contains(names, l.Client) {
			names = append(names, l.Client)
		}
	}
	for _, name := range names {
		c.line(b, name, px, py)
		legend = append(legend, fmt.Sprintf("<tspan style=\"fill:%s\">%s</tspan>", colour(name), escape(name)))
	}
	if len(names) > 1 {
		fmt.Fprintf(b, "<text class=\"small end\" x=\"%d\" y=\"%d\">%s</text>\n", right, y, strings.Join(legend, "  "))
	}
}

// line draws one client's points, joined.
func (c *curve) line(b *strings.Builder, client string, px, py func(float64) float64) {
	var path, dots strings.Builder
	for i := range c.row.Lines {
		l := &c.row.Lines[i]
		v := l.Median(c.key) * c.scale
		if l.Client != client || math.IsNaN(v) {
			continue
		}
		step := "L"
		if path.Len() == 0 {
			step = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", step, px(l.X), py(v))
		fmt.Fprintf(&dots, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>", px(l.X), py(v), colour(client))
	}
	fmt.Fprintf(b, "<path class=\"curve\" d=\"%s\" stroke=\"%s\"/>%s\n", path.String(), colour(client), dots.String())
}

// nice returns a round number that is not below v.
func nice(v float64) float64 {
	scale := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if m*scale >= v {
			return m * scale
		}
	}
	return v
}

// short writes a number of an axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}
