package app

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/tabs"
)

// where is the part that has the keyboard.
func (m *Model) where() keys.Where {
	switch {
	case m.dialog != nil && m.dialog.typing():
		return keys.Prompt
	case m.dialog != nil:
		return keys.Dialog
	case m.prompt != nil:
		return keys.Prompt
	case m.screen == screenDetails:
		return m.tabs[m.tab].Where()
	case m.screen == screenLog, m.screen == screenGraph:
		return keys.Log
	}
	return keys.List
}

// key does what a key asks for.
func (m *Model) key(k tea.KeyMsg) tea.Cmd {
	if k.Paste {
		return m.paste(m.pasteOf(k))
	}
	a := m.o.Keys.Action(m.where(), k.String())
	switch { // what was not read is not agreed to
	case a != keys.Confirm:
		m.lastKey = m.o.Now()
	case m.asking() && m.layout().tiny:
		return nil
	case m.asking() && m.o.Now().Sub(m.lastKey) < m.settle:
		return m.show(m.o.Keys.First(keys.Confirm)+" came too soon after another key to be an answer: press it again", bad)
	}
	if a == keys.Exit {
		if _, ok := m.dialog.(*ending); ok || !m.o.Own {
			return tea.Quit
		}
		return m.leave()
	}
	switch {
	case a == keys.Redraw:
		return tea.ClearScreen
	case a == keys.Suspend:
		return tea.Suspend
	case m.dialog != nil:
		return m.dialog.key(m, k, a)
	case m.prompt != nil:
		return m.promptKey(k, a)
	}
	return m.action(a)
}

// action does what keys and clicks ask for.
func (m *Model) action(a keys.Action) tea.Cmd {
	if cmd, taken := m.anywhere(a); taken {
		return cmd
	}
	switch m.screen {
	case screenLog, screenGraph:
		return m.paneAction(a)
	case screenDetails:
		return m.detailsAction(a)
	}
	return m.listAction(a)
}

// anywhere does what means the same on all screens.
func (m *Model) anywhere(a keys.Action) (cmd tea.Cmd, taken bool) {
	switch a {
	case keys.Add, keys.Paste:
		_, cmd := m.openAdd()
		return cmd, true
	case keys.Command:
		return m.openPrompt(promptCommand, ""), true
	case keys.Help:
		return m.open(newHelp(m)), true
	case keys.Undo:
		return m.takeBack(), true
	case keys.PauseAll:
		return m.pauseAll(), true
	case keys.Theme:
		return m.nextTheme(), true
	case keys.Mouse:
		m.mouse = !m.mouse
		say := m.say("mouse off: the terminal selects text", neutral)
		if m.mouse {
			say = m.say("mouse on", neutral)
		}
		return tea.Batch(m.mouseMode(), say), true
	case keys.DownLess, keys.DownMore, keys.UpLess, keys.UpMore, keys.AltLimits:
		return m.limit(a), true
	case keys.Sort:
		return m.open(newSorts(m)), true
	case keys.Reverse:
		m.list.reverse = !m.list.reverse
		m.list.arrange()
		return nil, true
	}
	if m.screen == screenLog || m.screen == screenGraph {
		return nil, false
	}
	cmd, taken = m.torrentAction(a)
	return cmd, taken
}

