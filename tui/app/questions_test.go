package app

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/fakeengine"
	"shoal/status"
	"shoal/tui/keys"
)

// calls are what an engine was asked that takes something away.
func calls(e *sample) (list []string) {
	for _, c := range e.Calls() {
		if strings.HasPrefix(c, "remove") {
			list = append(list, c)
		}
	}
	return list
}

func typeAtOnce(m *Model, s string) {
	_, cmd := m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)})
	carryOut(m, cmd)
}

// TestNoAnswerComesWithItsQuestion: of characters that come at once, typed ahead or pasted where there is no bracketed paste, none answers a question that asks
// about files or about the end.
func TestNoAnswerComesWithItsQuestion(t *testing.T) {
	for _, text := range []string{"Dy", "dy", "Dyed", "jjDyyyy", "*Dy", "dDyy", "xDyx", "Dear", "Dyed in the wool, why", "ydy"} {
		e := newSample()
		m := modelOf(t, e, looks(t)["ascii"], 80, 24)
		look(t, m)
		for _, word := range strings.Fields(text) { // blanks are keys of their own
			typeAtOnce(m, word)
			press(t, m, " ")
		}
		if got := calls(e); got != nil {
			t.Errorf("%q: %q", text, got)
		}
		if m.dialog == nil {
			t.Errorf("%q does not ask", text)
			continue
		}
		typeAtOnce(m, "yy")
		typeAtOnce(m, "why")
		m.Update(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("y")})
		if got := calls(e); got != nil {
			t.Errorf("%q and more: %q", text, got)
		}
		press(t, m, "y")
		if got := calls(e); got == nil {
			t.Errorf("%q: y by itself is no answer", text)
		}
	}
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	m.o.Own = true
	look(t, m)
	typeAtOnce(m, "qy")
	if _, ok := m.dialog.(*leaving); !ok {
		t.Errorf("q and y at once leave: %T", m.dialog)
	}
}

// TestAnAnswerNeedsItsTime: of text that comes as many keys one after the other no y is an answer, whatever is around it; one that comes when nothing
// else came for a while is, also if it was pressed too soon before.
func TestAnAnswerNeedsItsTime(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 80, 24)
	m.settle = settleFor
	clock := now
	m.o.Now = func() time.Time { return clock }
	look(t, m)
	for _, word := range strings.Fields("Dear Sir, Dyed in the wool: why do you say y ? D y y D y Dy y") {
		clock = clock.Add(time.Millisecond)
		typeAtOnce(m, word)
		clock = clock.Add(time.Millisecond)
		press(t, m, " ")
	}
	if got := calls(e); got != nil {
		t.Errorf("%q", got)
	}
	if got := screenText(m); !strings.Contains(got, "y came too soon after another key") {
		t.Error(got)
	}
	press(t, m, "esc", "D")
	for range 2 {
		clock = clock.Add(settleFor * 2 / 3)
		press(t, m, "y")
	}
	if got := calls(e); len(got) != 1 || m.dialog != nil {
		t.Errorf("%q", got)
	}
}

// TestWhatCannotBeReadIsNotAgreedTo: in a window that is too small for the question y does nothing.
func TestWhatCannotBeReadIsNotAgreedTo(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 80, 24)
	look(t, m)
	press(t, m, "D")
	m.Update(tea.WindowSizeMsg{Width: 29, Height: 24})
	press(t, m, "y")
	if got := calls(e); got != nil || m.dialog == nil {
		t.Errorf("%q", got)
	}
	m.Update(tea.WindowSizeMsg{Width: 30, Height: 8})
	press(t, m, "y")
	if got := calls(e); got == nil {
		t.Error("y does nothing")
	}
}

// TestManyAtOnceAreNoKeys: text that nobody can have typed does nothing, in bounded time; a key that is held does.
func TestManyAtOnceAreNoKeys(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	look(t, m)
	typeAtOnce(m, strings.Repeat("*S", 100_000))
	if n, _ := m.list.marked(); n > 0 || !strings.Contains(screenText(m), "200000 characters came at once") {
		t.Errorf("%d are marked\n%s", n, screenText(m))
	}
	typeAtOnce(m, "jjjj")
	if m.list.at != 4 {
		t.Error(m.list.at)
	}
}

