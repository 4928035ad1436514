package app

import (
	"fmt"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/tui/keys"
)

const (
	maxPaste   = 1 << 20 // bytes of a paste that are taken
	maxSources = 1000    // sources that are added at a time
	maxAhead   = 64      // characters that come at once and are still taken for typed
)

// pasted is text that was pasted, and how many lines of it were left out. A line that was cut is one of those.
type pasted struct {
	text  string
	lines int
}

// pasteOf is what a message stands for: its text, with what the keyboard has kept back of it.
func (m *Model) pasteOf(k tea.KeyMsg) (p pasted) {
	if m.keyboard != nil {
		p = m.keyboard.take()
	}
	p.text = string(k.Runes) + p.text
	if over := len(p.text) - maxPaste; over > 0 {
		var lost lineCount
		for i := maxPaste; i < len(p.text); i++ {
			lost.add(p.text[i])
		}
		p.text, p.lines = p.text[:maxPaste], p.lines+lost.count()
	}
	if p.lines > 0 {
		p.text = p.text[:strings.LastIndexAny(p.text, "\r\n")+1]
	}
	return p
}

// paste puts text where it belongs: into the line that is typed, else into the dialog that adds. A question is not answered by it.
func (m *Model) paste(p pasted) tea.Cmd {
	d, isAdd := m.dialog.(*adding)
	switch {
	case m.dialog != nil && !m.dialog.typing():
		return nil
	case m.dialog == nil && m.prompt == nil:
		d, cmd := m.openAdd()
		return tea.Batch(cmd, d.paste(m, p))
	case isAdd && d.field == addSource:
		return d.paste(m, p)
	}
	in := m.typed()
	if in == nil {
		return nil
	}
	r := []rune(p.text)
	room := max(maxInput-len(in.runes), 0)
	k := tea.KeyMsg{Type: tea.KeyRunes, Runes: r[:min(len(r), room)], Paste: true}
	var cmd tea.Cmd
	if m.dialog != nil {
		cmd = m.dialog.key(m, k, "")
	} else {
		cmd = m.promptKey(k, "")
	}
	switch over := len(r) - room; {
	case p.lines > 0:
		return tea.Batch(cmd, m.say(leftOut(p.lines)+": that is too much for a line", bad))
	case over > 0:
		return tea.Batch(cmd, m.say(fmt.Sprintf("%s left out: a line has at most %d", text.Count(over, "character was", "characters were"), maxInput), bad))
	}
	return cmd
}

// leftOut says that lines of a paste were not taken.
func leftOut(n int) string { return text.Count(n, "line was", "lines were") + " left out" }

// typed is the line into which is typed, nil for none.
func (m *Model) typed() *input {
	switch d := m.dialog.(type) {
	case *entry:
		return &d.in
	case *help:
		return &d.word
	case *adding:
		switch d.field {
		case addSource:
			return &d.source
		case addFolder:
			return &d.folder
		}
	case nil:
		if m.prompt != nil {
			return &m.prompt.in
		}
	}
	return nil
}

// paste takes text that was pasted: several lines are several sources.
func (d *adding) paste(m *Model, p pasted) tea.Cmd {
	first := true
	for rest := p.text; rest != ""; {
		line := rest
		if i := strings.IndexAny(rest, "\r\n"); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		switch {
		case len(line) > maxInput || !first && len(d.more) >= maxSources-1:
			d.left++
		case first:
			d.first(line)
			first = false
		default:
			d.more = append(d.more, line)
		}
	}
	d.left += p.lines
	if d.left == 0 {
		return d.look()
	}
	return tea.Batch(d.look(), m.say(leftOut(d.left)+fmt.Sprintf(": at most %d are added at a time", maxSources), bad))
}

// first puts a source into the line. One that is there already is not a part of it.
func (d *adding) first(line string) {
	if old := strings.TrimSpace(d.source.String()); whole(old) && whole(line) && len(d.more) < maxSources-1 {
		d.more = append(d.more, old)
		d.source.set("")
	}
	d.source.insert(line)
}

// whole reports whether a text is a source by itself, and not a piece of a path.
func whole(s string) bool {
	_, err := metainfo.ParseID(s)
	return err == nil || metainfo.IsMagnet(s) || strings.Contains(s, "://")
}

// split takes the first key off characters that came at once, as they do when somebody types ahead: Bubble Tea makes one message of them. Where
// text is typed they stay together. A source that a terminal without bracketed paste has pasted is a paste; what else is too long
// to be typed does nothing. Of characters that came together none answers a question.
func (m *Model) split(msg tea.Msg) (first, rest tea.Msg) {
	k, ok := msg.(tea.KeyMsg)
	if !ok || k.Type != tea.KeyRunes || k.Paste || len(k.Runes) < 2 || m.where() == keys.Prompt {
		return msg, nil
	}
	switch {
	case m.asking():
		m.lastKey = m.o.Now()
		return nil, nil
	case m.dialog == nil && whole(string(k.Runes)):
		return pasted{text: string(k.Runes)}, nil
	case len(k.Runes) > maxAhead:
		return tooFast(len(k.Runes)), nil
	}
	after := k
	k.Runes, after.Runes = k.Runes[:1], k.Runes[1:]
	return k, after
}

// tooFast is how many characters came at once that nobody has typed.
type tooFast int

func (m *Model) sayTooFast(n tooFast) tea.Cmd {
	say := fmt.Sprintf("%d characters came at once, as if pasted: none was taken for a key", int(n))
	if key := m.o.Keys.First(keys.Add); key != "" {
		say += "; " + key + " first, then paste what is to be added"
	}
	return m.say(say, bad)
}
