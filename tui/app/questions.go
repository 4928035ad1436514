package app

import (
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// removal asks whether torrents are to be removed. Nothing but Confirm removes.
type removal struct {
	list []*status.Entry
	data bool
	top  int // first of the names that are seen
	page int // names that were seen the last time
}

func (*removal) typing() bool { return false }

func (d *removal) key(m *Model, _ tea.KeyMsg, a keys.Action) tea.Cmd {
	switch a {
	case keys.Confirm:
		return tea.Batch(m.shut(), m.remove(d.list, d.data))
	case keys.Accept, keys.Cancel, keys.Refuse:
		return m.shut()
	case keys.NextChoice:
		d.top++
	case keys.PrevChoice:
		d.top--
	case keys.PageDown:
		d.top += max(d.page, 1)
	case keys.PageUp:
		d.top -= max(d.page, 1)
	case keys.Top:
		d.top = 0
	case keys.Bottom:
		d.top = len(d.list)
	}
	return nil
}

func (d *removal) hints(m *Model) []keys.Hint {
	yes := "take out"
	if d.data {
		yes = "delete"
	}
	list := []keys.Hint{m.o.Keys.Hint(yes, keys.Confirm), m.o.Keys.Hint("keep", keys.Accept, keys.Cancel, keys.Refuse)}
	if len(d.list) > d.page {
		list = append(list, m.o.Keys.Hint("scroll", keys.NextChoice, keys.PrevChoice))
	}
	return list
}

// renew takes over what is known of the torrents now, and leaves out those that are gone meanwhile. It reports whether any are left.
func (d *removal) renew(l *list) bool {
	d.list = slices.DeleteFunc(d.list, func(e *status.Entry) bool { return l.rows[e.ID] == nil })
	for i, e := range d.list {
		d.list[i] = l.rows[e.ID].e
	}
	return len(d.list) > 0
}

func (d *removal) view(m *Model, w, h int) (string, []string) {
	s, n := m.style(), len(d.list)
	count := text.Count(n, "torrent")
	var sum int64
	folders := map[string]bool{}
	for _, e := range d.list {
		sum += e.Have
		folders[e.Dir] = true
	}
	where := text.Clean(d.list[0].Dir, w)
	if len(folders) > 1 {
		where = text.Count(len(folders), "folder")
	}
	yes := m.o.Keys.Keys(keys.Confirm)
	title, short := "Take "+count+" out of the list?", "Out of the list?"
	below, last := says(s, theme.Text, "The files stay under "+where+".", w), answers(s, "> Keep in the list <", "Take out (press "+yes+")", w)
	if d.data {
		title, short = "Remove "+count+" AND delete their files?", "Remove AND delete files?"
		below = says(s, theme.Bad, fmt.Sprintf("Deletes %s under %s. After ten seconds this cannot be undone.", text.Size(sum), where), w)
		last = answers(s, "> Keep everything <", "Delete files (press "+yes+")", w)
	}
	if draw.Width(title) > w-4 { // the room in the edge of the box
		title = short
	}
	// The answers are seen in any case, and one line of names; then comes what is said, then the other names.
	below = append(below[:max(min(len(below), h-len(last)-1), 0)], last...)
	return title, append(d.names(s, w, min(h-len(below), 11)), below...)
}

// names are the torrents in at most h lines, with what of them is on the disk; all of them can be scrolled through.
func (d *removal) names(s draw.Style, w, h int) (lines []string) {
	n, more, room := len(d.list), "", h
	if n > h && h > 1 {
		h-- // for how many more there are
	}
	d.page = max(min(n, h), 0)
	d.top = max(min(d.top, n-d.page), 0)
	rest := fmt.Sprintf("and %d more", n-d.page)
	if d.top > 0 {
		rest = fmt.Sprintf("%d before, %d more", d.top, n-d.page-d.top)
	}
	if n > room && room == 1 {
		more = rest
	}
	for _, e := range d.list[d.top : d.top+d.page] {
		end := more
		if end == "" {
			files := ""
			if e.Files > 0 { // else it is not known yet
				files = text.Count(e.Files, "file")
			}
			end = s.Fit(text.Size(e.Have), 9, draw.Right)
			if w >= 40 {
				end += "   " + s.Fit(files, 12, draw.Left)
			}
		}
		lines = append(lines, "  "+s.Fit(e.Name, max(w-3-draw.Width(end), 0), draw.Left)+" "+end)
	}
	if n > room && room > 1 {
		lines = append(lines, "  "+rest)
	}
	return lines
}

// answers are the two answers of a question, the one that enter takes first: beside each other, or below where that is too wide.
func answers(s draw.Style, first, other string, w int) []string {
	if line := first + "      " + other; draw.Width(line) <= w {
		return []string{s.Fit(line, w, draw.Center)}
	}
	return []string{s.Fit(first, w, draw.Center), s.Fit(other, w, draw.Center)}
}

// leaving asks whether the engine of this process is to end.
type leaving struct{}

func (*leaving) typing() bool { return false }

func (*leaving) key(m *Model, _ tea.KeyMsg, a keys.Action) tea.Cmd {
	switch a {
	case keys.Confirm:
		return m.end()
	case keys.Accept, keys.Cancel, keys.Refuse:
		return m.shut()
	}
	return nil
}

func (*leaving) hints(m *Model) []keys.Hint {
	return []keys.Hint{m.o.Keys.Hint("leave", keys.Confirm), m.o.Keys.Hint("stay", keys.Accept, keys.Cancel, keys.Refuse)}
}

func (*leaving) view(m *Model, w, h int) (string, []string) {
	s := m.style()
	rest := text.Count(m.list.counts[tabDown]+m.list.counts[tabSeed], "torrent rests", "torrents rest")
	lines := says(s, theme.Text, "The engine runs in this window: "+rest+" until shoal starts again. `shoal daemon` goes on without a window.", w)
	last := answers(s, "> Stay <", "Leave (press "+m.o.Keys.Keys(keys.Confirm)+")", w)
	return "Leave?", append(lines[:max(min(len(lines), h-len(last)), 0)], last...)
}
