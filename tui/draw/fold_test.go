package draw

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// TestFoldLosesNothing: every word of a text is in its lines, in order, behind the spaces that it begins with, and no line is too wide.
func TestFoldLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	words := []string{"word", "a", "--long-flag", "https://host.example/path?query", "日本語", "e\u0301", strings.Repeat("x", 300), "ü", "\x1b[2J", "🇩🇪"}
	for range 300 {
		var b strings.Builder
		indent := r.IntN(12)
		b.WriteString(strings.Repeat(" ", indent))
		for range r.IntN(600) {
			b.WriteString(words[r.IntN(len(words))] + strings.Repeat(" ", 1+r.IntN(3)))
		}
		w := 2 + r.IntN(150)
		lines := Fold(b.String(), w)
		joined := ""
		for i, l := range lines {
			if n := ansi.StringWidth(l); n > w && n > 2 {
				t.Fatalf("%d cells of %d: %q", n, w, l)
			}
			if strings.TrimSpace(l) != "" && !strings.HasPrefix(l, strings.Repeat(" ", min(indent, w/2))) {
				t.Fatalf("line %d of %d is not below the first: %q", i, len(lines), l)
			}
			joined += l
		}
		bare := strings.NewReplacer(" ", "", "\x1b", "␛")
		if got, want := bare.Replace(joined), bare.Replace(b.String()); got != want {
			t.Fatalf("in %d cells\n%.300q\nbecame\n%.300q", w, want, got)
		}
	}
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{{"", 10, ""}, {"   ", 10, "   "}, {"a b", 0, "<none>"}, {"  a b c", 4, "  a|  b|  c"}, {"a  b", 10, "a  b"}} {
		got := strings.Join(Fold(c.in, c.w), "|")
		if Fold(c.in, c.w) == nil {
			got = "<none>"
		}
		if got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.in, c.w, got, c.want)
		}
	}
	for _, s := range []string{strings.Repeat("\x80", 256<<10), strings.Repeat("x", 256<<10), strings.Repeat("日", 80<<10), strings.Repeat(" ", 256<<10), strings.Repeat("\u0301", 100<<10)} {
		began := time.Now()
		Fold(s, 80)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%.8q: %v", s, took)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in   string
		w    int
		want string
	}{
		{"one two three", 7, "one two|three"}, {"one two three", 8, "one two|three"}, {"one  two", 5, "one|two"}, {" one ", 9, "one"}, {"", 3, ""}, {"   ", 3, ""},
		{strings.Repeat("-", 25), 10, "----------|----------|-----"}, {"x" + strings.Repeat("-", 20) + "y", 10, "x-|----------|---------y"},
		{"see --long-flag", 6, "see|--long|-flag"}, {"an amd64-netinst.iso", 9, "an amd64-|netinst.i|so"}, {"日本語の長い", 5, "日本|語の|長い"}, {"日本", 1, "日|本"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301e\u0301|e\u0301"}, {"two\nlines", 20, "two lines"},
	} {
		if got := strings.Join(Wrap(c.in, c.w), "|"); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.in, c.w, got, c.want)
		}
	}
	if got := Wrap("x", 0); got != nil {
		t.Errorf("%q", got)
	}
	r := rand.New(rand.NewPCG(4, 4))
	for range 3000 {
		var b strings.Builder
		for range r.IntN(60) {
			b.WriteString([]string{"-", " ", "a", "日", "e\u0301", "bc", "👩‍👩‍👧"}[r.IntN(7)])
		}
		w := 2 + r.IntN(12)
		for _, l := range Wrap(b.String(), w) {
			if ansi.StringWidth(l) > w || strings.TrimSpace(l) != l {
				t.Fatalf("%q in %d: %q", b.String(), w, l)
			}
		}
	}
}
