package draw

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"shoal/internal/text"
)

// Terminals do not agree on how many cells a character takes that is made of several code points. Some count each code point that moves the
// cursor (the C library's wcwidth, tmux, xterm), some a grapheme cluster as one (x/ansi and with it Bubble Tea, kitty): of "नि" the first see
// two cells, the others one. Here a character has as many cells as the larger count, so that no line ever grows out of its place, and Pin
// makes the terminal go on in the right place where it counted fewer.

// char is a character of clean text.
type char struct {
	text  string // a cluster; ASCII stands by itself
	cells int    // the most that any terminal takes
	ansi  int    // as x/ansi counts it
}

// first returns the character that clean, not empty text begins with.
func first(clean string) char {
	if clean[0] < utf8.RuneSelf {
		return char{clean[:1], 1, 1}
	}
	cluster, n := ansi.FirstGraphemeCluster(clean, ansi.GraphemeWidth)
	return char{cluster, max(n, text.Width(cluster)), n}
}

// Width is how many cells s takes: clean text, painted or not.
func Width(s string) int {
	n := 0
	for len(s) > 0 {
		if skip := sgr(s); skip > 0 {
			s = s[skip:]
			continue
		}
		c := first(s)
		s = s[len(c.text):]
		n += c.cells
	}
	return n
}

// behind is what stands in a painted line behind its first w cells, in its colours; half of a wide character is a space.
func behind(painted string, w int) string {
	colours := ""
	for len(painted) > 0 {
		if n := sgr(painted); n > 0 {
			if colours += painted[:n]; ends(painted[:n]) {
				colours = ""
			}
			painted = painted[n:]
			continue
		}
		if w <= 0 {
			break
		}
		c := first(painted)
		painted = painted[len(c.text):]
		w -= c.cells
	}
	return colours + blank(-w) + painted
}

// Pin prepares a whole line of the screen, which begins in its first column, for terminals of every kind: characters whose width they may not
// agree on are followed by a move of the cursor to the column where the line goes on. It is as wide for x/ansi as for Width.
func Pin(line string) string {
	if !hasDoubt(line) {
		return line
	}
	var b strings.Builder
	col := 0
	for len(line) > 0 {
		if n := sgr(line); n > 0 {
			b.WriteString(line[:n])
			line = line[n:]
			continue
		}
		run, cells, counted := 0, 0, 0 // a run of doubtful characters
		for run < len(line) && line[run] >= utf8.RuneSelf {
			c := first(line[run:])
			if certain(c.text) {
				break
			}
			run += len(c.text)
			cells += c.cells
			counted += c.ansi
		}
		if run == 0 {
			c := first(line)
			b.WriteString(c.text)
			line = line[len(c.text):]
			col += c.cells
			continue
		}
		// What stood there is erased. The spaces are for x/ansi, they take what the run has more cells than it counts.
		b.WriteString(erase(cells))
		if more := cells - counted; more > 0 {
			b.WriteString(column(col+counted) + blank(more) + column(col))
		}
		b.WriteString(line[:run])
		col += cells
		b.WriteString(column(col))
		line = line[run:]
	}
	return b.String()
}

// erase is the sequence (ECH) that clears n cells from the cursor on, column the one (CHA) that moves it to a column, the first of which is 0.
func erase(n int) string    { return ansi.EraseCharacter(n) }
func column(col int) string { return ansi.CursorHorizontalAbsolute(col + 1) }

func hasDoubt(line string) bool {
	for _, r := range line {
		if r >= utf8.RuneSelf && !unicode.Is(undisputed, r) {
			return true
		}
	}
	return false
}

// certain reports whether all terminals give a character as many cells.
func certain(cluster string) bool {
	r, n := utf8.DecodeRuneInString(cluster)
	return n == len(cluster) && unicode.Is(undisputed, r)
}

// undisputed are code points that take by themselves as many cells on every terminal: the letters of scripts that have no marks between them, what
// frames and graphs are drawn with, and the wide ones of East Asia.
var undisputed = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00A1, 0x02FF, 1}, {0x0370, 0x0377, 1}, {0x037A, 0x0482, 1}, {0x048A, 0x058F, 1}, {0x05D0, 0x05EA, 1}, {0x0620, 0x063F, 1}, {0x0641, 0x064A, 1},
		{0x1E00, 0x1FFF, 1}, {0x2010, 0x2027, 1}, {0x2030, 0x205E, 1}, {0x20A0, 0x20BF, 1}, {0x2100, 0x218B, 1}, {0x2190, 0x2319, 1}, {0x2400, 0x2426, 1},
		{0x2500, 0x25FC, 1}, {0x2713, 0x2718, 1}, {0x2800, 0x28FF, 1}, {0x3001, 0x3029, 1}, {0x3041, 0x3096, 1}, {0x30A0, 0x30FF, 1}, {0x3400, 0x4DBF, 1},
		{0x4E00, 0x9FFF, 1}, {0xAC00, 0xD7A3, 1}, {0xFF01, 0xFF60, 1}, {0xFFFD, 0xFFFD, 1},
	},
}
