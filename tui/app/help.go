package app

import (
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// help lists the keys of the screen below; what is typed is looked for.
type help struct {
	lines []keys.HelpLine
	where keys.Where
	word  input
	top   int
}

// helpPage is how many lines a page key goes on.
const helpPage = 10

func newHelp(m *Model) *help {
	lines := slices.DeleteFunc(m.o.Keys.Help(m.where()), func(l keys.HelpLine) bool { return m.idle(l.Action) })
	if m.where() == keys.List {
		lines = append(lines, legend(m.style().Glyphs)...)
	}
	return &help{lines: lines, where: m.where()}
}

// legend says what the characters in front of a name mean.
func legend(g *theme.Glyphs) (lines []keys.HelpLine) {
	for _, x := range [][2]string{
		{g.Down, "It receives"}, {g.Up, "It sends"}, {g.Idle, "It runs, and nothing moves"}, {g.Queued, "It waits for its turn in the queue"}, {g.Stopped, "It is stopped"},
		{g.Wait, "It looks for the metadata of its magnet link"}, {g.Check, "Its files are checked or moved"}, {g.Error, "It failed: open it to see why"},
		{g.Mark, "It is marked"},
	} {
		lines = append(lines, keys.HelpLine{Group: "In front of a name", Keys: x[0], Text: x[1]})
	}
	return lines
}

func (*help) typing() bool { return true }

func (*help) hints(m *Model) []keys.Hint {
	k := m.o.Keys
	return []keys.Hint{k.Hint("close", keys.Cancel, keys.Accept), k.Hint("scroll", keys.Newer, keys.Older)}
}

func (d *help) key(m *Model, k tea.KeyMsg, a keys.Action) tea.Cmd {
	switch {
	case a == keys.Cancel, a == keys.Accept:
		return m.shut()
	case a == keys.Newer:
		d.top++
	case a == keys.Older:
		d.top = max(d.top-1, 0)
	case k.Type == tea.KeyPgDown:
		d.top += helpPage
	case k.Type == tea.KeyPgUp:
		d.top = max(d.top-helpPage, 0)
	case d.word.handle(k):
		d.top = 0
	}
	return nil
}

func (d *help) view(m *Model, w, h int) (string, []string) {
	s := m.style()
	column := 0
	for _, l := range d.lines {
		column = max(column, draw.Width(l.Keys))
	}
	column = min(column, w/3)
	var all []string
	group := ""
	for _, l := range d.lines {
		if !matches(d.word.String(), l.Group, l.Keys, l.Text) {
			continue
		}
		if l.Group != group {
			group = l.Group
			all = append(all, s.Paint(theme.Head, s.Cut(" "+group, w)))
		}
		left, right := draw.Wrap(l.Keys, column), draw.Wrap(l.Text, w-column-2)
		for i := range max(len(left), len(right)) {
			line := " " + s.Fit("", column, draw.Left)
			if i < len(left) {
				line = " " + s.Paint(theme.Key, s.Fit(left[i], column, draw.Left))
			}
			if i < len(right) {
				line += " " + right[i]
			}
			all = append(all, line)
		}
	}
	room := max(h-1, 1)
	d.top = max(min(d.top, len(all)-room), 0)
	lines := []string{s.Cut(" look for: "+d.word.view(max(w-24, 4), cursor(s)), w)}
	return "Help: keys of " + d.where.String(), append(lines, all[d.top:min(d.top+room, len(all))]...)
}
