// Package tui is what a person at a terminal sees of the engine. It owns the
// drawing and nothing else: all it knows comes out of a status.Backend, the
// engine in this process or one behind a wire, and nobody below imports it.
//
// So far it has the progress of `shoal get` and `shoal seed`: Live draws lines
// in place with Bubble Tea, Plain writes one line now and then. Their Run
// methods work on the goroutine that calls them; Live.Write may be called from
// any. Nothing here reads the keyboard.
//
// All foreign text passes internal/text before it reaches the terminal.
package tui

import "shoal/internal/quietstart"

func init() { quietstart.Restore() }
