package text

import (
	"unicode"

	"golang.org/x/text/width"
)

// Width returns how many terminal cells clean text takes. Combining marks take
// none, wide characters two. For sequences that a terminal may join (flags, skin
// tones) it never says less than the terminal draws.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// lateWide are characters that Unicode 16 made wide, and the regional
// indicators, of which a lone one is drawn wide.
var lateWide = &unicode.RangeTable{
	R16: []unicode.Range16{{0x2630, 0x2637, 1}, {0x268A, 0x268F, 1}, {0x4DC0, 0x4DFF, 1}},
	R32: []unicode.Range32{{0x1D300, 0x1D356, 1}, {0x1D360, 0x1D376, 1}, {0x1F1E6, 0x1F1FF, 1}},
}

// runeWidth returns the cells of one character by Unicode's East Asian Width.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.In(r, lateWide):
		return 2
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