// torrentAction does something to the selected or the marked torrents.
func (m *Model) torrentAction(a keys.Action) (cmd tea.Cmd, taken bool) {
	targets := m.targets()
	needed := func(cmd func() tea.Cmd) (tea.Cmd, bool) {
		if len(targets) == 0 {
			return nil, true
		}
		return cmd(), true
	}
	switch a {
	case keys.Pause:
		return needed(func() tea.Cmd { return m.pause(targets) })
	case keys.Remove, keys.RemoveData:
		return needed(func() tea.Cmd { return m.open(&removal{list: targets, data: a == keys.RemoveData}) })
	case keys.Verify:
		return m.eachOf(targets, "verifying", func(ctx context.Context, e status.Engine, x *status.Entry) error { return e.Verify(ctx, x.ID) }), true
	case keys.Reannounce:
		return m.eachOf(targets, "asking trackers for peers of", func(ctx context.Context, e status.Engine, x *status.Entry) error { return e.Announce(ctx, x.ID) }), true
	case keys.Move:
		return needed(func() tea.Cmd { return m.open(newMove(m, targets)) })
	case keys.Rename:
		return needed(func() tea.Cmd { return m.open(newRename(targets[0])) })
	case keys.Labels:
		return needed(func() tea.Cmd { return m.open(newLabels(targets)) })
	case keys.QueueDown, keys.QueueUp:
		return needed(func() tea.Cmd { return m.queue(targets, a == keys.QueueUp) })
	case keys.OpenFolder:
		return needed(func() tea.Cmd { return m.openFolder(targets[0]) })
	case keys.CopyMagnet:
		return needed(func() tea.Cmd { return m.copyMagnets(targets) })
	case keys.Raise, keys.Lower:
		if m.screen == screenDetails && m.tabs[m.tab].Where() == keys.Files {
			return nil, false
		}
		return m.priority(targets, a == keys.Raise), true
	}
	return nil, false
}

// targets are what is meant: in the details the open torrent, in the list the marked ones or the selected one.
func (m *Model) targets() []*status.Entry {
	if m.screen == screenDetails {
		if r := m.current(); r != nil {
			return []*status.Entry{r.e}
		}
		return nil
	}
	return m.list.targets()
}

func (m *Model) listAction(a keys.Action) tea.Cmd {
	l, page := m.list, max(m.layout().rows-1, 1)
	switch a {
	case keys.MoveDown:
		l.selectRow(l.at + 1)
	case keys.MoveUp:
		l.selectRow(l.at - 1)
	case keys.Top:
		l.selectRow(0)
	case keys.Bottom:
		l.selectRow(len(l.shown) - 1)
	case keys.PageDown:
		l.selectRow(l.at + page)
	case keys.PageUp:
		l.selectRow(l.at - page)
	case keys.Open:
		m.openDetails(m.tab)
	case keys.OpenFiles:
		m.openDetails(m.tabAt(keys.Files))
	case keys.Mark:
		l.mark()
	case keys.MarkRange:
		l.markRange()
	case keys.MarkInvert:
		l.invert()
	case keys.Pick1, keys.Pick2, keys.Pick3, keys.Pick4, keys.Pick5:
		m.pick(int(a[len(a)-1] - '1'))
	case keys.NextTab, keys.PrevTab:
		step := 1
		if a == keys.PrevTab {
			step = -1
		}
		m.pick((l.tab + step + numTabs) % numTabs)
	case keys.Filter:
		return m.openPrompt(promptFilter, l.query)
	case keys.NextMatch, keys.PrevMatch:
		step := 1
		if a == keys.PrevMatch {
			step = -1
		}
		if !l.find(m.find, step) {
			return m.show("nothing here fits "+m.find, neutral)
		}
	case keys.Zoom:
		m.screen = screenGraph
	case keys.Back:
		if l.query != "" {
			l.filterBy("")
		} else if !l.unmark() && l.tab != tabAll {
			m.pick(tabAll)
		}
	case keys.Quit:
		return m.leave()
	}
	m.scroll()
	return nil
}

// pick chooses one of the tabs of the list.
func (m *Model) pick(tab int) {
	if m.list.tab = tab; tab < numTabs {
		m.list.arrange()
	}
}

// scroll keeps the selected row in sight.
func (m *Model) scroll() {
	rows := max(m.layout().rows, 1)
	m.top = min(max(m.top, m.list.at-rows+1), m.list.at)
	m.top = max(min(m.top, len(m.list.shown)-rows), 0)
}

func (m *Model) tabAt(w keys.Where) int {
	for i, t := range m.tabs {
		if t.Where() == w {
			return i
		}
	}
	return 0
}

func (m *Model) openDetails(tab int) {
	if r := m.list.selected(); r != nil {
		m.screen, m.tab, m.openID = screenDetails, tab, r.e.ID
		if r.unread {
			r.unread = false
			m.list.arrange()
		}
	}
}

