package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"shoal/status"
)

// patience is how long get may take.
type patience struct {
	stall, deadline time.Duration // 0: without end
}

func (p *patience) register(f *pflag.FlagSet) {
	f.DurationVar(&p.stall, "stall-timeout", 0, "give up a torrent of which nothing came for `TIME`, like 90s or 10m")
	f.DurationVar(&p.deadline, "deadline", 0, "give up everything that is not there after `TIME`, like 2h")
}

func (p *patience) check() error {
	if p.stall < 0 || p.deadline < 0 {
		return errors.New("--stall-timeout and --deadline may not be negative")
	}
	return nil
}

// impatience is the reason why a torrent was given up.
type impatience struct {
	what string
}

func (i *impatience) Error() string { return i.what }

// within bounds the whole run.
func (p *patience) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if p.deadline == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, p.deadline, &impatience{"the deadline of " + p.deadline.String() + " is over"})
}

// outOfPatience returns why ctx ended if it was for that.
func outOfPatience(ctx context.Context) *impatience {
	i, _ := errors.AsType[*impatience](context.Cause(ctx))
	return i
}

// late gives an error that came of the end of patience its words and code.
func (p *patience) late(ctx context.Context, err error) error {
	if i := outOfPatience(ctx); i != nil && err != nil {
		return withCode(exitStalled, i)
	}
	return err
}

// about says how far the torrent came. One that waits for space ends as a full disk does.
func (i *impatience) about(t *status.Torrent) error {
	code, why := exitStalled, ""
	if t.Phase == status.Failed {
		cause, _, _ := strings.Cut(t.Err, ";") // without what would have come next
		code, why = exitDiskFull, ": "+cause
	}
	return withCode(code, fmt.Errorf("%w %s%s; the same command goes on from here", i, howFar(t), why))
}

// watchOver says when a torrent waits for space, and gives it up when nothing has come for too
// long. Time spent on looking at files does not count.
func (e *engine) watchOver(ctx context.Context, con *console, j *job, limit time.Duration, giveUp context.CancelCauseFunc) {
	often := time.Second
	if limit > 0 {
		often = min(often, limit/4+1)
	}
	tick := time.NewTicker(often)
	defer tick.Stop()
	var came int64
	last, full := time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			t, err := e.Summary(ctx, j.id)
			if err != nil || ctx.Err() != nil {
				continue
			}
			// A torrent that failed while it is waited for waits for space itself.
			switch {
			case t.Phase == status.Failed && !full:
				con.Warn("%s: %s", label(j.source), t.Err)
			case t.Phase == status.Leeching && full:
				con.Note("%s: there is space again, going on", label(j.source))
			}
			full = t.Phase == status.Failed || full && t.Phase != status.Leeching
			// What was wasted is no progress.
			if n := t.DownTotal - t.Wasted + int64(t.MetadataHave); n != came || t.Phase == status.Opening || t.Phase == status.Checking {
				came, last = n, now
			}
			if limit > 0 && now.Sub(last) >= limit {
				giveUp(&impatience{"nothing came for " + limit.String()})
				return
			}
		}
	}
}
