package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/rpc"
	"shoal/status"
)

const (
	// waitFirst and waitMost are the pauses between two looks, the first one and the longest.
	waitFirst = 100 * time.Millisecond
	waitMost  = 5 * time.Second
	// lostFor is how long a daemon may be away, to be started anew for example, before waiting for it ends.
	lostFor = time.Minute
)

// waitOptions are the flags of wait.
type waitOptions struct {
	remote
	deadline time.Duration
}

func newWait(con *console) *cobra.Command {
	o := waitOptions{remote: remote{con: con}}
	cmd := o.picking(&cobra.Command{
		Use:   "wait [ID...]",
		Short: "Wait until torrents of a daemon are done",
		Long: `Waits until everything wanted of the torrents is there, all of them where none is named, and prints a line for each that is. The exit
code is 0 then, 1 if one has failed, 4 if one was removed or is not there, 7 if one was stopped before its end or waiting was interrupted, 6
when --deadline is over, and 3 if some of several are done and others are not to be. A daemon that goes away is waited for for a minute; after
that it is 10.`,
		Example: `  shoal wait 3 && notify-send 'it is here'
  shoal add debian.torrent && shoal wait --filter name:debian --deadline 2h`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	})
	cmd.Flags().DurationVar(&o.deadline, "deadline", 0, "give up after this `TIME`")
	return cmd
}

func (o *waitOptions) run(ctx context.Context, args []string) error {
	if o.deadline < 0 {
		return withCode(exitUsage, errors.New("--deadline: name a time above 0"))
	}
	if len(args) == 0 && !o.filtered() {
		args = []string{"all"}
	}
	if o.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.deadline, errTooLate)
		defer cancel()
	}
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		list, missing, err := o.choose(ctx, c, args)
		if err != nil {
			return err
		}
		w := waiting{con: o.con, failed: failures{con: o.con}, open: map[metainfo.ID]string{}, of: len(list) + len(missing)}
		for _, err := range missing {
			w.failed.add("", err)
		}
		for i := range list {
			w.open[list[i].ID] = list[i].Name
		}
		return w.until(ctx, c, list)
	})
}

var errTooLate = withCode(exitStalled, errors.New("the time of --deadline is over"))

// waiting is a wait under way.
type waiting struct {
	con    *console
	failed failures
	open   map[metainfo.ID]string // names of those that are not done
	of     int
}

// until looks again and again until no torrent is open any more.
func (w *waiting) until(ctx context.Context, c status.Engine, list []status.Entry) error {
	f := follower{engine: c}
	pause, seen, away := waitFirst, time.Now(), false
	for w.look(list, nil) {
		select {
		case <-ctx.Done():
			return w.gaveUp(ctx)
		case <-time.After(pause):
		}
		pause = min(waitMost, pause*5/4)
		all, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
			return w.gaveUp(ctx)
		case errors.Is(err, rpc.ErrUnreachable) && time.Since(seen) < lostFor:
			if !away {
				w.con.Note("%v; waiting for it", err)
			}
			away = true
			continue
		case err != nil:
			return err
		}
		list, seen, away = all, time.Now(), false
		there := map[metainfo.ID]bool{}
		for i := range list {
			there[list[i].ID] = true
		}
		w.look(nil, there)
	}
	return w.failed.verdict(w.of)
}

func (w *waiting) gaveUp(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		cause = withCode(exitUnfinished, errors.New("waiting was interrupted"))
	}
	return fmt.Errorf("%s not done: %w", text.Count(len(w.open), "torrent is", "torrents are"), cause)
}

// look tells of what has ended, and reports whether anything is open yet. there, if not nil, has all that is in the list of the daemon.
func (w *waiting) look(list []status.Entry, there map[metainfo.ID]bool) bool {
	for i := range list {
		e := &list[i]
		if _, open := w.open[e.ID]; !open {
			continue
		}
		if over, err := fate(e); over {
			w.end(e, err)
		}
	}
	for id, name := range w.open {
		if there != nil && !there[id] {
			w.end(&status.Entry{Torrent: status.Torrent{ID: id, Name: name}}, fmt.Errorf("it was removed: %w", status.ErrUnknown))
		}
	}
	return len(w.open) > 0
}

func (w *waiting) end(e *status.Entry, err error) {
	delete(w.open, e.ID)
	w.failed.add(e.Name, err)
	if err == nil {
		w.con.Result("done  %s", text.Clean(e.Name, 0))
		w.con.Event(didEvent{newEvent("done"), e.ID.String(), e.Number, text.Clean(e.Name, 0), "done"})
	}
}

// fate says whether it is over with a torrent, and if not well, why.
func fate(e *status.Entry) (over bool, err error) {
	switch e.State() {
	case "error":
		return true, fmt.Errorf("it has failed: %s", text.Clean(e.Err, 0))
	case "checking", "moving", "opening":
		return false, nil
	}
	switch {
	case e.Complete():
		return true, nil
	case e.State() == "stopped":
		return true, withCode(exitUnfinished, errors.New("it was stopped before its end; `shoal start` starts it"))
	}
	return false, nil
}
