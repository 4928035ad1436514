package library

import (
	"context"
	"encoding/json"
	"time"

	"shoal/status"
)

// totals are sums over all runs, and this one. Library.mu guards them.
type totals struct {
	file  document
	saved time.Time // monotonic
	begun time.Time // monotonic
	before,
	now status.Sum // before this run, and in it
}

// loadTotals reads the sums of the runs before. Damaged ones begin anew.
func (l *Library) loadTotals() {
	t := &l.totals
	t.file = document{name: "totals", magic: "shoal totals\n"}
	t.begun = time.Now()
	body, notes := t.file.load(l.cfg.State)
	for _, n := range notes {
		l.log.Warn("the sums of earlier runs", "err", n)
	}
	if body != nil {
		if err := json.Unmarshal(body, &t.before); err != nil {
			l.log.Warn("the sums of earlier runs cannot be read", "err", err)
		}
	}
	b := &t.before
	b.Down, b.Up, b.Added, b.Starts, b.Active = max(b.Down, 0), max(b.Up, 0), max(b.Added, 0), max(b.Starts, 0), max(b.Active, 0)
	t.now.Starts = 1
}

// ever returns the sums of all runs.
func (t *totals) ever(now time.Time) (run, ever status.Sum) {
	run = t.now
	run.Active = now.Sub(t.begun)
	b := t.before
	return run, status.Sum{Down: b.Down + run.Down, Up: b.Up + run.Up, Added: b.Added + run.Added,
		Starts: b.Starts + run.Starts, Active: b.Active + run.Active}
}

// Totals implements status.Engine.
func (l *Library) Totals(context.Context) (status.Totals, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := status.Totals{}
	out.Now, out.Ever = l.totals.ever(time.Now())
	for _, it := range l.items {
		if it.flags.has(stopped) {
			out.Stopped++
		} else {
			out.Running++
		}
	}
	return out, nil
}

// saveTotals has the sums written. Library.mu is held.
func (l *Library) saveTotals(now time.Time) {
	l.totals.saved = now
	_, ever := l.totals.ever(now)
	if b, err := json.Marshal(ever); err == nil {
		l.store.keepFile(&l.totals.file, b)
	}
}
