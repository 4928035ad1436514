package library

import (
	"context"
	"errors"
	"fmt"

	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// torrentLimits are the limits of a torrent: its own, or those that each has.
func torrentLimits(o *options, s *status.Settings) session.TorrentLimits {
	own := func(n, each int64) int64 {
		if n > 0 {
			return n
		}
		return each
	}
	return session.TorrentLimits{Up: own(o.upLimit, s.UpEach), Down: own(o.downLimit, s.DownEach), MaxPeers: o.maxPeers, Exempt: o.exempt, Priority: o.priority}
}

// enter hands an item to the session, where it stands, if it is not there. Whoever calls it has claimed the item.
func (l *Library) enter(ctx context.Context, it *item) error {
	l.mu.Lock()
	if it.place == live {
		l.mu.Unlock()
		return nil
	}
	it.place = opening
	l.mu.Unlock()
	err := l.tryOpen(ctx, it, true)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		it.place = cold
		return err
	}
	it.place, it.trouble, it.fresh = live, trouble{}, false
	return nil
}

// inSession claims an item, has the session take it, and calls f with it.
func (l *Library) inSession(ctx context.Context, id metainfo.ID, f func(it *item) error) error {
	it, done, err := l.claim(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	if err := l.enter(ctx, it); err != nil {
		return err
	}
	if err := f(it); err != nil {
		return err
	}
	l.refresh(ctx, it)
	return nil
}

// Verify implements status.Engine. A few are hashed at a time; Entry.Verifying says that one waits for that.
func (l *Library) Verify(ctx context.Context, id metainfo.ID) error {
	defer l.poke()
	return l.alter(ctx, id, func(it *item) error {
		if !it.flags.has(known) {
			return fmt.Errorf("%s: %w", it.name, status.ErrNoMetadata)
		}
		it.flags = it.flags.set(recheck, true)
		return nil
	})
}

// verify hashes an item's files anew: its turn has come.
func (l *Library) verify(ctx context.Context, it *item) {
	err := l.enter(ctx, it)
	if err == nil {
		err = l.session.Verify(ctx, it.id)
	}
	if err != nil {
		if ctx.Err() != nil {
			return
		}
		l.log.Warn("cannot be checked", "torrent", it.id, "err", err)
	}
	l.mu.Lock()
	it.flags = it.flags.set(recheck|complete|whole, false).set(repair, true)
	it.trouble = trouble{}
	it.quiet = 0
	l.touch(l.wall(), it)
	l.store.keep(it)
	l.mu.Unlock()
	l.refresh(ctx, it)
}

// survey has the session look at what is there of an item that was added stopped. It stays stopped.
func (l *Library) survey(ctx context.Context, it *item) {
	if err := l.enter(ctx, it); err != nil {
		l.mu.Lock()
		it.trouble.failed(err)
		l.touch(l.wall(), it)
		l.mu.Unlock()
		if ctx.Err() == nil {
			l.log.Warn("cannot be looked at yet; it is tried again", "torrent", it.id, "err", err)
		}
		return
	}
	l.refresh(ctx, it)
}

// Announce implements status.Engine.
func (l *Library) Announce(ctx context.Context, id metainfo.ID) error {
	k, there, err := l.here(id)
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("%s does not run: start it first", k.name)
	}
	return l.session.Reannounce(ctx, k.id)
}

// Move implements status.Engine.
func (l *Library) Move(ctx context.Context, id metainfo.ID, dir string, data bool) error {
	l.mu.Lock()
	roots := l.settings.configured.Roots
	l.mu.Unlock()
	dir, err := allowed(l.folders, dir, roots)
	if err != nil {
		return err
	}
	it, done, err := l.claim(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	return l.relocate(ctx, it, dir, data)
}

// relocate does that for an item that the caller has claimed.
func (l *Library) relocate(ctx context.Context, it *item, dir string, data bool) error {
	l.mu.Lock()
	there, moved := it.place == live, it.dir == dir
	empty := !it.flags.has(known) || it.fresh && !there // nothing of it can be on the disk
	l.mu.Unlock()
	if moved {
		return nil
	}
	if !there && (!data || empty) {
		return l.settle(ctx, it, dir)
	}
	if err := l.enter(ctx, it); err != nil {
		return err
	}
	to, err := l.openFolder(dir, true)
	if err != nil {
		return err
	}
	if err := l.session.Move(ctx, it.id, to, data); err != nil {
		return err
	}
	l.mu.Lock()
	it.final, it.moves = l.one(dir), true // where it is when it is complete is decided now
	it.flags = it.flags.set(moving, true)
	round := l.store.keep(it)
	l.mu.Unlock()
	l.refresh(ctx, it)
	return durable(ctx, round)
}

// settle changes the folder of an item that is not in the session.
func (l *Library) settle(ctx context.Context, it *item, dir string) error {
	l.mu.Lock()
	it.dir, it.final, it.trouble = l.one(dir), "", trouble{}
	if it.place == failed {
		it.place = cold
	}
	it.flags = it.flags.set(complete|whole, false) // what is there shows when it is opened
	l.touch(l.wall(), it)
	round := l.store.keep(it)
	l.mu.Unlock()
	return durable(ctx, round)
}

// Rename implements status.Engine.
func (l *Library) Rename(ctx context.Context, id metainfo.ID, path, name string) error {
	return l.inSession(ctx, id, func(it *item) error {
		if err := l.session.Rename(ctx, it.id, path, name); err != nil {
			return err
		}
		names, err := l.session.Names(it.id)
		if err != nil {
			return err
		}
		l.mu.Lock()
		it.change(func(o *options) { o.names = names })
		l.touch(l.wall(), it)
		round := l.store.keep(it)
		l.mu.Unlock()
		return durable(ctx, round)
	})
}

// discard takes a removed torrent out of the session, with its record, and with data its files. What cannot be opened any more has
// nothing to be deleted.
func (l *Library) discard(ctx context.Context, it *item) error {
	l.mu.Lock()
	there, known, data, dir := it.place == live, it.flags.has(known), it.flags.has(withData), it.dir
	l.mu.Unlock()
	if !there {
		if !known {
			return nil
		}
		if err := l.enter(ctx, it); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			l.log.Warn("what is left of a removed torrent cannot be looked at", "torrent", it.id, "dir", dir, "err", err)
			return nil
		}
	}
	remove := l.session.Remove
	if data {
		remove = l.session.RemoveData
	}
	err := remove(ctx, it.id)
	switch {
	case errors.Is(err, session.ErrUnknown):
		return nil
	case err != nil && ctx.Err() == nil:
		l.log.Warn("removed, but files are left", "torrent", it.id, "err", err)
		return nil
	}
	return err
}
