package theme

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"shoal/internal/text"
)

// What a theme file may hold. The library keeps no bounds of its own, and a key of many parts takes it long.
const (
	maxFile = 16 << 10
	maxLine = 200
)

// file is a theme file.
type file struct {
	Name  string            `toml:"name"`
	Base  string            `toml:"base"` // a built-in theme that has all other roles
	Roles map[string]string `toml:"roles"`
}

// Read returns the theme that a file describes: its name, the built-in theme it is based on, "default" unless it says so, and in the table [roles] how
// roles look, like selected = "bold black on #ffcc00". At most 16 KiB in lines of 200 bytes are taken. The error says what is wrong with
// which role, and the nearest word that there is.
func Read(src []byte, p Profile) (*Theme, error) {
	if len(src) > maxFile {
		return nil, fmt.Errorf("a theme of more than %d KiB", maxFile>>10)
	}
	number := 0
	for line := range bytes.Lines(src) {
		if number++; len(line) > maxLine {
			return nil, fmt.Errorf("line %d: longer than %d bytes", number, maxLine)
		}
	}
	f := file{Name: "custom", Base: "default"}
	meta, err := toml.Decode(string(src), &f)
	if at, ok := errors.AsType[toml.ParseError](err); ok {
		return nil, fmt.Errorf("line %d: %s", at.Position.Line, text.Clean(at.Message, 200))
	}
	if err != nil {
		return nil, fmt.Errorf("this is no theme: %s", text.Clean(err.Error(), 200))
	}
	if meta.IsDefined("roles") && meta.Type("roles") != "Hash" { // the library passes over what is no table
		return nil, errors.New(`roles: write them below a line with [roles], like selected = "bold reverse"`)
	}
	for _, key := range meta.Undecoded() {
		return nil, fmt.Errorf("there is no key %s%s", text.Clean(key.String(), 60), choice(key.String(), []string{"name", "base", "roles"}))
	}
	looks, ok := find(f.Base)
	if !ok {
		return nil, fmt.Errorf("base: there is no theme %s%s", text.Clean(f.Base, 40), choice(f.Base, Names()))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Roles)) {
		r := slices.Index(roleNames[:], name)
		if r < 0 {
			return nil, fmt.Errorf("there is no role %s%s", text.Clean(name, 40), choice(name, Roles()))
		}
		if looks[r], err = parseLook(f.Roles[name]); err != nil {
			return nil, fmt.Errorf("role %s: %w", name, err)
		}
	}
	return made(strings.TrimSpace(text.Clean(f.Name, 40)), looks, p), nil
}
