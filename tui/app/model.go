package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/tabs"
)

const (
	toastFor  = 5 * time.Second
	undoFor   = 10 * time.Second
	actWithin = 30 * time.Second
	settleFor = 100 * time.Millisecond
	maxLog    = 1000
)

// screen is what fills the terminal below the dialogs.
type screen uint8

const (
	screenList screen = iota
	screenDetails
	screenLog
	screenGraph
)

// Model is the state of the interface. It belongs to the goroutine of Bubble Tea's loop.
type Model struct {
	o    Options
	poll *poller
	// keyboard is what keys come from; nil in tests.
	keyboard *keyboard
	w, h     int

	list   *list
	top    int // first row of the list that is seen
	screen screen
	dialog dialog // nil for none
	prompt *prompt
	// waiting is what commands have printed while something else had the keyboard.
	waiting []*output
	find    string

	tabs   []tabs.Tab
	tab    int
	data   tabs.Data
	openID metainfo.ID // the torrent of the details, whatever the list selects

	seen    figures
	away    *awayMsg
	since   time.Time // when it went away
	known   bool      // a first look at the list has come
	blurred bool
	mouse   bool
	theme   int

	toast   toast
	undo    undo
	held    *held            // the last removal, if the daemon does not know of it yet
	holds   int              // how many there were
	telling []*held          // those of which the daemon is being told
	adds    int              // how many times something is being added just now
	log     []status.LogLine // the last maxLog lines, with serial numbers of this screen's own
	logged  int64            // the last of those
	logs    tabs.Log
	zoomed  bool        // the details have the whole window
	tabsOf  metainfo.ID // the torrent that the tabs belong to
	history []string    // of the command prompt
	out     io.Writer   // the terminal, for what is no frame
	// settle is how long no other key came before a question is agreed to, and lastKey when one did: text that is pasted where nothing tells so
	// is many keys at once.
	settle  time.Duration
	lastKey time.Time
	// later is tea.Tick: a message after some time.
	later func(time.Duration, func(time.Time) tea.Msg) tea.Cmd
	ended error
}

// figures are what the header and the graphs show.
type figures struct {
	stats statsMsg
	rare  rareMsg
	at    time.Time // of rare
}

// undo is the last removal, while it can be taken back.
type undo struct {
	ids   []metainfo.ID
	until time.Time
}

// newModel returns the model of a program that was not started yet.
func newModel(o Options) *Model {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Model{o: o, w: 80, h: 24, list: newList(), tabs: tabs.New(), mouse: o.Mouse, later: tea.Tick, seen: figures{rare: rareMsg{free: -1}}}
	m.poll = newPoller(o.Engine, func(tea.Msg) {})
	return m
}

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	var list []source
	for _, s := range m.o.Sources {
		list = append(list, source{text: s})
	}
	if len(list) == 0 {
		return m.sayWhere()
	}
	return tea.Batch(m.sayWhere(), m.add(list...))
}

// sayWhere tells who has the torrents.
func (m *Model) sayWhere() tea.Cmd {
	if m.o.Own {
		return m.say("no daemon answers: the torrents run in this window and rest when you leave it", neutral)
	}
	return m.say("attached to the "+m.o.Where+": it goes on when you leave", neutral)
}

// Update implements tea.Model. It never waits.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmds []tea.Cmd
	for msg != nil {
		one, rest := m.split(msg)
		cmds = append(cmds, m.update(one))
		m.sameTorrent(m.currentID())
		m.scroll()
		m.poll.set(m.wish())
		if m.asking() { // what came together with the key that asks is no answer
			rest = nil
		}
		msg = rest
	}
	return m, tea.Batch(cmds...)
}

