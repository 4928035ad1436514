package keys

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"shoal/internal/text"
)

// maxKeys is how many keys an action may have.
const maxKeys = 16

// Map says which key does what. It is immutable.
type Map struct {
	entries []entry
	at      [Anywhere]map[string]Action
}

// Hint is one hint at the foot of the screen, like "j/k" and "move". Action is what a click on it asks for.
type Hint struct {
	Key, Text string
	Action    Action
}

// HelpLine is one line of the help: the heading it belongs to, all keys and what they do.
type HelpLine struct {
	Group, Keys, Text string
	Action            Action
}

// Default returns the keys of the table.
func Default() *Map { return made(table) }

// Actions returns the names of all actions, in the order of the table.
func Actions() []string {
	names := make([]string, len(table))
	for i, e := range table {
		names[i] = string(e.action)
	}
	return names
}

// Bind returns the table with other keys for some actions, as in [tui.keys] of the configuration; an empty list leaves an action without a
// key. The error is Mistakes: an unknown action or key, with the nearest there is; an action that nobody could do without; and where there are none of
// those, a key that two actions have in one place.
func Bind(over map[string][]string) (*Map, error) {
	entries := slices.Clone(table)
	var wrong Mistakes
	for _, name := range slices.Sorted(maps.Keys(over)) {
		i := slices.IndexFunc(entries, func(e entry) bool { return string(e.action) == name })
		if i < 0 {
			wrong = append(wrong, Mistake{name, "there is no such action" + hint(text.Nearest(name, Actions()))})
			continue
		}
		own, err := readKeys(over[name])
		if err == nil {
			err = entries[i].accept(own)
		}
		if err != nil {
			wrong = append(wrong, Mistake{name, err.Error()})
			continue
		}
		entries[i].keys = own
	}
	if len(wrong) == 0 {
		wrong = conflicts(entries, over)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return made(entries), nil
}

// Mistake is what is wrong with the keys of one action, whose name may be foreign.
type Mistake struct{ Action, Says string }

func (m Mistake) Error() string { return text.Clean(m.Action, 40) + ": " + m.Says }

// Mistakes are all of them, at least one.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	words := make([]string, len(m))
	for i := range m {
		words[i] = m[i].Error()
	}
	return strings.Join(words, "; ")
}

func hint(near string) string {
	if near == "" {
		return "; shoal help tui lists them"
	}
	return "; maybe you mean " + near
}

func readKeys(list []string) ([]string, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("%d keys are too many, %d are allowed", len(list), maxKeys)
	}
	var own []string
	for _, k := range list {
		key := canonical(k)
		if !possible(key) {
			return nil, fmt.Errorf("there is no key %q%s", text.Clean(k, 30), hintKey(key))
		}
		if !slices.Contains(own, key) {
			own = append(own, key)
		}
	}
	return own, nil
}

func hintKey(key string) string {
	near := text.Nearest(key, named)
	if near == "" {
		return `; write a character, ctrl-X, or a name like "space", "pgup" or "f5"`
	}
	return "; maybe you mean " + Show(near)
}

// possible reports whether a terminal can send the key.
func possible(key string) bool {
	if key == " " || slices.Contains(named, key) {
		return true
	}
	key = strings.TrimPrefix(key, "alt+")
	if c, ok := strings.CutPrefix(key, "ctrl+"); ok {
		// ctrl-i and ctrl-m are tab and enter, ctrl-[ is esc: no terminal tells them apart.
		return len(c) == 1 && c[0] >= 'a' && c[0] <= 'z' && c != "i" && c != "m"
	}
	return printable(key)
}

// printable reports whether the key is a character, which is typed in a prompt.
func printable(key string) bool {
	r, n := utf8.DecodeRuneInString(key)
	return n > 0 && n == len(key) && r != utf8.RuneError && unicode.IsPrint(r)
}

