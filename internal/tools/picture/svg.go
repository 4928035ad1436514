//go:build linux

package main

import (
	"fmt"
	"html"
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

// colors are the terminal's colours that occur, on a dark ground.
var colors = map[int]string{0: "#d8dee9", 32: "#a3be8c", 36: "#88c0d0"}

// svg draws every frame as a window, one below the other.
func svg(frames [][][]screen.Cell, columns int) string {
	width := float64(columns)*cellW + 2*margin
	var b strings.Builder
	y := 0.0
	for _, frame := range frames {
		frame = used(frame)
		height := float64(len(frame))*cellH + bar + margin
		fmt.Fprintf(&b, `<rect y="%g" width="%.0f" height="%.0f" rx="8" fill="#2e3440"/>`+"\n", y, width, height)
		for i, dot := range []string{"#bf616a", "#ebcb8b", "#a3be8c"} {
			fmt.Fprintf(&b, `<circle cx="%d" cy="%g" r="5" fill="%s"/>`+"\n", 18+16*i, y+15, dot)
		}
		for i, row := range frame {
			fmt.Fprintf(&b, `<text x="%d" y="%g">%s</text>`+"\n", margin, y+bar+float64(i+1)*cellH-5, spans(row))
		}
		y += height + gap
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" role="img" aria-label="shoal get in a terminal: halfway, and done">
<style>text { white-space: pre }</style>
%s</svg>
`, width, y-gap, width, b.String())
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

// spans writes a row as runs of one colour. Every run has the length that its
// cells take, so that the font's own widths do not matter.
func spans(row []screen.Cell) string {
	end := len(row)
	for end > 0 && row[end-1].Rune == ' ' {
		end--
	}
	var b strings.Builder
	for i := 0; i < end; {
		j := i
		var run strings.Builder
		for ; j < end && row[j].Color == row[i].Color; j++ {
			run.WriteRune(row[j].Rune)
		}
		color, known := colors[row[i].Color]
		if !known {
			color = colors[0]
		}
		fmt.Fprintf(&b, `<tspan xml:space="preserve" fill="%s" textLength="%.1f" lengthAdjust="spacingAndGlyphs">%s</tspan>`, color, float64(j-i)*cellW, html.EscapeString(run.String()))
		i = j
	}
	return b.String()
}
