package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/fakeengine"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/theme"
)

func (l *list) markedRows() (rows []int) {
	for i, r := range l.shown {
		if r.marked {
			rows = append(rows, i)
		}
	}
	return rows
}

// TestMarkRange: a range goes from the torrent that was marked last to the selected one, whichever way and however one came there.
func TestMarkRange(t *testing.T) {
	for _, tt := range []struct {
		name string
		keys []string
		want []int
	}{
		{"down", []string{"g", " ", "j", "j", "V"}, []int{0, 1, 2, 3}},
		{"up", []string{"G", " ", "k", "k", "k", "V"}, []int{6, 7, 8, 9}},
		{"without a mark", []string{"g", "j", "V"}, []int{1}},
		{"two of them", []string{"g", "V", "j", "j", "V", "j", "V"}, []int{0, 1, 2, 3}},
		{"moving on marks nothing", []string{"g", "V", "j", "j"}, []int{0}},
		{"after a mark was taken away", []string{"g", " ", "k", " ", "j", "j", "V"}, []int{3}},
		{"after all were", []string{"g", " ", "esc", "j", "j", "V"}, []int{3}},
		{"from one that is hidden", []string{"g", " ", "5", "V"}, []int{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
			look(t, m)
			press(t, m, tt.keys...)
			if got := m.list.markedRows(); !slices.Equal(got, tt.want) {
				t.Errorf("%v are marked, not %v", got, tt.want)
			}
		})
	}
}

// TestViewsSortLikeTheCommandLine: of a saved view an order has the smaller ones first, with - before it the larger ones, whatever is usual for it.
func TestViewsSortLikeTheCommandLine(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	for _, name := range []string{"size", "name"} {
		m.list.sortBy(name)
		up := slices.Clone(m.list.shown)
		m.list.sortBy("-" + name)
		down := slices.Clone(m.list.shown)
		first, last := up[0], up[len(up)-1]
		if name == "size" && first.e.Wanted >= last.e.Wanted || name == "name" && first.key >= last.key {
			t.Errorf("%s begins with %s and ends with %s", name, first.e.Name, last.e.Name)
		}
		if down[0] != last {
			t.Errorf("-%s begins with %s", name, down[0].e.Name)
		}
	}
}

// TestOnlyWhatArrivedIsComplete: what a check has found is not told of as complete.
func TestOnlyWhatArrivedIsComplete(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after func(*status.Entry)
		told          bool
	}{
		{"downloaded", func(e *status.Entry) { e.Phase = status.Leeching }, func(e *status.Entry) { e.DownTotal = e.Size }, true},
		{"by a magnet link", func(e *status.Entry) { e.Phase, e.Pieces = status.Metadata, 0 }, func(e *status.Entry) { e.DownTotal, e.Pieces = e.Size, 9 }, true},
		{"checked", func(e *status.Entry) { e.Phase = status.Checking }, func(e *status.Entry) { e.DownTotal = e.Size }, false},
		{"about to be checked", func(e *status.Entry) { e.Phase, e.Verifying = status.Leeching, true }, func(e *status.Entry) { e.DownTotal = e.Size }, false},
		{"checked between two looks", func(e *status.Entry) { e.Phase = status.Leeching }, func(e *status.Entry) { e.DownTotal = 0 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
			x := fakeengine.Torrent(1)
			x.Size, x.Wanted, x.Have, x.Pieces = 1000, 1000, 0, 9
			tt.before(&x)
			m.Update(listMsg{changed: []status.Entry{x}, whole: true})
			x.Phase, x.Verifying, x.Have = status.Seeding, false, x.Size
			tt.after(&x)
			m.Update(listMsg{changed: []status.Entry{x}})
			if got := strings.HasPrefix(m.toast.text, "complete: "); got != tt.told {
				t.Errorf("%q", m.toast.text)
			}
		})
	}
}

