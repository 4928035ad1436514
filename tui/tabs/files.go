package tabs

import (
	"context"
	"fmt"
	"math"
	"strings"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// filesTab is the tree of files.
type filesTab struct {
	list
	tree tree
}

func (*filesTab) Name() string      { return "Files" }
func (*filesTab) Where() keys.Where { return keys.Files }

func (*filesTab) Title(d *Data) string { return titled("Files", max(len(d.Files), d.Entry.Files)) }

func titled(name string, n int) string {
	if n <= 0 {
		return name
	}
	return fmt.Sprintf("%s %d", name, n)
}

func (t *filesTab) Handle(a keys.Action, d *Data) Do {
	t.tree.update(d.Files)
	if t.move(a, len(t.tree.rows)) || len(t.tree.rows) == 0 {
		return nil
	}
	t.clamp(len(t.tree.rows))
	k := t.tree.rows[t.cursor]
	switch a {
	case keys.Open:
		t.tree.fold(t.cursor)
		return nil
	case keys.Want:
		return change(d, t.tree.want(k))
	case keys.Raise:
		return change(d, t.tree.rank(k, 1))
	case keys.Lower:
		return change(d, t.tree.rank(k, -1))
	}
	return nil
}

// change asks the engine for other priorities of files.
func change(d *Data, files map[int]uint8) Do {
	if len(files) == 0 {
		return nil
	}
	id := d.Entry.ID
	return func(ctx context.Context, e status.Engine) error {
		return e.Change(ctx, id, status.Change{Files: files})
	}
}

// want returns the change that skips all files below a node if all of them are wanted, and else wants those that are not.
func (t *tree) want(k int32) map[int]uint8 {
	files := make(map[int]uint8)
	skip := t.nodes[k].wanted == t.nodes[k].files
	t.below(k, func(i int) {
		switch {
		case skip:
			files[i] = 0
		case !t.files[i].Wanted:
			files[i] = 2
		}
	})
	return files
}

// rank returns the change that gives the wanted files below a node a priority one higher or lower. What is skipped stays so, and nothing
// becomes skipped.
func (t *tree) rank(k int32, by int) map[int]uint8 {
	files := make(map[int]uint8)
	t.below(k, func(i int) {
		p := int(priority(&t.files[i]))
		if q := min(max(p+by, 1), 3); p > 0 && q != p {
			files[i] = uint8(q)
		}
	})
	return files
}

var fileColumns = []draw.Column{
	{Width: 1},
	{Title: "WANT", Width: 4, Join: true},
	{Title: "NAME", Width: 8, Flex: 1},
	{Title: "SIZE", Width: 7, Align: draw.Right, Rank: 3},
	{Title: "DONE", Width: 4, Align: draw.Right, Rank: 1},
	{Title: "PROGRESS", Width: 16, Rank: 4},
	{Title: "PRIORITY", Width: 8, Rank: 2},
}

func (t *filesTab) View(s draw.Style, d *Data, w, h int) []string {
	t.tree.update(d.Files)
	return framed(s, d, w, h, func(h int) []string {
		n := len(t.tree.rows)
		switch {
		case n == 0 && d.Entry.Pieces == 0:
			return note(s, "The files are not known before the metadata is here.", w)
		case n == 0:
			return note(s, "The files are asked for.", w)
		}
		t.see(n, max(h-1, 1))
		if h == 1 {
			return s.Table(headless(fileColumns), t.rowOf(s), t.top, n, w, h)
		}
		return s.Table(fileColumns, t.rowOf(s), t.top, n, w, h)
	})
}

// headless returns the columns without their titles, for where there is room for one row only.
func headless(cols []draw.Column) []draw.Column {
	out := append([]draw.Column(nil), cols...)
	for i := range out {
		out[i].Title = ""
	}
	return out
}

func (t *filesTab) rowOf(s draw.Style) func(i int) draw.Row {
	cells := make([]draw.Cell, len(fileColumns))
	return func(i int) draw.Row {
		n := &t.tree.nodes[t.tree.rows[i]]
		sh := share(n.have, n.length)
		cells[0] = draw.Cell{}
		cells[1] = draw.Cell{Text: wanted(n), Role: theme.Key}
		cells[2] = draw.Cell{Text: label(n)}
		cells[3] = draw.Cell{Text: text.Size(n.length)}
		cells[4] = draw.Cell{Text: percent(sh)}
		cells[5] = draw.Cell{Bar: true, Share: sh, Role: theme.Accent}
		cells[6] = draw.Cell{Text: priorityWord(n)}
		r := draw.Row{Cells: cells}
		switch {
		case i == t.cursor:
			cells[0].Text, r.Role = s.Cursor, theme.Selected
		case n.wanted == 0:
			r.Role = theme.Dim
		}
		return r
	}
}

// maxIndent is how many levels of folders are shown as such.
const maxIndent = 12

// label is a node's name with its level, and for a folder whether it is folded.
func label(n *node) string {
	indent := strings.Repeat("  ", min(int(n.depth), maxIndent))
	switch {
	case n.file != none:
		return indent + "  " + n.name
	case n.folded:
		return fmt.Sprintf("%s+ %s/ (%d)", indent, n.name, n.files)
	}
	return indent + "- " + n.name + "/"
}

// wanted is a box: x for all, - for some, empty for none.
func wanted(n *node) string {
	switch n.wanted {
	case 0:
		return "[ ]"
	case n.files:
		return "[x]"
	}
	return "[-]"
}

func priorityWord(n *node) string {
	switch {
	case n.wanted == 0:
		return "skip"
	case n.low != n.high:
		return "mixed"
	}
	return [...]string{"skip", "low", "normal", "high"}[n.high]
}

// share is have of all, 1 only when nothing is missing; of nothing all is there.
func share(have, all int64) float64 {
	switch {
	case have >= all:
		return 1
	case have <= 0:
		return 0
	}
	return min(float64(have)/float64(all), math.Nextafter(1, 0))
}

// percent says 100% only when nothing is missing.
func percent(share float64) string {
	if math.IsNaN(share) {
		share = 0
	}
	return fmt.Sprintf("%d%%", int(math.Floor(min(max(share, 0), 1)*100)))
}
