package app

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/keys"
)

// pause stops torrents, or starts them where all are stopped.
func (m *Model) pause(targets []*status.Entry) tea.Cmd {
	if slices.ContainsFunc(targets, func(x *status.Entry) bool { return !x.Stopped }) {
		return m.eachOf(targets, "paused", func(ctx context.Context, e status.Engine, x *status.Entry) error { return e.Stop(ctx, x.ID) })
	}
	return m.eachOf(targets, "started", func(ctx context.Context, e status.Engine, x *status.Entry) error { return e.Start(ctx, x.ID, false) })
}

func (m *Model) pauseAll() tea.Cmd {
	var all []*status.Entry
	for id, r := range m.list.rows {
		if !m.list.hidden[id] {
			all = append(all, r.e)
		}
	}
	running := slices.DeleteFunc(slices.Clone(all), func(x *status.Entry) bool { return x.Stopped })
	if len(running) > 0 {
		return m.pause(running)
	}
	return m.pause(all)
}

func (m *Model) queue(targets []*status.Entry, up bool) tea.Cmd {
	var ids []metainfo.ID
	for _, x := range targets {
		ids = append(ids, x.ID)
	}
	to, word := status.QueueDown, "later in the queue:"
	if up {
		to, word = status.QueueUp, "earlier in the queue:"
	}
	return m.ask(func(ctx context.Context, e status.Engine) doneMsg {
		if err := e.Queue(ctx, ids, to); err != nil {
			return doneMsg{errs: []error{err}}
		}
		return doneMsg{say: word + " " + namesOf(targets)}
	})
}

func (m *Model) priority(targets []*status.Entry, up bool) tea.Cmd {
	next := func(x *status.Entry) int8 {
		if up {
			return min(x.Priority+1, 1)
		}
		return max(x.Priority-1, -1)
	}
	did := "priority changed:"
	if len(targets) > 0 && !slices.ContainsFunc(targets, func(x *status.Entry) bool { return next(x) != next(targets[0]) }) {
		did = [...]string{"low priority:", "normal priority:", "high priority:"}[min(max(next(targets[0]), -1), 1)+1]
	}
	return m.eachOf(targets, did, func(ctx context.Context, e status.Engine, x *status.Entry) error {
		p := next(x)
		return e.Change(ctx, x.ID, status.Change{Priority: &p})
	})
}

// limitSteps are the limits that the keys go through, bytes a second; no limit is above the last.
var limitSteps = []int64{50e3, 100e3, 250e3, 500e3, 1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 100e6}

func stepLimit(now int64, more bool) int64 {
	if more {
		for _, s := range limitSteps {
			if now > 0 && s > now {
				return s
			}
		}
		return 0
	}
	for _, s := range slices.Backward(limitSteps) {
		if now <= 0 || s < now {
			return s
		}
	}
	return limitSteps[0]
}

func (m *Model) limit(a keys.Action) tea.Cmd {
	return m.ask(func(ctx context.Context, e status.Engine) doneMsg {
		s, err := e.Settings(ctx)
		if err != nil {
			return doneMsg{errs: []error{err}}
		}
		say := ""
		down, up := &s.DownLimit, &s.UpLimit
		if s.AltOn {
			down, up = &s.AltDown, &s.AltUp
		}
		switch a {
		case keys.DownLess, keys.DownMore:
			*down = stepLimit(*down, a == keys.DownMore)
			say = "download limit " + limitWord(*down)
		case keys.UpLess, keys.UpMore:
			*up = stepLimit(*up, a == keys.UpMore)
			say = "upload limit " + limitWord(*up)
		default:
			s.AltOn = !s.AltOn
			switch {
			case !s.AltOn:
				say = "alternative limits off"
			case s.AltDown <= 0 && s.AltUp <= 0:
				say = "alternative limits on, but none are set: choose them with the keys of the limits, or as limits.alt_down and limits.alt_up in the configuration"
			default:
				say = "alternative limits on: down " + limitWord(s.AltDown) + ", up " + limitWord(s.AltUp)
			}
		}
		if err := e.Set(ctx, s); err != nil {
			return doneMsg{errs: []error{err}}
		}
		return doneMsg{say: say, after: func(m *Model) tea.Cmd { m.seen.rare.settings = s; return nil }}
	})
}

func limitWord(n int64) string {
	if n <= 0 {
		return "off"
	}
	return text.Rate(n)
}

// remove takes torrents out of the list, so that it can be undone for ten seconds: where the daemon does not know how, by telling it only then.
func (m *Model) remove(targets []*status.Entry, data bool) tea.Cmd {
	var ids []metainfo.ID    // that can be brought back
	var held []*status.Entry // of which the daemon cannot do that
	return m.each(len(targets), func(ctx context.Context, e status.Engine, i int) error {
		x := targets[i]
		err := e.Remove(ctx, x.ID, status.Removal{Data: data, Undo: undoFor})
		switch {
		case err == nil:
			ids = append(ids, x.ID)
		case errors.Is(err, status.ErrNotOffered):
			held = append(held, x)
		default:
			return fmt.Errorf("%s: %w", text.Clean(x.Name, 60), err)
		}
		return nil
	}, func(msg *doneMsg) {
		msg.after = func(m *Model) tea.Cmd { m.removed(ids); return m.hold(held, data) }
		if len(ids) > 0 {
			msg.say, msg.undo = m.removedWord(targets, data, true), true
		}
	})
}