// TestWaitingIsNotStopped: a torrent that waits for its turn looks other than one that a person has stopped, in all sets of glyphs.
func TestWaitingIsNotStopped(t *testing.T) {
	for _, g := range []*theme.Glyphs{theme.Braille(), theme.Block(), theme.ASCII()} {
		m := modelOf(t, newSample(), style(t, "mono", theme.Plain, g), 80, 24)
		waits, stops := &status.Entry{Waiting: true}, &status.Entry{Stopped: true}
		waits.Phase, stops.Phase = status.Paused, status.Paused
		a, _ := m.stateOf(&row{e: waits})
		b, _ := m.stateOf(&row{e: stops})
		if a == b || a != g.Queued {
			t.Errorf("%q and %q", a, b)
		}
	}
}

// TestWhatMovesIsShown: the character in front of a name says what moves, and not what moved a moment ago.
func TestWhatMovesIsShown(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	g := m.style()
	for _, tt := range []struct {
		phase    status.Phase
		have     int64
		down, up int64
		want     string
	}{
		{status.Leeching, 5, 0, 0, g.Idle}, {status.Leeching, 5, 0, 9, g.Glyphs.Up}, {status.Leeching, 5, 9, 9, g.Glyphs.Down},
		{status.Seeding, 10, 9, 0, g.Idle}, {status.Seeding, 10, 9, 9, g.Glyphs.Up}, {status.Seeding, 10, 0, 0, g.Idle},
	} {
		e := &status.Entry{}
		e.Phase, e.Pieces, e.Wanted, e.Have, e.Down, e.Up = tt.phase, 1, 10, tt.have, tt.down, tt.up
		if got, _ := m.stateOf(&row{e: e}); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestPriorityIsSaid: who raises a priority is told what it is now.
func TestPriorityIsSaid(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	for _, step := range []struct{ key, want string }{{"+", "high priority: ubuntu"}, {"+", "high priority: ubuntu"}, {"-", "normal priority: ubuntu"}, {"-", "low priority: ubuntu"}} {
		press(t, m, step.key)
		look(t, m)
		if !strings.HasPrefix(m.toast.text, step.want) {
			t.Errorf("after %s: %q, not %q", step.key, m.toast.text, step.want)
		}
	}
	press(t, m, "j", "+", "*", "+")
	if want := fmt.Sprintf("priority changed: %d torrents", len(shown)); m.toast.text != want {
		t.Errorf("%q, not %q", m.toast.text, want)
	}
}

// TestTheWayBackIsTold: at the foot of the details and of the panes stands how to leave them, and nowhere that a key quits that only goes back.
func TestTheWayBackIsTold(t *testing.T) {
	for _, w := range []int{40, 80, 160} {
		for _, way := range [][]string{{"enter"}, {"enter", "2"}, {"enter", "4"}, {"z"}, {"z", "z"}} {
			m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), w, 24)
			look(t, m)
			press(t, m, way...)
			lines := strings.Split(screenText(m), "\n")
			foot := lines[len(lines)-1]
			if !strings.Contains(foot, "esc back") || strings.Contains(foot, "quit") || way[0] == "enter" && w > 40 && !strings.Contains(foot, "tab next tab") {
				t.Errorf("%d cells, after %q: %q", w, way, foot)
			}
		}
	}
}

