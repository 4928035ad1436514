package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

// held is a removal that a daemon which cannot bring anything back is told of when the time to undo it is over, or when the screen ends. Until
// then the list does not show its torrents.
type held struct {
	list   []*status.Entry
	data   bool
	serial int
}

// heldMsg says that the time of one is over.
type heldMsg struct{ serial int }

// hold begins one. The one before is no longer to be undone.
func (m *Model) hold(list []*status.Entry, data bool) tea.Cmd {
	if len(list) == 0 {
		return nil
	}
	before := m.commit(nil)
	m.holds++
	m.held = &held{list, data, m.holds}
	for _, x := range list {
		m.list.hidden[x.ID] = true
	}
	m.list.arrange()
	m.removed(nil)
	return tea.Batch(before, m.promise(m.removedWord(list, data, true)), m.holdFor(undoFor))
}

func (m *Model) holdFor(d time.Duration) tea.Cmd {
	serial := m.holds
	return m.later(d, func(time.Time) tea.Msg { return heldMsg{serial} })
}

// holdIsOver is for when the time to undo has passed. What is just being added may be what was removed: then it is waited for.
func (m *Model) holdIsOver(serial int) tea.Cmd {
	switch {
	case m.held == nil || m.held.serial != serial:
		return nil
	case m.adds > 0:
		return m.holdFor(time.Second)
	}
	return m.commit(nil)
}

// commit tells the daemon of the removal that is held back, if there is one, and goes on with next. What was not removed is shown again.
func (m *Model) commit(next tea.Cmd) tea.Cmd {
	h := m.held
	if m.held = nil; h == nil {
		return next
	}
	m.telling = append(m.telling, h)
	list := m.same(h)
	left := make(map[metainfo.ID]bool, len(h.list))
	for _, x := range h.list {
		left[x.ID] = true
	}
	return m.each(len(list), func(ctx context.Context, e status.Engine, i int) error {
		err := h.remove(ctx, e, list[i])
		if err == nil {
			delete(left, list[i].ID)
		}
		return err
	}, func(msg *doneMsg) {
		msg.after = func(m *Model) tea.Cmd {
			m.telling = slices.DeleteFunc(m.telling, func(x *held) bool { return x == h })
			for id := range left {
				delete(m.list.hidden, id)
			}
			m.list.arrange()
			return next
		}
	})
}

// same are the torrents that are still those that were removed: what somebody else has removed meanwhile, and perhaps added again, is left alone.
func (m *Model) same(h *held) (list []*status.Entry) {
	for _, x := range h.list {
		if r := m.list.rows[x.ID]; r != nil && r.e.Number == x.Number && r.e.Added.Equal(x.Added) {
			list = append(list, x)
		}
	}
	return list
}

func (h *held) remove(ctx context.Context, e status.Engine, x *status.Entry) error {
	err := e.Remove(ctx, x.ID, status.Removal{Data: h.data})
	if errors.Is(err, status.ErrUnknown) { // somebody else was faster
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s was not removed: %w", text.Clean(x.Name, 60), err)
	}
	return nil
}

// commitNow is commit for when the loop has ended, and finishes what had begun. After one answer that did not come in time nobody is asked any more.
func (m *Model) commitNow() error {
	all := m.telling
	if m.held != nil {
		all = append(all, m.held)
	}
	m.held, m.telling = nil, nil
	failed, why := 0, error(nil)
	for _, h := range all {
		for _, x := range m.same(h) {
			if errors.Is(why, context.DeadlineExceeded) {
				failed++
				continue
			}
			ctx, cancel := context.WithTimeout(context.Background(), pollTimeout)
			if err := h.remove(ctx, m.o.Engine, x); err != nil {
				failed++
				if why = err; ctx.Err() != nil {
					why = errors.Join(err, ctx.Err())
				}
			}
			cancel()
		}
	}
	if failed > 1 {
		return fmt.Errorf("%s were not removed; the last: %w", text.Count(failed, "torrent"), why)
	}
	return why
}

// release takes back what is held, and reports whether there was anything.
func (m *Model) release() (cmd tea.Cmd, any bool) {
	h := m.held
	if m.held = nil; h == nil {
		return nil, false
	}
	for _, x := range h.list {
		delete(m.list.hidden, x.ID)
	}
	m.list.cur = h.list[0].ID
	m.list.arrange()
	return m.say("brought back "+text.Count(len(h.list), "torrent"), good), true
}

// keep is for a torrent that was removed and added again.
func (m *Model) keep(id metainfo.ID) {
	if h := m.held; h != nil {
		rest := slices.DeleteFunc(slices.Clone(h.list), func(x *status.Entry) bool { return x.ID == id })
		if m.held = nil; len(rest) > 0 {
			m.held = &held{rest, h.data, h.serial}
		}
	}
	delete(m.list.hidden, id)
}
