package library

import (
	"context"
	"fmt"
	"time"

	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// maxUndo is how long a removal can be undone at most.
const maxUndo = time.Minute

// Remove implements status.Engine. Once it returns without an error the removal is certain, also if the daemon ends before Removal.Undo is over.
// Who does not wait for it, or cannot any longer, does not keep it from being carried out.
func (l *Library) Remove(ctx context.Context, id metainfo.ID, how status.Removal) error {
	it, done, err := l.claim(ctx, id)
	if err != nil {
		return err
	}
	l.mu.Lock()
	now := l.wall()
	it.flags = it.flags.set(removed, true).set(withData, how.Data)
	l.list.remove(now, it)
	l.leaving[it.id.Wire()] = true
	round := l.store.keep(it)
	undo, name := min(max(how.Undo, 0), maxUndo), it.name
	if undo > 0 {
		l.hold(it, time.Now().Add(undo))
	}
	ended := make(chan error, 1)
	begun := l.goes(func(ctx context.Context) {
		defer done()
		ended <- l.leave(ctx, it, undo > 0, round)
	})
	l.mu.Unlock()
	l.log.Info("torrent removed", "torrent", it.id, "name", name, "data", how.Data)
	if !begun { // the next start carries it out
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

// leave stops a removed item that may come back, and carries the removal of any other out once it is certain.
func (l *Library) leave(ctx context.Context, it *item, back bool, round <-chan struct{}) error {
	if back {
		l.halt(ctx, it)
		return durable(ctx, round)
	}
	if err := durable(ctx, round); err != nil {
		return err
	}
	return l.finish(ctx, it)
}

// held is a removal that can be undone until a moment of the monotonic clock.
type held struct {
	it    *item
	until time.Time
}

// hold keeps a removed item until its time is over. Library.mu is held.
func (l *Library) hold(it *item, until time.Time) { l.held[it.id.Wire()] = &held{it, until} }

// Restore implements status.Engine.
func (l *Library) Restore(ctx context.Context, id metainfo.ID) error {
	l.mu.Lock()
	h := l.held[id.Wire()]
	if h == nil {
		l.mu.Unlock()
		return fmt.Errorf("%v was not removed a moment ago: %w", id, status.ErrUnknown)
	}
	delete(l.held, id.Wire())
	delete(l.leaving, id.Wire())
	it := h.it
	it.flags = it.flags.set(removed|withData, false)
	l.restore(l.wall(), it)
	round := l.store.keep(it)
	l.mu.Unlock()
	l.poke()
	return durable(ctx, round)
}

// forget ends the time in which a removal can be undone. Library.mu is held.
func (l *Library) forget(h *held) {
	delete(l.held, h.it.id.Wire())
	it := h.it
	l.goes(func(ctx context.Context) {
		if err := l.finish(ctx, it); err != nil {
			l.log.Warn("what was removed is not gone yet", "torrent", it.id, "err", err)
			l.mu.Lock()
			l.unfinished = append(l.unfinished, it)
			l.mu.Unlock()
		}
	})
}

// finish carries a removal out: in the session, on the disk, in the state folder. Nobody else has the item any more.
func (l *Library) finish(ctx context.Context, it *item) error {
	if err := l.discard(ctx, it); err != nil {
		return err
	}
	l.mu.Lock()
	it.leaveSession()
	it.saved.erase = true
	delete(l.leaving, it.id.Wire())
	round := l.store.keep(it)
	l.mu.Unlock()
	return durable(ctx, round)
}

// expire finishes the removals whose time to be undone is over. Library.mu is held.
func (l *Library) expire(now time.Time) {
	for _, h := range l.held {
		if !h.until.After(now) {
			l.forget(h)
		}
	}
}
