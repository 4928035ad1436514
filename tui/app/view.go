package app

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/tabs"
	"shoal/tui/theme"
)

// layout is how many lines each part of the list's screen has.
type layout struct {
	graph, tabs, head, rows, summary, pane, toast, hint int
	tiny                                                bool
}

// layout divides the terminal.
func (m *Model) layout() (l layout) {
	w, h := m.w, m.h
	if w < 30 || h < 8 {
		l.tiny = true
		return l
	}
	l.tabs, l.head = 1, 1
	if h >= 20 && w >= 60 {
		l.graph, l.summary = 1, 3
	}
	if h >= 30 && w >= 110 {
		l.graph, l.summary = min(6, 4+h/20), 0
		l.pane = max(10, h*2/5)
	}
	if h >= 12 {
		l.toast, l.hint = 1, 1
	} else if spare := h - 3 - len(m.list.shown); m.prompt != nil || m.toast.text != "" || m.screen == screenList && spare > 0 {
		l.hint = 1 // for as long as there is something to type or to read, or nothing else to be seen there
	}
	l.rows = max(h-1-l.graph-l.tabs-l.head-l.summary-l.pane-l.toast-l.hint, 0)
	return l
}

// View implements tea.Model.
func (m *Model) View() string {
	lines := m.frame()
	for i, l := range lines {
		lines[i] = m.style().Ground(draw.Pin(l))
	}
	return strings.Join(lines, "\n")
}

// frame is the screen: h lines of w cells.
func (m *Model) frame() []string {
	s, w, h := m.style(), m.w, m.h
	if m.layout().tiny {
		return s.Lines([]string{m.tinyLine()}, w, h)
	}
	var lines []string
	switch m.screen {
	case screenDetails:
		lines = m.detailsFrame()
	case screenLog:
		lines = m.logFrame()
	case screenGraph:
		lines = m.graphFrame()
	default:
		lines = m.listFrame()
	}
	if m.dialog != nil {
		return s.Over(s.Lines(lines, w, h), m.box(), w, h)
	}
	return s.Lines(lines, w, h)
}

// tinyLine is all that a very small terminal shows.
func (m *Model) tinyLine() string {
	s := m.style()
	switch {
	case m.dialog != nil:
		return "make the window larger"
	case m.prompt != nil:
		return m.promptLine()
	}
	return fmt.Sprintf("shoal %s%s %s%s %d", s.Glyphs.Down, text.Rate(m.seen.stats.stats.Down), s.Glyphs.Up, text.Rate(m.seen.stats.stats.Up), m.list.counts[tabAll])
}

// bit is a stretch of a line in one colour.
type bit struct {
	role theme.Role
	text string
}

// line puts bits beside each other in a line of the screen; foreign text in them is cleaned.
func (m *Model) line(bits ...bit) string { return m.lineIn(m.w, bits...) }

func (m *Model) lineIn(w int, bits ...bit) string {
	s, room := m.style(), w
	var b strings.Builder
	for _, x := range bits {
		t := s.Cut(x.text, room)
		room -= draw.Width(t)
		b.WriteString(s.Paint(x.role, t))
		if room <= 0 {
			break
		}
	}
	return s.Line(b.String(), w)
}

