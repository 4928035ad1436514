package keys

import (
	"fmt"
	"strings"
)

// Markdown returns docs/keys.md: all of the table, by headings.
func Markdown() string {
	var b strings.Builder
	b.WriteString("# Keys of `shoal tui`\n\n" +
		"Written from the table that the program uses: `go test ./tui/keys -update`. `?` shows the keys of the part of the screen that you are in.\n\n" +
		"Other keys stand in the [configuration](configuration.md), by the names of the actions; an empty list takes an action's keys away:\n\n" +
		"```toml\n[tui.keys]\npause = [\"x\", \"ctrl-p\"]\n```\n\n" +
		"A key is a character, `ctrl-X`, `alt-X`, or one of `" + strings.Join(shownNames(), "`, `") + "`.\n")
	for _, group := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| Key | Does | Where | Action |\n|---|---|---|---|\n", group)
		for i := range table {
			if e := &table[i]; e.group == group {
				fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", cell(shownKeys(e.keys), "` `"), e.says, e.where, e.action)
			}
		}
	}
	return b.String()
}

func cell(words []string, sep string) string {
	return strings.ReplaceAll(strings.Join(words, sep), "|", `\|`)
}

func shownKeys(keys []string) []string {
	words := make([]string, len(keys))
	for i, k := range keys {
		words[i] = Show(k)
	}
	return words
}

func shownNames() []string { return append([]string{"space"}, shownKeys(named)...) }

// String names the parts of a set.
func (s set) String() string {
	switch s {
	case all:
		return "everywhere"
	case main:
		return Anywhere.String()
	case main | in(Dialog):
		return Anywhere.String() + ", " + Dialog.String()
	}
	var words []string
	for w := range Anywhere {
		if s.has(w) {
			words = append(words, w.String())
		}
	}
	return strings.Join(words, ", ")
}