// TestDialogsSayHowToAnswer: each dialog tells its keys, from the table, also when they are other ones, in every size.
func TestDialogsSayHowToAnswer(t *testing.T) {
	other, err := keys.Bind(map[string][]string{"confirm": {"f9"}, "accept": {"ctrl-o"}, "cancel": {"ctrl-g"}, "refuse": {"f2"}, "next-choice": {"f3"}, "prev-choice": {"f4"},
		"complete": {"ctrl-y"}, "newer": {"f5"}, "older": {"f6"}, "exit": {"f7"}, "page-down": {"f8"}, "page-up": {"f10"}, "top": {"f11"}, "bottom": {"f12"},
		"back": {"ctrl-b"}, "add": {"ctrl-a"}, "help": {"ctrl-e"}, "undo": {"ctrl-x"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name       string
		do         func(m *Model)
		want, bind []string // in all sizes; the first ones matter most
	}{
		{"removal", func(m *Model) { m.action(keys.Remove) }, []string{"y take out", "enter/esc/n keep"}, []string{"f9 take out", "(press f9)"}},
		{"removal with data", func(m *Model) { m.action(keys.RemoveData) }, []string{"y delete", "enter/esc/n keep"}, []string{"f9 delete", "(press f9)"}},
		{"leaving", func(m *Model) { m.o.Own = true; m.action(keys.Quit) }, []string{"y leave", "enter/esc/n stay"}, []string{"f9 leave", "(press f9)"}},
		{"sort", func(m *Model) { m.action(keys.Sort) }, []string{"enter take", "down/up choose"}, []string{"ctrl-o take"}},
		{"help", func(m *Model) { m.action(keys.Help) }, []string{"esc/enter close"}, []string{"ctrl-g/ctrl-o close"}},
		{"move", func(m *Model) { m.action(keys.Move) }, []string{"enter take it"}, []string{"ctrl-o take it"}},
		{"rename", func(m *Model) { m.action(keys.Rename) }, []string{"enter take it"}, []string{"ctrl-o take it"}},
		{"labels", func(m *Model) { m.action(keys.Labels) }, []string{"enter take it"}, []string{"ctrl-o take it"}},
		{"add", func(m *Model) { m.action(keys.Add) }, []string{"enter add", "esc leave"}, []string{"ctrl-o add"}},
		{"output", func(m *Model) { m.Update(outputMsg{line: "list", out: strings.Repeat("a line\n", 50)}) }, []string{"esc/enter close"}, []string{"ctrl-g/ctrl-o close"}},
		{"ending", func(m *Model) { m.dialog = &ending{began: now} }, []string{"ctrl-c leave at once"}, []string{"f7 leave at once"}},
	} {
		for _, size := range [][2]int{{30, 8}, {40, 10}, {80, 24}, {160, 50}} {
			for _, k := range []*keys.Map{keys.Default(), other} {
				t.Chdir(t.TempDir())
				m := modelOf(t, newSample(), looks(t)["ascii"], size[0], size[1])
				m.o.Keys = k
				look(t, m)
				c.do(m)
				want := c.want
				if k == other {
					want = c.bind
				}
				got := screenText(m)
				for i, w := range want {
					if !strings.Contains(got, w) && (size[0] > 30 || i == 0) {
						t.Errorf("%s at %v: %q is not told:\n%s", c.name, size, w, got)
					}
				}
				if k == other && size[0] >= 80 && c.name != "help" { // which tells of all keys
					for _, bad := range []string{"esc", "enter", " y ", "tab "} {
						if last := strings.Split(got, "\n"); strings.Contains(strings.Join(last[len(last)/3:], "\n"), bad+" ") {
							t.Errorf("%s at %v tells of %q:\n%s", c.name, size, bad, got)
						}
					}
				}
				if (c.name == "removal" || c.name == "removal with data") && !strings.Contains(got, "ubuntu-26") {
					t.Errorf("%s at %v names nothing:\n%s", c.name, size, got)
				}
			}
		}
	}
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	m.o.Keys = other
	m.Update(listMsg{whole: true})
	if got := screenText(m); !strings.Contains(got, "ctrl-a add a magnet link") || !strings.Contains(got, "ctrl-e help") {
		t.Errorf("an empty list tells of other keys:\n%s", got)
	}
	look(t, m)
	m.pick(tabError)
	m.list.filterBy("nothing has this name")
	if got := screenText(m); !strings.Contains(got, "ctrl-b shows everything") {
		t.Errorf("a list of nothing tells of other keys:\n%s", got)
	}
}

// TestKeysThatAreTakenAway: what has no key is not told of.
func TestKeysThatAreTakenAway(t *testing.T) {
	none, err := keys.Bind(map[string][]string{"zoom": {}, "undo": {}, "add": {}, "help": {}, "back": {}, "paste": {}})
	if err != nil {
		t.Fatal(err)
	}
	m := modelOf(t, newSample(), looks(t)["ascii"], 110, 30)
	m.o.Keys = none
	m.Update(listMsg{whole: true})
	if got := screenText(m); strings.Contains(got, " add a") || strings.Contains(got, "      help") || strings.Contains(got, "zooms") {
		t.Error(got)
	}
	look(t, m)
	press(t, m, "d", "y")
	if got := screenText(m); strings.Contains(got, "brings back") {
		t.Error(got)
	}
	m.list.filterBy("nothing has this name")
	if got := screenText(m); strings.Contains(got, "shows everything") {
		t.Error(got)
	}
	typeAtOnce(m, strings.Repeat("x", 100))
	if got := screenText(m); strings.Contains(got, " first, then paste") {
		t.Error(got)
	}
}

// TestAllNamesCanBeRead: who is asked about many torrents can read all their names before the answer.
func TestAllNamesCanBeRead(t *testing.T) {
	for _, size := range [][2]int{{30, 8}, {40, 10}, {80, 24}} {
		e := newSample()
		m := modelOf(t, e, looks(t)["ascii"], size[0], size[1])
		look(t, m)
		press(t, m, "*", "D")
		seen := ""
		for range shown {
			seen += screenText(m)
			press(t, m, "j")
		}
		for _, x := range shown[:6] {
			if !strings.Contains(seen, x.name[:5]) {
				t.Errorf("%v: %s is never seen", size, x.name)
			}
		}
		if size[0] >= 40 && !strings.Contains(screenText(m), "before, 0 more") && !strings.Contains(screenText(m), "being checked") {
			t.Errorf("%v: the end is\n%s", size, screenText(m))
		}
		last := screenText(m)
		press(t, m, "j", "G", "ctrl+d")
		if got := screenText(m); got != last {
			t.Errorf("%v: below the last:\n%s", size, got)
		}
		press(t, m, "g", "k")
		if got := screenText(m); !strings.Contains(got, "ubuntu") || calls(e) != nil {
			t.Errorf("%v: %q, above the first:\n%s", size, calls(e), got)
		}
	}
}

// TestTorrentsGoWhileAsked: a question about torrents that are gone meanwhile goes with them, and is about the others.
func TestTorrentsGoWhileAsked(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 110, 30)
	look(t, m)
	press(t, m, " ", " ", "D")
	id := fakeengine.Torrent(1).ID
	if err := e.Remove(t.Context(), id, status.Removal{}); err != nil {
		t.Fatal(err)
	}
	e.Edit(fakeengine.Torrent(2).ID, func(x *status.Entry) { x.Have = 670_000_000 })
	look(t, m)
	if got := screenText(m); !strings.Contains(got, "Remove 1 torrent AND") || strings.Contains(got, "ubuntu") || !strings.Contains(got, "Deletes 670 MB") {
		t.Errorf("still asked:\n%s", got)
	}
	if err := e.Remove(t.Context(), fakeengine.Torrent(2).ID, status.Removal{}); err != nil {
		t.Fatal(err)
	}
	look(t, m)
	if got := screenText(m); m.dialog != nil || !strings.Contains(got, "gone already") {
		t.Errorf("still asked:\n%s", got)
	}
	// A daemon that comes back with other torrents.
	press(t, m, "D")
	m.Update(listMsg{changed: []status.Entry{fakeengine.Torrent(99)}, whole: true})
	if m.dialog != nil || len(m.list.rows) != 1 {
		t.Errorf("%T is open about torrents of another daemon", m.dialog)
	}
}

// TestDetailsStayWithTheirTorrent: what is open stays open when the list shows it no more, and keys go to it and to nothing else.
func TestDetailsStayWithTheirTorrent(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 80, 24)
	look(t, m)
	press(t, m, "2", "g", "enter") // of those that download
	look(t, m)
	id, name := m.currentID(), m.current().e.Name
	e.Edit(id, func(x *status.Entry) { x.Have, x.Phase = x.Wanted, status.Seeding })
	look(t, m)
	if got := screenText(m); m.currentID() != id || !strings.Contains(strings.Split(got, "\n")[1], name[:20]) {
		t.Fatalf("another torrent is open:\n%s", got)
	}
	press(t, m, "p")
	if got := e.Calls(); got[len(got)-1] != "stop "+name {
		t.Errorf("%q", got)
	}
	press(t, m, "D")
	if got := screenText(m); !strings.Contains(got, name[:20]) {
		t.Errorf("asked about another one:\n%s", got)
	}
	press(t, m, "esc")
	if err := e.Remove(t.Context(), id, status.Removal{}); err != nil {
		t.Fatal(err)
	}
	look(t, m)
	if got := screenText(m); m.screen != screenList || !strings.Contains(got, "gone from the list") {
		t.Errorf("of a torrent that is gone:\n%s", got)
	}
}