// header says who is asked and how it goes.
func (m *Model) header() string {
	st, set := &m.seen.stats.stats, &m.seen.rare.settings
	bits := []bit{{theme.Title, " shoal"}}
	wide := m.w >= 110
	if wide && set.Version != "" && !m.limited() {
		bits = append(bits, bit{theme.Dim, " " + set.Version})
	}
	switch {
	case m.away != nil:
		again := max(m.away.next.Sub(m.o.Now()).Round(time.Second), 0)
		if m.w < 60 {
			return m.line(append(bits, bit{theme.Bad, fmt.Sprintf(" %s no answer; again in %s", m.style().Error, text.Duration(again))})...)
		}
		return m.line(append(bits, bit{theme.Bad, fmt.Sprintf(" %s no answer since %s; asking again in %s", m.style().Error, m.since.Format(time.TimeOnly), text.Duration(again))},
			bit{theme.Dim, "  " + m.o.Where})...)
	case !m.known:
		return m.line(append(bits, bit{theme.Dim, "  asking the " + m.o.Where + " ..."})...)
	case wide:
		bits = append(bits, bit{theme.Dim, "  " + m.o.Where})
		if m.limited() {
			bits = append(bits, bit{theme.Dim, ", " + set.Kind + " " + set.Version})
		}
		if up := m.seen.rare.totals.Now.Active; up > 0 && !m.o.Own {
			bits = append(bits, bit{theme.Dim, ", up " + text.Duration(up+max(m.o.Now().Sub(m.seen.at), 0))})
		}
	case m.o.Own && m.w >= 40:
		bits = append(bits, bit{theme.Warn, " in this window"})
	}
	rate := func(glyph string, n, limit int64) string {
		out := "  " + glyph + " " + text.Rate(n)
		if wide && limit > 0 {
			out += " of " + text.Rate(limit)
		}
		return out
	}
	down, up := set.Limits()
	bits = append(bits, bit{theme.Down, rate(m.style().Glyphs.Down, st.Down, down)}, bit{theme.Up, rate(m.style().Glyphs.Up, st.Up, up)})
	if !m.limited() {
		bits = append(bits, bit{theme.Text, "   " + text.Count(st.Peers, "peer")})
	}
	if n := dhtNodes(st); n >= 0 {
		word := fmt.Sprintf("  DHT %d", n)
		if wide {
			word = "  DHT " + text.Count(n, "node")
		}
		bits = append(bits, bit{theme.Text, word})
	}
	if p := portWord(st, set.Port, wide); p != "" && !m.limited() {
		bits = append(bits, bit{theme.Text, "  " + p})
	}
	if m.seen.rare.free >= 0 {
		bits = append(bits, bit{theme.Dim, "   " + text.Size(m.seen.rare.free) + " free"})
	}
	return m.line(m.whole(bits)...)
}

// whole leaves out, from the right, what the line cannot hold in full.
func (m *Model) whole(bits []bit) []bit {
	n := 0
	for i, b := range bits {
		if n += draw.Width(b.text); n > m.w {
			return bits[:max(i, 1)]
		}
	}
	return bits
}

func dhtNodes(st *status.Stats) int {
	if len(st.DHT) == 0 {
		return -1
	}
	n := 0
	for _, d := range st.DHT {
		n += d.Good
	}
	return n
}

// portWord says whether peers can connect to us. That they cannot is no error: torrents are slower then.
func portWord(st *status.Stats, port int, wide bool) string {
	switch {
	case st.Reach.Incoming && wide && port > 0:
		return fmt.Sprintf("port %d open", port)
	case st.Reach.Incoming:
		return "port open"
	case st.Reach.Mapped:
		return "port mapped"
	case wide:
		return "port not reached yet: only dialled peers"
	}
	return ""
}

// listFrame is the screen of the list.
func (m *Model) listFrame() []string {
	l := m.layout()
	lines := []string{m.header()}
	lines = append(lines, m.graphs(m.w, l.graph)...)
	lines = append(lines, m.tabLine())
	lines = append(lines, m.rowLines(l.rows+1)...)
	if l.summary > 0 {
		lines = append(lines, m.summary()...)
	}
	if l.pane > 0 {
		lines = append(lines, m.pane(l.pane)...)
	}
	return append(lines, m.foot(l)...)
}

// graphs shows the rates of the last five minutes: a line, or a frame.
func (m *Model) graphs(w, h int) []string {
	s, rates := m.style(), m.seen.stats.rates
	if h <= 0 {
		return nil
	}
	if h == 1 {
		return []string{m.graphLine(w)}
	}
	right := 0
	if w >= 140 {
		right = 56
	}
	title := "Rates, last 5 min"
	if key := m.o.Keys.First(keys.Zoom); key != "" && m.w >= 60 && m.screen != screenGraph {
		title += "; " + key + " zooms"
	}
	box := s.Box(title, tabs.Rates(s, status.Rate{Down: m.seen.stats.stats.Down, Up: m.seen.stats.stats.Up}, rates, historyStep, w-right-2, h-2), w-right, h)
	if right == 0 {
		return box
	}
	return draw.Beside(box, s.Box("Session", m.sessionLines(), right, h))
}

