package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"shoal/internal/text"
)

// TestK03Bounds: files that cost the library minutes, or its stack, are refused at once.
func TestK03Bounds(t *testing.T) {
	for name, in := range map[string]string{
		"arrays":      "a = " + strings.Repeat("[", 1<<19) + strings.Repeat("]", 1<<19),
		"tables":      "a = " + strings.Repeat("{a=", 1<<18),
		"dotted":      strings.Repeat("a.", 1<<18) + "a = 1",
		"dotted in":   "x = {" + strings.Repeat("a.", 1<<18) + "a = 1}",
		"header":      "[" + strings.Repeat("a.", 1<<18) + "a]",
		"many tables": strings.Repeat("[[x]]\n", 1<<17),
		"many keys":   strings.Repeat("a=1\n", 1<<17),
		"open":        "a = \"" + strings.Repeat("x", 1<<19),
	} {
		began := time.Now()
		_, _, bad := parse([]byte(in))
		if took := time.Since(began); bad == nil || took > 10*time.Second { // milliseconds; without bounds minutes
			t.Errorf("%s: %v after %v", name, bad, took)
		}
	}
}

// TestK03Edges: the bounds lie where they are said to lie.
func TestK03Edges(t *testing.T) {
	nested := func(n int) string { return "a = " + strings.Repeat("[", n) + strings.Repeat("]", n) }
	dotted := func(n int) string { return "a" + strings.Repeat(".a", n-1) + " = 1" }
	inline := func(n int) string { return "b = {" + dotted(n) + "}" }
	tokens := func(n int) string { return "a = [" + strings.Repeat("[],", n-2) + "]" }
	for name, c := range map[string]struct {
		make func(int) string
		most int
	}{"arrays": {nested, maxNested}, "parts": {dotted, maxParts}, "parts in a table": {inline, maxParts + 1}, "tokens": {tokens, maxTokens}} {
		if _, _, bad := parse([]byte(c.make(c.most))); bad != nil {
			t.Errorf("%s: %d: %v", name, c.most, bad)
		}
		if _, _, bad := parse([]byte(c.make(c.most + 1))); bad == nil {
			t.Errorf("%s: %d are too many", name, c.most+1)
		}
	}
}

// TestLines: keys are found in all ways of writing them.
func TestLines(t *testing.T) {
	_, lines, bad := parse([]byte("a.b = 1 # x = 1\n\"c\" . 'd' = \"\"\"\ne = 1\n\"\"\"\"\n[t . u]\r\nf = [ # ]\n 1, '''\n'\n''',\n]\n  [[v]]\ng = {h = \"}\\\"\", i = ']'}\nj = 1979-05-27 07:32:00\n"))
	want := map[string]int{"a.b": 1, "c.d": 2, "t.u": 5, "t.u.f": 6, "v": 11, "v.g": 12, "v.j": 13}
	if bad != nil || !reflect.DeepEqual(lines, want) {
		t.Errorf("%v, %v", lines, bad)
	}
}

func TestK02Nearest(t *testing.T) {
	words := []string{"dxnx", "down", "up", "alt_down", "per_torrent_down"}
	for in, want := range map[string]string{"donw": "down", "Down": "down", "don": "down", "u": "up", "alt-down": "alt_down", "per_torent_down": "per_torrent_down", "speed": "", "": "up",
		strings.Repeat("x", 1<<20): ""} {
		if got := text.Nearest(in, words); got != want {
			t.Errorf("%.20q: %q, not %q", in, got, want)
		}
	}
}

// FuzzLoad: whatever is in the file, it ends soon and either fits or is an Errors with bounds.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(Sample()))
	f.Add([]byte("[profile.x]\nlimits.down = 1\n"))
	f.Add([]byte("a = \"\"\"\\\n\"\"\"\n[b]\nc = {d.e = '''x'''}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		l := loader{c: &Config{origins: map[string]string{}}, env: env(), file: "f"}
		l.read(src)
		if len(l.bad) > maxProblems {
			t.Errorf("%d problems", len(l.bad))
		}
		for _, p := range l.bad {
			if len(p.Message) > 4000 || p.Line < 0 || p.Line > strings.Count(string(src), "\n")+1 || strings.ContainsAny(p.Error(), "\n\x1b") {
				t.Errorf("%+v", p)
			}
		}
		_ = l.c.Settings()
		_ = l.c.Show()
	})
}
