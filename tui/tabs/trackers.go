package tabs

import (
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// trackersTab is the trackers by tier; below them the one at the cursor in full.
type trackersTab struct{ list }

func (*trackersTab) Name() string      { return "Trackers" }
func (*trackersTab) Where() keys.Where { return keys.Trackers }

func (*trackersTab) Title(d *Data) string { return titled("Trackers", len(d.Trackers)) }

func (t *trackersTab) Handle(a keys.Action, d *Data) Do {
	t.move(a, len(d.Trackers))
	return nil
}

var trackerColumns = []draw.Column{
	{Width: 1},
	{Title: "TIER", Width: 4, Align: draw.Right, Rank: 4, Join: true},
	{Title: "TRACKER", Width: 24, Flex: 3, Max: 60},
	{Title: "STATE", Width: 10},
	{Title: "NEXT", Width: 7, Align: draw.Right, Rank: 1},
	{Title: "SEEDS", Width: 6, Align: draw.Right, Rank: 2},
	{Title: "PEERS", Width: 6, Align: draw.Right, Rank: 3},
	{Title: "LAST", Width: 7, Align: draw.Right, Rank: 6},
	{Title: "MESSAGE", Width: 20, Flex: 4, Rank: 5},
}

// mostOfOne is how many lines the tracker at the cursor has at most.
const mostOfOne = 5

func (t *trackersTab) View(s draw.Style, d *Data, w, h int) []string {
	return framed(s, d, w, h, func(h int) []string {
		n := len(d.Trackers)
		if n == 0 {
			return note(s, "It has no trackers.", w)
		}
		t.clamp(n)
		below := t.one(s, d, w)
		if most := min(mostOfOne, h-1-min(n, 4)); len(below) > most {
			below = below[:max(most, 0)]
		}
		rows := max(h-len(below), 1)
		t.see(n, max(rows-1, 1))
		cols := trackerColumns
		if rows == 1 {
			cols = headless(cols)
		}
		return append(s.Table(cols, t.rowOf(s, d), t.top, n, w, rows), below...)
	})
}

// one is the tracker at the cursor in full: its URL, without what is secret in it, and what it said the last time.
func (t *trackersTab) one(s draw.Style, d *Data, w int) []string {
	k := &d.Trackers[t.cursor]
	lines := []string{s.Rule("", w)}
	lines = append(lines, paint(s, theme.Text, draw.Wrap(text.Mask(k.URL), w-1), " ")...)
	if k.Err != "" {
		role := theme.Bad
		if k.Working {
			role = theme.Warn
		}
		lines = append(lines, paint(s, role, draw.Wrap(s.Error+" "+text.Mask(k.Err), w-1), " ")...)
	}
	return lines
}

func (t *trackersTab) rowOf(s draw.Style, d *Data) func(i int) draw.Row {
	cells := make([]draw.Cell, 0, len(trackerColumns))
	return func(i int) draw.Row {
		k := &d.Trackers[i]
		state, role := trackerState(k)
		cells = append(cells[:0],
			draw.Cell{},
			draw.Cell{Text: text.Short(k.Tier + 1)},
			draw.Cell{Text: text.Mask(k.URL)},
			draw.Cell{Text: state, Role: role},
			draw.Cell{Text: next(s, k, d.Now)},
			draw.Cell{Text: known(s, k.Complete)},
			draw.Cell{Text: known(s, k.Incomplete)},
			draw.Cell{Text: ago(s, k.Last, d.Now)},
			draw.Cell{Text: message(k), Role: role})
		r := draw.Row{Cells: cells}
		if i == t.cursor {
			cells[0].Text, r.Role = s.Cursor, theme.Selected
		}
		return r
	}
}

// trackerState says in a word how a tracker is.
func trackerState(k *status.Tracker) (string, theme.Role) {
	switch {
	case k.Announcing:
		return "asking", theme.Accent
	case k.Working && k.Err != "":
		return "warns", theme.Warn
	case k.Working:
		return "works", theme.Good
	case k.Err != "":
		return "fails", theme.Bad
	case k.Backup:
		return "backup", theme.Dim
	}
	return "not asked", theme.Dim
}

// message is what a tracker said, or how many addresses it named.
func message(k *status.Tracker) string {
	switch {
	case k.Err != "":
		return text.Mask(k.Err)
	case k.Working:
		return "named " + text.Count(k.Peers, "peer")
	}
	return ""
}

// next is how long it takes to the next announce.
func next(s draw.Style, k *status.Tracker, now time.Time) string {
	switch {
	case k.Announcing:
		return "now"
	case k.Next.IsZero():
		return s.None
	case !k.Next.After(now):
		return "due"
	}
	return text.Duration(k.Next.Sub(now))
}

// ago is how long ago a moment was.
func ago(s draw.Style, then, now time.Time) string {
	if then.IsZero() {
		return s.None
	}
	return text.Duration(max(now.Sub(then), 0))
}

// known is a count, of which some trackers tell nothing.
func known(s draw.Style, n int) string {
	if n < 0 {
		return s.None
	}
	return text.Short(n)
}