func (m *Model) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.w, m.h = max(msg.Width, 0), max(msg.Height, 0)
	case tea.KeyMsg:
		return m.key(msg)
	case pasted:
		return m.paste(msg)
	case tooFast:
		return m.sayTooFast(msg)
	case tea.MouseMsg:
		return m.mouseMsg(msg)
	case tea.FocusMsg:
		m.blurred = false
	case tea.BlurMsg:
		m.blurred = true
	case tea.ResumeMsg: // Bubble Tea gives back everything but the mouse
		m.blurred = false
		m.poll.poke()
		return m.mouseMode()
	case listMsg:
		cmd := m.sayComplete(msg.changed)
		m.list.take(msg.changed, msg.gone, msg.whole)
		m.known = true
		return tea.Batch(cmd, m.missGone())
	case statsMsg:
		m.seen.stats = msg
	case rareMsg:
		m.seen.rare, m.seen.at = msg, m.o.Now()
	case detailMsg:
		m.takeDetail(msg)
	case awayMsg:
		return m.takeAway(msg)
	case logMsg:
		m.note(m.unheard(msg)...)
		if msg.again {
			m.orderLog()
		}
	default:
		return m.own(msg)
	}
	return nil
}

// Messages of the model to itself.
type (
	// doneMsg is how something ended that a key began.
	doneMsg struct {
		say   string
		undo  bool // it can be taken back
		errs  []error
		after func(m *Model) tea.Cmd // nil for nothing
	}
	// progressMsg is how far something is that is done to many torrents.
	progressMsg struct{ done, all int }
	toastOver   struct{ serial int }
	// noteMsg is a line that others of this process wanted to print.
	noteMsg  string
	stageMsg string
	endedMsg struct{ err error }
	tickMsg  struct{}
)

// own takes those.
func (m *Model) own(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case doneMsg:
		return m.done(msg)
	case progressMsg:
		return m.show(fmt.Sprintf("%d of %s so far", msg.done, text.Count(msg.all, "torrent")), neutral)
	case outputMsg:
		return m.takeOutput(msg)
	case wordsMsg:
		return m.takeWords(msg)
	case namesMsg:
		return m.takeNames(msg)
	case toastOver:
		if m.toast.serial == msg.serial {
			m.toast.text, m.toast.firm = "", false
		}
	case heldMsg:
		return m.holdIsOver(msg.serial)
	case noteMsg:
		return m.tell("warn", string(msg), neutral)
	case stageMsg:
		if d, ok := m.dialog.(*ending); ok {
			d.stages = append(d.stages, string(msg))
		}
	case endedMsg:
		m.ended = msg.err
		return tea.Quit
	case tickMsg:
		if _, ok := m.dialog.(*ending); ok {
			return m.tick()
		}
	}
	return nil
}

// tick has a screen drawn again that shows how time passes.
func (m *Model) tick() tea.Cmd {
	return m.later(time.Second, func(time.Time) tea.Msg { return tickMsg{} })
}

// wish is what the screen needs of the engine now.
func (m *Model) wish() wish {
	w := wish{blurred: m.blurred, log: m.screen == screenLog}
	if r := m.current(); r != nil && (m.screen == screenDetails || m.screen == screenList && m.layout().pane > 0) {
		w.open, w.where = r.e.ID, m.tabs[m.tab].Where()
		w.log = w.log || w.where == keys.Log
	}
	return w
}

// sayComplete tells what became complete since the last look, and where it is.
func (m *Model) sayComplete(changed []status.Entry) tea.Cmd {
	var whole []*status.Entry
	for i := range changed {
		x := &changed[i]
		if r := m.list.rows[x.ID]; r != nil && !m.list.hidden[x.ID] && !r.e.Complete() && x.Complete() && x.DownTotal > 0 && arrives(r.e) {
			whole = append(whole, x)
		}
	}
	switch len(whole) {
	case 0:
		return nil
	case 1:
		return m.tell("info", "complete: "+namesOf(whole)+" in "+whole[0].Dir, good)
	}
	return m.tell("info", "complete: "+namesOf(whole), good)
}

// arrives reports whether what is missing is being fetched: what a check finds was here before.
func arrives(e *status.Entry) bool {
	return e.State() == "downloading" || e.State() == "metadata"
}

