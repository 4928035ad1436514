package app

import (
	"strings"
	"unicode"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/text"
)

// maxInput is how many characters a line of input may have: a magnet link with its trackers is a tenth of it.
const maxInput = 16 << 10

// input is one line that a person types or pastes.
type input struct {
	runes []rune
	at    int // of the cursor
}

func inputOf(s string) input { in := input{runes: []rune(s)}; in.at = len(in.runes); return in }

func (in *input) String() string { return string(in.runes) }

// set replaces the line.
func (in *input) set(s string) { *in = inputOf(s) }

// insert puts text in at the cursor. Line ends and what steers a terminal become blanks: a line is one line.
func (in *input) insert(s string) {
	var add []rune
	room := maxInput - len(in.runes)
	for _, r := range s {
		if len(add) >= room {
			break
		}
		if unicode.IsControl(r) {
			r = ' '
		}
		add = append(add, r)
	}
	in.runes = append(in.runes[:in.at:in.at], append(add, in.runes[in.at:]...)...)
	in.at += len(add)
}

// handle does what a key does in a line and reports whether it is one of those.
func (in *input) handle(k tea.KeyMsg) bool {
	if k.Alt {
		return false
	}
	switch k.Type {
	case tea.KeyRunes, tea.KeySpace:
		in.insert(string(k.Runes))
	case tea.KeyBackspace:
		in.cut(in.at-1, in.at)
	case tea.KeyDelete:
		in.cut(in.at, in.at+1)
	case tea.KeyLeft, tea.KeyCtrlB:
		in.at = max(in.at-1, 0)
	case tea.KeyRight, tea.KeyCtrlF:
		in.at = min(in.at+1, len(in.runes))
	case tea.KeyHome, tea.KeyCtrlA:
		in.at = 0
	case tea.KeyEnd, tea.KeyCtrlE:
		in.at = len(in.runes)
	case tea.KeyCtrlU:
		in.cut(0, in.at)
	case tea.KeyCtrlK:
		in.cut(in.at, len(in.runes))
	case tea.KeyCtrlW:
		i := in.at
		for i > 0 && in.runes[i-1] == ' ' {
			i--
		}
		for i > 0 && in.runes[i-1] != ' ' {
			i--
		}
		in.cut(i, in.at)
	default:
		return false
	}
	return true
}

// cut takes the characters from a to b away.
func (in *input) cut(a, b int) {
	a, b = max(a, 0), min(b, len(in.runes))
	if a >= b {
		return
	}
	in.runes = append(in.runes[:a:a], in.runes[b:]...)
	in.at = a
}

// view returns what is seen of the line in w cells, at most, with the cursor as a character: a terminal without reverse video shows it, too.
func (in *input) view(w int, cursor string) string {
	room := w - text.Width(cursor)
	if room <= 0 {
		return ""
	}
	// A cell has at most maxStack characters: more of the line than that cannot be seen.
	before, after := clean(in.runes[max(in.at-maxStack*(room+1), 0):in.at]), clean(in.runes[in.at:min(in.at+maxStack*(room+1), len(in.runes))])
	// The cursor stays in sight: what is left of it is cut first, from the left.
	keep := max(room-min(text.Width(after), room/4), 0)
	before = tail(before, keep)
	return before + cursor + head(after, room-text.Width(before))
}

// maxStack is how many characters of clean text a cell may have: one with the marks above and below it.
const maxStack = 5

func clean(r []rune) string { return text.Clean(string(r), 0) }

// tail is the end of clean text, of at most w cells.
func tail(s string, w int) string {
	r := []rune(s)
	for len(r) > 0 && text.Width(string(r)) > w {
		r = r[max(1, (len(r)-w)/2):]
	}
	return strings.TrimLeft(string(r), "\u0300\u0301")
}

// head is the beginning of clean text, of at most w cells.
func head(s string, w int) string {
	n := 0
	for i, r := range s {
		if n += text.Width(string(r)); n > w {
			return s[:i]
		}
	}
	return s
}
