//go:build linux

package main

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"

	"shoal/internal/screen"
)

// Sizes of the picture in its own units: a cell of a 14 unit monospaced font.
const (
	cellW, cellH = 8.4, 19
	margin       = 16
	bar          = 30 // the top of a window
	gap          = 14 // between the windows
)

// The terminal's own colours, and those of the sixteen that occur.
const ink, ground = "#d8dee9", "#21262d"

var colors = map[int]string{32: "#a3be8c", 36: "#88c0d0"}

// svg draws every frame as a window, one below the other. Label says what is to be seen.
func svg(frames [][][]screen.Cell, columns int, label string) string {
	width := float64(columns)*cellW + 2*margin
	var b strings.Builder
	y := 0.0
	for _, frame := range frames {
		frame = used(frame)
		height := float64(len(frame))*cellH + bar + margin
		fmt.Fprintf(&b, `<rect y="%g" width="%.0f" height="%.0f" rx="8" fill="%s"/>`+"\n", y, width, height, ground)
		for i, dot := range []string{"#bf616a", "#ebcb8b", "#a3be8c"} {
			fmt.Fprintf(&b, `<circle cx="%d" cy="%g" r="5" fill="%s"/>`+"\n", 18+16*i, y+15, dot)
		}
		for i, row := range frame {
			b.WriteString(line(row, y+bar+float64(i)*cellH))
		}
		y += height + gap
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" role="img" aria-label="%s">
<style>text { white-space: pre }</style>
%s</svg>
`, width, y-gap, width, html.EscapeString(label), b.String())
}

// used leaves out the empty rows at the end.
func used(frame [][]screen.Cell) [][]screen.Cell {
	for n := len(frame); n > 0; n-- {
		for _, c := range frame[n-1] {
			if c.Rune != ' ' {
				return frame[:n]
			}
		}
	}
	return nil
}

// look returns the colours of a cell; no ground is the window's.
func look(s screen.Style) (color, back string) {
	name := func(n int) string {
		if n&screen.RGB != 0 {
			return fmt.Sprintf("#%06x", n&^screen.RGB)
		}
		return colors[n]
	}
	color, back = cmp.Or(name(s.Color), ink), name(s.Ground)
	if s.Reverse {
		color, back = cmp.Or(back, ground), color
	}
	return color, back
}

// line draws a row whose top is at y: grounds, shapes and runs of text. Every run has the length that its cells take, so that the font's own widths do not matter.
func line(row []screen.Cell, y float64) string {
	var grounds, shapes, texts strings.Builder
	for i := 0; i < len(row); {
		j := i + 1
		for j < len(row) && row[j].Style == row[i].Style {
			j++
		}
		x := margin + float64(i)*cellW
		color, back := look(row[i].Style)
		if back != "" {
			fmt.Fprintf(&grounds, `<path d="%s" fill="%s"/>`+"\n", box(x, y, float64(j-i)*cellW, cellH), back)
		}
		drawRun(row[i:j], x, y, color, &shapes, &texts)
		i = j
	}
	out := grounds.String() + shapes.String()
	if texts.Len() > 0 {
		out += fmt.Sprintf(`<text y="%g">%s</text>`+"\n", y+cellH-5, texts.String())
	}
	return out
}

// drawRun draws a run of one style: shapes of a kind as one path, and the text between them.
func drawRun(run []screen.Cell, x, y float64, color string, shapes, texts *strings.Builder) {
	paths := map[string]string{}
	for i := 0; i < len(run); {
		at := x + float64(i)*cellW
		if path, opacity, line := glyph(run[i].Rune, at, y); path != "" {
			how := fmt.Sprintf(`fill="%s"`, color)
			if line {
				how = fmt.Sprintf(`fill="none" stroke="%s"`, color)
			}
			if opacity < 1 {
				how += fmt.Sprintf(` fill-opacity="%g"`, opacity)
			}
			paths[how] += path
			i++
			continue
		}
		j := i + 1
		// Characters beyond ASCII come from other fonts: each keeps to its own cell.
		for j < len(run) && run[i].Rune < 0x7f && run[j].Rune < 0x7f {
			j++
		}
		texts.WriteString(span(run[i:j], at, color))
		i = j
	}
	for _, how := range slices.Sorted(maps.Keys(paths)) {
		fmt.Fprintf(shapes, `<path d="%s" %s/>`+"\n", paths[how], how)
	}
}

// span is text from x on. What would be blank is left out.
func span(run []screen.Cell, x float64, color string) string {
	for len(run) > 0 && run[0].Rune == ' ' {
		run, x = run[1:], x+cellW
	}
	for len(run) > 0 && run[len(run)-1].Rune == ' ' {
		run = run[:len(run)-1]
	}
	if len(run) == 0 {
		return ""
	}
	var word strings.Builder
	for _, c := range run {
		word.WriteRune(c.Rune)
	}
	how := ""
	if run[0].Bold {
		how += ` font-weight="bold"`
	}
	if run[0].Faint {
		how += ` opacity="0.65"`
	}
	if run[0].Underline {
		how += ` text-decoration="underline"`
	}
	return fmt.Sprintf(`<tspan xml:space="preserve" x="%.1f" fill="%s" textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</tspan>`,
		x, color, float64(len(run))*cellW, how, html.EscapeString(word.String()))
}
