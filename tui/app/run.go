package app

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	tea "github.com/charmbracelet/bubbletea"
)

// framesPerSecond bounds how often the screen is drawn: a key is answered within 50 ms.
const framesPerSecond = 30

// ErrKilled says that the context ended before the person left.
var ErrKilled = errors.New("the terminal interface was ended")

// Run draws on out and reads keys from in until the person leaves or ctx ends; then the terminal is as it was before, also after a panic. Both should
// be terminals. What it returns is why it ended: nil when the person left, ErrKilled when ctx ended and nothing was left to do, a *Crash after a panic,
// and what the end of an engine of this process has to say, and who could not be told of a removal.
func Run(ctx context.Context, o Options, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newModel(o)
	screen := guard(out, cancel)
	m.out = screen
	if m.settle = settleFor; o.hasty {
		m.settle = 0
	}
	m.keyboard, in = keyboardOf(in)
	opt := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(screen), tea.WithAltScreen(), tea.WithFPS(framesPerSecond),
		tea.WithReportFocus(), tea.WithoutSignalHandler(), tea.WithoutCatchPanics(), tea.WithEnvironment(os.Environ())}
	if o.Mouse {
		opt = append(opt, tea.WithMouseCellMotion())
	}
	fallen := &crashes{end: cancel}
	p := tea.NewProgram(cautious{m, fallen}, opt...)
	m.poll.send = p.Send
	if o.started != nil {
		o.started(p.Send)
	}
	var wait sync.WaitGroup
	wait.Go(func() { defer fallen.catch(); m.poll.run(ctx) })
	wait.Go(func() { forward(ctx, o.Notes, p.Send) })
	_, err := p.Run()
	cancel()
	wait.Wait()
	left := m.commitNow() // the loop has ended: its model is ours
	switch crash := fallen.err(); {
	case crash != nil:
		err = crash
	case err == nil:
		err = m.ended
	case errors.Is(err, tea.ErrProgramKilled) && left != nil:
		err = nil // a clean end is none while somebody has read that torrents are gone which are not
	case errors.Is(err, tea.ErrProgramKilled):
		err = ErrKilled
	}
	return errors.Join(err, left)
}

// forward brings the lines of others to the screen.
func forward(ctx context.Context, notes <-chan string, send func(tea.Msg)) {
	for {
		select {
		case <-ctx.Done():
			return
		case line, ok := <-notes:
			if !ok {
				return
			}
			send(noteMsg(line))
		}
	}
}

// guarded is an output that may be written to beside the frames; when it is gone, so is the program.
type guarded struct {
	*os.File
	mu   sync.Mutex
	gone func()
}

func (g *guarded) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, err := g.File.Write(b)
	if err != nil {
		g.gone()
	}
	return n, err
}

// plain is the same for what is no file.
type plain struct {
	io.Writer
	mu   sync.Mutex
	gone func()
}

func (p *plain) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := p.Writer.Write(b)
	if err != nil {
		p.gone()
	}
	return n, err
}

// guard keeps Bubble Tea's look at the terminal: it asks a file what it is.
func guard(out io.Writer, gone func()) io.Writer {
	if f, ok := out.(*os.File); ok {
		return &guarded{File: f, gone: gone}
	}
	return &plain{Writer: out, gone: gone}
}