// accept reports why the action cannot have these keys.
func (e *entry) accept(own []string) error {
	if len(own) == 0 && e.where.has(Dialog) && e.action != Redraw && e.action != Suspend {
		return fmt.Errorf("it needs a key: without one there is no way on or out")
	}
	for _, k := range own {
		if e.where.has(Prompt) && printable(k) {
			return fmt.Errorf("%q is a character that is typed: take one like ctrl-x", Show(k))
		}
	}
	return nil
}

// conflicts finds keys that mean two things in one place. The action that was bound by hand is named first, each once.
func conflicts(entries []entry, over map[string][]string) (wrong Mistakes) {
	for w := range Anywhere {
		taken := map[string]Action{}
		for _, e := range entries {
			if !e.where.has(w) {
				continue
			}
			for _, k := range e.keys {
				first, ok := taken[k]
				if !ok {
					taken[k] = e.action
					continue
				}
				second := e.action
				if _, own := over[string(second)]; own {
					first, second = second, first
				}
				if !slices.ContainsFunc(wrong, func(m Mistake) bool { return m.Action == string(first) }) {
					wrong = append(wrong, Mistake{string(first), fmt.Sprintf("the key %s is that of %s too, in %s: give %s another one", Show(k), second, w, second)})
				}
			}
		}
	}
	return wrong
}

func made(entries []entry) *Map {
	m := &Map{entries: entries}
	for w := range m.at {
		m.at[w] = map[string]Action{}
		for _, e := range entries {
			if e.where.has(Where(w)) {
				for _, k := range e.keys {
					m.at[w][k] = e.action
				}
			}
		}
	}
	return m
}

// Action returns what a key, as Bubble Tea's KeyMsg.String writes it, asks for in a place; "" for nothing. In a Prompt no character asks for
// anything. Of Anywhere it is what the key means in the list and in every tab.
func (m *Map) Action(w Where, key string) Action {
	switch {
	case w < Anywhere:
		return m.at[w][key]
	case w == Anywhere:
		if a := m.at[List][key]; m.at[Details][key] == a && m.at[Log][key] == a {
			return a
		}
	}
	return ""
}

// Keys returns the keys of an action for people, "d" or "?/f1"; "" if it has none.
func (m *Map) Keys(a Action) string {
	for i := range m.entries {
		if m.entries[i].action == a {
			return shown(m.entries[i].keys)
		}
	}
	return ""
}

// First returns the first key of an action for people, "" if it has none.
func (m *Map) First(a Action) string {
	for i := range m.entries {
		if e := &m.entries[i]; e.action == a && len(e.keys) > 0 {
			return Show(e.keys[0])
		}
	}
	return ""
}

// Hint is what the first keys of some actions do, in a word. Without a key it is empty.
func (m *Map) Hint(word string, actions ...Action) Hint {
	h := Hint{Text: word}
	for _, a := range actions {
		key := m.First(a)
		switch {
		case key == "":
			continue
		case h.Key != "":
			h.Key += "/"
		default:
			h.Action = a
		}
		h.Key += key
	}
	if h.Key == "" {
		return Hint{}
	}
	return h
}

func shown(keys []string) string { return strings.Join(shownKeys(keys), " ") }

// Hints returns the hints of a place, the most important first: whoever has too little room leaves out the last.
func (m *Map) Hints(w Where) []Hint {
	var hints []Hint
	for _, e := range m.entries {
		if e.hint == "" || len(e.keys) == 0 || !e.where.has(w) {
			continue
		}
		key := Show(e.keys[0])
		if n := len(hints); n > 0 && hints[n-1].Text == e.hint {
			hints[n-1].Key += "/" + key
			continue
		}
		hints = append(hints, Hint{key, e.hint, e.action})
	}
	return hints
}

// Help returns what all keys of a place do, by headings. Actions that have no key are left out.
func (m *Map) Help(w Where) []HelpLine {
	var lines []HelpLine
	for _, group := range groups {
		for _, e := range m.entries {
			if e.group == group && e.where.has(w) && len(e.keys) > 0 {
				lines = append(lines, HelpLine{group, shown(e.keys), e.says, e.action})
			}
		}
	}
	return lines
}
