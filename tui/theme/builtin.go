package theme

// builtin are the themes that need no file. None but high-contrast has a background beside the selected row's: the terminal's own stays.
var builtin = []struct {
	name  string
	words [roles]string // as in a theme file
}{
	// Only the 16 colours that the user chose for the terminal, and of those only the ones that are readable on light and dark grounds.
	{"default", [roles]string{Text: "", Dim: "faint", Title: "bold", Accent: "cyan", Good: "green", Warn: "yellow", Bad: "bold red",
		Down: "green", Up: "blue", Selected: "bold reverse", Marked: "magenta", Border: "faint", Key: "bold cyan", Head: "underline"}},
	{"light", [roles]string{Text: "#1f2328", Dim: "#59636e", Title: "bold #0a3069", Accent: "#0550ae", Good: "#116329", Warn: "#7d4e00", Bad: "bold #a40e26",
		Down: "#116329", Up: "#0550ae", Selected: "bold #1f2328 on #b6d7ff", Marked: "#6639ba", Border: "#818b98", Key: "bold #0550ae", Head: "bold #424a53"}},
	{"dark", [roles]string{Text: "#d6dbe1", Dim: "#8b949e", Title: "bold #f0f6fc", Accent: "#58a6ff", Good: "#56d364", Warn: "#e3b341", Bad: "bold #ff7b72",
		Down: "#56d364", Up: "#79c0ff", Selected: "bold #f0f6fc on #1f4a80", Marked: "#d2a8ff", Border: "#6e7681", Key: "bold #79c0ff", Head: "bold #b1bac4"}},
	{"mono", [roles]string{Title: "bold", Accent: "bold", Bad: "bold", Selected: "reverse", Marked: "bold", Key: "bold", Head: "underline"}},
	{"high-contrast", [roles]string{Text: "bright-white on black", Dim: "white on black", Title: "bold bright-yellow on black", Accent: "bold bright-cyan on black",
		Good: "bold bright-green on black", Warn: "bold bright-yellow on black", Bad: "bold bright-white on red", Down: "bright-green on black",
		Up: "bright-cyan on black", Selected: "bold black on bright-yellow", Marked: "bold bright-yellow on black", Border: "bright-white on black",
		Key: "bold bright-cyan on black", Head: "bold underline bright-white on black"}},
}
