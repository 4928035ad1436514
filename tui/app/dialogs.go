package app

import (
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// dialog is what lies over the screen and has the keyboard.
type dialog interface {
	key(m *Model, k tea.KeyMsg, a keys.Action) tea.Cmd
	// view returns the title and the lines, painted; w and h are the room for them.
	view(m *Model, w, h int) (title string, lines []string)
	typing() bool // text is typed: characters are no keys, and the mouse is off
	// hints are the keys that it is answered with, the most important first.
	hints(m *Model) []keys.Hint
}

// asking reports whether the dialog is a question whose answer does something that nobody wants by mistake.
func (m *Model) asking() bool {
	switch m.dialog.(type) {
	case *removal, *leaving:
		return true
	}
	return false
}

// open shows a dialog.
func (m *Model) open(d dialog) tea.Cmd {
	m.dialog = d
	return m.mouseMode()
}

// shut takes it away.
func (m *Model) shut() tea.Cmd {
	m.dialog = nil
	m.showWaiting()
	return m.mouseMode()
}

// showWaiting shows what commands have printed while something else had the keyboard.
func (m *Model) showWaiting() {
	if m.dialog == nil && m.prompt == nil && len(m.waiting) > 0 {
		m.dialog, m.waiting = m.waiting[0], m.waiting[1:]
	}
}

// mouseMode has the terminal report the mouse or leave it to the person.
func (m *Model) mouseMode() tea.Cmd {
	if m.mouse && m.prompt == nil && (m.dialog == nil || !m.dialog.typing()) {
		return tea.EnableMouseCellMotion
	}
	return tea.DisableMouse
}

// box draws the dialog, with the keys that answer it in the last line. What a command printed has all of the width, without a frame at its sides: so it
// is as wide as in a shell, and can be copied.
func (m *Model) box() []string {
	s, w := m.style(), min(m.w, max(m.w*3/4, 70))
	_, bare := m.dialog.(*output)
	inner := w - 2
	if bare {
		w, inner = m.w, m.w
	}
	title, lines := m.dialog.view(m, inner, m.h-3)
	list, _ := fitHints(m.dialog.hints(m), inner) // some tell of what is seen now
	lines = append(lines[:min(len(lines), m.h-3)], m.hintsIn(list, inner))
	if bare {
		return append(append([]string{s.Rule(title, w)}, s.Lines(lines, w, len(lines))...), s.Rule("", w))
	}
	return s.Box(title, lines, w, min(len(lines)+2, m.h))
}

// says is a sentence of a dialog in as many lines as it needs.
func says(s draw.Style, r theme.Role, sentence string, w int) []string {
	lines := draw.Wrap(sentence, w-4)
	for i, l := range lines {
		lines[i] = "  " + s.Paint(r, l)
	}
	return lines
}

// ending shows what is awaited while the engine ends.
type ending struct {
	began  time.Time
	stages []string
}

func (*ending) typing() bool                                { return false }
func (*ending) key(*Model, tea.KeyMsg, keys.Action) tea.Cmd { return nil }

func (d *ending) view(m *Model, w, _ int) (string, []string) {
	s := m.style()
	lines := says(s, theme.Text, fmt.Sprintf("Trackers are told, files are written: %d s of at most 5 s.", int(m.o.Now().Sub(d.began)/time.Second)), w)
	for _, x := range d.stages {
		lines = append(lines, s.Cut("  "+s.Done+" "+x, w))
	}
	return "Ending", lines
}

func (*ending) hints(m *Model) []keys.Hint {
	return []keys.Hint{m.o.Keys.Hint("leave at once", keys.Exit)}
}

// menu is a choice of one of several words.
type menu struct {
	title string
	items []string
	at    int
	take  func(m *Model, i int) tea.Cmd
}

// menuPage is how many words a page key goes on.
const menuPage = 10

func newSorts(m *Model) *menu {
	d := &menu{title: "Sort by"}
	for _, k := range sorts {
		d.items = append(d.items, k.name)
	}
	for _, v := range m.o.Views {
		d.items = append(d.items, "view: "+v.Name)
	}
	d.at = m.list.sort
	d.take = func(m *Model, i int) tea.Cmd {
		if i < len(sorts) {
			m.list.usual(i)
			return nil
		}
		v := m.o.Views[i-len(sorts)]
		m.list.sortBy(v.Sort)
		if err := m.list.filterBy(v.Filter); err != nil {
			return m.say(err.Error(), bad)
		}
		return nil
	}
	return d
}

func (*menu) typing() bool { return false }

func (*menu) hints(m *Model) []keys.Hint {
	k := m.o.Keys
	return []keys.Hint{k.Hint("take", keys.Accept), k.Hint("choose", keys.NextChoice, keys.PrevChoice), k.Hint("leave", keys.Cancel)}
}

func (d *menu) key(m *Model, _ tea.KeyMsg, a keys.Action) tea.Cmd {
	n := len(d.items)
	switch a {
	case keys.NextChoice:
		d.at = (d.at + 1) % n
	case keys.PrevChoice:
		d.at = (d.at + n - 1) % n
	case keys.PageDown:
		d.at = min(d.at+menuPage, n-1)
	case keys.PageUp:
		d.at = max(d.at-menuPage, 0)
	case keys.Top:
		d.at = 0
	case keys.Bottom:
		d.at = n - 1
	case keys.Accept:
		return tea.Batch(m.shut(), d.take(m, d.at))
	case keys.Cancel, keys.Refuse:
		return m.shut()
	}
	return nil
}

func (d *menu) view(m *Model, w, h int) (string, []string) {
	s := m.style()
	var lines []string
	top := max(d.at-h+1, 0)
	for i := top; i < len(d.items) && i < top+h; i++ {
		if i == d.at {
			lines = append(lines, s.Paint(theme.Selected, s.Fit(s.Cursor+" "+d.items[i], w, draw.Left)))
		} else {
			lines = append(lines, s.Fit("  "+d.items[i], w, draw.Left))
		}
	}
	return d.title, lines
}
