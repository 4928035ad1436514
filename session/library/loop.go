package library

import (
	"context"
	"time"

	"shoal/metainfo"
	"shoal/session/goals"
	"shoal/session/hooks"
	"shoal/session/queue"
	"shoal/status"
)

const (
	lookEvery  = time.Second
	lazyEvery  = time.Minute // what need not be durable at once is written
	totalEvery = 5 * time.Minute
	// loopRest is how many times as long as a round took the loop rests before the next, unless it is time to look.
	loopRest = 10
	// atOnce is how many torrents are handed to the session, or taken from it, at a time: that looks at files.
	atOnce = 8
)

// begin takes up what the list says.
func (l *Library) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saveTotals(time.Now())
	left := l.unfinished
	l.unfinished = nil
	for _, it := range left {
		l.leaving[it.id.Wire()] = true
		l.forget(&held{it: it})
	}
}

// loop looks at the session and decides until ctx ends.
func (l *Library) loop(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		begun := time.Now()
		l.round(begun)
		rest.Reset(loopRest * time.Since(begun))
		select {
		case <-ctx.Done():
			return
		case <-rest.C:
		}
		for due := false; !due; {
			select {
			case <-ctx.Done():
				return
			case <-l.wake:
				due = true
			case <-tick.C:
				due = l.look()
			}
		}
	}
}

// round decides once and begins what is to be done.
func (l *Library) round(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wall := l.wall()
	l.order(wall)
	l.expire(now)
	l.remember(now, false)
	l.schedule(wall)
	l.refreshBlocklist(now)
	s := &l.settings.now
	checking := 0
	for _, it := range l.queue {
		if it.place == live && it.phase == status.Checking {
			checking++
		}
	}
	l.orders.decide(now, len(l.queue), func(i int) facts { return l.queue[i].facts() }, checking,
		queue.Limits{Downloads: s.QueueDownloads, Seeds: s.QueueSeeds, Hold: queue.Hold}, goalsOf(s))
	clear(l.tasks)
	l.tasks = l.tasks[:0]
	for i, it := range l.queue {
		if it.waiting != l.orders.wait[i] {
			it.waiting = l.orders.wait[i]
			l.touch(wall, it)
		}
		switch a := l.orders.acts[i]; {
		case a == leave || it.busy != nil:
		case a == finish:
			l.finishSeeding(it)
		default:
			l.tasks = append(l.tasks, task{it, a})
		}
	}
	for range min(len(l.tasks), atOnce-l.working) {
		if l.goes(l.work) {
			l.working++
		}
	}
}

// goalsOf are the goals of torrents that have none of their own.
func goalsOf(s *status.Settings) goals.Defaults {
	return goals.Defaults{Ratio: s.Ratio, Idle: s.Idle, SeedTime: s.SeedTime}
}

// facts are what is to be known of an item. Library.mu is held.
func (it *item) facts() facts {
	k, o := &it.kept, it.options()
	f := facts{place: it.place, stopped: k.flags.has(stopped), again: it.trouble.again, recheck: k.flags.has(recheck),
		fresh: it.fresh && k.flags.has(known)}
	rate := int64(0)
	f.failed = it.phase == status.Failed && it.trouble.err == ""
	f.paused = it.phase == status.Paused || it.phase == status.Failed
	if it.last != nil {
		rate = it.last.Up
	}
	f.queue = queue.Torrent{Position: it.position, Seed: k.flags.has(complete), Forced: k.flags.has(forced),
		Running: it.place == live && !f.paused, Stalled: it.stalled, Since: it.since}
	f.goal = goals.Torrent{Ratio: o.ratio, Idle: o.idle, SeedTime: o.seedTime, Complete: k.flags.has(complete) && it.place == live,
		Wanted: k.wanted, Down: k.down, Up: k.up, Rate: rate, Begun: it.since, Active: it.moved, Seeding: k.seeding}
	return f
}

// task is what was decided about an item, and waits for somebody to do it.
type task struct {
	it *item
	a  act
}

