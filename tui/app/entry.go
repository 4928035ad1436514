package app

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// entry is a dialog with one line to type.
type entry struct {
	title string
	says  string
	in    input
	paths bool // tab completes folders
	offer []string
	take  func(m *Model, line string) tea.Cmd
}

func (*entry) typing() bool { return true }

func (d *entry) hints(m *Model) []keys.Hint {
	k := m.o.Keys
	list := []keys.Hint{k.Hint("take it", keys.Accept), k.Hint("leave everything as it is", keys.Cancel)}
	if d.paths {
		list = append(list, k.Hint("complete", keys.Complete))
	}
	return list
}

func (d *entry) key(m *Model, k tea.KeyMsg, a keys.Action) tea.Cmd {
	switch {
	case a == keys.Cancel:
		return m.shut()
	case a == keys.Accept:
		return tea.Batch(m.shut(), d.take(m, strings.TrimSpace(d.in.String())))
	case a == keys.Complete && d.paths:
		return lookUp(d.in.String(), "", 0, true)
	default:
		d.in.handle(k)
	}
	return nil
}

func (d *entry) view(m *Model, w, _ int) (string, []string) {
	s := m.style()
	lines := append(says(s, theme.Text, d.says, w), " "+s.Paint(theme.Key, ">")+" "+d.in.view(w-4, cursor(s)))
	if len(d.offer) > 1 {
		lines = append(lines, s.Paint(theme.Dim, s.Cut("   "+strings.Join(d.offer[:min(len(d.offer), 30)], "  "), w)))
	}
	return d.title, lines
}

func newMove(m *Model, list []*status.Entry) *entry {
	return &entry{title: "Move " + namesOf(list), says: "Folder to which the files are moved:", in: inputOf(list[0].Dir), paths: m.o.Local,
		take: func(m *Model, dir string) tea.Cmd {
			if dir = m.folder(dir); dir == "" {
				return nil
			}
			return m.eachOf(list, "moving", func(ctx context.Context, e status.Engine, x *status.Entry) error { return e.Move(ctx, x.ID, dir, true) })
		}}
}

// folder is a folder that was typed: of this machine it may begin with ~ or be relative.
func (m *Model) folder(dir string) string {
	if dir == "" || !m.o.Local {
		return dir
	}
	abs, err := filepath.Abs(expand(dir))
	if err != nil {
		return dir
	}
	return abs
}

func newRename(x *status.Entry) *entry {
	old := x.Name
	return &entry{title: "Rename " + text.Clean(old, 60), says: "New name of the file or folder on disk:", in: inputOf(old), take: func(m *Model, name string) tea.Cmd {
		if name == "" || name == old {
			return nil
		}
		return m.eachOf([]*status.Entry{x}, "renamed", func(ctx context.Context, e status.Engine, x *status.Entry) error {
			files, err := e.Files(ctx, x.ID)
			if err != nil {
				return err
			}
			path := old
			if len(files) > 0 {
				path, _, _ = strings.Cut(files[0].Path, "/")
			}
			return e.Rename(ctx, x.ID, path, name)
		})
	}}
}

// newLabels asks for labels. Of several torrents those are changed that all of them have: what each has besides stays.
func newLabels(list []*status.Entry) *entry {
	common := slices.Clone(list[0].Labels)
	for _, x := range list[1:] {
		common = slices.DeleteFunc(common, func(l string) bool { return !slices.Contains(x.Labels, l) })
	}
	says := "Labels, with commas between them; none takes all away:"
	if len(list) > 1 {
		says = "The labels that all of them have, with commas between them; others stay:"
	}
	return &entry{title: "Labels of " + namesOf(list), says: says, in: inputOf(strings.Join(common, ", ")),
		take: func(m *Model, line string) tea.Cmd {
			var typed []string
			for _, l := range strings.Split(line, ",") {
				if l = strings.TrimSpace(l); l != "" && !slices.Contains(typed, l) {
					typed = append(typed, l)
				}
			}
			return m.eachOf(list, "labelled", func(ctx context.Context, e status.Engine, x *status.Entry) error {
				labels := slices.Clone(typed)
				for _, l := range x.Labels {
					if !slices.Contains(common, l) && !slices.Contains(labels, l) {
						labels = append(labels, l)
					}
				}
				if labels == nil {
					labels = []string{}
				}
				return e.Change(ctx, x.ID, status.Change{Labels: &labels})
			})
		}}
}
