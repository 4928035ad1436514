package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/rpc"
	"shoal/status"
)

// eventsOptions are the flags of events.
type eventsOptions struct {
	remote
	interval time.Duration
}

// happenedEvent is the JSON line about something that happened to a torrent.
type happenedEvent struct {
	event
	Event  string `json:"event"`
	ID     string `json:"id"`
	Number int    `json:"number"`
	Name   string `json:"name"`
	State  string `json:"state,omitempty"`
	Error  string `json:"error,omitempty"`
}

func newEvents(con *console) *cobra.Command {
	o := eventsOptions{remote: remote{con: con}}
	cmd := o.command(&cobra.Command{
		Use:   "events",
		Short: "Print what happens to the torrents of a daemon",
		Long: `Prints a line for each thing that happens to a torrent, until you press Ctrl-C: added, removed, done, moved, renamed, labels, and the new
state where that changes. A daemon that goes away is asked again until it is back, and what happened meanwhile is told then.`,
		Example: `  shoal events
  shoal events --json | jq -r 'select(.event == "done") | .name'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	})
	cmd.Flags().DurationVar(&o.interval, "interval", time.Second, "ask every `TIME` where the daemon does not tell of changes by itself")
	return cmd
}

func (o *eventsOptions) run(ctx context.Context) error {
	if o.interval <= 0 {
		return withCode(exitUsage, errors.New("--interval: name a time above 0"))
	}
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		err := o.follow(ctx, c)
		if ctx.Err() != nil {
			return nil // following has no other end
		}
		return err
	})
}

// streamPause is how long events waits at most while a stream of the daemon tells of changes.
const streamPause = 30 * time.Second

// follow tells what happens until ctx ends.
func (o *eventsOptions) follow(ctx context.Context, c *rpc.Client) error {
	f, h := follower{engine: c}, history{}
	list, err := f.look(ctx)
	if err != nil {
		return err
	}
	h.see(list)
	o.con.Note("following %s at %s", text.Count(len(list), "torrent"), c.Address())
	woken := make(chan struct{}, 1)
	var streaming atomic.Bool
	go o.stream(ctx, c, &streaming, woken)
	lost, pause := false, o.interval
	for {
		wait := pause
		if streaming.Load() {
			wait = streamPause
		}
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-time.After(wait):
		}
		list, err := f.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, rpc.ErrUnreachable):
			if !lost {
				o.con.Warn("%v; asking again", err)
			}
			lost, pause = true, min(pause*2, max(o.interval, 10*time.Second))
			continue
		case err != nil:
			return err
		case lost:
			o.con.Warn("the daemon at %s is back", c.Address())
		}
		lost, pause = false, o.interval
		for _, x := range h.see(list) {
			o.tell(x)
		}
	}
}

// stream wakes whoever follows when the daemon's event stream tells of a change; with a daemon that has none it ends.
func (o *eventsOptions) stream(ctx context.Context, c *rpc.Client, streaming *atomic.Bool, woken chan<- struct{}) {
	wake := func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	for ctx.Err() == nil {
		err := c.Watch(ctx, func() { streaming.Store(true); wake() })
		streaming.Store(false)
		wake()
		if errors.Is(err, status.ErrNotOffered) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(o.interval):
		}
	}
}

func (o *eventsOptions) tell(x happening) {
	e := x.entry
	name := text.Clean(e.Name, 0)
	why := ""
	if x.what == "error" {
		why = text.Clean(e.Err, 0)
	}
	line := time.Now().Format(time.TimeOnly) + "  " + x.what + "  " + name
	if why != "" {
		line += ": " + why
	}
	o.con.Result("%s", line)
	o.con.Event(happenedEvent{newEvent("event"), x.what, e.ID.String(), e.Number, name, e.State(), why})
}

// happening is one thing that happened to a torrent.
type happening struct {
	what  string
	entry status.Entry
}

// history is a list as it was last seen, by info hash: numbers change when a daemon is started anew.
type history map[string]status.Entry

// see notes how the list is now and returns what happened since it was last seen, by numbers.
func (h history) see(list []status.Entry) (all []happening) {
	here := map[string]bool{}
	for _, e := range list {
		key := e.ID.String()
		here[key] = true
		old, known := h[key]
		h[key] = e
		if !known {
			all = append(all, happening{"added", e})
			continue
		}
		for _, what := range changes(&old, &e) {
			all = append(all, happening{what, e})
		}
	}
	for key, e := range h {
		if !here[key] {
			delete(h, key)
			all = append(all, happening{"removed", e})
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Compare(a.entry.Number, b.entry.Number) })
	return all
}

// changes names what differs between two looks at a torrent.
func changes(old, e *status.Entry) (what []string) {
	add := func(differs bool, word string) {
		if differs {
			what = append(what, word)
		}
	}
	add(!old.Complete() && e.Complete(), "done")
	add(old.State() != e.State(), e.State())
	add(old.Dir != e.Dir, "moved")
	add(old.Name != e.Name, "renamed")
	add(!slices.Equal(old.Labels, e.Labels), "labels")
	return what
}
