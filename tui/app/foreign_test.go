package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/cputime"
	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/theme"
)

// foreign is an engine that is a plain Transmission: it has no history of rates, no log, no undo, no availability, and does not tell where time goes.
type foreign struct{ *sample }

func newForeign() foreign {
	f := foreign{newSample()}
	for i := range shown {
		f.Edit(fakeengine.Torrent(i+1).ID, func(e *status.Entry) { e.Time, e.Candidates, e.Dialing = status.Causes{}, 0, 0 })
	}
	return f
}

func (f foreign) lacks(what string) error {
	return fmt.Errorf("%s: %w: Transmission has no such thing", what, status.ErrNotOffered)
}

func (f foreign) Settings(ctx context.Context) (status.Settings, error) {
	s, err := f.sample.Settings(ctx)
	s.Kind, s.Version = "Transmission", "4.0.6"
	return s, err
}

func (f foreign) Stats(ctx context.Context) (status.Stats, error) {
	s, err := f.sample.Stats(ctx)
	return status.Stats{Down: s.Down, Up: s.Up, Torrents: s.Torrents}, err
}

func (f foreign) Rates(context.Context, metainfo.ID) ([]status.Rate, time.Duration, error) {
	return nil, 0, f.lacks("the history of rates")
}

func (f foreign) Log(context.Context, int64) ([]status.LogLine, error) {
	return nil, f.lacks("the log")
}

func (f foreign) Details(ctx context.Context, id metainfo.ID) (status.Details, error) {
	d, err := f.sample.Details(ctx, id)
	d.Availability = nil
	return d, err
}

func (f foreign) Remove(ctx context.Context, id metainfo.ID, how status.Removal) error {
	if how.Undo > 0 {
		return f.lacks("undo")
	}
	return f.sample.Remove(ctx, id, how)
}

func (f foreign) Restore(context.Context, metainfo.ID) error { return f.lacks("undo") }

// TestPlainTransmission: what such a daemon cannot tell is left out on every screen; nothing is called an error, no graph is empty, and nothing is claimed that
// nobody knows.
func TestPlainTransmission(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {110, 30}, {160, 50}} {
		m := modelOf(t, newForeign(), style(t, "mono", theme.Plain, theme.ASCII()), size[0], size[1])
		look(t, m)
		for _, way := range [][]string{nil, {"enter"}, {"2"}, {"3"}, {"4"}, {"5"}, {"esc", "esc", "z"}, {"esc", "G", "enter", "1"}, {"esc", "k", "k", "enter", "1"}} {
			press(t, m, way...)
			for range 3 {
				look(t, m)
			}
			got := screenText(m)
			for _, bad := range []string{"no such thing", "not offered", "0 peers  ", "port ", "DHT 0", "Nothing was logged", "Nothing here holds it back", "It has just begun", "their hash"} {
				if strings.Contains(strings.SplitN(got, "\n", 2)[0], bad) || bad != "0 peers  " && bad != "port " && strings.Contains(got, bad) {
					t.Errorf("%v after %q says %q:\n%s", size, way, bad, got)
				}
			}
			if m.away != nil || len(m.log) > 0 || m.toast.tone == bad {
				t.Errorf("%v after %q: %v, %v, %v", size, way, m.away, m.log, m.toast)
			}
		}
		if size[0] >= 110 && !strings.Contains(screenText(m), "Transmission 4.0.6") {
			t.Errorf("%v: which program it is is not told:\n%s", size, screenText(m))
		}
		press(t, m, "esc", "esc", "home", "D")
		press(t, m, "esc")
	}
}

