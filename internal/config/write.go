package config

import (
	"fmt"
	"strings"
)

// Fallback is the default of a key as it is written in the file.
func (k *Key) Fallback() string {
	var c Config
	if k.Kind == Path { // as it is written
		return quote(fmt.Sprint(k.Default))
	}
	_ = k.put(&c, k.Default, place{}) // that it fits is tested
	return k.print(&c)
}

// Heeded says in a word when a changed value counts.
func (k *Key) Heeded() string {
	if k.Live {
		return "reload"
	}
	return "restart"
}

// Sample returns a file that has every key, with its default, in a comment.
func Sample() string {
	var b strings.Builder
	b.WriteString("# Configuration of shoal. Every key is here with its default; take the # away to change one.\n" +
		"# `shoal config check` looks at this file, `shoal config show` tells what is in force.\n")
	for _, s := range sections {
		fmt.Fprintf(&b, "\n# %s\n[%s]\n", s.says, s.name)
		for i := range Keys {
			if k := &Keys[i]; k.Section() == s.name {
				fmt.Fprintf(&b, "\n# %s\n# %s. Heeded on %s.\n#%s = %s\n", k.Says, upperFirst(k.Allowed()), k.Heeded(), k.Short(), k.Fallback())
			}
		}
	}
	b.WriteString("\n# What is different with --profile home:\n#[profile.home.limits]\n#up = \"500kB\"\n")
	return b.String()
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

const intro = `# Configuration

This page is made from the table of keys in ` + "`internal/config/keys.go`" + `: change that, then run ` + "`go test ./internal/config -update`" + `.

shoal needs no configuration. What is always the same may stand in a file, in [TOML](https://toml.io):

` + "```" + `
shoal config init      # writes a file with every key in a comment
shoal config path      # where it is
shoal config check     # what is wrong with it, by line
shoal config show      # what is in force, and where each value comes from
` + "```" + `

The file is ` + "`config.toml`" + ` in ` + "`$CONFIGURATION_DIRECTORY`" + ` (systemd sets it), else in ` + "`$XDG_CONFIG_HOME/shoal`" + `, else in ` + "`~/.config/shoal`" + `, on Windows in
` + "`%AppData%\\shoal`" + `. ` + "`--config FILE`" + ` names another one. It may have 1 MiB. A missing file is no mistake unless it was named.

A flag goes before a variable of the environment, that before the file, and that before the default. In the environment lists are written
with commas, or as in TOML: ` + "`SHOAL_RPC_ROOTS='[\"/srv/a\", \"/srv/b\"]'`" + `; the words of a program with blanks.

Rates are strings like ` + "`\"2MB\"`" + ` (1000) or ` + "`\"2MiB\"`" + ` (1024), or whole numbers of bytes. Times are strings like ` + "`\"90s\"`, `\"1h30m\"` or `\"7d\"`" + `. ` + "`~`" + ` at the head of a
path is the home folder; what is not absolute is meant from the folder of the file.

` + "`--profile NAME`" + ` puts the tables below ` + "`[profile.NAME]`" + ` over the others:

` + "```" + `
[limits]
down = "10MB"

[profile.mobile.limits]
down = "500kB"
` + "```" + `

A key or section that is unknown, and a value that does not fit, stop the program with exit code 2; all mistakes are told at once. A secret
in a file that others may read is warned of. Passwords do not stand in this file: ` + "`rpc.password_file`" + ` names theirs.

"Reload" in the last column says that a running daemon takes a changed value over when it is told to read its file again (signal HUP);
all others wait for its next start. Sections whose sentence speaks of a daemon mean nothing to ` + "`get` and `seed`" + `.
`

// Markdown returns docs/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(intro)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## [%s]\n\n%s\n\n| Key | Means | Values | Default | Flag, variable | Heeded on |\n|---|---|---|---|---|---|\n", s.name, s.says)
		for i := range Keys {
			k := &Keys[i]
			if k.Section() != s.name {
				continue
			}
			also := "`" + k.Variable() + "`"
			if k.Flag != "" {
				also = "`--" + k.Flag + "`, " + also
			}
			if k.Negated {
				also += " (the opposite)"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s | %s |\n", k.Short(), k.Says, strings.ReplaceAll(k.Allowed(), "|", `\|`), k.Fallback(), also, k.Heeded())
		}
	}
	return b.String()
}
