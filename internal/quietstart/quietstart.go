// Package quietstart keeps Bubble Tea from talking to the terminal while the
// program is still starting.
//
// Bubble Tea v1 asks the terminal for its background colour in an init
// function: it writes two queries to standard output, switches echo off and
// reads what is typed until an answer comes, for up to five seconds where none
// does. A command such as `shoal version` has no business there. The library
// leaves terminals alone that call themselves dumb, so this package says so
// before any other package looks, and Restore takes it back.
//
// That works because packages are initialised in the order of their import
// paths as soon as everything they import is ready (Go specification, "Program
// initialization"): this one needs nothing but os and sorts before strings, which
// everything else needs. TestQuietStart in tui holds us to it.
//
// Only tui may import it, and Restore is called from tui's init function: all of
// it happens on the one goroutine that initialises the program.
package quietstart

import "os"

var term, had = os.LookupEnv("TERM")

func init() { _ = os.Setenv("TERM", "dumb") }

// Restore gives TERM its value back.
func Restore() {
	if had {
		_ = os.Setenv("TERM", term)
		return
	}
	_ = os.Unsetenv("TERM")
}