// TestOutputIsSeenInFull: what a command prints is as wide as the window and nothing of it is cut: what is wider is folded, what is longer scrolls.
func TestOutputIsSeenInFull(t *testing.T) {
	table := "ID  NAME\n" + strings.Repeat("1   ", 30) + "end-of-the-table\n  indented " + strings.Repeat("word ", 40) + "end-of-the-words\n" + strings.Repeat("x", 5000) + "end-of-the-line"
	for _, size := range [][2]int{{30, 8}, {40, 10}, {80, 24}, {160, 50}} {
		m := modelOf(t, newSample(), looks(t)["ascii"], size[0], size[1])
		told := 0
		m.o.Command = func(_ context.Context, _ string, width int, out io.Writer) error {
			told = width
			_, err := io.WriteString(out, table)
			return err
		}
		look(t, m)
		press(t, m, ":", "l", "s", "enter")
		if want := max(size[0], minOutput); told != want {
			t.Errorf("at %v the command has %d cells, want %d", size, told, want)
		}
		seen := map[string]bool{}
		m.View()
		d := m.dialog.(*output)
		for range d.folded {
			harmless(t, "output", m.frame(), size[0], size[1])
			for _, l := range m.frame() {
				seen[strings.Trim(l, "| ")] = true
			}
			press(t, m, "j")
		}
		for _, l := range d.folded {
			if !seen[strings.TrimSpace(l)] {
				t.Errorf("at %v %q is not to be seen", size, l)
			}
		}
		for _, word := range []string{"end-of-the-table", "end-of-the-words", "end-of-the-line"} {
			if all := strings.Join(d.folded, ""); !strings.Contains(strings.ReplaceAll(all, " ", ""), word) {
				t.Errorf("at %v %q is cut away", size, word)
			}
		}
		press(t, m, "g")
		first := screenText(m)
		press(t, m, "k", "ctrl+u")
		if got := screenText(m); got != first {
			t.Errorf("at %v it goes on above the first line:\n%s", size, got)
		}
		press(t, m, "G")
		last := screenText(m)
		press(t, m, "j", "ctrl+d")
		if got := screenText(m); got != last || got == first && len(d.folded) > d.page {
			t.Errorf("at %v it goes on below the last line:\n%s", size, got)
		}
	}
}

