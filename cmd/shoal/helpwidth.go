package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is how wide help texts are at most, examples apart, in columns.
const helpWidth = 80

// fitHelp makes the help of a command and of all below it fit into helpWidth columns.
func fitHelp(c *cobra.Command) {
	c.Long = rewrap(c.Long)
	usage := c.UsageTemplate()
	for _, set := range []string{".LocalFlags", ".InheritedFlags"} {
		usage = strings.ReplaceAll(usage, set+".FlagUsages ", set+".FlagUsagesWrapped 80 ")
	}
	c.SetUsageTemplate(usage)
	for _, sub := range c.Commands() {
		fitHelp(sub)
	}
}

// rewrap breaks the lines of each paragraph anew. Lines that begin with a blank stay as they are.
func rewrap(s string) string {
	pars := strings.Split(s, "\n\n")
	for i, par := range pars {
		if strings.Contains("\n"+par, "\n ") {
			continue
		}
		var b strings.Builder
		width := 0
		for j, w := range strings.Fields(par) {
			switch {
			case j == 0:
			case width+1+len(w) >= helpWidth:
				b.WriteByte('\n')
				width = 0
			default:
				b.WriteByte(' ')
				width++
			}
			b.WriteString(w)
			width += len(w)
		}
		pars[i] = b.String()
	}
	return strings.Join(pars, "\n\n")
}
