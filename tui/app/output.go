package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// minOutput is how wide tables of commands are at least: what is wider than the window is folded.
const minOutput = 80

// maxOutput bounds, in bytes, what a command may print.
const maxOutput = 256 << 10

// capped takes what a command prints, up to maxOutput. It may be written to by several goroutines.
type capped struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	over bool // more was printed
}

func (c *capped) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := min(len(b), maxOutput-c.buf.Len())
	c.buf.Write(b[:room])
	c.over = c.over || room < len(b)
	return len(b), nil
}

func (c *capped) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return c.buf.String() + fmt.Sprintf("\n(more than %s was printed: the rest is left out)", text.SizeBinary(maxOutput))
	}
	return c.buf.String()
}

// outputMsg is what a command printed.
type outputMsg struct {
	line, out string
	err       error
}

// command carries out a line of the command prompt.
func (m *Model) command(line string) tea.Cmd {
	line = strings.TrimSpace(line)
	switch {
	case line == "":
		return nil
	case line == "q" || line == "quit":
		return m.leave()
	case line == "log":
		m.openLog()
		return nil
	case m.o.Command == nil:
		return m.say("there is no command line here", bad)
	}
	m.history = append(m.history, line)
	m.history = m.history[max(len(m.history)-maxHistory, 0):]
	run, w := m.o.Command, max(m.w, minOutput)
	full, missing := meant(line, m.targets())
	if missing {
		return m.say("% stands for the selected torrent, and none is", bad)
	}
	return m.commit(func() tea.Msg { // what is as good as removed is, for a command
		ctx, cancel := context.WithTimeout(context.Background(), actWithin)
		defer cancel()
		var out capped
		err := run(ctx, full, w, &out)
		if ctx.Err() != nil {
			err = fmt.Errorf("it takes longer than %v: start it in a shell, as shoal %s", actWithin, line)
		}
		return outputMsg{line, out.String(), err}
	})
}

// meant puts torrents where % is a word of a line by itself, outside of quotes; missing reports that there are none for it.
func meant(line string, list []*status.Entry) (full string, missing bool) {
	var b strings.Builder
	quote, word := byte(0), true // word: one may begin here
	for i := 0; i < len(line); i++ {
		c := line[i]
		last := i+1 == len(line) || line[i+1] == ' '
		switch {
		case quote == 0 && word && c == '%' && last:
			missing = missing || len(list) == 0
			for k, x := range list {
				if k > 0 {
					b.WriteByte(' ')
				}
				b.WriteString(x.ID.Wire().String())
			}
			continue
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
		word = c == ' '
		b.WriteByte(c)
	}
	return b.String(), missing
}

// ErrTold is what Options.Command returns when the command failed and has printed why.
var ErrTold = errors.New("the command failed")

// takeOutput shows it: a line for which there is room at the foot there, else all of it in a pane.
func (m *Model) takeOutput(msg outputMsg) tea.Cmd {
	m.poll.poke()
	out := strings.TrimRight(msg.out, "\n")
	if msg.err != nil && !errors.Is(msg.err, ErrTold) {
		out = strings.TrimLeft(out+"\n"+msg.err.Error(), "\n")
	}
	lines := strings.Split(strings.ReplaceAll(out, "\t", "    "), "\n")
	if len(lines) == 1 {
		line := text.Clean(strings.Join(strings.Fields(strings.TrimPrefix(lines[0], "shoal: ")), " "), 0) // there are no columns to line up
		switch {
		case line == "" && msg.err == nil:
			return m.say(msg.line+": done, without a word", good)
		case m.fitsFoot(line):
			t := good
			if msg.err != nil {
				t = bad
			}
			return m.say(line, t)
		}
	}
	d := &output{title: msg.line, lines: lines}
	if m.dialog != nil || m.prompt != nil { // nothing takes the place of what a person answers or types
		m.waiting = append(m.waiting, d)
		return nil
	}
	return m.open(d)
}

// output is what a command printed, to be read.
type output struct {
	title string
	lines []string
	top   int

	folded []string // the lines as they fit into width cells
	width  int
	page   int // lines that were seen the last time
}

func (*output) typing() bool { return false }

func (*output) hints(m *Model) []keys.Hint {
	k := m.o.Keys
	return []keys.Hint{k.Hint("close", keys.Cancel, keys.Accept), k.Hint("another", keys.Command), k.Hint("scroll", keys.NextChoice, keys.PrevChoice), k.Hint("page", keys.PageDown, keys.PageUp),
		k.Hint("ends", keys.Top, keys.Bottom)}
}

func (d *output) key(m *Model, _ tea.KeyMsg, a keys.Action) tea.Cmd {
	page := max(d.page-1, 1)
	switch a {
	case keys.Accept, keys.Cancel, keys.Refuse:
		return m.shut()
	case keys.Command: // who saw what was wrong types the next one
		return tea.Batch(m.shut(), m.openPrompt(promptCommand, ""))
	case keys.NextChoice:
		d.top++
	case keys.PrevChoice:
		d.top--
	case keys.PageDown:
		d.top += page
	case keys.PageUp:
		d.top -= page
	case keys.Top:
		d.top = 0
	case keys.Bottom:
		d.top = maxOutput // there are no more lines than bytes
	}
	return nil
}

func (d *output) view(m *Model, w, h int) (string, []string) {
	if d.folded == nil || d.width != w {
		d.folded, d.width = d.folded[:0], w
		for _, l := range d.lines {
			d.folded = append(d.folded, draw.Fold(l, w)...)
		}
	}
	d.page = h
	d.top = max(min(d.top, len(d.folded)-h), 0)
	end := min(d.top+max(h, 0), len(d.folded))
	title := ":" + text.Clean(d.title, w)
	if len(d.folded) > h {
		title += fmt.Sprintf(", %d to %d of %s", d.top+1, end, text.Count(len(d.folded), "line"))
	}
	lines := make([]string, 0, max(h, 0))
	for _, l := range d.folded[d.top:end] {
		lines = append(lines, m.style().Paint(theme.Text, l))
	}
	return title, lines
}
