package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// at are the ways to each place, of which the keys are tried.
var at = map[keys.Where][]string{keys.List: nil, keys.Details: {"enter"}, keys.Files: {"enter", "2"}, keys.Peers: {"enter", "3"}, keys.Trackers: {"enter", "4"}, keys.Log: {"enter", "5"},
	keys.Dialog: {"s"}, keys.Prompt: {":"}}

// first is what is done before, so that there is something to do: a key that goes back needs a way.
var first = map[keys.Action][]string{keys.MoveUp: {"j", "down"}, keys.Top: {"end"}, keys.PageUp: {"end"}, keys.Bottom: {"home"}, keys.PageDown: {"home"}, keys.Pick1: {"2"},
	keys.MarkRange: nil, keys.Complete: {"l"}, keys.Newer: {"up"}, keys.PrevChoice: {"down"}}

// TestEveryActionDoesSomething: each action of the table, in each place where it has a key, changes the screen, tells the engine something or asks the
// terminal for something. Only where nothing is to be moved, moving does nothing.
func TestEveryActionDoesSomething(t *testing.T) {
	st := style(t, "default", theme.Colors16, theme.Braille())
	for where, way := range at {
		for _, l := range keys.Default().Help(where) {
			e := newSample()
			e.Edit(fakeengine.Torrent(1).ID, func(x *status.Entry) { x.QueuePosition = 0 })
			m := modelOf(t, e, st, 80, 24)
			m.o.Themes, m.o.Theme = []string{"default", "light"}, func(name string) (draw.Style, error) { return style(t, name, theme.Colors16, theme.Braille()), nil }
			m.o.Complete = func(context.Context, string) ([]string, error) { return []string{"list", "limit"}, nil }
			m.history = []string{"list", "stats"}
			var out bytes.Buffer
			m.out = &out
			look(t, m)
			press(t, m, way...)
			look(t, m)
			if l.Action != keys.Pick1 || where == keys.List {
				press(t, m, first[l.Action]...)
			}
			look(t, m)
			if got := m.where(); got != where {
				t.Fatalf("%v is %v", where, got)
			}
			before, calls, mouse := screenText(m), e.Calls(), m.mouse
			key := keyNamed(m.o.Keys, where, l.Action)
			_, cmd := m.Update(keyOf(key))
			did := cmd != nil || screenText(m) != before || m.mouse != mouse || !slices.Equal(calls, e.Calls()) || out.Len() > 0
			if still := map[keys.Where][]keys.Action{
				keys.Details:  {keys.MoveDown, keys.MoveUp, keys.Top, keys.Bottom, keys.PageDown, keys.PageUp, keys.Open, keys.Pick1},
				keys.Files:    {keys.Pick2, keys.OpenFiles, keys.PageDown, keys.PageUp, keys.Top, keys.Bottom},
				keys.Peers:    {keys.Pick3, keys.Open},
				keys.Trackers: {keys.Pick4, keys.Open},
				keys.Log:      {keys.Pick5, keys.Open, keys.MoveDown, keys.MoveUp, keys.Top, keys.Bottom, keys.PageDown, keys.PageUp},
				keys.List:     {keys.PageUp, keys.NextMatch, keys.PrevMatch, keys.Back},
				keys.Dialog:   {keys.Confirm, keys.Command},
				keys.Prompt:   {},
			}[where]; !did && !slices.Contains(still, l.Action) {
				t.Errorf("%s (%s) does nothing in %v", l.Action, key, where)
			}
		}
	}
}

// keyNamed is a key that has the action in a place.
func keyNamed(m *keys.Map, w keys.Where, a keys.Action) string {
	for c := range 127 {
		if key := string(rune(c)); m.Action(w, key) == a {
			return key
		}
	}
	for _, key := range []string{"down", "up", "home", "end", "pgdown", "pgup", "enter", "esc", "tab", "shift+tab", "f1", "ctrl+c", "ctrl+l", "ctrl+v", "ctrl+z"} {
		if m.Action(w, key) == a {
			return key
		}
	}
	return ""
}

// TestOpenFolder: o shows the folder where it can be shown, and else says where it is.
func TestOpenFolder(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(m *Model)
		want   string
	}{
		{"in the file manager", func(m *Model) {}, "opened /home/me/Downloads"},
		{"which fails", func(m *Model) { m.o.OpenFolder = func(string) error { return errors.New("no desktop") } }, "/home/me/Downloads: no desktop"},
		{"without one", func(m *Model) { m.o.OpenFolder = nil }, "in /home/me/Downloads"},
		{"of another machine", func(m *Model) { m.o.Local = false }, "on the daemon's machine, in /home/me/Downloads"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 100, 30)
			dir := ""
			m.o.OpenFolder = func(d string) error { dir = d; return nil }
			c.change(m)
			look(t, m)
			press(t, m, "o")
			if got := screenText(m); !strings.Contains(got, c.want) || strings.HasPrefix(c.want, "opened") != (dir != "") {
				t.Errorf("%q; %q is not on\n%s", dir, c.want, got)
			}
		})
	}
}

// TestCompletionInTheCommandLine: tab goes on as far as all words agree, shows the choice, and leaves alone who typed on meanwhile.
func TestCompletionInTheCommandLine(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 100, 30)
	asked := ""
	m.o.Complete = func(_ context.Context, line string) ([]string, error) {
		asked = line
		switch {
		case strings.HasPrefix(line, "lim"):
			return []string{"limit"}, nil
		case strings.HasPrefix(line, "x"):
			return nil, nil
		}
		return []string{"limit", "list\x1b[2J"}, nil
	}
	look(t, m)
	press(t, m, ":", "l", "tab")
	if got := m.prompt.in.String(); got != "li" || asked != "l" || !strings.Contains(screenText(m), "limit  list") || strings.Contains(screenText(m), "\x1b") {
		t.Errorf("%q after %q\n%s", got, asked, screenText(m))
	}
	press(t, m, "m", "tab")
	if got := m.prompt.in.String(); got != "limit " {
		t.Errorf("%q", got)
	}
	press(t, m, "1")
	m.Update(wordsMsg{line: "l", words: []string{"late"}})
	if got := m.prompt.in.String(); got != "limit 1" {
		t.Errorf("%q", got)
	}
	press(t, m, "esc", ":", "x", "tab")
	if got := m.prompt.in.String(); got != "x" || !strings.Contains(screenText(m), "nothing is known") {
		t.Errorf("%q\n%s", got, screenText(m))
	}
}

// TestViewsAreCheckedAndTaken: a view that is wrong is told with the nearest word; a right one filters and sorts.
func TestViewsAreCheckedAndTaken(t *testing.T) {
	for _, c := range []struct{ filter, sort, want string }{
		{"", "", ""}, {"label:linux", "-ratio", ""}, {"(a", "", "filter: "}, {"", "ratoi", "maybe you mean ratio"}, {"", "zzzzzzzz", "choose one of added, name"},
	} {
		err := View{"x", c.filter, c.sort}.Check()
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 100, 30)
	m.o.Views = []View{{"mine", "name:debian", "-name"}}
	look(t, m)
	press(t, m, "s", "end", "enter")
	if len(m.list.shown) != 1 || !strings.HasPrefix(m.list.shown[0].e.Name, "debian") || sorts[m.list.sort].name != "name" || !m.list.reverse {
		t.Errorf("%d are shown, sorted by %s", len(m.list.shown), sorts[m.list.sort].name)
	}
}
