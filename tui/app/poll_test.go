package app

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// asked is an engine that counts what it is asked.
type asked struct {
	*fakeengine.Engine
	entries, details, files atomic.Int64
	takes                   time.Duration // what its answers take
}

func (a *asked) Entries(ctx context.Context, since time.Time) ([]status.Entry, []int, error) {
	a.entries.Add(1)
	time.Sleep(a.takes)
	return a.Engine.Entries(ctx, since)
}

func (a *asked) Files(ctx context.Context, id metainfo.ID) ([]status.File, error) {
	a.files.Add(1)
	return a.Engine.Files(ctx, id)
}

func (a *asked) Details(ctx context.Context, id metainfo.ID) (status.Details, error) {
	a.details.Add(1)
	return a.Engine.Details(ctx, id)
}

// TestHowOftenTheEngineIsAsked: once a second, every five seconds while nobody looks or answers are slow, and more seldom the longer they take; going through
// the list asks for what is open, a few times a second, and not for the list.
func TestHowOftenTheEngineIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		e := &asked{Engine: fakeengine.New(200)}
		p := newPoller(e, func(tea.Msg) {})
		go p.run(ctx)
		in := func(span time.Duration) (entries, details int64) {
			e.entries.Store(0)
			e.details.Store(0)
			time.Sleep(span)
			synctest.Wait()
			return e.entries.Load(), e.details.Load()
		}
		if n, d := in(20 * time.Second); n < 19 || n > 22 || d != 0 {
			t.Errorf("in 20 s %d looks, %d at details", n, d)
		}
		p.set(wish{open: fakeengine.Torrent(1).ID, where: keys.Details})
		if n, d := in(20 * time.Second); n < 19 || n > 22 || d < 38 || d > 43 {
			t.Errorf("with details open in 20 s %d looks, %d at details", n, d)
		}
		e.entries.Store(0)
		e.details.Store(0)
		for i := range 60 { // a key that is held for two seconds
			p.set(wish{open: fakeengine.Torrent(i + 2).ID, where: keys.Details})
			time.Sleep(time.Second / 30)
		}
		synctest.Wait()
		if n, d := e.entries.Load(), e.details.Load(); n > 4 || d < 10 || d > 25 {
			t.Errorf("going through 60 torrents asks %d times for the list, %d times for details", n, d)
		}
		p.set(wish{blurred: true})
		if n, _ := in(50 * time.Second); n < 10 || n > 12 {
			t.Errorf("while nobody looks in 50 s %d looks", n)
		}
		p.set(wish{})
		if n, _ := in(time.Second / 2); n < 1 {
			t.Error("who looks again sees what is old")
		}
		e.takes = 200 * time.Millisecond
		if n, _ := in(44 * time.Second); n < 18 || n > 24 {
			t.Errorf("of answers that take 200 ms in 44 s %d looks", n)
		}
		e.takes = time.Second
		if n, _ := in(60 * time.Second); n < 9 || n > 14 {
			t.Errorf("of answers that take a second in 60 s %d looks", n)
		}
		e.takes = 0
		p.poke()
		if n, _ := in(10 * time.Millisecond); n != 1 {
			t.Errorf("what was done is looked at %d times", n)
		}
	})
}

// TestFilesAreAskedForAgain: the files of a torrent that somebody comes back to are there, and are those of now, also if it has not changed or changed
// while it was not open.
func TestFilesAreAskedForAgain(t *testing.T) {
	for _, h := range []int{24, 30} { // with and without a pane below the list
		e := &files{sample: newSample(), list: []status.File{{Path: "one file", Length: 100, Have: 10, Wanted: true, Priority: 2}}}
		m := modelOf(t, e, style(t, "mono", theme.Plain, theme.ASCII()), 110, h)
		look(t, m)
		press(t, m, "f")
		look(t, m)
		if got := screenText(m); !strings.Contains(got, "one file") || !strings.Contains(got, "10%") {
			t.Fatal(got)
		}
		press(t, m, "esc", "j", "k", "f")
		look(t, m)
		if got := screenText(m); !strings.Contains(got, "one file") {
			t.Errorf("after a way there and back:\n%s", got)
		}
		press(t, m, "esc")
		e.list = []status.File{{Path: "one file", Length: 100, Have: 50, Wanted: true, Priority: 2}}
		e.Edit(m.list.selected().e.ID, func(x *status.Entry) { x.Have++ })
		look(t, m)
		press(t, m, "f")
		look(t, m)
		if got := screenText(m); !strings.Contains(got, "50%") {
			t.Errorf("what came meanwhile is not seen:\n%s", got)
		}
	}
}