// TestShortOutput: one line that fits is told at the foot; one that does not fit is shown in full, and a command without a word is not without an answer.
func TestShortOutput(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	look(t, m)
	m.Update(outputMsg{line: "x", out: "shoal: short\n"})
	if got := screenText(m); m.dialog != nil || !strings.Contains(got, "+ short") {
		t.Error(got)
	}
	m.Update(outputMsg{line: "pause 1"})
	if got := screenText(m); m.dialog != nil || !strings.Contains(got, "pause 1: done") {
		t.Error(got)
	}
	m.Update(outputMsg{line: "x", out: strings.Repeat("long ", 30) + "end"})
	if got := screenText(m); m.dialog == nil || !strings.Contains(got, "long end") {
		t.Error(got)
	}
	press(t, m, "esc")
	var out capped
	for range 300 {
		fmt.Fprintf(&out, "%s\n", strings.Repeat("y", 1023))
	}
	m.Update(outputMsg{line: "x", out: out.String()})
	press(t, m, "G")
	if got := screenText(m); !strings.Contains(got, "more than 256 KiB was printed") {
		t.Error(got)
	}
}

// TestPercentIsTheTorrent: in a line of the command prompt % stands for the marked torrents, else for the selected one.
func TestPercentIsTheTorrent(t *testing.T) {
	one, two := fakeengine.Torrent(1), fakeengine.Torrent(2)
	a, b := one.ID.Wire().String(), two.ID.Wire().String()
	for _, c := range []struct{ line, one, both string }{
		{"show %", "show " + a, "show " + a + " " + b},
		{"label % --add 5%", "label " + a + " --add 5%", "label " + a + " " + b + " --add 5%"},
		{`list --filter "name:x % y"`, `list --filter "name:x % y"`, `list --filter "name:x % y"`},
		{"show 50% %x '%'", "show 50% %x '%'", "show 50% %x '%'"},
		{"% %", a + " " + a, a + " " + b + " " + a + " " + b},
	} {
		if got, missing := meant(c.line, []*status.Entry{&one}); got != c.one || missing {
			t.Errorf("%s: %s", c.line, got)
		}
		if got, missing := meant(c.line, []*status.Entry{&one, &two}); got != c.both || missing {
			t.Errorf("%s: %s", c.line, got)
		}
	}
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	var run string
	m.o.Command = func(_ context.Context, line string, _ int, _ io.Writer) error { run = line; return nil }
	carryOut(m, m.command("show %"))
	if run != "" || m.toast.tone != bad {
		t.Errorf("%q was run; %q", run, m.toast.text)
	}
	look(t, m)
	carryOut(m, m.command("show %"))
	if run != "show "+m.list.selected().e.ID.Wire().String() {
		t.Errorf("%q was run", run)
	}
	if m.history[len(m.history)-1] != "show %" {
		t.Errorf("%q is remembered", m.history)
	}
}