// graphLine is both graphs in a line of w cells, each with its scale, and the limits.
func (m *Model) graphLine(w int) string {
	s, limits := m.style(), m.limitsWord()
	var down, up []int64
	for _, r := range m.seen.stats.rates {
		down, up = append(down, r.Down), append(up, r.Up)
	}
	const scale = len(" max 999 MB/s")
	each := max((w-8-2*scale-draw.Width(limits))/2, 1)
	graph := func(glyph string, r theme.Role, series []int64) string {
		shown, top := s.Binned(each, series)
		most := s.Fit("", scale, draw.Left)
		if top > 0 {
			most = s.Fit(" max "+text.Rate(top), scale, draw.Left)
		}
		return " " + s.Paint(r, glyph) + " " + s.Graph(each, 1, top, shown, r)[0] + s.Paint(theme.Dim, most)
	}
	return s.Line(graph(s.Glyphs.Down, theme.Down, down)+graph(s.Glyphs.Up, theme.Up, up)+" "+s.Paint(theme.Dim, limits), w)
}

func (m *Model) sessionLines() []string {
	t := &m.seen.rare.totals
	ratio := "-"
	if t.Ever.Down > 0 {
		ratio = fmt.Sprintf("%.2f", float64(t.Ever.Up)/float64(t.Ever.Down))
	}
	s := m.style()
	return []string{
		fmt.Sprintf(" this run  %s %s  %s %s", s.Glyphs.Down, text.Size(t.Now.Down), s.Glyphs.Up, text.Size(t.Now.Up)),
		fmt.Sprintf(" all time  %s %s  %s %s  ratio %s", s.Glyphs.Down, text.Size(t.Ever.Down), s.Glyphs.Up, text.Size(t.Ever.Up), ratio),
		" limits    " + strings.TrimPrefix(m.limitsWord(), "limits "),
		fmt.Sprintf(" %d running, %d stopped", t.Running, t.Stopped),
	}
}

func (m *Model) limitsWord() string {
	set := &m.seen.rare.settings
	down, up := set.Limits()
	name := "limits "
	if set.AltOn {
		name = "alt limits "
	}
	if down <= 0 && up <= 0 {
		return name + "off"
	}
	return name + limitWord(down) + " / " + limitWord(up)
}

// tabLine has the filters by state, the order and the filter.
func (m *Model) tabLine() string {
	l := m.list
	var bits []bit
	for i, word := range m.tabWords() {
		role := theme.Dim
		if i == l.tab {
			role = theme.Accent
		}
		bits = append(bits, bit{role, word})
	}
	order := m.style().Glyphs.Up
	if sorts[l.sort].down != l.reverse {
		order = m.style().Glyphs.Down
	}
	var marks, query string
	if n, seen := l.marked(); n > 0 {
		marks = fmt.Sprintf("%d marked  ", n)
		if n > seen { // what is asked for goes to those that are seen
			marks = fmt.Sprintf("%d marked, %d hidden  ", n, n-seen)
		}
	}
	if l.query != "" {
		query = "  /" + text.Clean(l.query, m.w)
	}
	used := 0
	for _, b := range bits {
		used += draw.Width(b.text)
	}
	if room := m.w - used - 1; room > 8 {
		rest := marks + "sort " + order + " " + sorts[l.sort].name + query
		if draw.Width(rest) > room-1 { // what is not shown, and what is meant, matter more than the order
			rest = strings.TrimSpace(marks + query)
		}
		bits = append(bits, bit{theme.Text, " " + m.style().Fit(rest, room-1, draw.Right)})
	}
	return m.line(bits...)
}

// tabWords are the tabs of the list as they stand in the line, each with the space before it. Where there is little room keys are left out, then
// counts are rounded, then those of the other tabs are left out, and at last their names are cut.
func (m *Model) tabWords() (words [numTabs]string) {
	for tight := range 5 {
		used := 0
		for i := range words {
			word, open := tabNames[i], i == m.list.tab
			switch {
			case tight < 2:
				word = fmt.Sprintf("%s %d", word, m.list.counts[i])
			case tight == 2 || open:
				word += " " + text.Short(m.list.counts[i])
			case tight == 4:
				word = word[:3]
			}
			if tight == 0 {
				word = fmt.Sprintf("%d %s", i+1, word)
			}
			switch {
			case open:
				word = " [" + word + "]"
			case tight == 0:
				word = "  " + word
			default:
				word = " " + word
			}
			words[i] = word
			used += draw.Width(word)
		}
		if used <= m.w && (tight > 0 || m.w >= 60) {
			break
		}
	}
	return words
}

