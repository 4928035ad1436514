package app

import (
	"context"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
)

// wordsMsg is what the last word of a line of the command prompt may become.
type wordsMsg struct {
	line  string
	words []string
	err   error
}

// completeLine asks what may follow in the command prompt.
func (m *Model) completeLine(line string) tea.Cmd {
	look := m.o.Complete
	if look == nil {
		return nil
	}
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), pollTimeout)
		defer cancel()
		words, err := look(ctx, line)
		return wordsMsg{line, words, err}
	}
}

// takeWords goes on in the line as far as all words agree, and shows them where there are several. Who has typed on meanwhile is left alone.
func (m *Model) takeWords(msg wordsMsg) tea.Cmd {
	p := m.prompt
	if p == nil || p.kind != promptCommand || p.in.String() != msg.line {
		return nil
	}
	if msg.err != nil {
		return m.say(msg.err.Error(), neutral)
	}
	if len(msg.words) == 0 {
		return m.show("nothing is known that may follow", neutral)
	}
	before := msg.line[:strings.LastIndexAny(msg.line, " ")+1]
	all := common(msg.words)
	if len(msg.words) == 1 && !strings.HasSuffix(all, "=") && !strings.HasSuffix(all, "/") {
		all += " "
	}
	if typed := msg.line[len(before):]; len(all) > len(typed) {
		p.in.set(before + all)
	}
	if len(msg.words) > 1 {
		return m.show(text.Clean(strings.Join(msg.words[:min(len(msg.words), 40)], "  "), 0), neutral)
	}
	return nil
}
