package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"shoal/bench/figures"
)

// Sizes of the drawing in pixels.
const (
	width   = 860
	left    = 20
	top     = 24
	barLine = 22
	barName = 96 // of the client, before its bar
	chartW  = 246
	chartH  = 150
)

// style makes the drawing readable on light and on dark screens. It lies on paper of its own, so that it stays readable where only the
// page around it is dark.
const style = `<style>
text{font:12px system-ui,sans-serif;fill:#333}
.paper{fill:#fff;stroke:#9995}
.title{font-weight:600;font-size:13px}
.small{font-size:11px}
.mid{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:#9995;fill:none}
.curve{fill:none;stroke-width:2}
@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#161b22}}
</style>
`

// colours are those of the clients; all of them stand out from both papers.
var colours = map[string]string{"shoal": "#2f81f7", "libtorrent": "#e08a2c"}

func colour(client string) string {
	if c, ok := colours[client]; ok {
		return c
	}
	return "#8b949e"
}

// Plot draws throughput and CPU of the clients, and how cost grows.
func Plot(rows []figures.Row) []byte {
	var b strings.Builder
	y := top
	for _, g := range groups(rows) {
		y = g.draw(&b, y) + 16
	}
	x := left
	all := curves(rows)
	for i := range all {
		all[i].draw(&b, x, y)
		x += chartW + 40
	}
	if len(all) > 0 {
		y += chartH + 70
	}
	return fmt.Appendf(nil, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %[1]d %[2]d\" role=\"img\">\n%s"+
		"<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n%s</svg>\n", width, y, style, width-1, y-1, b.String())
}

// group is the bars of one row in one case: throughput on the left and CPU on the right.
type group struct {
	title string
	lines []figures.Line
}

// barTitles are the rows that are drawn as bars.
var barTitles = map[string]string{"leech": "Download", "seed": "Serving", "rc4": "RC4"}

// groups returns what is drawn as bars.
func groups(rows []figures.Row) []group {
	var all []group
	for _, r := range rows {
		title, ok := barTitles[r.Name]
		if !ok {
			continue
		}
		for _, l := range r.Lines {
			title := strings.TrimSpace(title + " " + l.Case)
			i := slices.IndexFunc(all, func(g group) bool { return g.title == title })
			if i < 0 {
				i = len(all)
				all = append(all, group{title: title})
			}
			all[i].lines = append(all[i].lines, l)
		}
	}
	return all
}

// draw draws the bars from y on and returns where they end.
func (g *group) draw(b *strings.Builder, y int) int {
	fmt.Fprintf(b, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", left, y+4, escape(g.title))
	const half = (width - 2*left) / 2
	const room = half - barName - 60 // for the longest bar
	for i, k := range []figures.Key{figures.Rate, figures.CPU} {
		x := left + barName + i*half
		fmt.Fprintf(b, "<text class=\"small end\" x=\"%d\" y=\"%d\">%s</text>\n", x+room, y+4, []string{"MiB/s, more is better", "CPU s/GiB, less is better"}[i])
		most := 0.0
		for j := range g.lines {
			if v := g.lines[j].Median(k); v > most { // false for NaN
				most = v
			}
		}
		for j := range g.lines {
			l := &g.lines[j]
			at, v := y+12+j*barLine, l.Median(k)
			if i == 0 {
				fmt.Fprintf(b, "<text class=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", x-8, at+14, escape(l.Client))
			}
			if math.IsNaN(v) || most == 0 {
				continue
			}
			w := v / most * room
			fmt.Fprintf(b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"16\" rx=\"2\" fill=\"%s\"/>\n", x, at+2, w, colour(l.Client))
			fmt.Fprintf(b, "<text class=\"small\" x=\"%.1f\" y=\"%d\">%s</text>\n", float64(x)+w+6, at+14, number(v))
		}
	}
	return y + 12 + len(g.lines)*barLine
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