// TestTransmissionForgivesToo: a daemon that cannot bring back what was removed is told of a removal when the time to undo it is over, when something else is
// removed, or when the screen ends, and of none that was undone. What it refuses is shown again.
func TestTransmissionForgivesToo(t *testing.T) {
	for _, key := range []string{"d", "D"} {
		e := newForeign()
		m := modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
		var over []tea.Msg
		m.later = func(d time.Duration, f func(time.Time) tea.Msg) tea.Cmd {
			if msg, is := f(now).(heldMsg); is && d == undoFor {
				over = append(over, msg)
			}
			return nil
		}
		look(t, m)
		n := len(m.list.shown)
		first := m.list.selected().e.ID
		there := func(id metainfo.ID) bool { _, err := e.Files(t.Context(), id); return err == nil }
		gone := func(what string, id metainfo.ID, shown, told bool) {
			t.Helper()
			look(t, m)
			if m.list.counts[tabAll] != len(m.list.shown) || slices.ContainsFunc(m.list.shown, func(r *row) bool { return r.e.ID == id }) != shown {
				t.Errorf("%s, %s: shown is not %v:\n%s", key, what, shown, screenText(m))
			}
			if there(id) == told {
				t.Errorf("%s, %s: that the daemon was told is not %v", key, what, told)
			}
		}
		press(t, m, key, "y")
		if got := screenText(m); !strings.Contains(got, "u brings back for 10 s") || !strings.Contains(got, fmt.Sprintf("All %d", n-1)) {
			t.Error(got)
		}
		gone("held back", first, false, false)
		press(t, m, "u")
		gone("undone", first, true, false)
		carryOut(m, func() tea.Msg { return over[0] })
		gone("undone, ten seconds later", first, true, false)
		if m.list.selected().e.ID != first {
			t.Errorf("%s: what came back is not selected", key)
		}

		press(t, m, key, "y")
		second := m.list.selected().e.ID
		press(t, m, key, "y") // another one: of the first there is no way back
		gone("the one before", first, false, true)
		gone("the next", second, false, false)
		carryOut(m, func() tea.Msg { return over[1] })
		gone("the next, at the time of the one before", second, false, false)
		carryOut(m, func() tea.Msg { return over[2] })
		gone("the next, in its time", second, false, true)

		third := m.list.selected().e.ID
		press(t, m, key, "y")
		e.Fault = func(string) error { return errGone }
		carryOut(m, func() tea.Msg { return over[3] })
		if got := screenText(m); !slices.ContainsFunc(m.list.shown, func(r *row) bool { return r.e.ID == third }) || !strings.Contains(got, "was not removed: connect to the daemon") {
			t.Errorf("%s: what was not removed is not shown:\n%s", key, got)
		}
		e.Fault = nil
		if m.list.selected().e.ID == third {
			t.Errorf("%s: what came back takes the cursor away", key)
		}
		m.list.cur = third
		m.list.arrange()
		press(t, m, key, "y")
		e.Fault = func(string) error { return errGone }
		if err := m.commitNow(); !errors.Is(err, errGone) {
			t.Errorf("%s: at the end: %v", key, err)
		}
		e.Fault = nil
		delete(m.list.hidden, third) // as the next start of the screen shows it
		m.list.cur = third
		m.list.arrange()
		gone("refused", third, true, false)
		press(t, m, key, "y")
		if err := m.commitNow(); err != nil || m.commitNow() != nil {
			t.Errorf("%s: at the end: %v", key, err)
		}
		gone("at the end", third, false, true)
		for _, call := range calls(e.sample) {
			if !strings.HasSuffix(call, fmt.Sprintf("data=%t undo=0s", key == "D")) {
				t.Errorf("%s: the daemon was asked for %s", key, call)
			}
		}
	}
}

// TestDaemonThatGoesAway: it is told once, with when it is asked again, the list stays to be seen, and once it answers all is as before.
func TestDaemonThatGoesAway(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
	look(t, m)
	var gone error
	e.Fault = func(string) error { return gone }
	gone = errGone
	for range 5 {
		look(t, m)
	}
	if got := screenText(m); !strings.Contains(got, "no answer since") || !strings.Contains(got, "ubuntu-26.10") || len(m.log) != 1 {
		t.Errorf("%v\n%s", m.log, got)
	}
	press(t, m, "p")
	if got := screenText(m); !strings.Contains(got, "connection refused") {
		t.Errorf("a key that needs the daemon says nothing:\n%s", got)
	}
	gone = nil
	look(t, m)
	if got := screenText(m); m.away != nil || strings.Contains(got, "no answer") || len(m.log) != 3 {
		t.Errorf("%v\n%s", m.log, got)
	}
}

