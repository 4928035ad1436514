// Package text makes foreign text printable and puts numbers into words. Names
// from torrents, messages from trackers and client names from peers pass
// through Clean at every sink: screen, command line, log; Mask hides secrets on
// the way into logs and messages. The package holds no
// state; every function may be called from any goroutine.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Replacement stands for every character that may not be shown.
const Replacement = '\uFFFD'

// ellipsis ends text that was cut; it is one cell wide.
const ellipsis = '…'

// maxMarks is how many combining marks may stand on one base character. No
// living script needs more; a tall stack would paint over other lines.
const maxMarks = 4

// Clean returns s as one line that is safe on a terminal and in a log: control
// characters of the first block become their pictures (ESC is ␛), line ends and
// tabs and unusual spaces become a space, and what steers, hides or reorders
// text (C1, bidi marks, zero-width characters, invalid UTF-8, surplus combining
// marks) becomes U+FFFD. Variation selectors are dropped. The result is at most
// cells terminal cells wide and ends in "…" if it was cut; cells <= 0 means no
// limit. Clean(Clean(s, n), n) equals Clean(s, n).
//
// The work is bounded by the result, not by s, when cells is positive.
func Clean(s string, cells int) string {
	if plain(s) && (cells <= 0 || len(s) <= cells) {
		return s
	}
	w := writer{limit: cells}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			r = Replacement
		}
		i += n
		if r, ok := harmless(r); ok && !w.put(r) {
			break
		}
	}
	return w.String()
}

// Truncate cuts s to at most cells terminal cells, the last one "…" when
// something was cut. It expects clean text; cells <= 0 gives "".
func Truncate(s string, cells int) string {
	if cells <= 0 {
		return ""
	}
	return Clean(s, cells)
}

// plain reports whether s is printable ASCII throughout.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// harmless maps one character to what may be shown in its place; false drops it.
func harmless(r rune) (rune, bool) {
	switch {
	case r >= ' ' && r <= '~':
		return r, true
	case r == '\n' || r == '\r' || r == '\t' || r == '\v' || r == '\f':
		return ' ', true
	case r < ' ':
		return '\u2400' + r, true
	case r == 0x7F:
		return '\u2421', true
	case unicode.Is(unicode.Z, r) || r == 0x85:
		return ' ', true
	case unicode.Is(unicode.Variation_Selector, r):
		return 0, false
	case !unicode.IsPrint(r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return Replacement, true
	}
	return r, true
}

// writer collects harmless characters up to a width and remembers where to cut
// so that the ellipsis still fits.
type writer struct {
	strings.Builder
	limit int // cells; <= 0 is none
	width int // cells written
	marks int // combining marks since the last base; a text begins as if with too many
	base  bool
	cut   int // bytes that fit in limit-1 cells
}

// put adds r and reports whether there is room for more; when r does not fit
// the text ends in the ellipsis.
func (w *writer) put(r rune) bool {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		if w.marks++; !w.base || w.marks > maxMarks {
			r = Replacement
		}
	}
	n := runeWidth(r)
	if n > 0 {
		w.base, w.marks = true, 0
	}
	if w.limit > 0 && w.width+n > w.limit {
		kept := w.String()[:w.cut]
		w.Reset()
		w.WriteString(kept)
		w.WriteRune(ellipsis)
		return false
	}
	w.WriteRune(r)
	w.width += n
	if w.width < w.limit {
		w.cut = w.Len()
	}
	return true
}
