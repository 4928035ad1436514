package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shoal/metainfo"
	"shoal/session"
	"shoal/session/goals"
	"shoal/status"
)

// alter changes an item under the mutex, says that it changed and waits until that is durable.
func (l *Library) alter(ctx context.Context, id metainfo.ID, f func(it *item) error) error {
	l.mu.Lock()
	it, err := l.get(id)
	if err == nil {
		err = f(it)
	}
	if err != nil {
		l.mu.Unlock()
		return err
	}
	l.touch(l.wall(), it)
	round := l.store.keep(it)
	l.mu.Unlock()
	return durable(ctx, round)
}

// Start implements status.Engine. It also tries again what failed. The time without payload counts anew from here.
func (l *Library) Start(ctx context.Context, id metainfo.ID, now bool) error {
	defer l.poke()
	return l.alter(ctx, id, func(it *item) error {
		failedBefore := it.err != "" || it.place == failed
		if !now && it.flags.has(stopped|forced) {
			l.seedOn(it)
		}
		it.flags = it.flags.set(stopped|reached, false).set(forced, now)
		if failedBefore { // what is missing may be fetched: the user has seen that it is
			it.flags = it.flags.set(repair, true)
		}
		it.trouble = trouble{}
		switch {
		case it.place == failed:
			it.place = cold
		case it.place == live && it.phase == status.Failed:
			it.trouble.err = "it is to go on" // now
		}
		it.err = ""
		it.waiting = it.place == cold && !now // until its turn has come
		return nil
	})
}

// seedOn switches those goals of an item off that would stop it again at once. Library.mu is held.
func (l *Library) seedOn(it *item) {
	it.since = time.Now()
	it.moved = it.since
	t := it.facts().goal
	t.Complete = it.flags.has(complete)
	for {
		which := goals.Reached(it.since, t, goalsOf(&l.settings.now)).Reached
		switch which {
		case goals.None:
			if o := it.options(); t.Ratio != o.ratio || t.Idle != o.idle || t.SeedTime != o.seedTime {
				it.change(func(o *options) { o.ratio, o.idle, o.seedTime = t.Ratio, t.Idle, t.SeedTime })
			}
			return
		case goals.ByRatio:
			t.Ratio = status.Goal[float64]{Mode: status.GoalNone}
		case goals.ByIdle:
			t.Idle = status.Goal[time.Duration]{Mode: status.GoalNone}
		case goals.BySeedTime:
			t.SeedTime = status.Goal[time.Duration]{Mode: status.GoalNone}
		}
		l.log.Info("started although a goal of its seeding is reached: it has that goal no more", "torrent", it.id, "goal", which.String())
	}
}