func (m *Model) detailsAction(a keys.Action) tea.Cmd {
	d := m.opened()
	if d == nil {
		m.screen = screenList
		return nil
	}
	n := len(m.tabs)
	switch a {
	case keys.Back, keys.Quit:
		m.screen, m.list.cur = screenList, m.openID
		m.list.follow()
		m.scroll()
		return nil
	case keys.NextTab:
		m.tab = (m.tab + 1) % n
		return nil
	case keys.PrevTab:
		m.tab = (m.tab + n - 1) % n
		return nil
	case keys.Pick1, keys.Pick2, keys.Pick3, keys.Pick4, keys.Pick5:
		m.tab = min(int(a[len(a)-1]-'1'), n-1)
		return nil
	case keys.OpenFiles:
		m.tab = m.tabAt(keys.Files)
		return nil
	case keys.Zoom:
		m.zoomed = !m.zoomed
		return nil
	}
	return m.run(m.tabs[m.tab].Handle(a, d))
}

// run carries out what a tab asks of the engine.
func (m *Model) run(do tabs.Do) tea.Cmd {
	if do == nil {
		return nil
	}
	return m.ask(func(ctx context.Context, e status.Engine) (msg doneMsg) {
		if err := do(ctx, e); err != nil {
			msg.errs = []error{err}
		}
		return msg
	})
}

// paneAction is for the log and the graph of all torrents.
func (m *Model) paneAction(a keys.Action) tea.Cmd {
	switch {
	case a == keys.Zoom && m.screen == screenGraph:
		m.openLog()
	case a == keys.Back || a == keys.Quit || a == keys.Zoom:
		m.screen = screenList
	case m.screen == screenLog:
		m.logs.Move(a, m.log)
	}
	return nil
}

// inPanes reports whether an action does something in the log and the graph of all torrents: those about one torrent do not.
func (m *Model) inPanes(a keys.Action) bool {
	switch a {
	case keys.Open, keys.OpenFiles, keys.NextTab, keys.PrevTab, keys.Pick1, keys.Pick2, keys.Pick3, keys.Pick4, keys.Pick5, keys.Pause, keys.Remove, keys.RemoveData,
		keys.Verify, keys.Reannounce, keys.Move, keys.Rename, keys.Labels, keys.QueueDown, keys.QueueUp, keys.Raise, keys.Lower, keys.CopyMagnet, keys.OpenFolder:
		return false
	case keys.MoveDown, keys.MoveUp, keys.Top, keys.Bottom, keys.PageDown, keys.PageUp:
		return m.screen == screenLog
	}
	return true
}

func (m *Model) nextTheme() tea.Cmd {
	if m.o.Theme == nil || len(m.o.Themes) == 0 {
		return nil
	}
	m.theme = (m.theme + 1) % len(m.o.Themes)
	st, err := m.o.Theme(m.o.Themes[m.theme])
	if err != nil {
		return m.say(err.Error(), bad)
	}
	m.o.Style = st
	name := m.o.Themes[m.theme]
	if !st.Colours() {
		return m.say("theme "+name+", in a terminal without colours: all look the same", neutral)
	}
	return m.say("theme "+name, neutral)
}

// leave ends the program; with an engine of its own it asks first.
func (m *Model) leave() tea.Cmd {
	if !m.o.Own {
		return tea.Quit
	}
	if _, asked := m.dialog.(*leaving); asked || m.known && m.adds == 0 && len(m.list.rows) == 0 { // who presses ctrl-c twice means it; of nothing nothing rests
		return m.end()
	}
	return m.open(&leaving{})
}

// end ends the engine of this process and shows what is awaited.
func (m *Model) end() tea.Cmd {
	m.dialog = &ending{began: m.o.Now()}
	if m.o.End == nil {
		return tea.Quit
	}
	send := m.poll.send
	end := func() tea.Msg { return endedMsg{m.o.End(context.Background(), func(s string) { send(stageMsg(s)) })} }
	return tea.Batch(end, m.tick())
}

// sameTorrent gives a torrent tabs of its own when another one is selected.
func (m *Model) sameTorrent(id metainfo.ID) {
	if m.tabsOf != id {
		m.tabsOf, m.tabs, m.data = id, tabs.New(), tabs.Data{}
	}
}

// cursor stands where the next character is typed.
func cursor(s draw.Style) string {
	if strings.Contains(s.Cursor, "▌") {
		return "▏"
	}
	return "_"
}
