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
	before := m.commit()
	m.holds++
	m.held = &held{list, data, m.holds}
	for _, x := range list {
		m.list.hidden[x.ID] = true
	}
	m.list.arrange()
	m.removed(nil)
	serial := m.holds
	return tea.Batch(before, m.promise(m.removedWord(list, data, true)), m.later(undoFor, func(time.Time) tea.Msg { return heldMsg{serial} }))
}

// commit tells the daemon of the removal that is held back, if there is one. What fails is shown again.
func (m *Model) commit() tea.Cmd {
	h := m.held
	if m.held = nil; h == nil {
		return nil
	}
	var kept []metainfo.ID
	return m.each(len(h.list), func(ctx context.Context, e status.Engine, i int) error {
		err := h.remove(ctx, e, i)
		if err != nil {
			kept = append(kept, h.list[i].ID)
		}
		return err
	}, func(msg *doneMsg) {
		msg.after = func(m *Model) tea.Cmd { m.reveal(kept); return nil }
	})
}

func (h *held) remove(ctx context.Context, e status.Engine, i int) error {
	err := e.Remove(ctx, h.list[i].ID, status.Removal{Data: h.data})
	if errors.Is(err, status.ErrUnknown) { // somebody else was faster
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s was not removed: %w", text.Clean(h.list[i].Name, 60), err)
	}
	return nil
}

// commitNow is commit for when the loop has ended.
func (m *Model) commitNow() error {
	h := m.held
	if m.held = nil; h == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), pollTimeout)
	defer cancel()
	var errs []error
	for i := range h.list {
		errs = append(errs, h.remove(ctx, m.o.Engine, i))
	}
	return errors.Join(errs...)
}

// release takes back what is held, and reports whether there was anything.
func (m *Model) release() (cmd tea.Cmd, any bool) {
	h := m.held
	if m.held = nil; h == nil {
		return nil, false
	}
	ids := make([]metainfo.ID, len(h.list))
	for i, x := range h.list {
		ids[i] = x.ID
	}
	m.reveal(ids)
	return m.say("brought back "+text.Count(len(ids), "torrent"), good), true
}

// keep is for a torrent that was removed and added again.
func (m *Model) keep(id metainfo.ID) {
	delete(m.list.hidden, id)
	if m.held != nil {
		m.held.list = slices.DeleteFunc(slices.Clone(m.held.list), func(x *status.Entry) bool { return x.ID == id })
	}
}

// reveal shows torrents again.
func (m *Model) reveal(ids []metainfo.ID) {
	for _, id := range ids {
		delete(m.list.hidden, id)
	}
	if len(ids) > 0 {
		m.list.cur = ids[0]
		m.list.arrange()
	}
}
