package theme

import (
	"fmt"
	"image/color"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"shoal/internal/text"
)

// look is how one role looks.
type look struct {
	fg, bg color.Color // nil for the terminal's own
	attrs  attrs
}

// looks is how all roles look.
type looks [roles]look

// attrs are the styles that need no colour.
type attrs uint8

const (
	bold attrs = 1 << iota
	faint
	italic
	underline
	reverse
)

// attrWords are the attributes as theme files write them, with their SGR numbers.
var attrWords = []struct {
	word string
	bit  attrs
	code string
}{{"bold", bold, "1"}, {"faint", faint, "2"}, {"italic", italic, "3"}, {"underline", underline, "4"}, {"reverse", reverse, "7"}}

// colorWords are the terminal's own colours in the order of their numbers.
var colorWords = []string{"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
	"bright-black", "bright-red", "bright-green", "bright-yellow", "bright-blue", "bright-magenta", "bright-cyan", "bright-white"}

// parseLook reads a look: attributes, a colour, and after "on" one of the background: "bold bright-white on #203040". "none" is
// the terminal's own colour.
func parseLook(s string) (look, error) {
	var l look
	words := strings.Fields(s)
	at := &l.fg
	given := map[*color.Color]bool{}
	for i, w := range words {
		if bit, ok := attribute(w); ok {
			l.attrs |= bit
			continue
		}
		if w == "on" {
			if at == &l.bg || i == len(words)-1 {
				return look{}, fmt.Errorf(`%q: "on" stands once, before the colour of the background`, text.Clean(s, 60))
			}
			at = &l.bg
			continue
		}
		c, err := parseColor(w)
		if err != nil {
			return look{}, err
		}
		if given[at] {
			return look{}, fmt.Errorf(`%q has two colours: write "on" before that of the background`, text.Clean(s, 60))
		}
		*at, given[at] = c, true
	}
	return l, nil
}

func attribute(word string) (attrs, bool) {
	for _, a := range attrWords {
		if a.word == word {
			return a.bit, true
		}
	}
	return 0, false
}

// parseColor reads a name, a number of the palette of 256, or #rrggbb.
func parseColor(word string) (color.Color, error) {
	if word == "none" {
		return nil, nil
	}
	for i, name := range colorWords {
		if name == word {
			return ansi.BasicColor(i), nil
		}
	}
	if hex, ok := strings.CutPrefix(word, "#"); ok {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil || len(hex) != 6 {
			return nil, fmt.Errorf("%q is no colour: write # and six hexadecimal digits", text.Clean(word, 30))
		}
		return ansi.RGBColor{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n)}, nil
	}
	if n, err := strconv.ParseUint(word, 10, 8); err == nil {
		return ansi.IndexedColor(n), nil
	}
	words := append([]string{"none", "on"}, colorWords...)
	for _, a := range attrWords {
		words = append(words, a.word)
	}
	if near := text.Nearest(word, words); near != "" {
		return nil, fmt.Errorf("%q is no colour; maybe you mean %s", text.Clean(word, 30), near)
	}
	return nil, fmt.Errorf("%q is no colour: write a name like bright-blue, a number up to 255, or #rrggbb", text.Clean(word, 30))
}

// sequence is what switches the look on at a terminal of that profile.
func (l look) sequence(p Profile) string {
	if p == Plain {
		return ""
	}
	var codes []string
	for _, a := range attrWords {
		if l.attrs&a.bit != 0 {
			codes = append(codes, a.code)
		}
	}
	if p == Styled && l.bg != nil && l.attrs&reverse == 0 {
		codes = append(codes, "7") // a background is meant to be seen
	}
	codes = append(append(codes, code(l.fg, p, 0)...), code(l.bg, p, 10)...)
	if len(codes) == 0 {
		return ""
	}
	return "\x1b[" + strings.Join(codes, ";") + "m"
}

// code returns the SGR numbers of a colour; shift is 10 for the background.
func code(c color.Color, p Profile, shift int) []string {
	if c == nil || p < Colors16 {
		return nil
	}
	if _, basic := c.(ansi.BasicColor); !basic {
		switch p {
		case Colors16:
			c = ansi.Convert16(c)
		case Colors256:
			c = ansi.Convert256(c)
		}
	}
	switch c := c.(type) {
	case ansi.BasicColor:
		if c >= 8 {
			return []string{strconv.Itoa(90 + shift + int(c) - 8)}
		}
		return []string{strconv.Itoa(30 + shift + int(c))}
	case ansi.IndexedColor:
		return []string{strconv.Itoa(38 + shift), "5", strconv.Itoa(int(c))}
	case ansi.RGBColor:
		return []string{strconv.Itoa(38 + shift), "2", strconv.Itoa(int(c.R)), strconv.Itoa(int(c.G)), strconv.Itoa(int(c.B))}
	}
	return nil
}
