package app

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"
)

// maxNames is how many names of a folder are looked at.
const maxNames = 4000

// expand makes ~ the home folder.
func expand(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if home, err := os.UserHomeDir(); err == nil {
			return home + path[1:]
		}
	}
	return path
}

// completion is what may follow what was typed as a path.
type completion struct {
	typed string   // what it is for
	line  string   // typed with all that is certain
	names []string // the choice, folders with a slash behind them
}

// complete looks for what a path may be: folders, and files whose name ends in ext, "" for folders alone.
func complete(typed, ext string) (c completion) {
	c = completion{typed: typed, line: typed}
	dir, prefix := filepath.Split(expand(typed))
	shown, _ := filepath.Split(typed)
	if typed == "~" {
		shown, dir, prefix = "~/", expand("~/"), ""
	}
	for _, name := range names(dir, ext) {
		if strings.HasPrefix(name, prefix) && (prefix != "" || !strings.HasPrefix(name, ".")) {
			c.names = append(c.names, name)
		}
	}
	if len(c.names) > 0 {
		c.line = shown + common(c.names)
	}
	return c
}

// namesMsg is what may follow what was typed as a path: of that field, with tab said that it is to be taken over.
type namesMsg struct {
	completion
	field int
	tab   bool
}

// lookUp looks for what may follow, outside of the loop: a folder may be on a disk that does not answer.
func lookUp(typed, ext string, field int, tab bool) tea.Cmd {
	return func() tea.Msg { return namesMsg{complete(typed, ext), field, tab} }
}

// takeNames hands it to the dialog that asked; who has typed on meanwhile is left alone.
func (m *Model) takeNames(msg namesMsg) tea.Cmd {
	switch d := m.dialog.(type) {
	case *adding:
		return d.take(m, msg)
	case *entry:
		if d.paths && msg.tab && msg.typed == d.in.String() {
			d.in.set(msg.line)
			d.offer = msg.names
		}
	}
	return nil
}

// names lists a folder: folders, and files whose name ends in ext.
func names(dir, ext string) (all []string) {
	if dir == "" {
		dir = "."
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	list, err := f.ReadDir(maxNames)
	if err != nil && err != io.EOF {
		return nil
	}
	for _, e := range list {
		isDir := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			if st, err := os.Stat(filepath.Join(dir, e.Name())); err == nil {
				isDir = st.IsDir()
			}
		}
		switch {
		case isDir:
			all = append(all, e.Name()+"/")
		case ext != "" && strings.HasSuffix(strings.ToLower(e.Name()), ext):
			all = append(all, e.Name())
		}
	}
	slices.Sort(all)
	return all
}

// common is what all names begin with.
func common(names []string) string {
	first := []rune(names[0])
	n := len(first)
	for _, name := range names[1:] {
		i := 0
		for _, r := range name {
			if i >= n || first[i] != r {
				break
			}
			i++
		}
		n = i
	}
	return string(first[:n])
}
