package draw

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	terminal "shoal/internal/screen"
	"shoal/tui/theme"
)

// nasty are texts that take other than one cell a character, or steer terminals.
var nasty = []string{"", "debian-13.2.0-amd64-netinst.iso", "日本語の長い名前のデータセット", "e\u0301a\u0308\u0301\u0301\u0301\u0301\u0301\u0301", "\u0301\u0301lead",
	"👩‍👩‍👧‍👦 family", "🇩🇪🇫🇷 flags 🇩", "👍🏽 tone \U0001F3FD", "شلمون سلام", "\u202Egnp.exe\u202C", "a\u200Bb\u200Dc\uFEFFd", "\x1b[31mred\x1b[0m\x1b[2J\a", "tab\tline\nnext\r",
	"\xff\xfe broken \xf0\x9f", "हिन्दी किताब", "नमस्ते दुनिया ফাইল கோப்பு ไฟล์ทำ ឯកសារ ဖိုင် ཡིག་ཆ", "1\u20E3 ☂❤ 🫩", "한글 \u1112\u1161\u11ab", "ｆｕｌｌ １２３", "☂\uFE0F ❤\uFE0F 1\uFE0F\u20E3", "\u0D4Ea \u0600b \U000110BDc", "ก็ที่นี่ ำ", "▼●█░", strings.Repeat("x", 5000),
	strings.Repeat("漢", 3000), strings.Repeat("\u0301", 3000), "\x9b31m c1 \u0085", "\x1b[1;38;5;200mstays open", "\x1b[", "\x1b[99999"}

func styles(t testing.TB) map[string]Style {
	t.Helper()
	all := map[string]Style{}
	for name, g := range map[string]*theme.Glyphs{"braille": theme.Braille(), "block": theme.Block(), "ascii": theme.ASCII()} {
		for p, profile := range map[string]theme.Profile{"plain": theme.Plain, "true colour": theme.TrueColor} {
			th, err := theme.New("dark", profile)
			if err != nil {
				t.Fatal(err)
			}
			all[name+", "+p] = Style{th, g}
		}
	}
	return all
}

// exact fails unless there are h lines of w cells that hold nothing but text and colours, which end with their line.
func exact(t testing.TB, what string, lines []string, w, h int) {
	t.Helper()
	w, h = max(w, 0), max(h, 0)
	if len(lines) != h {
		t.Errorf("%s: %d lines, not %d", what, len(lines), h)
	}
	for _, l := range lines {
		if n := Width(l); n != w {
			t.Fatalf("%s: %d cells, not %d: %q", what, n, w, l)
		}
		if err := drawn(l, w); err != nil {
			t.Fatalf("%s: %v: %q", what, err, l)
		}
		plain := ansi.Strip(l)
		if !utf8.ValidString(plain) || strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202A && r <= 0x202E }) {
			t.Fatalf("%s: not clean: %q", what, l)
		}
		for i := range len(l) {
			if l[i] == esc && sgr(l[i:]) == 0 {
				t.Fatalf("%s: a sequence that is no colour: %q", what, l)
			}
		}
		if i := strings.LastIndexByte(l, esc); i >= 0 && !strings.HasPrefix(l[i:], reset) && !strings.HasPrefix(l[i:], "\x1b[m") {
			t.Fatalf("%s: the colour goes on after the end: %q", what, l)
		}
	}
}

// drawn is why a line that is pinned does not come out right on a terminal of either kind, on which something else stood before.
func drawn(l string, w int) error {
	pinned := Pin(l)
	if n := ansi.StringWidth(pinned); n != w {
		return fmt.Errorf("%d cells for x/ansi, not %d, when pinned", n, w)
	}
	if pinned == l { // all agree on every character of it
		return nil
	}
	for kind, screen := range []*terminal.Screen{terminal.New(w, 2), terminal.NewJoining(w, 2)} {
		fmt.Fprint(screen, strings.Repeat("#", w)+"\r"+pinned)
		if wraps, _ := screen.Overflows(); wraps > 0 {
			return fmt.Errorf("wraps on a terminal of kind %d", kind)
		}
		row, col := screen.Cells()[0], 0
		for rest := ansi.Strip(l); rest != ""; {
			c := first(rest)
			rest = rest[len(c.text):]
			for i := range c.cells {
				got := row[col+i].Rune
				if got == '#' && c.text != "#" || i == 0 && certain(c.text) && string(got) != c.text || i == 0 && c.text < "\x7f" && string(got) != c.text {
					return fmt.Errorf("column %d has %q on a terminal of kind %d: %q", col+i, got, kind, screen)
				}
			}
			col += c.cells
		}
	}
	return nil
}