// TestUndo: a removal is taken back within ten seconds, and not after.
func TestUndo(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
	clock := now
	m.o.Now = func() time.Time { return clock }
	look(t, m)
	n := len(m.list.rows)
	press(t, m, "d", "y")
	look(t, m)
	if len(m.list.rows) != n-1 || !strings.Contains(screenText(m), "u brings back for 10 s") {
		t.Fatalf("%d of %d\n%s", len(m.list.rows), n, screenText(m))
	}
	clock = clock.Add(9 * time.Second)
	press(t, m, "u")
	look(t, m)
	if len(m.list.rows) != n || !strings.Contains(screenText(m), "brought back") {
		t.Fatalf("%d of %d\n%s", len(m.list.rows), n, screenText(m))
	}
	press(t, m, "d", "y")
	clock = clock.Add(11 * time.Second)
	press(t, m, "u")
	look(t, m)
	if len(m.list.rows) != n-1 || !strings.Contains(screenText(m), "nothing to undo") {
		t.Errorf("%d of %d\n%s", len(m.list.rows), n, screenText(m))
	}
}

// TestMagnetSaysWhatIsTried: while there is no metadata the row says what is tried just now, and the overview all of it.
func TestMagnetSaysWhatIsTried(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	id := fakeengine.Torrent(8).ID
	for _, c := range []struct {
		want   string
		change func(x *status.Entry)
	}{
		{"asking 3 peers for the file list", func(*status.Entry) {}},
		{"file list: 2 of 5 parts from 3 peers", func(x *status.Entry) { x.Metadata, x.MetadataHave = 5, 2 }},
		{"connecting to 5 of 45 known peers", func(x *status.Entry) { x.Metadata, x.Peers = 0, 0 }},
		{"40 known peers did not answer yet", func(x *status.Entry) { x.Dialing = 0 }},
		{"looking for peers: trackers and DHT", func(x *status.Entry) { x.Candidates = 0 }},
	} {
		e.Edit(id, c.change)
		look(t, m)
		if got := screenText(m); !strings.Contains(got, c.want) {
			t.Errorf("%q is not told:\n%s", c.want, got)
		}
	}
	m.list.cur = id
	m.list.arrange()
	press(t, m, "enter")
	look(t, m)
	for _, want := range []string{"It looks for its metadata", "1 of 2 trackers", "the DHT with 123", "0 peers asked"} {
		if got := screenText(m); !strings.Contains(got, want) {
			t.Errorf("%q is not told:\n%s", want, got)
		}
	}
}

// TestManyFailures: what fails for each of very many torrents is told once at the foot and for the last of them in the log, in no time; what is done to many
// has a time-out for each of them.
func TestManyFailures(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
	look(t, m)
	var msg doneMsg
	for i := range 20_000 {
		msg.errs = append(msg.errs, fmt.Errorf("torrent %d: %w", i, errGone))
	}
	began := cputime.Spent()
	m.Update(msg)
	if took := cputime.Spent() - began; took > 200*time.Millisecond*slower || len(m.log) != maxLog {
		t.Errorf("%v, %d lines", took, len(m.log))
	}
	if got := screenText(m); !strings.Contains(got, "19999 more failed, see the log") {
		t.Error(got)
	}
}

// TestEachHasItsTime: what is asked of many torrents has a time-out for each; after one answer that did not come nothing more is asked.
func TestEachHasItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
		asked, progress := 0, ""
		m.poll.send = func(msg tea.Msg) {
			m.Update(msg)
			progress += m.toast.text + "; "
		}
		msg := m.each(9, func(ctx context.Context, _ status.Engine, i int) error {
			if asked++; i < 4 { // all of them together take longer than one may
				time.Sleep(actWithin * 2 / 3)
				return ctx.Err()
			}
			<-ctx.Done()
			return ctx.Err()
		}, func(msg *doneMsg) { msg.say = "ended" })().(doneMsg)
		if asked != 5 || len(msg.errs) != 2 || msg.say != "ended" || !strings.Contains(msg.errs[1].Error(), "4 torrents were not asked for any more") {
			t.Errorf("%d were asked: %v", asked, msg.errs)
		}
		if !strings.HasPrefix(progress, "1 of 9 torrents so far; 2 of 9") {
			t.Errorf("meanwhile it says %q", progress)
		}
	})
}
