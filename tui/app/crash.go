package app

import (
	"fmt"
	"runtime/debug"
	"sync"

	tea "github.com/charmbracelet/bubbletea"
)

// Crash is what Run returns after a panic, when the terminal is as it was before: what it was, and the stack of the goroutine.
type Crash struct {
	What  any
	Stack []byte
}

func (c *Crash) Error() string {
	return fmt.Sprintf("the terminal interface ended by a mistake of its own (%v): please report what is written below", c.What)
}

// crashes keeps the first panic of the program's goroutines and ends the program. Bubble Tea by itself prints what a command has panicked with while the
// screen is still its own, where nobody reads it.
type crashes struct {
	end func()

	mu    sync.Mutex
	first *Crash
}

// catch is deferred in each goroutine.
func (c *crashes) catch() {
	what := recover()
	if what == nil {
		return
	}
	stack := debug.Stack()
	c.mu.Lock()
	first := c.first == nil
	if first {
		c.first = &Crash{what, stack}
	}
	c.mu.Unlock()
	if first {
		c.end()
	}
}

func (c *crashes) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == nil {
		return nil
	}
	return c.first
}

// cautious is the model as Bubble Tea sees it.
type cautious struct {
	*Model
	crashes *crashes
}

func (c cautious) Init() tea.Cmd {
	defer c.crashes.catch()
	return c.guard(c.Model.Init())
}

func (c cautious) Update(msg tea.Msg) (same tea.Model, cmd tea.Cmd) {
	same = c // also after a panic
	defer c.crashes.catch()
	_, cmd = c.Model.Update(msg)
	return c, c.guard(cmd)
}

func (c cautious) View() string {
	defer c.crashes.catch()
	return c.Model.View()
}

// guard has the panics of a command caught, and of those that it is made of.
func (c cautious) guard(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() tea.Msg {
		defer c.crashes.catch()
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i := range batch {
				batch[i] = c.guard(batch[i])
			}
		}
		return msg
	}
}
