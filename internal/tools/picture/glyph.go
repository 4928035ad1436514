//go:build linux

package main

import (
	"fmt"
	"strings"
)

// glyph draws block elements, shades, frames and braille as shapes that fill the cell at x and y, so that they join whatever the font is. It returns
// the path, how opaque it is and whether it is a line; "" for any other character.
func glyph(r rune, x, y float64) (path string, opacity float64, line bool) {
	const air = 2 // above and below bars, so that those of two rows are two
	switch {
	case r == '█':
		return box(x, y+air, cellW, cellH-2*air), 1, false
	case r >= '▁' && r < '█': // from below
		h := cellH * float64(r-'▁'+1) / 8
		return box(x, y+cellH-h, cellW, h), 1, false
	case r >= '▉' && r <= '▏': // from the left
		return box(x, y+air, cellW*float64('▐'-r)/8, cellH-2*air), 1, false
	case r >= '░' && r <= '▓':
		return box(x, y+air, cellW, cellH-2*air), 0.25 * float64(r-'░'+1), false
	case r > 0x2800 && r < 0x2900:
		return braille(int(r-0x2800), x, y), 1, false
	}
	return frame(r, x, y), 1, true
}

func box(x, y, w, h float64) string { return fmt.Sprintf("M%.2f %.2fh%.2fv%.2fh%.2fz", x, y, w, h, -w) }

// braille draws the dots; bit 0 is at the top left, bits 6 and 7 are the lowest row.
func braille(dots int, x, y float64) string {
	var b strings.Builder
	for bit, at := range [8][2]float64{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {0, 3}, {1, 3}} {
		if dots>>bit&1 == 1 {
			b.WriteString(box(x+cellW/2*at[0]+0.7, y+cellH/4*at[1]+0.7, cellW/2-1.4, cellH/4-1.4))
		}
	}
	return b.String()
}

// frame draws the lines of boxes.
func frame(r rune, x, y float64) string {
	cx, cy, right, bottom := x+cellW/2, y+cellH/2, x+cellW, y+cellH
	arc := func(fromY, toX float64) string {
		return fmt.Sprintf("M%.2f %.2fQ%.2f %.2f %.2f %.2f", cx, fromY, cx, cy, toX, cy)
	}
	switch r {
	case '─':
		return fmt.Sprintf("M%.2f %.2fH%.2f", x, cy, right)
	case '│':
		return fmt.Sprintf("M%.2f %.2fV%.2f", cx, y, bottom)
	case '┤':
		return fmt.Sprintf("M%.2f %.2fV%.2fM%.2f %.2fH%.2f", cx, y, bottom, x, cy, cx)
	case '├':
		return fmt.Sprintf("M%.2f %.2fV%.2fM%.2f %.2fH%.2f", cx, y, bottom, cx, cy, right)
	case '╭':
		return arc(bottom, right)
	case '╮':
		return arc(bottom, x)
	case '╰':
		return arc(y, right)
	case '╯':
		return arc(y, x)
	}
	return ""
}