// Stop implements status.Engine.
func (l *Library) Stop(ctx context.Context, id metainfo.ID) error {
	err := l.alter(ctx, id, func(it *item) error {
		it.flags = it.flags.set(stopped, true).set(forced, false)
		it.waiting = false
		if it.place == failed {
			it.place, it.err, it.trouble = cold, "", trouble{}
		}
		return nil
	})
	if err != nil {
		return err
	}
	it, done, err := l.claim(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	l.halt(ctx, it)
	return nil
}

// halt stops an item in the session. What cannot be stopped yet is tried again by the loop.
func (l *Library) halt(ctx context.Context, it *item) {
	l.mu.Lock()
	there := it.place == live
	l.mu.Unlock()
	if !there {
		return
	}
	if err := l.session.Pause(ctx, it.id); err != nil {
		l.log.Debug("cannot be stopped yet", "torrent", it.id, "err", err)
		return
	}
	l.refresh(ctx, it)
}

// refresh takes over what the session says of an item now.
func (l *Library) refresh(ctx context.Context, it *item) {
	if t, err := l.session.Summary(ctx, it.id); err == nil {
		l.take(it, &t)
	}
}

// Change implements status.Engine. Who does not wait for it, or cannot any longer, does not keep any part of it from coming into force.
func (l *Library) Change(ctx context.Context, id metainfo.ID, c status.Change) error {
	var tor *metainfo.Torrent
	if len(c.Files) > 0 {
		k, _, err := l.here(id)
		if err != nil {
			return err
		}
		if !k.flags.has(known) {
			return fmt.Errorf("%s: %w", k.name, status.ErrNoMetadata)
		}
		if tor, err = l.torrent(id); err != nil {
			return err
		}
	}
	if c.Trackers != nil {
		if err := checkTiers(*c.Trackers); err != nil {
			return err
		}
	}
	it, done, err := l.claim(ctx, id)
	if err != nil {
		return err
	}
	l.mu.Lock()
	o := *it.options()
	if err := o.change(&c, tor); err != nil {
		l.mu.Unlock()
		done()
		return err
	}
	old := it.kept
	it.setOptions(o)
	if c.Trackers != nil {
		it.trackers = *c.Trackers
	}
	if len(c.Files) > 0 {
		it.wanted = wantedBytes(tor.Info, o.priorities)
	}
	l.share(&it.kept)
	changed := []*item{it}
	if c.QueuePosition != nil {
		changed = append(changed, l.putAt(l.wall(), []*item{it}, *c.QueuePosition)...)
	}
	l.touch(l.wall(), it)
	round := l.store.keep(changed...)
	there, now := it.place == live, it.kept
	ended := make(chan error, 1)
	begun := l.goes(func(ctx context.Context) {
		defer done()
		var err error
		if there {
			err = l.enforce(ctx, &c, &old, &now)
		}
		ended <- errors.Join(err, durable(ctx, round))
	})
	l.mu.Unlock()
	l.poke()
	if !begun { // it is in the list, and the next start heeds it
		done()
		return session.ErrStopped
	}
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return err
}

// enforce puts into force, for a torrent that runs, what a change says: all that can be, also after an error.
func (l *Library) enforce(ctx context.Context, c *status.Change, old, now *kept) error {
	o := now.options()
	var errs [3]error
	if len(c.Files) > 0 {
		errs[0] = l.session.SetPriorities(ctx, now.id, o.priorities)
	}
	if c.Sequential != nil && old.options().sequential != o.sequential {
		if err := l.session.SetSequential(ctx, now.id, o.sequential); err != nil {
			l.log.Debug("the order is heeded from the next start on", "torrent", now.id, "err", err)
		}
	}
	l.mu.Lock()
	s := l.settings.now
	l.mu.Unlock()
	if was, is := torrentLimits(old.options(), &s), torrentLimits(o, &s); was != is {
		errs[1] = l.session.SetLimits(ctx, now.id, is)
	}
	if c.Trackers != nil {
		errs[2] = l.session.SetTrackers(ctx, now.id, withDefaults(now, s.Trackers))
	}
	return errors.Join(errs[:]...)
}

// wantedBytes is how much the files are that are wanted; nil is all of them.
func wantedBytes(info *metainfo.Info, priorities []uint8) (n int64) {
	if priorities == nil {
		return info.Payload()
	}
	for i, f := range info.Files() {
		if !f.Pad && i < len(priorities) && priorities[i] != session.Unwanted {
			n += f.Length
		}
	}
	return n
}

// Queue implements status.Engine. Torrents that are not in the list are an error, and nothing moves then.
func (l *Library) Queue(ctx context.Context, ids []metainfo.ID, to status.QueueMove) error {
	l.mu.Lock()
	var who []*item
	for _, id := range ids {
		it, err := l.get(id)
		if err != nil {
			l.mu.Unlock()
			return err
		}
		who = append(who, it)
	}
	now := l.wall()
	changed := l.move(now, who, to)
	l.order(now)
	round := l.store.keep(changed...)
	l.mu.Unlock()
	l.poke()
	return durable(ctx, round)
}
