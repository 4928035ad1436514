package theme

import (
	"reflect"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestBuiltin(t *testing.T) {
	for _, b := range builtin {
		for r, words := range b.words {
			if _, err := parseLook(words); err != nil {
				t.Errorf("%s, %s: %v", b.name, Role(r), err)
			}
		}
		for p := Plain; p <= TrueColor; p++ {
			th, err := New(b.name, p)
			if err != nil {
				t.Fatal(err)
			}
			if painted := th.Paint(Selected, "x"); ansi.Strip(painted) != "x" || (painted == "x") != (p == Plain) {
				t.Errorf("%s: selected is %q", b.name, painted)
			}
		}
	}
	if _, err := New("drak", Plain); err == nil || !strings.Contains(err.Error(), "maybe you mean dark") {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	th, err := Read([]byte("name = \"mine\"\nbase = \"mono\"\n[roles]\nselected = \"bold black on #ffcc00\"\n"), TrueColor)
	if err != nil || th.Name() != "mine" || th.Paint(Selected, "x") != "\x1b[1;30;48;2;255;204;0mx\x1b[0m" {
		t.Errorf("%+v, %v", th, err)
	}
	for in, want := range map[string]string{
		"[roles]\nselcted = \"red\"":         "maybe you mean selected",
		"[roles]\nbad = \"rde\"":             "maybe you mean red",
		"[roles]\nbad = \"red blue\"":        "two colours",
		"[roles]\nbad = \"#12\"":             "six hexadecimal digits",
		"base = \"lihgt\"":                   "maybe you mean light",
		"bsae = \"light\"":                   "maybe you mean base",
		"x = ":                               "line 1",
		strings.Repeat("a.", 1000) + "a = 1": "longer than 200 bytes",
		strings.Repeat("# comment\n", 2000):  "more than 16 KiB",
		"[roles]\nbad = 3":                   "no theme",
		"[roles]\nbad = \"red on\"":          "background",
		"roles = 3":                          "below a line with [roles]",
		"[[roles]]":                          "below a line with [roles]",
		"\xff\xfe\x00":                       "UTF-8",
		"name = 3":                           "no theme",
	} {
		if _, err := Read([]byte(in), TrueColor); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, not %q", in, err, want)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		env        string
		color      string
		ascii, tty bool
		profile    Profile
		glyphs     *Glyphs
	}{
		{"TERM=xterm-256color LANG=C.UTF-8", "auto", false, true, Colors256, Braille()},
		{"TERM=xterm-256color LANG=C.UTF-8 COLORTERM=truecolor", "auto", false, true, TrueColor, Braille()},
		{"TERM=xterm-256color LANG=C.UTF-8 NO_COLOR=1", "auto", false, true, Styled, Braille()},
		{"TERM=xterm LANG=C", "auto", false, true, Colors16, ASCII()},
		{"TERM=linux LANG=C.UTF-8", "auto", false, true, Colors16, ASCII()},
		{"TERM=dumb LANG=C.UTF-8", "auto", false, true, Plain, ASCII()},
		{"TERM=xterm LANG=C.UTF-8", "auto", true, false, Plain, ASCII()},
		{"TERM=rxvt-unicode LANG=C.UTF-8", "never", false, true, Plain, Block()},
		{"TERM=xterm NO_COLOR=1", "always", false, false, Colors16, Braille()},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(c.env) {
			k, v, _ := strings.Cut(pair, "=")
			env[k] = v
		}
		p, g := Choose(func(k string) string { return env[k] }, c.color, c.ascii, c.tty)
		if p != c.profile || g != c.glyphs {
			t.Errorf("%+v: %d", c, p)
		}
	}
}

// TestGlyphsAreOneCell: every glyph is one cell wide, and the ASCII set is ASCII.
func TestGlyphsAreOneCell(t *testing.T) {
	for _, g := range []*Glyphs{Braille(), Block(), ASCII()} {
		var look func(v reflect.Value)
		look = func(v reflect.Value) {
			switch v.Kind() {
			case reflect.String:
				if s := v.String(); ansi.StringWidth(s) != 1 || g == ASCII() && s[0] > '~' {
					t.Errorf("%q is not one cell of its set", s)
				}
			case reflect.Slice, reflect.Array:
				for i := range v.Len() {
					look(v.Index(i))
				}
			case reflect.Struct:
				for i := range v.NumField() {
					look(v.Field(i))
				}
			}
		}
		look(reflect.ValueOf(*g))
	}
}
