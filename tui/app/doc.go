// Package app owns the full-screen terminal interface: the list of torrents, the details of one, dialogs, prompts and the header, as a
// Bubble Tea program over a status.Engine that runs in this process or behind a wire. Only cmd/shoal calls it. Run works on the
// goroutine that calls it until the person leaves or its context ends; the Model belongs to the goroutine of Bubble Tea's loop, which
// neither waits nor asks the engine: a poller on a goroutine of its own asks, and sends a message when something has changed, and what
// a key wants of the engine runs as a command with a time-out.
//
// Whatever comes from the engine, from files or from what is pasted is cleaned by internal/text before its width is taken.
package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/filter"
	"shoal/internal/quietstart"
	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
)

func init() { quietstart.Restore() }

// Options are what Run is told once.
type Options struct {
	Engine status.Engine
	// Where says in a few words which engine it is, like "daemon on unix socket".
	Where string
	// Own says that the engine runs in this process: who leaves is asked first, and End ends it.
	Own bool
	// End ends the engine of this process and returns when it has ended; stage tells meanwhile what is awaited. Only with Own.
	End func(ctx context.Context, stage func(string)) error
	// Local says that paths mean the same here and to the engine.
	Local bool
	Style draw.Style
	Keys  *keys.Map
	Views []View
	Mouse bool
	// Sources are added at the start: magnet links, paths, URLs.
	Sources []string
	// Command carries out a line of the command prompt and writes to out what it has to say, tables in lines of at most width cells; ErrTold means
	// that this says what failed.
	Command func(ctx context.Context, line string, width int, out io.Writer) error
	// Complete returns what the last word of such a line, "" after a blank, may become.
	Complete func(ctx context.Context, line string) ([]string, error)
	// OpenFolder shows a folder of this machine; nil where nothing can.
	OpenFolder func(dir string) error
	// Read turns a source that a person named into what is added: it reads the .torrent file of a path here.
	Read func(ctx context.Context, source string) (status.NewTorrent, error)
	// Themes lists the names that the theme key goes through, and Theme makes one.
	Themes []string
	Theme  func(name string) (draw.Style, error)
	// Notes are lines that others of this process wanted to print: they go to the log and the toast. May be nil.
	Notes <-chan string
	// Now is the clock, time.Now for nil.
	Now func() time.Time

	started func(send func(tea.Msg)) // told once, how the program is sent messages; may be nil
	hasty   bool                     // whoever answers questions reads at any speed
}

// View is a saved look at the list: what is shown, and in which order.
type View struct {
	Name   string
	Filter string // as the filter prompt takes it
	Sort   string // name of a sort key: the smaller ones first, with "-" before it the larger ones; "" leaves it
}

// Check reports what is wrong with a view: a filter that is none, or an order that there is not, with the nearest one.
func (v View) Check() error {
	if _, err := filter.Parse(v.Filter); err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	names := make([]string, len(sorts))
	for i, k := range sorts {
		names[i] = k.name
	}
	name := strings.TrimPrefix(v.Sort, "-")
	if v.Sort == "" || slices.Contains(names, name) {
		return nil
	}
	near := text.Nearest(name, names)
	if near == "" {
		return fmt.Errorf("sort: there is no order %s; choose one of %s", text.Clean(name, 40), strings.Join(names, ", "))
	}
	return fmt.Errorf("sort: there is no order %s; maybe you mean %s", text.Clean(name, 40), near)
}
