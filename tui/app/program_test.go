package app

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	terminal "shoal/internal/screen"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// running is the real program, drawing on a terminal in memory.
type running struct {
	*terminal.Screen
	keyboard io.WriteCloser
	resize   func(w, h int)
	ended    chan error
	cancel   context.CancelFunc
}

// start runs the program until the test ends.
func start(t testing.TB, o Options, w, h int) *running {
	t.Helper()
	if o.Style == (draw.Style{}) {
		o.Style = style(t, "default", theme.Colors16, theme.Braille())
	}
	if o.Keys == nil {
		o.Keys = keys.Default()
	}
	o.Local, o.hasty = true, true
	ctx, cancel := context.WithCancel(context.Background())
	in, keyboard := io.Pipe()
	r := &running{Screen: terminal.New(w, h), keyboard: keyboard, ended: make(chan error, 1), cancel: cancel}
	r.resize = func(w, h int) {}
	sender := make(chan func(tea.Msg), 1)
	o.started = func(send func(tea.Msg)) { sender <- send }
	go func() { r.ended <- Run(ctx, o, in, r.Screen) }()
	send := <-sender
	r.resize = func(w, h int) { send(tea.WindowSizeMsg{Width: w, Height: h}) }
	r.resize(w, h)
	t.Cleanup(func() {
		cancel()
		keyboard.Close()
		select {
		case <-r.ended:
		case <-time.After(20 * time.Second):
			t.Error("the program does not end")
		}
	})
	return r
}

// waitFor waits until the screen fits, or fails with what it shows.
func (r *running) waitFor(t testing.TB, what string, fits func(shown string) bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		changed := r.Changed()
		if fits(r.String()) {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("never seen: %s\n%s", what, r.String())
		}
	}
}

func (r *running) see(t testing.TB, words ...string) {
	t.Helper()
	r.waitFor(t, strings.Join(words, ", "), func(shown string) bool {
		for _, w := range words {
			if !strings.Contains(shown, w) {
				return false
			}
		}
		return true
	})
}

func (r *running) miss(t testing.TB, word string) {
	t.Helper()
	r.waitFor(t, "a screen without "+word, func(shown string) bool { return !strings.Contains(shown, word) })
}

// typed presses keys as a terminal sends them.
func (r *running) typed(t testing.TB, bytes string) {
	t.Helper()
	if _, err := io.WriteString(r.keyboard, bytes); err != nil {
		t.Fatal(err)
	}
}

// flaky is an engine that is there or not.
type flaky struct {
	*sample
	away atomic.Bool
}

func newFlaky() *flaky {
	f := &flaky{sample: newSample()}
	f.Fault = func(string) error {
		if f.away.Load() {
			return errGone
		}
		return nil
	}
	return f
}

func (f *flaky) Rates(ctx context.Context, id metainfo.ID) ([]status.Rate, time.Duration, error) {
	if f.away.Load() {
		return nil, 0, errGone
	}
	return f.sample.Rates(ctx, id)
}

// noPeers is an engine that fails in one thing.
type noPeers struct{ *sample }

func (*noPeers) Peers(context.Context, metainfo.ID) ([]status.Peer, error) {
	return nil, errors.New("the peers are not told today")
}

func TestFlowFilter(t *testing.T) {
	r := start(t, Options{Engine: newSample()}, 80, 24)
	r.see(t, "fedora-workstation", "debian-13.2.0")
	r.typed(t, "/")
	r.typed(t, "deb")
	r.see(t, "/deb▏", "debian-13.2.0")
	r.miss(t, "fedora-workstation")
	r.typed(t, "\x1b")
	r.see(t, "fedora-workstation")
	r.miss(t, "/deb")
	r.typed(t, "/")
	r.typed(t, "state:seeding")
	r.miss(t, "debian-13.2.0")
	r.typed(t, "\r")
	r.see(t, "wikipedia", "/state:seeding", "j/k move")
	r.typed(t, "\x1b")
	r.see(t, "debian-13.2.0")
}

func TestFlowMarksAndPause(t *testing.T) {
	e := newSample()
	r := start(t, Options{Engine: e}, 80, 24)
	r.see(t, "fedora-workstation")
	r.typed(t, " ")
	r.typed(t, " ")
	r.see(t, "2 marked", "●▼ ubuntu", "●▼ debian")
	r.typed(t, "p")
	r.see(t, "●‖ ubuntu", "●‖ debian", "paused 2 torrents", "4 Stop 3")
	r.typed(t, "p")
	r.see(t, "●▼ ubuntu", "●▼ debian", "started 2 torrents", "4 Stop 1")
	if got := strings.Join(e.Calls(), "; "); !strings.HasSuffix(got, "stop "+shown[0].name+"; stop "+shown[1].name+"; start "+shown[0].name+"; start "+shown[1].name) {
		t.Error(got)
	}
}

