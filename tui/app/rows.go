package app

import (
	"fmt"
	"strings"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/tabs"
	"shoal/tui/theme"
)

// column is one of the list: what stands in it, and how much it matters where there is little room.
type column struct {
	head string
	w    int
	rank int // the highest are left out first
	left bool
	text func(m *Model, e *status.Entry) string
}

var columns = []column{
	{"SIZE", 8, 3, false, func(_ *Model, e *status.Entry) string { return sizeWord(e.Wanted) }},
	{"PROGRESS", 13, 7, true, func(m *Model, e *status.Entry) string { return "" }},
	{"DONE", 4, 0, false, func(_ *Model, e *status.Entry) string { return percent(e) }},
	{"DOWN", 9, 1, false, func(m *Model, e *status.Entry) string { return m.rateWord(e.Down) }},
	{"UP", 9, 2, false, func(m *Model, e *status.Entry) string { return m.rateWord(e.Up) }},
	{"ETA", 6, 4, false, func(m *Model, e *status.Entry) string { return m.etaWord(e) }},
	{"RATIO", 5, 5, false, func(m *Model, e *status.Entry) string { return tabs.Ratio(m.style(), e) }},
	{"PEERS", 9, 6, false, func(_ *Model, e *status.Entry) string { return peersWord(e) }},
	{"LABEL", 10, 8, true, func(_ *Model, e *status.Entry) string { return strings.Join(e.Labels, ",") }},
}

const (
	minName  = 22
	wideList = 110 // cells from which a bar, peers and labels have room
	barName  = "PROGRESS"
)

// chosenColumns are those for which there is room in w cells, and what is left for the name.
func chosenColumns(w int) (cols []column, name int) {
	worst := 5
	if w >= wideList {
		worst = 8
	}
	if w < 60 { // name, percent and the rate that matters
		return []column{columns[2], {"RATE", 9, 0, false, func(m *Model, e *status.Entry) string { return m.rateWord(max(e.Down, e.Up)) }}}, max(w-4-15, 0)
	}
	for ; worst >= 0; worst-- {
		cols, name = cols[:0], w-4
		for _, c := range columns {
			if c.rank <= worst {
				cols = append(cols, c)
				name -= c.w + 1
			}
		}
		if name >= minName {
			break
		}
	}
	return cols, max(name, 0)
}

// peersWord is how many of the connected peers send or receive, of how many. Some do both.
func peersWord(e *status.Entry) string {
	active := min(max(e.PeersSending, 0), e.Peers)
	active += min(max(e.PeersReceiving, 0), e.Peers-active)
	return text.Short(active) + "/" + text.Short(e.Peers)
}

func sizeWord(n int64) string {
	if n <= 0 {
		return ""
	}
	return text.Size(n)
}

func (m *Model) rateWord(n int64) string {
	if n <= 0 {
		return m.style().None
	}
	return text.Rate(n)
}

func (m *Model) etaWord(e *status.Entry) string {
	switch {
	case e.Complete():
		return "done"
	case e.Stopped || e.Waiting || e.Phase == status.Failed:
		return m.style().None
	case e.ETA < 0:
		return m.style().Infinity
	}
	return text.Duration(e.ETA)
}

// percent rounds down: 100 % is everything.
func percent(e *status.Entry) string { return fmt.Sprintf("%d%%", int(doneOf(e)*100)) }

// stateOf is the character in front of a torrent's name.
func (m *Model) stateOf(r *row) (string, theme.Role) {
	if r.unread {
		return m.style().Error, theme.Bad
	}
	return tabs.StateGlyph(m.style(), r.e)
}

// rowLines are the heads and the rows that are seen: h lines.
func (m *Model) rowLines(h int) []string {
	s, w, l := m.style(), m.w, m.list
	if h <= 0 {
		return nil
	}
	cols, name := chosenColumns(w)
	var b strings.Builder
	b.WriteString("    " + s.Fit("NAME", name, draw.Left))
	for _, c := range cols {
		b.WriteString(" " + s.Fit(c.head, c.w, align(c)))
	}
	lines := []string{s.Paint(theme.Head, s.Cut(b.String(), w))}
	if len(l.shown) == 0 {
		return s.Lines(append(lines, m.emptyLines()...), w, h)
	}
	rows := h - 1
	top := min(max(m.top, l.at-rows+1), l.at)
	top = max(min(top, len(l.shown)-rows), 0)
	for i := top; i < len(l.shown) && i < top+rows; i++ {
		lines = append(lines, m.rowLine(l.shown[i], i == l.at, cols, name))
	}
	return s.Lines(lines, w, h)
}

func align(c column) draw.Align {
	if c.left {
		return draw.Left
	}
	return draw.Right
}

// rowLine is one torrent.
func (m *Model) rowLine(r *row, selected bool, cols []column, name int) string {
	s, e := m.style(), r.e
	cursor, mark := " ", " "
	if selected {
		cursor = s.Cursor
	}
	if r.marked {
		mark = s.Mark
	}
	state, role := m.stateOf(r)
	var b strings.Builder
	if filesUnknown(e) { // there is nothing to put into columns
		rest := m.w - 4 - name
		b.WriteString(s.Fit(e.Name, name, draw.Left) + s.Fit(" "+m.magnetWord(e, rest-1), rest, draw.Left))
	} else {
		b.WriteString(s.Fit(e.Name, name, draw.Left))
		for _, c := range cols {
			b.WriteByte(' ')
			if c.head == barName {
				b.WriteString(s.BareBar(doneOf(e), c.w))
				continue
			}
			b.WriteString(s.Fit(c.text(m, e), c.w, align(c)))
		}
	}
	text := theme.Text
	switch {
	case m.away != nil || e.Stopped || e.Phase == status.Paused:
		text = theme.Dim
	case e.Phase == status.Failed:
		text = theme.Bad
	}
	if r.marked {
		text = theme.Marked
	}
	if selected {
		return s.Paint(theme.Selected, s.Fit(cursor+mark+state+" "+b.String(), m.w, draw.Left))
	}
	return cursor + s.Paint(theme.Marked, mark) + s.Paint(role, state) + " " + s.Paint(text, b.String())
}

// emptyLines say what to do where no torrent is shown.
func (m *Model) emptyLines() []string {
	s, k := m.style(), m.o.Keys
	switch {
	case !m.known:
		return []string{"", s.Paint(theme.Dim, s.Cut("    one moment", m.w))}
	case m.list.counts[tabAll] > 0:
		says := "    nothing is in this view"
		if m.list.query != "" {
			says = "    nothing fits /" + text.Clean(m.list.query, 40)
		}
		if key := k.First(keys.Back); key != "" {
			says += "; " + key + " shows everything"
		}
		return []string{"", s.Paint(theme.Dim, s.Cut(says, m.w))}
	}
	lines := []string{"", s.Paint(theme.Title, s.Cut("    No torrents yet.", m.w)), ""}
	hints := []keys.Hint{k.Hint("add a magnet link, file or URL", keys.Add), k.Hint("help", keys.Help)}
	n := max(draw.Width(hints[0].Key), draw.Width(hints[1].Key), 5)
	for _, h := range hints {
		if h.Key != "" {
			lines = append(lines, s.Cut("    "+s.Fit(h.Key, n, draw.Left)+" "+h.Text, m.w))
		}
	}
	return append(lines, s.Cut("    or paste a magnet link right here", m.w))
}
