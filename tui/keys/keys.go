// Package keys owns which key does what: one table of actions with their keys, the places in which they count and what they do in words. What
// is pressed, the hints at the foot of the screen, the help and the page docs/keys.md all come from that table. tui/app and tui/tabs
// ask it, internal/config reads people's own keys into it. A Map is not changed once it is made; every function may be called from any
// goroutine.
package keys

import "strings"

// Action is what a key asks for.
type Action string

// Where is the part of the screen that has the keyboard.
type Where uint8

// The parts. Anywhere is none of them by itself: it has the actions that count in the list and in every tab.
const (
	List    Where = iota // the list of torrents
	Details              // the overview of a torrent
	Files                // its other tabs
	Peers
	Trackers
	Log
	Dialog // a question or a menu
	Prompt // a line that is typed
	Anywhere
)

var whereNames = [...]string{"the list", "the overview", "files", "peers", "trackers", "the log", "a dialog", "a line that is typed", "the list and every tab"}

// String names the part in a sentence.
func (w Where) String() string {
	if int(w) >= len(whereNames) {
		return "nowhere"
	}
	return whereNames[w]
}

// set is a set of parts.
type set uint16

func in(ws ...Where) set {
	var s set
	for _, w := range ws {
		s |= 1 << w
	}
	return s
}

func (s set) has(w Where) bool {
	if w == Anywhere {
		return s&main == main
	}
	return s&(1<<w) != 0
}

const (
	tabs = set(1<<Details | 1<<Files | 1<<Peers | 1<<Trackers | 1<<Log)
	main = tabs | 1<<List
	all  = main | 1<<Dialog | 1<<Prompt
)

// spellings are other ways to write a key, and Bubble Tea's.
var spellings = map[string]string{
	"space": " ", "escape": "esc", "return": "enter", "del": "delete", "ins": "insert", "pgdn": "pgdown", "pageup": "pgup", "pagedown": "pgdown",
	"page-up": "pgup", "page-down": "pgdown", "backtab": "shift+tab",
}

// named are the keys that are no character, as Bubble Tea calls them.
var named = []string{"up", "down", "left", "right", "enter", "esc", "tab", "shift+tab", "backspace", "delete", "insert", "home", "end", "pgup", "pgdown",
	"shift+up", "shift+down", "shift+left", "shift+right", "ctrl+up", "ctrl+down", "ctrl+left", "ctrl+right", "ctrl+home", "ctrl+end",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12"}

// canonical returns a key as Bubble Tea calls it: "ctrl-d" and "ctrl+d" are one.
func canonical(key string) string {
	if len([]rune(key)) > 1 {
		key = strings.ToLower(key)
		for _, mod := range []string{"ctrl", "alt", "shift"} {
			if rest, ok := strings.CutPrefix(key, mod+"-"); ok && rest != "" {
				key = mod + "+" + rest
			}
		}
	}
	if other, ok := spellings[key]; ok {
		return other
	}
	return key
}

// Show writes a key for people: "space", "ctrl-d".
func Show(key string) string {
	switch {
	case key == " ":
		return "space"
	case len(key) > 1:
		return strings.ReplaceAll(key, "+", "-")
	}
	return key
}
