package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/config"
	"shoal/internal/fsys"
	"shoal/rpc"
	"shoal/status"
	"shoal/tui/app"
	"shoal/tui/theme"
)

// tuiOptions are the flags of tui: where a daemon is, and those of daemon for when there is none.
type tuiOptions struct {
	remote
	own     daemonOptions
	theme   string // a name or a path
	glyphs  string // auto, braille, block or ascii
	noMouse bool
}

func newTUI(con *console) *cobra.Command {
	o := &tuiOptions{remote: remote{con: con}}
	cmd := o.command(&cobra.Command{
		Use:   "tui [SOURCE...]",
		Short: "Show the torrents on the whole terminal, with keys for everything",
		Long: `Shows the list of a daemon, the details of each torrent and how it all goes, and steers it with keys: ? tells
which. Plain ` + "`shoal`" + ` on a terminal does the same, with all flags but without a SOURCE.

Where no daemon answers it runs the torrents itself, from the same list, until you leave, and says so in the first line. The flags
about peers, folders and limits are for that.

SOURCE is added: a magnet link, an info hash, a .torrent file or the URL of one.`,
		Example: `  shoal tui
  shoal tui debian.torrent
  shoal tui --connect http://nas.example:9091 --user me --password-file ~/.nas
  shoal tui --theme light`,
		ValidArgsFunction: torrentFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	})
	o.own.registerNet(cmd)
	f := cmd.Flags()
	f.StringVar(&o.own.state, "state-dir", "", "keep the list and everything about it in `DIR`")
	f.String("download-dir", "", "put torrents into `DIR` that name no other folder")
	f.StringVar(&o.theme, "theme", theme.Names()[0], "`THEME`: "+strings.Join(theme.Names(), ", ")+", or the path of a theme file")
	f.StringVar(&o.glyphs, "glyphs", "auto", "draw with auto, braille, block or ascii")
	f.BoolVar(&o.noMouse, "no-mouse", false, "leave the mouse to the terminal; a key switches it, too")
	choices(cmd, "theme", theme.Names()...)
	choices(cmd, "glyphs", config.Find("tui.glyphs").Choices...)
	_ = cmd.MarkFlagDirname("state-dir")
	_ = cmd.MarkFlagDirname("download-dir")
	return cmd
}

// plain makes `shoal tui` of words that name no command, on a terminal: those are none at all, or the flags of tui.
func plain(root *cobra.Command, con *console, args []string) []string {
	forTUI := con.canDraw() && (len(args) == 0 || strings.HasPrefix(args[0], "-")) &&
		!slices.ContainsFunc(args, func(a string) bool { return slices.Contains([]string{"--json", "--version", "--help", "-h"}, a) })
	if !forTUI {
		return args
	}
	if cmd, _, err := root.Find(args); err != nil || cmd != root {
		return args
	}
	probe, _ := newRoot(newConsole(con.stdin, io.Discard, io.Discard)) // flags can be read once
	cmd, _, err := probe.Find([]string{"tui"})
	if err == nil && cmd.ParseFlags(args) == nil && cmd.Flags().NArg() > 0 { // a word that is no flag is the name of a command, misspelt
		return args
	}
	return append([]string{"tui"}, args...)
}

// canDraw reports whether there is a terminal to draw on, and one to read keys from.
func (c *console) canDraw() bool {
	return !c.json && isTerminal(c.stdin) && isTerminal(c.stdout)
}

func (o *tuiOptions) run(cmd *cobra.Command, args []string) error {
	con := o.con
	if !con.canDraw() {
		return withCode(exitUsage, errors.New("shoal tui needs a terminal at standard input and output; shoal list and shoal --help work without one"))
	}
	opt := app.Options{Sources: args}
	if err := o.configure(cmd, &opt); err != nil {
		return withCode(exitUsage, err)
	}
	opt.Read = func(ctx context.Context, source string) (n status.NewTorrent, err error) {
		err = (&addOptions{remote: remote{con: con}}).read(ctx, source, &n)
		return n, err
	}
	aside := stepAside(con)
	defer aside.back()
	opt.Notes = aside.notes
	ctx := cmd.Context()
	client, err := o.open(ctx)
	switch {
	case err == nil:
		defer client.Close()
		opt.Engine, opt.Where, opt.Local = client, whereIs(client), client.Local()
		opt.Command, opt.Complete = o.commandLine(client), o.completeLine(client)
		return o.leftOf(app.Run(ctx, opt, con.stdin, con.stdout.w))
	case o.connect != "" || !errors.Is(err, rpc.ErrUnreachable):
		return err
	}
	return o.runOwn(cmd, opt)
}

// leftOf makes an end by a signal a clean one: the terminal is as it was. After a panic it prints where that was.
func (o *tuiOptions) leftOf(err error) error {
	if crash, ok := errors.AsType[*app.Crash](err); ok {
		fmt.Fprintf(o.con.stderr, "%s\n", crash.Stack)
	}
	if errors.Is(err, app.ErrKilled) {
		return nil
	}
	return err
}

// whereIs says which daemon it is.
func whereIs(c *rpc.Client) string {
	if strings.HasPrefix(c.Address(), "unix:") {
		return "daemon on unix socket"
	}
	return "daemon at " + c.Address()
}

// ownEngine is the list in this process.
type ownEngine struct {
	d     *daemon
	state fsys.FS
	stop  context.CancelFunc
	done  chan struct{}
	err   error // of the end, after done
}

// runOwn runs the list in this process.
func (o *tuiOptions) runOwn(cmd *cobra.Command, opt app.Options) error {
	if err := o.own.heed(cmd, o.con); err != nil {
		return err
	}
	own, closeLog, err := o.openOwn()
	if err != nil {
		return err
	}
	defer closeLog()
	client, hangUp := steer(own.d.lib, own.d.log)
	defer hangUp()
	opt.Engine, opt.Own, opt.Local, opt.Where = own.d.lib, true, true, "this process: ends with this window"
	opt.Command, opt.Complete = o.commandLine(client), o.completeLine(client)
	opt.End = own.end
	err = o.leftOf(app.Run(cmd.Context(), opt, o.con.stdin, o.con.stdout.w))
	return errors.Join(err, own.end(context.Background(), func(string) {}))
}

func (o *tuiOptions) openOwn() (*ownEngine, func(), error) {
	con := o.con
	if err := con.cfg.Absolute(); err != nil {
		return nil, nil, err
	}
	log, closeLog, err := con.logger()
	if err != nil {
		return nil, nil, err
	}
	own := &ownEngine{d: &daemon{con: con, o: &o.own, log: log, cfg: con.cfg}, done: make(chan struct{})}
	// The list outlives the context of the command: end ends it, in order.
	var ctx context.Context
	ctx, own.stop = context.WithCancel(context.Background())
	if own.state, err = own.d.openList(own.stop); err != nil {
		own.stop()
		closeLog()
		return nil, nil, err
	}
	go func() {
		defer close(own.done)
		own.err = own.d.lib.Run(ctx)
	}()
	return own, closeLog, nil
}

// end ends the list and returns when that is done, after stopWithin at the latest. A second call returns what the first did.
func (e *ownEngine) end(_ context.Context, stage func(string)) error {
	e.stop()
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case <-e.done:
	case <-late.C:
		return fmt.Errorf("the torrents did not end within %v: what was not written is checked at the next start", stopWithin)
	}
	stage("everything is written")
	_ = e.state.Close()
	if errors.Is(e.err, context.Canceled) {
		return nil
	}
	return e.err
}