// toastRoom is how long a line may be to be seen at the foot.
func (m *Model) toastRoom() int { return m.w - 3 }

// fitsFoot reports whether a line is seen in full at the foot.
func (m *Model) fitsFoot(line string) bool {
	return draw.Width(line) <= m.toastRoom() || m.layout().toast > 0 && len(draw.Fold(line, m.toastRoom())) <= 2
}

// foot has the toast, and the hints or the line that is typed. What is too long for one line takes the place of the hints.
func (m *Model) foot(l layout) []string {
	if l.hint == 0 {
		return nil
	}
	toast := m.line()
	if m.toast.text != "" {
		role, mark := theme.Text, " "
		switch m.toast.tone {
		case good:
			role, mark = theme.Good, m.style().Done
		case bad:
			role, mark = theme.Bad, m.style().Error
		}
		if whole := draw.Fold(m.toast.text, m.toastRoom()); l.toast > 0 && m.prompt == nil && len(whole) > 1 {
			rest := strings.TrimSpace(strings.TrimPrefix(m.toast.text, strings.TrimRight(whole[0], " ")))
			return []string{m.line(bit{role, " " + mark + " " + whole[0]}), m.line(bit{role, "   " + rest})}
		}
		toast = m.line(bit{role, " " + mark + " " + m.toast.text})
	}
	last := m.hintLine()
	switch {
	case m.prompt != nil:
		last = m.promptLine()
	case l.toast == 0 && m.toast.text != "":
		last = toast
	}
	if l.toast == 0 {
		return []string{last}
	}
	return []string{toast, last}
}

// hints are those at the foot of the screen that fit, each with the columns where it stands. Those that do nothing here are left out.
func (m *Model) hints() (out []keys.Hint, at []int) {
	k := m.o.Keys
	list := slices.DeleteFunc(k.Hints(m.where()), func(h keys.Hint) bool { return m.idle(h.Action) })
	if m.dialog == nil && m.screen != screenList { // the way out first: quit goes no further than back
		list = slices.DeleteFunc(list, func(h keys.Hint) bool { return h.Action == keys.Quit })
		ways := []keys.Hint{k.Hint("back", keys.Back)}
		if m.screen == screenDetails {
			ways = append(ways, k.Hint("next tab", keys.NextTab))
		}
		list = append(slices.DeleteFunc(ways, func(h keys.Hint) bool { return h.Key == "" }), list...)
	}
	return fitHints(list, m.w)
}

// idle reports whether an action does nothing on this screen.
func (m *Model) idle(a keys.Action) bool {
	if m.screen == screenLog || m.screen == screenGraph {
		return !m.inPanes(a)
	}
	if m.screen != screenDetails {
		return false
	}
	switch w := m.tabs[m.tab].Where(); a {
	case keys.MoveDown, keys.MoveUp:
		return w == keys.Details
	case keys.Open:
		return w != keys.Files
	}
	return false
}

// fitHints are those of some hints that fit into a line, each with the column where it begins.
func fitHints(all []keys.Hint, w int) (out []keys.Hint, at []int) {
	cells := func(h keys.Hint) int { return draw.Width(h.Key) + 1 + draw.Width(h.Text) }
	x, room := 1, w
	for _, h := range all {
		if h.Action == keys.Help { // it tells of all the others: there is always room for it
			room -= cells(h) + 2
		}
	}
	for _, h := range all {
		n := cells(h)
		if h.Action == keys.Help {
			room += n + 2
		}
		if x+n > room {
			continue
		}
		out, at = append(out, h), append(at, x)
		x += n + 2
	}
	return out, at
}

func (m *Model) hintLine() string {
	if m.dialog != nil { // it has its own
		return m.line()
	}
	list, _ := m.hints()
	return m.hintsIn(list, m.w)
}

// hintsIn draws hints in a line of w cells.
func (m *Model) hintsIn(list []keys.Hint, w int) string {
	bits := []bit{{theme.Text, " "}}
	for i, h := range list {
		if i > 0 {
			bits = append(bits, bit{theme.Text, "  "})
		}
		bits = append(bits, bit{theme.Key, h.Key}, bit{theme.Dim, " " + h.Text})
	}
	return m.lineIn(w, bits...)
}