// takeDetail keeps what was asked for and leaves the other parts as they were.
func (m *Model) takeDetail(msg detailMsg) {
	if msg.id != m.currentID() {
		return
	}
	if m.data.Entry.ID != msg.id {
		m.data = tabs.Data{}
	}
	m.data.Entry.ID, m.data.Err = msg.id, msg.err
	p := &msg.parts
	if p.details != nil {
		m.data.Details = p.details
	}
	if p.files != nil {
		m.data.Files = p.files
	}
	if p.trackers != nil {
		m.data.Trackers = p.trackers
	}
	if p.rates != nil {
		m.data.Rates = p.rates
	}
	if msg.where == keys.Peers {
		m.data.Peers = p.peers
	}
}

// current is the torrent that is looked at: of the details the one that was opened, also when the list shows it no more; nil for none.
func (m *Model) current() *row {
	if m.screen == screenDetails {
		return m.list.rows[m.openID]
	}
	return m.list.selected()
}

func (m *Model) currentID() metainfo.ID {
	if r := m.current(); r != nil {
		return r.e.ID
	}
	return metainfo.ID{}
}

// missGone closes what is about torrents that are there no more.
func (m *Model) missGone() tea.Cmd {
	var cmds []tea.Cmd
	if d, ok := m.dialog.(*removal); ok && !d.renew(m.list) {
		cmds = append(cmds, m.shut(), m.say("what was asked about is gone already", neutral))
	}
	if m.screen == screenDetails && m.current() == nil {
		m.screen = screenList
		cmds = append(cmds, m.say("the torrent that was open is gone from the list", neutral))
	}
	return tea.Batch(cmds...)
}

// opened is what the tabs show of the torrent that is looked at; nil for none.
func (m *Model) opened() *tabs.Data {
	r := m.current()
	if r == nil {
		return nil
	}
	if m.data.Entry.ID != r.e.ID {
		m.data = tabs.Data{}
	}
	m.data.Entry, m.data.Now, m.data.Limited, m.data.DHT = *r.e, m.o.Now(), m.limited(), m.seen.stats.stats.DHT
	m.data.Limit = -1
	if set := &m.seen.rare.settings; set.Version != "" {
		m.data.Limit, _ = set.Limits()
		m.data.Limit = max(m.data.Limit, set.DownEach)
	}
	m.data.Log = m.data.Log[:0]
	for _, l := range m.log {
		if l.Torrent == r.e.ID {
			m.data.Log = append(m.data.Log, l)
		}
	}
	return &m.data
}

// limited reports whether the daemon is another program, which cannot tell all that shoal can.
func (m *Model) limited() bool {
	kind := m.seen.rare.settings.Kind
	return kind != "" && kind != "shoal"
}

func (m *Model) takeAway(msg awayMsg) tea.Cmd {
	switch {
	case msg.err == nil:
		m.away = nil
		return m.tell("info", "the daemon answers again", good)
	case m.away == nil:
		m.since = m.o.Now()
		m.note(status.LogLine{Time: m.since, Level: "error", Text: msg.err.Error()})
		m.away = &msg
		m.toast.text, m.toast.firm = "", false // it is not true any more, or was said of who is gone
	default:
		m.away = &msg
	}
	return nil
}

// note puts lines into the log of this screen.
func (m *Model) note(lines ...status.LogLine) {
	for _, l := range lines[max(len(lines)-maxLog, 0):] {
		m.logged++
		l.Serial = m.logged
		m.log = append(m.log, l)
	}
	if n := len(m.log) - maxLog; n > 0 {
		m.log = append([]status.LogLine(nil), m.log[n:]...)
	}
}

// unheard are those of some lines that are not in the log yet: a daemon that was away tells all that it knows again.
func (m *Model) unheard(msg logMsg) []status.LogLine {
	if !msg.again || len(m.log) == 0 {
		return msg.lines
	}
	type line struct {
		at   int64
		text string
	}
	heard := make(map[line]bool, len(m.log))
	for _, l := range m.log {
		heard[line{l.Time.UnixMilli(), l.Text}] = true
	}
	return slices.DeleteFunc(msg.lines, func(l status.LogLine) bool { return heard[line{l.Time.UnixMilli(), l.Text}] })
}

