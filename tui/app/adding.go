package app

import (
	"fmt"
	"path/filepath"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// The fields of the dialog that adds.
const (
	addSource = iota
	addFolder
	addStopped
	addFields
)

// adding asks for torrents: a magnet link, a URL, a path, or a file out of a folder.
type adding struct {
	source, folder input
	stopped        bool
	field          int
	more           []string // further sources that were pasted
	left           int      // lines of what was pasted that were left out
	files          []string // .torrent files and folders in sight
	shown          string   // the folder they are in
	at             int      // of the chosen one, -1 for none
	busy           bool     // a folder is being looked at
}

// openAdd asks for torrents, and begins to look for what may be picked.
func (m *Model) openAdd() (*adding, tea.Cmd) {
	d := &adding{at: -1}
	return d, tea.Batch(m.open(d), d.look())
}

// askAgain asks again for a source that could not be added, so that nobody types it anew; what was given at the start or in numbers is in the log.
func (m *Model) askAgain(refused []source) tea.Cmd {
	if len(refused) != 1 || !refused[0].typed || m.dialog != nil || m.prompt != nil {
		return nil
	}
	d, cmd := m.openAdd()
	d.source, d.folder, d.stopped = inputOf(refused[0].text), inputOf(refused[0].dir), refused[0].stopped
	return tea.Batch(cmd, d.look())
}

// look has that listed which may be picked of the folder that was typed so far, one folder at a time.
func (d *adding) look() tea.Cmd {
	typed := d.source.String()
	d.at = -1 // what was chosen belongs to what was typed before
	switch {
	case whole(typed):
		d.files = nil
		return nil
	case d.busy:
		return nil
	}
	d.busy = true
	return lookUp(typed, ".torrent", addSource, false)
}

// take takes over what may be picked, or with tab goes on in the path, or else to the next field.
func (d *adding) take(m *Model, msg namesMsg) tea.Cmd {
	if msg.tab {
		in := &d.source
		if msg.field == addFolder {
			in = &d.folder
		}
		if in.String() != msg.typed || d.field != msg.field {
			return nil
		}
		if msg.line == msg.typed {
			d.field = (d.field + 1) % addFields
			return nil
		}
		in.set(msg.line)
		return d.look()
	}
	if d.busy = false; d.source.String() != msg.typed {
		return d.look()
	}
	d.shown, _ = filepath.Split(msg.typed)
	d.files, d.at = msg.names, -1
	return nil
}

func (*adding) typing() bool { return true }

func (d *adding) hints(m *Model) []keys.Hint {
	k := m.o.Keys
	enter := "add"
	if d.field == addSource && d.at >= 0 {
		enter = "take the file"
	}
	return []keys.Hint{k.Hint(enter, keys.Accept), k.Hint("leave", keys.Cancel), k.Hint("complete, go on", keys.Complete), k.Hint("pick a file", keys.Newer, keys.Older)}
}

func (d *adding) key(m *Model, k tea.KeyMsg, a keys.Action) tea.Cmd {
	switch {
	case a == keys.Cancel:
		return m.shut()
	case a == keys.Accept:
		return d.accept(m)
	case a == keys.Complete:
		return d.complete(m)
	case k.Type == tea.KeyShiftTab:
		d.field = (d.field + addFields - 1) % addFields
	case a == keys.Newer && d.field == addSource && len(d.files) > 0:
		d.at = min(d.at+1, len(d.files)-1)
	case a == keys.Older && d.field == addSource && d.at >= 0:
		d.at--
	case a == keys.Newer:
		d.field = min(d.field+1, addFields-1)
	case a == keys.Older:
		d.field = max(d.field-1, 0)
	case d.field == addStopped:
		if k.Type == tea.KeySpace {
			d.stopped = !d.stopped
		}
	case d.field == addFolder:
		d.folder.handle(k)
	case d.source.handle(k):
		return d.look()
	}
	return nil
}

// complete goes on in a path, or else to the next field.
func (d *adding) complete(m *Model) tea.Cmd {
	switch {
	case d.field == addSource && d.source.String() != "" && d.files != nil:
		return lookUp(d.source.String(), ".torrent", addSource, true)
	case d.field == addFolder && m.o.Local && d.folder.String() != "":
		return lookUp(d.folder.String(), "", addFolder, true)
	}
	d.field = (d.field + 1) % addFields
	return nil
}

// accept takes the file that is chosen, or adds.
func (d *adding) accept(m *Model) tea.Cmd {
	if d.field == addSource && d.at >= 0 {
		name := d.files[d.at]
		d.source.set(d.shown + name)
		d.files, d.at = nil, -1
		return d.look()
	}
	var list []source
	dir := m.folder(strings.TrimSpace(d.folder.String()))
	for _, s := range append([]string{strings.TrimSpace(d.source.String())}, d.more...) {
		if s != "" {
			list = append(list, source{expand(s), dir, d.stopped, true})
		}
	}
	if len(list) == 0 {
		return nil
	}
	return tea.Batch(m.shut(), m.add(list...))
}

func (d *adding) view(m *Model, w, h int) (string, []string) {
	s := m.style()
	field := func(i int, name, value string) string {
		mark, role := "  ", theme.Dim
		if d.field == i {
			mark, role = s.Cursor+" ", theme.Key
		}
		return s.Paint(role, mark+s.Fit(name, 9, draw.Left)) + value
	}
	in := func(i int, v *input) string {
		if d.field == i {
			return v.view(w-12, cursor(s))
		}
		return s.Cut(v.String(), w-12)
	}
	lines := says(s, theme.Text, "Paste or type a magnet link, a URL, an info hash or the path of a .torrent file.", w)
	if len(lines)+addFields+1 > h { // the fields matter more
		lines = nil
	}
	lines = append(lines, field(addSource, "source", in(addSource, &d.source)))
	if len(d.more) > 0 || d.left > 0 {
		and := fmt.Sprintf("and %d more", len(d.more))
		if d.left > 0 {
			and += "; " + leftOut(d.left)
		}
		lines = append(lines, s.Cut(s.Fit("", 11, draw.Left)+and, w))
	}
	folder := in(addFolder, &d.folder)
	if d.folder.String() == "" && d.field != addFolder {
		folder = s.Paint(theme.Dim, s.Cut("the usual one: "+m.seen.rare.settings.Dir, w-12))
	}
	stopped := "[ ] do not start it (space)"
	if d.stopped {
		stopped = "[x] do not start it (space)"
	}
	lines = append(lines, field(addFolder, "folder", folder), field(addStopped, "stopped", s.Cut(stopped, w-12)))
	room := max(min(h-len(lines), 10), 0)
	top := max(d.at-room+1, 0)
	for i := top; i < len(d.files) && i < top+room; i++ {
		if i == d.at {
			lines = append(lines, s.Paint(theme.Selected, s.Fit("  "+s.Cursor+" "+d.files[i], w, draw.Left)))
		} else {
			lines = append(lines, s.Cut("    "+d.files[i], w))
		}
	}
	return "Add", lines
}
