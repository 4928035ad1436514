package app

import (
	tea "github.com/charmbracelet/bubbletea"

	"shoal/tui/draw"
	"shoal/tui/keys"
)

// mouseMsg does what the mouse asks for: the wheel moves, a click selects a row, a tab or a hint, one on the selected row opens it.
func (m *Model) mouseMsg(e tea.MouseMsg) tea.Cmd {
	if !m.mouse || m.dialog != nil || m.prompt != nil || m.layout().tiny {
		return nil
	}
	switch {
	case e.Button == tea.MouseButtonWheelDown:
		return m.action(keys.MoveDown)
	case e.Button == tea.MouseButtonWheelUp:
		return m.action(keys.MoveUp)
	case e.Button != tea.MouseButtonLeft || e.Action != tea.MouseActionPress:
		return nil
	}
	l := m.layout()
	if l.hint > 0 && e.Y == m.h-1 {
		list, at := m.hints()
		for i, h := range list {
			if e.X >= at[i] && e.X < at[i]+draw.Width(h.Key)+1+draw.Width(h.Text) {
				return m.action(h.Action)
			}
		}
		return nil
	}
	if m.screen == screenDetails {
		m.clickTab(e)
		return nil
	}
	if m.screen != screenList {
		return nil
	}
	first := 1 + l.graph + l.tabs + l.head
	switch i := m.top + e.Y - first; {
	case e.Y == first-2:
		m.clickState(e.X)
	case e.Y >= first && e.Y < first+l.rows && i < len(m.list.shown):
		if i == m.list.at {
			return m.action(keys.Open)
		}
		m.list.selectRow(i)
	}
	return nil
}

// clickState chooses the tab of the list at a column.
func (m *Model) clickState(x int) {
	at := 0
	for i, word := range m.tabWords() {
		n := draw.Width(word)
		if x >= at && x < at+n {
			m.pick(i)
			return
		}
		at += n
	}
}

// clickTab chooses the tab of the details at a column.
func (m *Model) clickTab(e tea.MouseMsg) {
	line := 2
	if m.zoomed {
		line = 1
	}
	d := m.opened()
	if e.Y != line || d == nil {
		return
	}
	at := 1
	for i := range m.tabs {
		n := draw.Width(m.tabTitle(i, d)) + 2
		if e.X >= at && e.X < at+n {
			m.tab = i
			return
		}
		at += n
	}
}
