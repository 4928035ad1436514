package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/tui/draw"
	"shoal/tui/theme"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// scenes are the screens that are looked at: what is done before.
var scenes = []struct {
	name string
	keys []string
	then func(t *testing.T, m *Model)
}{
	{name: "list"},
	{name: "marks and a toast", keys: []string{"j", " ", " ", "k", "p"}},
	{name: "an error is selected", keys: []string{"5"}},
	{name: "filter", keys: []string{"/", "d", "e", "b"}},
	{name: "overview", keys: []string{"enter"}},
	{name: "files", keys: []string{"enter", "2"}},
	{name: "peers", keys: []string{"enter", "3"}},
	{name: "trackers", keys: []string{"enter", "4"}},
	{name: "log", keys: []string{"enter", "5"}},
	{name: "magnet", keys: []string{"G", "k", "k", "enter"}},
	{name: "remove", keys: []string{"d"}},
	{name: "remove with data", keys: []string{"*", "D"}},
	{name: "add", keys: []string{"a"}, then: func(t *testing.T, m *Model) {
		d := m.dialog.(*adding)
		d.files = nil // of the folder where the test runs
		m.Update(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=pasted")})
	}},
	{name: "sort", keys: []string{"s"}},
	{name: "help", keys: []string{"?"}},
	{name: "command", keys: []string{":"}, then: func(t *testing.T, m *Model) {
		m.o.Command = func(_ context.Context, line string, _ int, out io.Writer) error {
			fmt.Fprintf(out, "%s says\none\ttwo\nthree", line)
			return nil
		}
		press(t, m, "l", "s", "enter")
	}},
	{name: "leave", then: func(t *testing.T, m *Model) { m.o.Own = true; press(t, m, "q") }},
	{name: "graph", keys: []string{"z"}},
	{name: "log of all", keys: []string{"z", "z"}},
	{name: "away", then: func(t *testing.T, m *Model) { m.Update(awayMsg{errGone, now.Add(4 * time.Second)}) }},
	{name: "empty", then: func(t *testing.T, m *Model) { m.Update(listMsg{whole: true}) }},
	{name: "before the first answer", then: func(t *testing.T, m *Model) {
		*m = *modelOf(t, m.o.Engine, m.o.Style, m.w, m.h)
	}},
}

func looks(t *testing.T) map[string]draw.Style {
	return map[string]draw.Style{"color": style(t, "default", theme.Colors16, theme.Braille()), "mono": style(t, "mono", theme.Styled, theme.Block()),
		"ascii": style(t, "mono", theme.Plain, theme.ASCII())}
}

// TestMain sets the zone that is on the screens while no timer looks at it.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func TestGolden(t *testing.T) {
	for look_, st := range looks(t) {
		for _, size := range [][2]int{{40, 10}, {80, 24}, {110, 30}, {160, 50}} {
			w, h := size[0], size[1]
			var b bytes.Buffer
			for _, s := range scenes {
				m := modelOf(t, newSample(), st, w, h)
				look(t, m)
				press(t, m, s.keys...)
				look(t, m)
				if s.then != nil {
					s.then(t, m)
				}
				lines := m.frame()
				harmless(t, s.name, lines, w, h)
				fmt.Fprintf(&b, "--- %s\n%s\n", s.name, strings.Join(lines, "\n"))
			}
			name := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", look_, w, h))
			if *update {
				if err := os.WriteFile(name, b.Bytes(), 0o666); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(name)
			if err != nil || !bytes.Equal(want, b.Bytes()) {
				t.Errorf("%s differs (%v); -update writes it anew\n%s", name, err, difference(string(want), b.String()))
			}
		}
	}
}

// difference is the first line that differs, with the scene it is in.
func difference(want, got string) string {
	scene := ""
	theirs := strings.Split(want, "\n")
	for i, l := range strings.Split(got, "\n") {
		if strings.HasPrefix(l, "--- ") {
			scene = l
		}
		if i >= len(theirs) || theirs[i] != l {
			return fmt.Sprintf("%s, line %d:\n%q\nwant\n%q", scene, i+1, l, theirs[min(i, len(theirs)-1)])
		}
	}
	return "lines are missing at the end"
}
