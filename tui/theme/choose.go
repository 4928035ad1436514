package theme

import (
	"runtime"
	"slices"
	"strings"
)

// Choose returns what a terminal can do and which glyphs it is drawn with. getenv is os.Getenv; color is "auto", "always" or "never"; ascii asks for
// the ASCII set; tty says whether it is a terminal at all. NO_COLOR leaves bold and reverse, "never" and TERM=dumb leave nothing. Whoever has
// no font for braille takes Block where this says Braille.
func Choose(getenv func(string) string, color string, ascii, tty bool) (Profile, *Glyphs) {
	return profile(getenv, color, tty), glyphs(getenv, ascii)
}

func profile(getenv func(string) string, color string, tty bool) Profile {
	term := strings.ToLower(getenv("TERM"))
	switch {
	case color == "never":
		return Plain
	case color != "always" && (!tty || term == "dumb" || term == ""):
		return Plain
	case color != "always" && getenv("NO_COLOR") != "":
		return Styled
	}
	depth := strings.ToLower(getenv("COLORTERM"))
	switch {
	case depth == "truecolor" || depth == "24bit", strings.HasSuffix(term, "-direct"):
		return TrueColor
	case strings.Contains(term, "256color"), slices.Contains([]string{"xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm"}, term):
		return Colors256
	}
	return Colors16
}

func glyphs(getenv func(string) string, ascii bool) *Glyphs {
	term := strings.ToLower(getenv("TERM"))
	switch {
	case ascii, term == "dumb", !Unicode(getenv):
		return ASCII()
	}
	for _, old := range []string{"rxvt", "putty", "cygwin", "vt"} { // their fonts seldom have braille
		if strings.HasPrefix(term, old) {
			return Block()
		}
	}
	return Braille()
}

// Unicode reports whether the terminal draws characters beyond ASCII: the locale's are UTF-8, and it is not the Linux console. Without any
// locale in the environment it says yes, as on Windows.
func Unicode(getenv func(string) string) bool {
	if getenv("TERM") == "linux" {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return runtime.GOOS == "windows" || strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}