// TestOutputWaitsForItsTurn: what a command prints does not take the place of a question or of what is typed; it is shown afterwards.
func TestOutputWaitsForItsTurn(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	look(t, m)
	press(t, m, "D")
	m.Update(outputMsg{line: "list", out: "one\ntwo"})
	if _, ok := m.dialog.(*removal); !ok {
		t.Fatalf("%T took the place of a question", m.dialog)
	}
	press(t, m, "n")
	if got := screenText(m); !strings.Contains(got, ":list") {
		t.Error(got)
	}
	press(t, m, "esc", ":", "s")
	m.Update(outputMsg{line: "list", out: "one\ntwo"})
	if m.dialog != nil || m.prompt.in.String() != "s" {
		t.Errorf("%T took the place of what is typed", m.dialog)
	}
	press(t, m, "esc")
	if got := screenText(m); !strings.Contains(got, ":list") {
		t.Error(got)
	}
}

// TestNextThatFits: n goes to the next torrent that the last filter chooses, whatever language that was in, also once all are shown again.
func TestNextThatFits(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 110, 30)
	look(t, m)
	for _, c := range []struct {
		query string
		want  []int // rows of the sample, from the first one on
	}{{"state:seeding", []int{3, 4, 3}}, {"debian", []int{1, 1}}, {"", []int{1, 2, 3}}} {
		press(t, m, "/")
		for _, r := range c.query {
			press(t, m, string(r))
		}
		press(t, m, "enter", "esc", "g")
		for _, want := range c.want {
			press(t, m, "n")
			if got := m.list.selected().e.Name; got != shown[want].name {
				t.Errorf("%q goes to %s and not to %s", c.query, got, shown[want].name)
			}
		}
	}
	m.find = "nothing has this name"
	press(t, m, "N")
	if got := screenText(m); !strings.Contains(got, "nothing here fits") {
		t.Error(got)
	}
}
