package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/theme"
)

// withForeign is a model of a daemon that cannot bring anything back, and what ends the times of its removals.
func withForeign(t *testing.T) (e foreign, m *Model, over func() tea.Msg) {
	e = newForeign()
	m = modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
	var last tea.Msg
	m.later = func(_ time.Duration, f func(time.Time) tea.Msg) tea.Cmd {
		if msg, is := f(now).(heldMsg); is {
			last = msg
		}
		return nil
	}
	look(t, m)
	return e, m, func() tea.Msg { return last }
}

func there(t *testing.T, e status.Engine, id metainfo.ID) bool {
	_, err := e.Files(t.Context(), id)
	return err == nil
}

func isShown(m *Model, id metainfo.ID) bool {
	for _, r := range m.list.shown {
		if r.e.ID == id {
			return true
		}
	}
	return false
}

// TestHeldIsNotAnother: who was removed and added again by somebody else within the ten seconds is another torrent, which stays.
func TestHeldIsNotAnother(t *testing.T) {
	for name, change := range map[string]func(x *status.Entry){
		"number": func(x *status.Entry) { x.Number += 100 },
		"time":   func(x *status.Entry) { x.Added = x.Added.Add(time.Hour) },
	} {
		e, m, over := withForeign(t)
		id := m.list.selected().e.ID
		press(t, m, "D", "y")
		e.Edit(id, change)
		look(t, m)
		carryOut(m, over)
		look(t, m)
		if !there(t, e, id) || !isShown(m, id) {
			t.Errorf("%s: there %v, shown %v", name, there(t, e, id), isShown(m, id))
		}
	}
}

// TestHeldAddedAgain: what was removed and is added again by the dialog stays, is seen and selected at once, also if the time ends while it is added.
func TestHeldAddedAgain(t *testing.T) {
	e, m, over := withForeign(t)
	x := *m.list.selected().e
	press(t, m, "D", "y")
	cmd := m.add(source{text: x.ID.Wire().String()})
	carryOut(m, over)
	if !there(t, e, x.ID) {
		t.Fatal("it is removed while it is added")
	}
	carryOut(m, cmd)
	if !isShown(m, x.ID) || m.list.selected().e.ID != x.ID || m.held != nil {
		t.Errorf("shown %v, selected %v, held %v", isShown(m, x.ID), m.list.selected().e.Name, m.held)
	}
	carryOut(m, over)
	if !there(t, e, x.ID) {
		t.Error("it is removed all the same")
	}
	if cmd, any := m.release(); any {
		t.Errorf("there is something to undo: %v", cmd)
	}
}

// TestHeldBeforeACommand: for a command line what was removed is removed.
func TestHeldBeforeACommand(t *testing.T) {
	e, m, _ := withForeign(t)
	id := m.list.selected().e.ID
	ran := false
	m.o.Command = func(context.Context, string, int, io.Writer) error {
		if ran = true; there(t, e, id) {
			t.Error("it is there still")
		}
		return nil
	}
	press(t, m, "d", "y")
	carryOut(m, m.command("list"))
	if !ran {
		t.Error("the command did not run")
	}
}

// TestHeldLate: of a daemon that hangs nothing is lost to sight, and an end in the middle tells it of what is left.
func TestHeldLate(t *testing.T) {
	e, m, over := withForeign(t)
	n := len(m.list.shown)
	press(t, m, " ", " ", " ", "D", "y")
	if len(m.list.shown) != n-3 {
		t.Fatal(len(m.list.shown))
	}
	e.Fault = func(string) error { return fmt.Errorf("no answer: %w", context.DeadlineExceeded) }
	_, cmd := m.Update(over())
	if err := m.commitNow(); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "3 torrents were not removed") {
		t.Errorf("at the end: %v", err)
	}
	carryOut(m, cmd)
	if len(m.list.shown) != n {
		t.Errorf("%d of %d are shown", len(m.list.shown), n)
	}
}

// refusing is a daemon that cannot bring anything back, and removes nothing.
type refusing struct{ foreign }

func (r refusing) Remove(ctx context.Context, id metainfo.ID, how status.Removal) error {
	if how.Undo == 0 {
		return errGone
	}
	return r.foreign.Remove(ctx, id, how)
}

// TestHeldAtASignal: who ends the screen by a signal is told of what was not removed.
func TestHeldAtASignal(t *testing.T) {
	r := start(t, Options{Engine: refusing{newForeign()}}, 110, 30)
	r.see(t, "fedora-workstation")
	r.typed(t, "d")
	r.see(t, "press y")
	r.typed(t, "y")
	r.see(t, "u brings back for 10 s")
	r.cancel()
	err := <-r.ended
	r.ended <- err // for the end of the test
	if !errors.Is(err, errGone) || errors.Is(err, ErrKilled) {
		t.Error(err)
	}
}

// TestHeldIsOutOfSight: what was removed is in no other place either.
func TestHeldIsOutOfSight(t *testing.T) {
	e, m, _ := withForeign(t)
	press(t, m, "*", "d", "y")
	if got := screenText(m); !strings.Contains(got, "No torrents yet") {
		t.Error(got)
	}
	press(t, m, "P")
	for _, call := range e.Calls() {
		if strings.HasPrefix(call, "stop") {
			t.Error(call)
		}
	}
}