// removed goes on after a removal, of which some can be brought back.
func (m *Model) removed(ids []metainfo.ID) {
	m.list.unmark()
	if m.screen == screenDetails {
		m.screen = screenList
	}
	if len(ids) > 0 {
		m.undo = undo{ids, m.o.Now().Add(undoFor)}
	}
}

func (m *Model) removedWord(list []*status.Entry, data, undo bool) string {
	word := "removed " + namesOf(list)
	if data {
		word = "removed with files: " + namesOf(list)
	}
	if key := m.o.Keys.First(keys.Undo); key != "" && undo {
		word += fmt.Sprintf("; %s brings back for %d s", key, int(undoFor/time.Second))
	}
	return word
}

// takeBack undoes the last removal. What could not be brought back may be tried again.
func (m *Model) takeBack() tea.Cmd {
	if cmd, any := m.release(); any {
		return cmd
	}
	u := m.undo
	m.undo = undo{}
	if len(u.ids) == 0 || m.o.Now().After(u.until) {
		return m.say("nothing to undo: a removal can be taken back for ten seconds", neutral)
	}
	left := make(map[metainfo.ID]bool, len(u.ids))
	for _, id := range u.ids {
		left[id] = true
	}
	return m.each(len(u.ids), func(ctx context.Context, e status.Engine, i int) error {
		err := e.Restore(ctx, u.ids[i])
		if err == nil || errors.Is(err, status.ErrUnknown) {
			delete(left, u.ids[i])
		}
		return err
	}, func(msg *doneMsg) {
		msg.say = "brought back " + text.Count(len(u.ids), "torrent")
		msg.after = func(m *Model) tea.Cmd {
			u.ids = slices.DeleteFunc(u.ids, func(id metainfo.ID) bool { return !left[id] })
			if len(m.undo.ids) == 0 {
				m.undo = u
			}
			return nil
		}
	})
}

// source is something to add.
type source struct {
	text, dir string
	stopped   bool
	typed     bool // in the dialog
}

// add hands sources to the engine.
func (m *Model) add(list ...source) tea.Cmd {
	read := m.o.Read
	var added, known []*status.Entry
	var refused []source
	m.adds++
	return m.each(len(list), func(ctx context.Context, e status.Engine, i int) error {
		s := list[i]
		n := status.NewTorrent{Source: s.text}
		var err error
		if read != nil {
			n, err = read(ctx, s.text)
		}
		n.Dir, n.Stopped = s.dir, s.stopped
		var x status.Entry
		isNew := false
		if err == nil {
			x, isNew, err = e.Add(ctx, n)
		}
		switch {
		case err != nil:
			refused = append(refused, s)
			return fmt.Errorf("%s: %w", text.Clean(text.Mask(s.text), 60), err)
		case isNew:
			added = append(added, &x)
		default:
			known = append(known, &x)
		}
		return nil
	}, func(msg *doneMsg) {
		var words []string
		if len(added) > 0 {
			words = append(words, "added "+namesOf(added))
		}
		switch len(known) {
		case 0:
		case 1:
			words = append(words, namesOf(known)+" is in the list already")
		default:
			words = append(words, namesOf(known)+" are in the list already")
		}
		msg.say = strings.Join(words, "; ")
		all := slices.Concat(added, known)
		msg.after = func(m *Model) tea.Cmd {
			m.adds--
			for _, x := range all {
				m.keep(x.ID)
			}
			if len(all) > 0 {
				m.list.cur = all[0].ID
				m.list.arrange()
			}
			return m.askAgain(refused)
		}
	})
}

// maxCopied is how many bytes of links go into the clipboard: terminals take no more in a sequence.
const maxCopied = 64 << 10

// copyMagnets puts magnet links into the clipboard of the terminal (OSC 52).
func (m *Model) copyMagnets(targets []*status.Entry) tea.Cmd {
	var links []string
	for _, x := range targets {
		if l := x.Magnet(); l != "" {
			links = append(links, l)
		}
	}
	joined := strings.Join(links, "\n")
	switch {
	case joined == "":
		return m.say("the daemon does not tell magnet links", neutral)
	case len(joined) > maxCopied:
		return m.say(fmt.Sprintf("%s are too much for the clipboard of a terminal: mark fewer torrents", text.Count(len(links), "magnet link")), bad)
	}
	if m.out != nil {
		_, _ = io.WriteString(m.out, "\x1b]52;c;"+base64.StdEncoding.EncodeToString([]byte(joined))+"\a")
	}
	return m.say(text.Count(len(links), "magnet link")+" copied, if the terminal allows that", neutral)
}
