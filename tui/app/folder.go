package app

import (
	"context"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/status"
)

// openFolder shows the folder of a torrent in the file manager; where there is none, or the folder is on another machine, it says where it is.
func (m *Model) openFolder(x *status.Entry) tea.Cmd {
	dir := x.Dir
	switch {
	case dir == "":
		return m.say("the daemon does not tell the folder", neutral)
	case !m.o.Local:
		return m.say("on the daemon's machine, in "+dir, neutral)
	case m.o.OpenFolder == nil:
		return m.say("in "+dir, neutral)
	}
	show := m.o.OpenFolder
	return m.ask(func(context.Context, status.Engine) doneMsg {
		if err := show(dir); err != nil {
			return doneMsg{errs: []error{fmt.Errorf("%s: %w", text.Clean(dir, 200), err)}}
		}
		return doneMsg{say: "opened " + dir}
	})
}
