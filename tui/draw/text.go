package draw

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"shoal/internal/text"
)

// Align says at which end the spaces stand.
type Align uint8

// The alignments.
const (
	Left Align = iota
	Right
	Center
)

// Cut cleans foreign text and cuts it to at most w cells; what was cut ends in the ellipsis. Sequences that only some terminals join to one
// character, such as flags and skin tones, are written so that all agree on their width.
func (s Style) Cut(foreign string, w int) string {
	out, _ := s.cut(foreign, width(w))
	return out
}

// Fit is Cut to exactly w cells.
func (s Style) Fit(foreign string, w int, a Align) string {
	w = width(w)
	out, n := s.cut(foreign, w)
	return pad(out, w-n, a)
}

// pad adds n spaces.
func pad(s string, n int, a Align) string {
	switch {
	case n <= 0:
		return s
	case a == Right:
		return blank(n) + s
	case a == Center:
		return blank(n/2) + s + blank(n-n/2)
	}
	return s + blank(n)
}

// cut returns the text and the cells it takes.
func (s Style) cut(foreign string, w int) (string, int) {
	return cut(foreign, w, s.Ellipsis)
}

// cut does so with another sign of what was cut, of one cell or none.
func cut(foreign string, w int, ellipsis string) (string, int) {
	if w == 0 {
		return "", 0
	}
	if printable(foreign) {
		if len(foreign) <= w {
			return foreign, len(foreign)
		}
		return foreign[:w-Width(ellipsis)] + ellipsis, w
	}
	// A character has at most twice as many cells here as text counts, and no fewer.
	return clip(text.Clean(foreign, 2*w+2), w, ellipsis)
}

// printable reports whether s is ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// ahead is a character as it may stand before a text: the side of a frame.
const ahead = "│"

// clip cuts clean text to w > 0 cells and returns how many it takes.
func clip(clean string, w int, ellipsis string) (string, int) {
	var b strings.Builder
	end := Width(ellipsis)        // one, or none where nothing is to tell of the cut
	n, kept, keptCells := 0, 0, 0 // kept is the length that leaves room for the ellipsis
	for len(clean) > 0 {
		c := first(clean)
		clean = clean[len(c.text):]
		c = agreed(c)
		if b.Len() == 0 && ansi.StringWidth(ahead+c.text) != 1+c.ansi { // it would join whatever stands before the text
			c = first(string(text.Replacement))
		}
		if n+c.cells > w {
			return b.String()[:kept] + ellipsis, keptCells + end
		}
		b.WriteString(c.text)
		if n += c.cells; n <= w-end {
			kept, keptCells = b.Len(), n
		}
	}
	return b.String(), n
}

// agreed returns the character as all terminals draw it: the letters of a flag, a face without the tone of its skin.
func agreed(c char) char {
	const flagA, flagZ, tone, lastTone = 0x1F1E6, 0x1F1FF, 0x1F3FB, 0x1F3FF
	if c.text[0] < 0xF0 { // neither is below U+10000
		return c
	}
	var b strings.Builder
	for _, r := range c.text {
		switch {
		case r >= flagA && r <= flagZ:
			b.WriteByte('A' + byte(r-flagA))
		case r >= tone && r <= lastTone && b.Len() > 0:
		case r >= tone && r <= lastTone: // by itself it would colour whatever comes to stand before it
			b.WriteRune(text.Replacement)
		default:
			b.WriteRune(r)
		}
	}
	return char{b.String(), Width(b.String()), ansi.StringWidth(b.String())}
}

// part is a stretch of a painted line: text, or a sequence that changes the colours.
type part struct {
	text  string // clean
	cells int
	sgr   bool
}

// Line brings a painted line to exactly w cells. Colours (SGR sequences) pass and are ended at the end; other control characters are
// shown for what they are.
func (s Style) Line(painted string, w int) string { return s.line(painted, w, s.Ellipsis) }

