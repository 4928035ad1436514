package app

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/status"
)

// toast is a line that goes away by itself.
type toast struct {
	text   string
	tone   tone
	serial int
	firm   bool // it says what can be done for a time, and stands for all of it
}

// tone is how a line is meant.
type tone uint8

const (
	neutral tone = iota // it is so
	good                // what was asked for is done
	bad                 // it failed
)

// say shows a line for five seconds, and puts it into the log.
func (m *Model) say(line string, t tone) tea.Cmd {
	level := "info"
	if t == bad {
		level = "error"
	}
	m.note(status.LogLine{Time: m.o.Now(), Level: level, Text: line})
	return m.show(line, t)
}

// tell is say for what nobody has asked for: it does not take the place of a promise.
func (m *Model) tell(level, line string, t tone) tea.Cmd {
	m.note(status.LogLine{Time: m.o.Now(), Level: level, Text: line})
	if m.toast.firm {
		return nil
	}
	return m.show(line, t)
}

// promise is say for what can be taken back: it stands for as long as that.
func (m *Model) promise(line string) tea.Cmd {
	m.note(status.LogLine{Time: m.o.Now(), Level: "info", Text: line})
	cmd := m.showFor(undoFor, line, good)
	m.toast.firm = true
	return cmd
}

// show shows a line for five seconds.
func (m *Model) show(line string, t tone) tea.Cmd { return m.showFor(toastFor, line, t) }

func (m *Model) showFor(d time.Duration, line string, t tone) tea.Cmd {
	m.toast = toast{text: text.Clean(text.Mask(line), 500), tone: t, serial: m.toast.serial + 1}
	serial := m.toast.serial
	return m.later(d, func(time.Time) tea.Msg { return toastOver{serial} })
}
