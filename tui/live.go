package tui

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/status"
)

// How often the screen may change and how often it is worth looking. The engine
// publishes at most twice a second.
const (
	framesPerSecond = 10
	lookEvery       = 250 * time.Millisecond
	lookTimeout     = 2 * time.Second
	maxLines        = 12 // torrents drawn at once
)

// home begins what is drawn at the start of the line: Bubble Tea takes the cursor to be there, but
// the terminal itself may have shown what was typed, like ^C.
const home = "\r"

// Live draws one line a torrent in place, on a terminal. It reads no input,
// changes no mode of the terminal and leaves the cursor visible, so that there is
// nothing to restore even after kill -9.
type Live struct {
	backend status.Backend
	out     io.Writer
	style   Style

	mu      sync.Mutex
	program *tea.Program // nil while Run is not drawing
	partial []byte       // of a line that Write has not seen the end of
}

// NewLive returns a Live that draws on out, which should be a terminal.
func NewLive(b status.Backend, out io.Writer, st Style) *Live {
	return &Live{backend: b, out: out, style: st}
}

// Run draws until ctx ends, then draws the last state once more, leaves what is
// at rest in it on the screen with the cursor below it, and returns. Lines of torrents that are still
// under way are taken away: whoever ended that says how far they came.
func (l *Live) Run(ctx context.Context) error {
	p := tea.NewProgram(model{look: l.look, style: l.style, width: 80}, tea.WithInput(nil), tea.WithOutput(l.out),
		tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler(), tea.WithoutBracketedPaste(), tea.WithEnvironment(os.Environ()))
	l.mu.Lock()
	l.program = p
	l.mu.Unlock()
	ended := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
			last, _ := l.look().(snapshot)
			p.Send(finish{last})
		case <-ended:
		}
	}()
	_, err := p.Run()
	close(ended)
	<-stopped
	l.mu.Lock()
	l.program = nil
	rest := l.partial
	l.partial = nil
	l.mu.Unlock()
	if len(rest) > 0 {
		_, _ = l.out.Write(append(rest, '\n'))
	}
	if err != nil {
		return fmt.Errorf("drawing progress: %w", err)
	}
	return nil
}

// Write puts whole lines above the progress; it is where the log goes while Run
// draws. What it gets must be clean already.
func (l *Live) Write(b []byte) (int, error) {
	l.mu.Lock()
	if l.program == nil {
		defer l.mu.Unlock()
		return l.out.Write(b)
	}
	program, lines := l.program, []string(nil)
	l.partial = append(l.partial, b...)
	if i := bytes.LastIndexByte(l.partial, '\n'); i >= 0 {
		lines = strings.Split(string(l.partial[:i]), "\n")
		l.partial = append([]byte(nil), l.partial[i+1:]...)
	}
	l.mu.Unlock()
	if lines != nil {
		program.Println(home + strings.Join(lines, "\n"))
	}
	return len(b), nil
}

// look asks the backend for the torrents; it is a Bubble Tea command.
func (l *Live) look() tea.Msg {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	ts, err := l.backend.Torrents(ctx)
	if err != nil {
		return snapshot{err: err}
	}
	return snapshot{torrents: ts}
}

// The messages of the model: a look at the engine, the moment for the next one, and the last one.
type (
	snapshot struct {
		torrents []status.Torrent
		err      error
	}
	again  struct{}
	finish struct{ last snapshot }
)

// model is Bubble Tea's view of the progress. Update only notes, View only draws.
type model struct {
	look     func() tea.Msg
	style    Style
	width    int
	torrents []status.Torrent
	done     bool
}

// Init implements tea.Model.
func (m model) Init() tea.Cmd { return tea.Batch(tea.ShowCursor, m.look) }

// Update implements tea.Model.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if msg.Width > 0 {
			m.width = msg.Width
		}
	case snapshot:
		m.note(msg)
		return m, tea.Tick(lookEvery, func(time.Time) tea.Msg { return again{} })
	case again:
		return m, m.look
	case finish:
		m.note(msg.last)
		m.done = true
		return m, tea.Quit
	}
	return m, nil
}

// note keeps the old state when a look failed: an engine on its way out
// answers nothing any more.
func (m *model) note(s snapshot) {
	if s.err == nil {
		m.torrents = s.torrents
	}
}

// View implements tea.Model.
func (m model) View() string {
	var b strings.Builder
	names, shown := column(m.torrents), m.torrents
	if m.done {
		shown = slices.DeleteFunc(slices.Clone(shown), func(t status.Torrent) bool { return !atRest(&t) })
	}
	for i := range shown {
		if i == maxLines {
			fmt.Fprintf(&b, "and %d more\n", len(shown)-i)
			break
		}
		b.WriteString(line(&shown[i], max(m.width-1, 1), names, m.style))
		b.WriteByte('\n')
	}
	if m.done {
		return home + home + b.String() // it differs from the last frame, so that all of it is drawn again
	}
	return home + strings.TrimSuffix(b.String(), "\n")
}