// TestHistory: what the engine remembers is shown; before that, and where it remembers nothing, what was seen.
func TestHistory(t *testing.T) {
	r := func(n ...int64) (list []status.Rate) {
		for _, x := range n {
			list = append(list, status.Rate{Down: x})
		}
		return list
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		do   func(add func(at int, rate int64, told []status.Rate, step time.Duration, known bool))
		want []status.Rate
	}{
		{"of an engine that remembers", func(add func(int, int64, []status.Rate, time.Duration, bool)) {
			add(0, 3, r(1, 2, 3), time.Second, true)
			add(1, 4, r(1, 2, 3, 4), time.Second, true)
		}, r(1, 2, 3, 4)},
		{"of one that does not", func(add func(int, int64, []status.Rate, time.Duration, bool)) {
			add(0, 1, nil, 0, true)
			add(1, 2, nil, 0, true)
			add(4, 3, nil, 0, true)
		}, r(1, 2, 3, 3, 3)},
		{"nobody knows what was while it was away", func(add func(int, int64, []status.Rate, time.Duration, bool)) {
			add(0, 5, nil, 0, true)
			add(4, 6, nil, 0, false)
		}, r(5, 0, 0, 0, 6)},
		{"of one that was started anew", func(add func(int, int64, []status.Rate, time.Duration, bool)) {
			add(0, 3, r(1, 2, 3), time.Second, true)
			add(6, 9, r(8, 9), time.Second, false)
		}, r(1, 2, 3, 0, 0, 0, 0, 8, 9)},
		{"twice in a second", func(add func(int, int64, []status.Rate, time.Duration, bool)) {
			add(0, 1, nil, 0, true)
			add(0, 2, nil, 0, true)
			add(1, 3, nil, 0, true)
		}, r(1, 3)},
		{"in larger steps", func(add func(int, int64, []status.Rate, time.Duration, bool)) {
			add(0, 2, r(1, 2), 2*time.Second, true)
		}, r(1, 1, 2, 2)},
	} {
		var h history
		tt.do(func(at int, rate int64, told []status.Rate, step time.Duration, known bool) {
			h.add(start.Add(time.Duration(at)*time.Second), status.Rate{Down: rate}, told, step, known)
		})
		if !slices.Equal(h.list, tt.want) {
			t.Errorf("%s: %v, not %v", tt.name, h.list, tt.want)
		}
	}
	var h history
	for i := range 1000 {
		h.add(start.Add(time.Duration(i)*time.Hour), status.Rate{Down: 1}, make([]status.Rate, 5000), time.Second, i%2 == 0)
		if len(h.list) > int(historySpan/historyStep) {
			t.Fatalf("%d values are kept", len(h.list))
		}
	}
}

// TestTransmissionHasAGraph: of a daemon that keeps no history it is what was seen.
func TestTransmissionHasAGraph(t *testing.T) {
	m := modelOf(t, newForeign(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	if got := strings.Split(screenText(m), "\n")[1]; !strings.Contains(got, "#") {
		t.Errorf("nothing in the graph: %q", got)
	}
}

// TestColoursOfTheGround: a theme with a background of its own has it in every cell; without colours it is said that themes make no difference.
func TestColoursOfTheGround(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "high-contrast", theme.Colors16, theme.ASCII()), 80, 24)
	look(t, m)
	for i, line := range strings.Split(m.View(), "\n") {
		if !strings.HasPrefix(line, "\x1b[40m") || strings.Contains(strings.ReplaceAll(line[:len(line)-len("\x1b[0m")], "\x1b[0m\x1b[40m", ""), "\x1b[0m") {
			t.Errorf("line %d leaves the ground: %q", i, line)
		}
	}
	m = modelOf(t, newSample(), style(t, "default", theme.Styled, theme.ASCII()), 80, 24)
	m.o.Themes = []string{"default", "dark"}
	m.o.Theme = func(name string) (draw.Style, error) { return style(t, name, theme.Styled, theme.ASCII()), nil }
	press(t, m, "T")
	if !strings.Contains(m.toast.text, "without colours") {
		t.Errorf("%q", m.toast.text)
	}
}

// TestFilesAreAskedForWhenTheyChange: of a torrent that rests its files, of which there may be very many, are asked for once; again when it has changed,
// and when something was asked for.
func TestFilesAreAskedForWhenTheyChange(t *testing.T) {
	e := &asked{Engine: fakeengine.New(3)}
	m := modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	press(t, m, "enter", "2")
	ask := func(what string, want int64) {
		t.Helper()
		e.files.Store(0)
		for range 5 {
			m.poll.look(t.Context(), m.poll.wanted())
			m.poll.detail(t.Context(), m.poll.wanted())
		}
		if n := e.files.Load(); n != want {
			t.Errorf("%s: asked for %d times, not %d", what, n, want)
		}
	}
	m.poll.send = func(tea.Msg) {}
	ask("when they are opened", 1)
	ask("at rest", 0)
	e.Edit(m.currentID(), func(x *status.Entry) { x.Have++ })
	ask("when there is more of it", 1)
	e.Edit(fakeengine.Torrent(3).ID, func(x *status.Entry) { x.Have++ })
	ask("when another one changes", 0)
	e.Fault = func(string) error { return errGone }
	m.poll.look(t.Context(), m.poll.wanted())
	e.Fault = nil
	ask("when the daemon comes back", 1)
}