// everything draws all there is from a few values.
func everything(t testing.TB, s Style, text string, w, h int, n int64, share float64) {
	t.Helper()
	say := func(what string) string { return fmt.Sprintf("%s of %.60q in %d by %d", what, text, w, h) }
	for _, a := range []Align{Left, Right, Center} {
		exact(t, say("Fit"), []string{s.Fit(text, w, a)}, w, 1)
	}
	if cut := s.Cut(text, w); Width(cut) > max(w, 0) {
		t.Fatalf("%s: %q", say("Cut"), cut)
	}
	painted := s.Paint(theme.Bad, s.Cut(text, 10)) + text + s.Paint(theme.Good, s.Cut(text, 7))
	lines := []string{painted, text, s.Line(painted, 30)}
	exact(t, say("Line"), []string{s.Line(painted, w)}, w, 1)
	exact(t, say("Lines"), s.Lines(lines, w, h), w, h)
	exact(t, say("Rule"), []string{s.Rule(text, w)}, w, 1)
	exact(t, say("Bar"), []string{s.Bar(share, w)}, w, 1)
	series := []int64{n, 0, -n, 5, 1 << 40, math.MinInt64, math.MaxInt64, n / 3}
	exact(t, say("Graph"), s.Graph(w, h, n, series[:max(0, min(w, len(series)))], theme.Down), w, h)
	exact(t, say("Graph of nothing"), s.Graph(w, h, 0, nil, theme.Down), w, h)
	pieces := int(uint64(n) % 1000)
	exact(t, say("Pieces"), s.Pieces(func(i int) bool { return i%3 > 0 }, func(i int) bool { return i%7 == 0 }, pieces, w, h), w, h)
	counts := make([]uint16, pieces)
	for i := range counts {
		counts[i] = uint16(i * i)
	}
	exact(t, say("Availability"), []string{s.Availability(counts, w)}, w, 1)
	box := s.Box(text, lines, w, h)
	exact(t, say("Box"), box, w, h)
	exact(t, say("Over"), s.Over(lines, s.Box(text, lines, w/2, h/2+3), w, h), w, h)
	exact(t, say("Over, larger"), s.Over(box, s.Box(text, nil, w+3, h+3), w, h), w, h)
	cols := []Column{{Title: "", Width: 1}, {Title: "", Width: 2, Join: true}, {Title: text, Width: 8, Flex: 3}, {Title: "SIZE", Width: int(n % 20), Align: Right, Rank: 2},
		{Title: "DONE", Width: 6, Flex: 1, Max: 20, Rank: 1}, {Title: "X", Width: 3, Rank: 9, Align: Center}}
	rows := func(i int) Row {
		r := Row{Cells: []Cell{{Text: text}, {Text: "●"}, {Text: text, Role: theme.Warn}, {Text: "5.5 GB"}, {Bar: true, Share: share}}}
		if i%2 == 0 {
			r.Role = theme.Selected
		}
		return r
	}
	exact(t, say("Table"), s.Table(cols, rows, int(n%5), 7, w, h), w, h)
	exact(t, say("Table of no columns"), s.Table(nil, rows, -3, 2, w, h), w, h)
}

// TestT04Exact: whatever is drawn takes the cells that were asked for, and nothing foreign steers the terminal.
func TestT04Exact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	shares := []float64{0, 1, 0.5, 0.001, 0.9999, -1, 7, math.NaN(), math.Inf(1), math.Inf(-1)}
	for name, s := range styles(t) {
		t.Run(name, func(t *testing.T) {
			for i := range 400 {
				text := nasty[i%len(nasty)]
				if i >= len(nasty) {
					text += nasty[rnd.IntN(len(nasty))]
				}
				everything(t, s, text, rnd.IntN(60)-2, rnd.IntN(12)-2, rnd.Int64()>>rnd.IntN(60), shares[rnd.IntN(len(shares))])
			}
		})
	}
}

func FuzzExact(f *testing.F) {
	for i, text := range nasty {
		f.Add(text, i*3-2, i%7-1, int64(i)<<i, float64(i)/20)
	}
	all := styles(f)
	f.Fuzz(func(t *testing.T, text string, w, h int, n int64, share float64) {
		if h > 60 || w > 300 {
			h, w = h%60, w%300
		}
		for _, name := range []string{"braille, true colour", "ascii, plain"} {
			everything(t, all[name], text, w, h, n, share)
		}
	})
}