// orderLog puts the lines in the order of their times, as they come when the daemon tells what was before this screen.
func (m *Model) orderLog() {
	slices.SortStableFunc(m.log, func(a, b status.LogLine) int { return a.Time.Compare(b.Time) })
	for i := range m.log {
		m.log[i].Serial = m.logged - int64(len(m.log)-1-i)
	}
}

// openLog shows the log of all torrents, at its end.
func (m *Model) openLog() { m.screen, m.logs = screenLog, tabs.Log{} }

// done tells how something ended.
func (m *Model) done(msg doneMsg) tea.Cmd {
	m.poll.poke()
	var cmds []tea.Cmd
	if msg.after != nil {
		cmds = append(cmds, msg.after(m))
	}
	var log []status.LogLine
	for _, err := range msg.errs[:max(len(msg.errs)-1, 0)] {
		log = append(log, status.LogLine{Time: m.o.Now(), Level: "error", Text: err.Error()})
	}
	m.note(log...)
	switch n := len(msg.errs); {
	case n == 1:
		cmds = append(cmds, m.say(msg.errs[0].Error(), bad))
	case n > 1:
		cmds = append(cmds, m.say(fmt.Sprintf("%v; %d more failed, see the log", msg.errs[n-1], n-1), bad))
	case msg.say != "" && msg.undo:
		cmds = append(cmds, m.promise(msg.say))
	case msg.say != "":
		cmds = append(cmds, m.say(msg.say, good))
	}
	return tea.Batch(cmds...)
}

// ask runs what a key wants of the engine outside of the loop, with a time-out. What is asked of many torrents has it for each.
func (m *Model) ask(do func(ctx context.Context, e status.Engine) doneMsg) tea.Cmd {
	engine := m.o.Engine
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), actWithin)
		defer cancel()
		return do(ctx, engine)
	}
}

// eachOf does something to each of some torrents, and says so.
func (m *Model) eachOf(targets []*status.Entry, did string, do func(ctx context.Context, e status.Engine, x *status.Entry) error) tea.Cmd {
	if len(targets) == 0 {
		return nil
	}
	return m.each(len(targets), func(ctx context.Context, e status.Engine, i int) error {
		if err := do(ctx, e, targets[i]); err != nil {
			return fmt.Errorf("%s: %w", text.Clean(targets[i].Name, 60), err)
		}
		return nil
	}, func(msg *doneMsg) {
		if did != "" {
			msg.say = did + " " + namesOf(targets)
		}
	})
}

// each asks something n times, each time with a time-out of its own, and then end has the last word. After one answer that did not come in time
// nothing more is asked: the others would not come either.
func (m *Model) each(n int, do func(ctx context.Context, e status.Engine, i int) error, end func(*doneMsg)) tea.Cmd {
	engine, send := m.o.Engine, m.poll.send
	return func() tea.Msg {
		var msg doneMsg
		told := time.Now()
		for i := range n {
			if time.Since(told) >= time.Second { // who asked for something that takes long sees that it goes on
				told = time.Now()
				send(progressMsg{i, n})
			}
			ctx, cancel := context.WithTimeout(context.Background(), actWithin)
			err := do(ctx, engine, i)
			late := ctx.Err() != nil
			cancel()
			if err != nil {
				msg.errs = append(msg.errs, err)
			}
			if late && i < n-1 {
				msg.errs = append(msg.errs, fmt.Errorf("%s not asked for any more: no answer within %v", text.Count(n-1-i, "torrent was", "torrents were"), actWithin))
				break
			}
		}
		end(&msg)
		return msg
	}
}

// namesOf names one torrent, or counts several.
func namesOf(list []*status.Entry) string {
	if len(list) == 1 {
		return text.Clean(list[0].Name, 60)
	}
	return text.Count(len(list), "torrent")
}

// style is how things are painted now.
func (m *Model) style() draw.Style { return m.o.Style }
