// Package quietstart keeps libraries quiet while the program is still starting:
// Bubble Tea from talking to the terminal, and the DHT library's log from ending
// the program.
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
// anacrolix/log reads GO_LOG and its kin in an init function and panics over a value
// that it does not understand, though the variable may be meant for another program. So they
// are taken away in the same way, and RestoreLog gives them back.
//
// Only tui and dht may import it, and Restore and RestoreLog are called from their init
// functions: all of it happens on the one goroutine that initialises the program.
package quietstart

import "os"

var term, had = os.LookupEnv("TERM")

var logVars = [...]string{"GO_LOG", "GO_LOG_DEFAULT_LEVEL", "GO_LOG_REPORT_RULES", "GO_LOG_TIME_FMT"}

var logVals = map[string]string{}

func init() {
	_ = os.Setenv("TERM", "dumb")
	for _, name := range logVars {
		if val, ok := os.LookupEnv(name); ok {
			logVals[name] = val
			_ = os.Unsetenv(name)
		}
	}
}

// Restore gives TERM its value back.
func Restore() {
	if had {
		_ = os.Setenv("TERM", term)
		return
	}
	_ = os.Unsetenv("TERM")
}

// RestoreLog gives the variables of the DHT library's log their values back.
func RestoreLog() {
	for name, val := range logVals {
		_ = os.Setenv(name, val)
	}
}