// stale reports whether an item changed since, so that the next round decides anew. Library.mu is held.
func (t task) stale() bool {
	it := t.it
	if it.gone || it.busy != nil {
		return true
	}
	switch t.a {
	case open:
		return it.place != cold && it.place != failed || it.flags.has(stopped|recheck)
	case pause:
		return it.place != live || !it.flags.has(stopped) && !it.waiting
	case resume:
		return it.place != live || it.flags.has(stopped|recheck)
	case look:
		return it.place != cold || !it.fresh || !it.flags.has(stopped)
	}
	return !it.flags.has(recheck)
}

// work carries out tasks until none is left.
func (l *Library) work(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.working-- }()
	for len(l.tasks) > 0 && ctx.Err() == nil {
		t := l.tasks[0]
		l.tasks[0], l.tasks = task{}, l.tasks[1:]
		if t.stale() {
			continue
		}
		done := l.claimed(t.it)
		if t.a == open {
			t.it.place = opening
		}
		l.mu.Unlock()
		switch t.a {
		case open:
			l.open(ctx, t.it)
		case pause:
			l.halt(ctx, t.it)
		case resume:
			l.goOn(ctx, t.it)
		case check:
			l.verify(ctx, t.it)
		case look:
			l.survey(ctx, t.it)
		}
		done()
		l.mu.Lock()
	}
}

// finishSeeding stops an item that has seeded enough. Library.mu is held.
func (l *Library) finishSeeding(it *item) {
	it.flags = it.flags.set(stopped|reached, true)
	l.touch(l.wall(), it)
	l.store.keep(it)
	l.log.Info("a goal of its seeding is reached", "torrent", it.id, "name", it.name)
	l.happen(it, hooks.SeedingDone)
	l.poke()
}

// goOn lets an item run that stands in the session.
func (l *Library) goOn(ctx context.Context, it *item) {
	if err := l.session.Resume(ctx, it.id); err != nil {
		l.mu.Lock()
		it.trouble.failed(err)
		l.mu.Unlock()
		l.log.Warn("cannot go on yet; it is tried again", "torrent", it.id, "err", err)
		return
	}
	l.mu.Lock()
	l.ran(it)
	l.mu.Unlock()
	l.refresh(ctx, it)
}

// ran notes that an item begins to run. Library.mu is held.
func (l *Library) ran(it *item) {
	it.trouble = trouble{}
	now := time.Now()
	it.since, it.moved = now, now
	it.started = l.wall().UnixNano() // kept with the next change: a start that writes one file for each torrent would take minutes
}

// remember writes what need not be durable at once when its time has come, or at the end. Library.mu is held.
func (l *Library) remember(now time.Time, last bool) {
	if last || now.Sub(l.lazyAt) >= lazyEvery {
		l.lazyAt = now
		for it := range l.lazy {
			if !it.gone {
				l.store.keep(it)
			}
		}
		clear(l.lazy)
	}
	if last || now.Sub(l.totals.saved) >= totalEvery {
		l.saveTotals(now)
	}
}

// happen runs the user's command for what happened to an item, if there is one. Library.mu is held.
func (l *Library) happen(it *item, what hooks.Event) {
	s := &l.settings.now
	argv := map[hooks.Event][]string{hooks.Added: s.HookAdded, hooks.Done: s.HookDone, hooks.SeedingDone: s.HookSeeded, hooks.Failed: s.HookError}[what]
	if len(argv) == 0 {
		return
	}
	k := &it.kept
	name := k.name
	if !k.flags.has(known) {
		name = metainfo.SafeName(name) // of a magnet link, whose author may have written "../.." where scripts expect a file of dir
	}
	l.hook(argv, hooks.Torrent{Event: what, ID: k.id, Number: it.number, Name: name, Dir: k.dir, Path: k.dir + "/" + name, Size: k.wanted,
		Files: k.files, Downloaded: k.down, Took: k.downloading, Labels: k.options().labels, Trackers: k.trackers, Source: k.link, Error: k.err,
		Version: s.Version, Time: l.wall()})
}