// summary is the selected torrent in three lines.
func (m *Model) summary() []string {
	s := m.style()
	r := m.list.selected()
	if r == nil {
		return s.Lines([]string{s.Rule("", m.w)}, m.w, 3)
	}
	e := r.e
	facts := "  " + text.Count(e.Peers, "peer") + " (" + text.Count(e.Seeds, "seed") + ") "
	if !filesUnknown(e) {
		facts += fmt.Sprintf("  %s/%s ", text.Size(e.Have), text.Size(e.Wanted))
	}
	second := s.Fit(" "+e.Name, m.w-draw.Width(facts), draw.Left) + facts
	third := " " + s.Bar(doneOf(e), m.w-7) + s.Fit(percent(e), 5, draw.Right)
	switch {
	case e.Err != "":
		third = s.Paint(theme.Bad, s.Cut(" "+s.Error+" "+text.Mask(e.Err), m.w))
	case filesUnknown(e):
		third = s.Paint(theme.Warn, s.Cut(" "+m.magnetWord(e, m.w-1), m.w))
	}
	return s.Lines([]string{s.Rule("", m.w), second, third}, m.w, 3)
}

// pane is the open tab of the selected torrent below the list.
func (m *Model) pane(h int) []string {
	s := m.style()
	d := m.opened()
	if d == nil {
		return s.Box("Details", nil, m.w, h)
	}
	title := text.Clean(d.Entry.Name, m.w/3) + " " + s.Glyphs.Rule
	for i, t := range m.tabs {
		name := t.Title(d)
		if i == m.tab {
			name = "[" + name + "]"
		}
		title += " " + name
	}
	w, inner := m.w-2, h-2
	return s.Box(title, m.tabs[m.tab].View(s, d, w, inner), m.w, h)
}

// detailsFrame is the screen of one torrent.
func (m *Model) detailsFrame() []string {
	d := m.opened()
	if d == nil {
		return m.listFrame()
	}
	l := m.layout()
	var lines []string
	if !m.zoomed {
		lines = append(lines, m.header())
	}
	mark, role := m.stateOf(&row{e: &d.Entry})
	lines = append(lines, m.line(bit{role, " " + mark + " "}, bit{theme.Title, d.Entry.Name}))
	bits := []bit{{theme.Text, " "}}
	for i := range m.tabs {
		if name := m.tabTitle(i, d); i == m.tab {
			bits = append(bits, bit{theme.Accent, "[" + name + "]"})
		} else {
			bits = append(bits, bit{theme.Dim, " " + name + " "})
		}
	}
	lines = append(lines, m.line(bits...))
	h := m.h - len(lines) - l.toast - l.hint
	lines = append(lines, m.tabs[m.tab].View(m.style(), d, m.w, h)...)
	return append(lines, m.foot(l)...)
}

// tabTitle names a tab of the details; where there is little room without how many there are in it, and the others with their first letters.
func (m *Model) tabTitle(i int, d *tabs.Data) string {
	switch t := m.tabs[i]; {
	case m.w < 32 && i != m.tab:
		return t.Name()[:2]
	case m.w < 40 && i != m.tab:
		return t.Name()[:3]
	case m.w < 60:
		return t.Name()
	default:
		return t.Title(d)
	}
}

// logFrame shows the log of the engine and of this screen.
func (m *Model) logFrame() []string {
	s, l := m.style(), m.layout()
	h := m.h - 2 - l.toast - l.hint
	body := m.logs.View(s, m.log, m.w, h)
	if len(m.log) == 0 {
		body = []string{" nothing was logged yet"}
	}
	lines := append([]string{m.header(), s.Rule("Log", m.w)}, s.Lines(body, m.w, h)...)
	return append(lines, m.foot(l)...)
}

// graphFrame is the graph of all torrents over the whole window.
func (m *Model) graphFrame() []string {
	l := m.layout()
	lines := append([]string{m.header()}, m.graphs(m.w, max(m.h-1-l.toast-l.hint, 3))...)
	return append(lines, m.foot(l)...)
}