// TestFlowOnlyYDeletes: of a question about files every key but y keeps them.
func TestFlowOnlyYDeletes(t *testing.T) {
	e := newSample()
	r := start(t, Options{Engine: e}, 80, 24)
	r.see(t, "fedora-workstation")
	removed := func() (calls []string) {
		for _, c := range e.Calls() {
			if strings.HasPrefix(c, "remove") || strings.HasPrefix(c, "restore") {
				calls = append(calls, c)
			}
		}
		return calls
	}
	for _, key := range []string{"n", "q", "\r", "\x1b"} {
		r.typed(t, "D")
		r.see(t, "AND delete their files?", "press y")
		r.typed(t, key)
		r.miss(t, "AND delete")
		if got := removed(); got != nil {
			t.Fatalf("after %q: %q", key, got)
		}
	}
	r.typed(t, "D")
	r.see(t, "AND delete")
	for _, key := range []string{"Y", "d", "D", " ", "\t", "p", "j", "l"} { // nothing of it is an answer
		r.typed(t, key)
	}
	r.typed(t, "n")
	r.miss(t, "AND delete")
	if got := removed(); got != nil {
		t.Fatalf("%q", got)
	}
	r.typed(t, "D")
	r.see(t, "AND delete")
	r.typed(t, "y")
	r.see(t, "removed with files")
	r.miss(t, "▼ ubuntu")
	if got := strings.Join(removed(), "; "); got != "remove "+shown[0].name+" data=true undo=10s" {
		t.Error(got)
	}
}

func TestFlowRemoveAndUndo(t *testing.T) {
	e := newSample()
	r := start(t, Options{Engine: e}, 80, 24)
	r.see(t, "▌ ▼ ubuntu")
	r.typed(t, "d")
	r.see(t, "out of the list?")
	r.typed(t, "y")
	r.see(t, "brings back for 10 s", "▌ ▼ debian", "1 All 9")
	r.typed(t, "u")
	r.see(t, "brought back", "▼ ubuntu", "1 All 10")
	r.typed(t, "u")
	r.see(t, "nothing to undo")
}

func TestFlowAddByPaste(t *testing.T) {
	r := start(t, Options{Engine: newSample()}, 80, 24)
	r.see(t, "fedora-workstation")
	r.typed(t, "\x1b[200~magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=pasted\n\x1b[201~")
	r.see(t, "─ Add ─", "dn=pasted▏")
	r.typed(t, "\r")
	r.see(t, "added pasted", "? pasted", "1 All 11")
	r.typed(t, "a")
	r.see(t, "─ Add ─")
	r.typed(t, "no magnet")
	r.see(t, "no magnet▏")
	r.typed(t, "\r")
	r.see(t, "! no magnet", "─ Add ─", "no magnet▏") // nobody has to type it anew
	r.typed(t, "\x1b")
	r.miss(t, "─ Add ─")
}

// TestT04FlowDaemonGone: one that does not answer is said to be away, what was known stays, and it is asked until it answers.
func TestT04FlowDaemonGone(t *testing.T) {
	e := newFlaky()
	r := start(t, Options{Engine: e, Where: "daemon on unix socket"}, 80, 24)
	r.see(t, "fedora-workstation", "DHT 123")
	e.away.Store(true)
	r.see(t, "! no answer since", "asking again in", "fedora-workstation")
	r.typed(t, "p") // what is asked now fails in words
	r.see(t, "connection refused")
	r.typed(t, "\r")
	r.see(t, "[Overview]")
	e.away.Store(false)
	r.see(t, "DHT 123", "✓ the daemon answers again")
	r.miss(t, "no answer")
	r.typed(t, "\x1b")
	r.see(t, "fedora-workstation", "j/k move")
}

// TestFlowOnePollFails: a tab that cannot be asked says so, the list goes on.
func TestFlowOnePollFails(t *testing.T) {
	e := newFlaky()
	r := start(t, Options{Engine: &noPeers{sample: e.sample}}, 80, 24)
	r.see(t, "fedora-workstation")
	r.typed(t, "\r")
	r.typed(t, "3")
	r.see(t, "[Peers", "! the peers are not told today", "DHT 123")
	r.typed(t, "2")
	r.see(t, "[Files", "a.iso")
}

func TestFlowLeaveAsksOverOwnEngine(t *testing.T) {
	told := make(chan string, 1)
	r := start(t, Options{Engine: newSample(), Own: true, End: func(_ context.Context, stage func(string)) error {
		stage("trackers told")
		told <- "ended"
		return nil
	}}, 80, 24)
	r.see(t, "fedora-workstation", "in this window")
	r.typed(t, "q")
	r.see(t, "Leave?", "> Stay <")
	r.typed(t, "\r")
	r.miss(t, "Leave?")
	r.typed(t, "\x03")
	r.see(t, "Leave?")
	r.typed(t, "y")
	select {
	case err := <-r.ended:
		if err != nil || len(told) != 1 {
			t.Errorf("%v, %d", err, len(told))
		}
		r.ended <- nil
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestFlowLeaveADaemon(t *testing.T) {
	r := start(t, Options{Engine: newSample()}, 80, 24)
	r.see(t, "fedora-workstation")
	r.typed(t, "q")
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
		r.ended <- nil
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	if r.CursorHidden() || !strings.Contains(strings.Join(r.Other(), ""), "\x1b[?1049l") {
		t.Errorf("the terminal is left as it is: %q", r.Other())
	}
}
