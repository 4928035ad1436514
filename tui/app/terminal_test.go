package app

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"shoal/internal/fakeengine"
	terminal "shoal/internal/screen"
	"shoal/tui/draw"
	"shoal/tui/theme"
)

// recorder is a model whose last screen is remembered.
type recorder struct {
	*Model
	last *atomic.Pointer[[]string]
}

func (r recorder) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if f, ok := msg.(func()); ok { // everything sent before was taken
		f()
		return r, nil
	}
	r.Model.Update(msg)
	return r, nil // what it asks of the engine is no part of this
}

func (r recorder) View() string {
	frame := r.Model.frame()
	r.last.Store(&frame)
	return r.Model.View()
}

// misplaced is where a terminal does not show a frame: all that stands between and behind the scripts with marks must be in its column, "" if it is.
// What those look like is the terminal's affair.
func misplaced(cells [][]terminal.Cell, frame []string) string {
	if len(cells) != len(frame) {
		return fmt.Sprintf("%d rows, not %d", len(cells), len(frame))
	}
	for y, line := range frame {
		col := 0
		for rest := ansi.Strip(line); rest != ""; {
			c, _ := ansi.FirstGraphemeCluster(rest, ansi.GraphemeWidth)
			if rest[0] < utf8.RuneSelf {
				c = rest[:1]
			}
			rest = rest[len(c):]
			r, n := utf8.DecodeRuneInString(c)
			switch {
			case col >= len(cells[y]):
				return fmt.Sprintf("row %d is too short", y)
			case n == len(c) && unicode.In(r, unicode.Common, unicode.Latin, unicode.Han, unicode.Hiragana, unicode.Hebrew) && cells[y][col].Rune != r:
				return fmt.Sprintf("row %d, column %d: %q, not %q", y, col, cells[y][col].Rune, r)
			}
			col += draw.Width(c)
		}
		if col != len(cells[y]) {
			return fmt.Sprintf("row %d has %d cells, not %d", y, len(cells[y]), col)
		}
	}
	return ""
}

// stage is Bubble Tea's program with a terminal, to be told things.
type stage struct {
	screen *terminal.Screen
	send   func(tea.Msg)
	last   atomic.Pointer[[]string]
}

func newStage(t *testing.T, m *Model, screen *terminal.Screen) *stage {
	s := &stage{screen: screen}
	in, keyboard := io.Pipe()
	p := tea.NewProgram(recorder{m, &s.last}, tea.WithInput(in), tea.WithOutput(s.screen), tea.WithAltScreen(), tea.WithFPS(120), tea.WithoutSignalHandler())
	s.send = p.Send
	ended := make(chan error, 1)
	go func() { _, err := p.Run(); ended <- err }()
	p.Send(tea.WindowSizeMsg{Width: 80, Height: 24})
	t.Cleanup(func() {
		p.Quit()
		keyboard.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// settle waits until the terminal shows the screen that the model has drawn last.
func (s *stage) settle(t *testing.T, what string) {
	t.Helper()
	taken := make(chan struct{})
	s.send(func() { close(taken) })
	<-taken
	late := time.After(20 * time.Second)
	for {
		changed := s.screen.Changed()
		want := *s.last.Load()
		bad := misplaced(s.screen.Cells(), want)
		if bad == "" {
			return
		}
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond):
		case <-late:
			t.Fatalf("%s: %s: the terminal shows\n%s\nand not\n%s", what, bad, s.screen, ansi.Strip(strings.Join(want, "\n")))
		}
	}
}

// TestT01TerminalShowsWhatWasDrawn: the bytes that leave the program draw, on a terminal that measures characters by itself, in one way or the other,
// exactly the screen, and nothing wraps or scrolls.
func TestT01TerminalShowsWhatWasDrawn(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, screen := range map[string]*terminal.Screen{"code points": terminal.New(80, 24), "clusters": terminal.NewJoining(80, 24)} {
		t.Run(name, func(t *testing.T) {
			d := newDice(4)
			s := newStage(t, modelOf(t, fakeengine.New(3), style(t, "default", theme.Colors16, theme.Braille()), 80, 24), screen)
			for i := range 180 {
				var msg tea.Msg
				switch {
				case i%6 == 5:
					w, h := d.size()
					w, h = max(w, 1), max(h, 1)
					s.screen.Resize(w, h)
					msg = tea.WindowSizeMsg{Width: w, Height: h}
				case i%3 == 0:
					msg = d.news()
				default:
					msg = d.move()
				}
				s.send(msg)
				s.settle(t, "a step")
				if wraps, scrolls := s.screen.Overflows(); wraps+scrolls > 0 {
					t.Fatalf("step %d, %T: %d wraps, %d scrolls\n%s", i, msg, wraps, scrolls, s.screen)
				}
			}
			for _, x := range s.screen.Other() {
				if strings.Contains(x, "]52") || strings.HasSuffix(x, "n") {
					t.Errorf("a foreign sequence reached the terminal: %q", x)
				}
			}
		})
	}
}

// TestT02ResizeStorm: a window that is dragged about ends with the right screen.
func TestT02ResizeStorm(t *testing.T) {
	d := newDice(5)
	m := modelOf(t, newSample(), style(t, "default", theme.Colors16, theme.Braille()), 80, 24)
	look(t, m)
	s := newStage(t, m, terminal.New(80, 24))
	for range 5 {
		for range 100 {
			w, h := d.size()
			w, h = max(w, 1), max(h, 1)
			s.screen.Resize(w, h)
			s.send(tea.WindowSizeMsg{Width: w, Height: h})
		}
		s.settle(t, "after a storm")
	}
}
