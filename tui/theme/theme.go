// Package theme owns how things look at a terminal: which role a piece of text plays, what colours that role has in a theme, how many colours a
// terminal has, and which characters it can draw. It reads no environment and no file by itself: it is handed both. The
// rooms that draw (tui/draw, tui/tabs, tui/app) and cmd/shoal use it. A Theme and a set of Glyphs are not changed once they
// are made; every function may be called from any goroutine.
package theme

import (
	"fmt"
	"strings"

	"shoal/internal/text"
)

// Role is the part that a piece of text plays. Themes give colours to roles, and nobody else knows a colour.
type Role uint8

// The roles. No state is told by its role alone: a character or a word says it too.
const (
	Text     Role = iota // what has no other role
	Dim                  // of little interest
	Title                // the names of panes and dialogs
	Accent               // what stands out: bars, the open tab
	Good                 // as it should be
	Warn                 // worth a look
	Bad                  // failed
	Down                 // what is received
	Up                   // what is sent
	Selected             // the row of the cursor
	Marked               // rows that were marked
	Border               // frames and rules
	Key                  // a key in a hint or in the help
	Head                 // the heads of columns
	roles                // how many there are
)

var roleNames = [roles]string{"text", "dim", "title", "accent", "good", "warn", "bad", "down", "up", "selected", "marked", "border", "key", "head"}

// String is the name of the role in a theme file.
func (r Role) String() string {
	if r >= roles {
		return "unknown"
	}
	return roleNames[r]
}

// Roles returns the names of all roles.
func Roles() []string { return roleNames[:] }

// Profile is what a terminal can do with text.
type Profile uint8

// The profiles, each with all that the ones before it have.
const (
	Plain     Profile = iota // nothing: no escape sequence at all
	Styled                   // bold, faint, underlined and reverse
	Colors16                 // the colours that the user chose for the terminal
	Colors256                // a fixed palette
	TrueColor                // 24 bits
)

const reset = "\x1b[0m"

// Theme paints text by its role. It is immutable.
type Theme struct {
	name    string
	profile Profile
	sgr     [roles]string // what begins the text of a role, "" for none
	ground  string        // what switches the background of text on, "" for the terminal's own
}

// Names returns the built-in themes, the default first.
func Names() []string {
	names := make([]string, len(builtin))
	for i, b := range builtin {
		names[i] = b.name
	}
	return names
}

// New returns a built-in theme for a terminal of that profile. An unknown name is an error that says the nearest one.
func New(name string, p Profile) (*Theme, error) {
	looks, ok := find(name)
	if !ok {
		return nil, fmt.Errorf("there is no theme %s%s", text.Clean(name, 40), choice(name, Names()))
	}
	return made(name, looks, p), nil
}

func find(name string) (looks, bool) {
	for _, b := range builtin {
		if b.name == name {
			var l looks
			for r, words := range b.words {
				l[r], _ = parseLook(words) // that all can be read is tested
			}
			return l, true
		}
	}
	return looks{}, false
}

func made(name string, l looks, p Profile) *Theme {
	t := &Theme{name: name, profile: p}
	for r := range l {
		t.sgr[r] = l[r].sequence(p)
	}
	if p >= Colors16 {
		t.ground = look{bg: l[Text].bg}.sequence(p)
	}
	return t
}

// choice ends an error about an unknown word: the nearest one, else all there are.
func choice(word string, words []string) string {
	if near := text.Nearest(word, words); near != "" {
		return "; maybe you mean " + near
	}
	return "; there are " + strings.Join(words, ", ")
}

// Name is what the theme is called.
func (t *Theme) Name() string { return t.name }

// Colours reports whether the terminal has any: without them all themes look much the same.
func (t *Theme) Colours() bool { return t.profile >= Colors16 }

// Ground returns a painted line over the background that the theme gives to text, also where nothing is written; without one the line as it is.
func (t *Theme) Ground(line string) string {
	if t.ground == "" {
		return line
	}
	return t.ground + strings.ReplaceAll(line, reset, reset+t.ground) + reset
}

// Paint returns s, which is clean text without escape sequences, in the colours of a role. It takes no more cells than s. Text that is
// empty or has no colours comes back as it is; after all other the terminal's own colours are back.
func (t *Theme) Paint(r Role, s string) string {
	if r >= roles || s == "" || t.sgr[r] == "" {
		return s
	}
	return t.sgr[r] + s + reset
}
