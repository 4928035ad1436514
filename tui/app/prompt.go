package app

import (
	tea "github.com/charmbracelet/bubbletea"

	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// prompt is the line at the foot of the screen into which something is typed.
type prompt struct {
	kind promptKind
	in   input
	old  string // what the filter was before
	back int    // how far back in the history
	bad  error
}

type promptKind uint8

const (
	promptFilter promptKind = iota
	promptCommand
)

// maxHistory is how many lines the command prompt remembers.
const maxHistory = 50

func (m *Model) openPrompt(kind promptKind, line string) tea.Cmd {
	m.prompt = &prompt{kind: kind, in: inputOf(line), old: m.list.query}
	return m.mouseMode()
}

func (m *Model) closePrompt() tea.Cmd {
	m.prompt = nil
	m.showWaiting()
	return m.mouseMode()
}

func (m *Model) promptKey(k tea.KeyMsg, a keys.Action) tea.Cmd {
	p := m.prompt
	switch {
	case a == keys.Cancel:
		if p.kind == promptFilter {
			m.list.filterBy("")
			m.scroll()
		}
		return m.closePrompt()
	case a == keys.Accept:
		line := p.in.String()
		cmd := m.closePrompt()
		if p.kind == promptFilter {
			m.find = line
			return cmd
		}
		return tea.Batch(cmd, m.command(line))
	case a == keys.Complete && p.kind == promptCommand:
		return m.completeLine(p.in.String())
	case a == keys.Older && p.kind == promptCommand:
		m.recall(p, 1)
	case a == keys.Newer && p.kind == promptCommand:
		m.recall(p, -1)
	case k.Type == tea.KeyBackspace && len(p.in.runes) == 0:
		return m.closePrompt()
	case p.in.handle(k) && p.kind == promptFilter:
		p.bad = m.list.filterBy(p.in.String())
		m.scroll()
	}
	return nil
}

func (m *Model) recall(p *prompt, step int) {
	p.back = min(max(p.back+step, 0), len(m.history))
	p.in.set("")
	if p.back > 0 {
		p.in.set(m.history[len(m.history)-p.back])
	}
}

func (m *Model) promptLine() string {
	s, p := m.style(), m.prompt
	sign := "/"
	if p.kind == promptCommand {
		sign = ":"
	}
	line := m.line(bit{theme.Key, " " + sign}, bit{theme.Text, p.in.view(m.w-3, cursor(s))})
	if p.bad != nil && m.w >= 60 {
		hint := s.Cut("  (words only)", m.w/3)
		line = s.Line(line, m.w-draw.Width(hint)) + s.Paint(theme.Warn, hint)
	}
	return line
}
