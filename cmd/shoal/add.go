package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/rpc"
	"shoal/session"
	"shoal/status"
)

// addOptions are the flags of add.
type addOptions struct {
	remote
	dir     string
	labels  []string
	stopped bool
	top     bool
	inputs  []string
	choice  selection
}

// addedEvent is the JSON line about a torrent that add has handed over.
type addedEvent struct {
	event
	ID     string `json:"id"`
	Number int    `json:"number"`
	Name   string `json:"name"`
	Source string `json:"source"`
	Added  bool   `json:"added"` // false: it was there already
}

func newAdd(con *console) *cobra.Command {
	o := addOptions{remote: remote{con: con}}
	cmd := o.command(&cobra.Command{
		Use:   "add SOURCE...",
		Short: "Give torrents to a daemon",
		Long: `Adds torrents to the list of a daemon. SOURCE is a .torrent file of this machine, which is read here and sent, a magnet link,
an info hash, or the URL of a .torrent file, which the daemon fetches; - is a list of these on standard input. To choose files the URL
is read here, and a magnet link cannot be used: its files are not known yet.

The exit code is 14 when all that was named is in the list already.`,
		Example: `  shoal add debian.torrent
  shoal add 'magnet:?xt=urn:btih:...' --dir /srv/iso --label linux --top
  shoal add album.torrent --files 1-3,8 --stopped
  ls *.torrent | shoal add -
  shoal add --connect http://nas.example:9091 --user me --password-file ~/.nas debian.torrent`,
		ValidArgsFunction: torrentFiles,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	})
	f := cmd.Flags()
	f.StringVar(&o.dir, "dir", "", "put the files into `DIR` of the daemon's machine")
	f.StringArrayVar(&o.labels, "label", nil, "give it this `LABEL`; repeatable")
	f.BoolVar(&o.stopped, "stopped", false, "do not start it")
	f.BoolVar(&o.stopped, "paused", false, "the same as --stopped")
	f.BoolVar(&o.top, "top", false, "put it at the head of the queue")
	f.StringArrayVarP(&o.inputs, "input", "i", nil, "read sources from `FILE`, one a line, - for standard input; repeatable")
	o.choice.register(f)
	o.offerWords(cmd, "label", labelsOf)
	_ = cmd.MarkFlagDirname("dir")
	f.Lookup("files").Usage = "download these files, a `LIST` of numbers like 1-3,8 or 5-; shoal get --list shows them"
	return cmd
}

func (o *addOptions) run(ctx context.Context, args []string) error {
	if err := o.choice.check(); err != nil {
		return withCode(exitUsage, err)
	}
	list, err := sources(args, o.inputs, o.con.stdin)
	if err != nil {
		return err
	}
	if o.choice.files != "" && len(list) > 1 {
		return withCode(exitUsage, errors.New("--files takes one torrent at a time; --only and --exclude take several"))
	}
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		dir, err := o.folder(c.Local(), o.dir)
		if err != nil {
			return err
		}
		failed := failures{con: o.con}
		for _, source := range list {
			failed.add(source, o.add(ctx, c, dir, source))
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		return failed.verdict(len(list))
	})
}

// folder is a folder on the daemon's machine: one that is counted from here has a meaning there only if that is this machine.
func (r *remote) folder(local bool, dir string) (string, error) {
	switch {
	case dir == "" || filepath.IsAbs(dir) || dir[0] == '/':
		return dir, nil
	case !local:
		return "", withCode(exitUsage, fmt.Errorf("%s: the daemon is on another machine: name the folder by its full path there", dir))
	}
	return filepath.Abs(dir)
}

// add hands one source over.
func (o *addOptions) add(ctx context.Context, c status.Engine, dir, source string) error {
	n := status.NewTorrent{Dir: dir, Stopped: o.stopped, First: o.top}
	if len(o.labels) > 0 {
		n.Labels = &o.labels
	}
	if err := o.read(ctx, source, &n); err != nil {
		return err
	}
	e, added, err := c.Add(ctx, n)
	if err != nil {
		return err
	}
	name := e.Name
	if name == "" {
		name = e.ID.String()
	}
	o.con.Event(addedEvent{newEvent("added"), e.ID.String(), e.Number, text.Clean(name, 0), source, added})
	if !added {
		return withCode(exitDuplicate, fmt.Errorf("%s is in the list already, as number %d", text.Clean(name, 60), e.Number))
	}
	o.con.Result("added  %s, number %d", text.Clean(name, 0), e.Number)
	return nil
}

// read turns a source into what a daemon takes.
func (o *addOptions) read(ctx context.Context, source string, n *status.NewTorrent) error {
	choosing := o.choice.any() || len(o.choice.high)+len(o.choice.low) > 0
	_, bad := metainfo.ParseID(source)
	_, missing := os.Lstat(source)
	isHash := bad == nil && errors.Is(missing, fs.ErrNotExist)
	if isMagnet(source) || isHash || isURL(source) && !choosing {
		if isMagnet(source) {
			if _, err := metainfo.ParseMagnet(source); err != nil {
				return withCode(exitBadTorrent, err)
			}
		}
		if choosing {
			return withCode(exitUsage, errors.New("the files of a magnet link are not known yet: add it, and choose with `shoal files` when they are"))
		}
		n.Source = source
		return nil
	}
	t, err := read(ctx, source, session.SystemNet{})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w, and it is no magnet link, info hash or URL", err)
	}
	if err != nil {
		return err
	}
	chosen, err := o.choice.of(t.Info)
	if err != nil {
		return err
	}
	n.Files = byNumber(t.Info, o.choice.priorities(t.Info, chosen))
	n.Metainfo, err = t.Marshal()
	return err
}

// byNumber are priorities by the numbers that a daemon gives files: padding has none. Package session counts priorities as package
// status does.
func byNumber(in *metainfo.Info, priorities []uint8) map[int]uint8 {
	if priorities == nil {
		return nil
	}
	files := map[int]uint8{}
	for i, number := range fileNumbers(in) {
		if number > 0 {
			files[number-1] = priorities[i]
		}
	}
	return files
}