// line does so with another sign of what was cut, of one cell or none.
func (s Style) line(painted string, w int, ellipsis string) string {
	w = width(w)
	if w == 0 || ellipsis != "" && strings.IndexByte(painted, esc) < 0 {
		return s.Fit(painted, w, Left)
	}
	all, total := parts(painted, w)
	room, end := w, ""
	if total > w {
		room, end = w-Width(ellipsis), ellipsis
	}
	var b strings.Builder
	n, open := 0, false
	for _, p := range all {
		switch {
		case p.sgr && (n < room || open): // colours of what was cut away are not begun
			open = !ends(p.text)
			b.WriteString(p.text)
		case p.sgr || n == room:
		case n+p.cells <= room:
			b.WriteString(p.text)
			n += p.cells
		default:
			short, cells := clip(p.text, room-n, "")
			b.WriteString(short)
			n += cells
			room = n
		}
	}
	b.WriteString(end)
	if open {
		b.WriteString(reset)
	}
	return b.String() + blank(w-n-Width(end))
}

const (
	esc   = 0x1b
	reset = "\x1b[0m"
)

// ends reports whether a sequence ends all colours.
func ends(sgr string) bool { return sgr == reset || sgr == "\x1b[m" }

// parts takes a painted line apart and cleans it, as far as it can be seen in w cells.
func parts(painted string, w int) (parts []part, total int) {
	for len(painted) > 0 {
		if n := sgr(painted); n > 0 {
			parts = append(parts, part{text: painted[:n], sgr: true})
			painted = painted[n:]
			continue
		}
		end := 1
		for end < len(painted) && (painted[end] != esc || sgr(painted[end:]) == 0) {
			end++
		}
		if total <= w {
			clean, cells := cut(painted[:end], w+2, "") // of what is too wide more than w
			parts = append(parts, part{text: clean, cells: cells})
			total += cells
		}
		painted = painted[end:]
	}
	return parts, total
}

// sgr returns the length of the colour sequence that s begins with, 0 for none.
func sgr(s string) int {
	if len(s) < 3 || s[0] != esc || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

// Wrap breaks foreign text into lines of at most w cells, between words or behind a hyphen where it can, without spaces at the ends; a width below one
// gives none.
func Wrap(foreign string, w int) []string {
	if w < 1 {
		return nil
	}
	return wrap(text.Clean(foreign, maxWrapped), w)
}

// wrap does so with clean text. That of x/ansi makes lines that are too wide where hyphens follow each other.
func wrap(clean string, w int) (lines []string) {
	clean = strings.Trim(clean, " ")
	line, cells := 0, 0          // where the line begins, and how many cells it has so far
	end, next, behind := 0, 0, 0 // where it may end, where the one after it would begin then, and how many cells it has since
	last := byte(' ')            // of the cluster before
	for i := 0; i < len(clean); {
		c := first(clean[i:])
		cluster, n := c.text, c.cells
		if cluster == " " {
			if last != ' ' {
				end = i
			}
			next, behind = i+1, 0
			cells++
		} else {
			for cells+n > w && i > line {
				if end <= line { // a word that is longer than a line
					end, next, behind = i, i, 0
				}
				lines = append(lines, clean[line:end])
				line, cells, end = next, behind, next
			}
			cells += n
			behind += n
			if cluster == "-" && last != ' ' && last != '-' && cells <= w {
				end, next, behind = i+1, i+1, 0
			}
		}
		i += len(cluster)
		last = cluster[len(cluster)-1]
	}
	return append(lines, clean[line:])
}

// Fold breaks foreign text into lines of at most w cells as Wrap does, but all of it, and keeps the spaces that it begins with, in front of every line.
// There is at least one line, unless w is below one.
func Fold(foreign string, w int) (lines []string) {
	if w < 1 {
		return nil
	}
	body := strings.TrimLeft(foreign, " ")
	indent := min(len(foreign)-len(body), w/2)
	for {
		part := body
		if len(body) > maxFolded {
			end := maxFolded
			if i := strings.LastIndexByte(body[:end], ' '); i > 0 {
				end = i
			}
			for i := 1; i < utf8.UTFMax && !utf8.RuneStart(body[end]); i++ { // of what is no UTF-8 it does not matter
				end--
			}
			part = body[:end]
		}
		body = body[len(part):]
		for _, l := range Wrap(part, w-indent) {
			lines = append(lines, blank(indent)+l)
		}
		if body = strings.TrimLeft(body, " "); body == "" {
			return lines
		}
	}
}

// maxFolded is how many bytes of a text are broken into lines at once: no more cells than maxWrapped.
const maxFolded = maxWrapped / 2

// maxWrapped bounds, in cells, what is worth breaking into lines.
const maxWrapped = 4000
