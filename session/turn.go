package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/session/state"
	"shoal/status"
)

// How torrents wake and fall asleep.
const (
	maxWaking  = 4                // at a time; the others wait
	wakeWait   = 5 * time.Second  // so long a handshake is held
	wakeAgain  = time.Minute      // after a failure no handshake wakes a torrent for so long, and one that was locked tries by itself
	sleepAfter = 5 * time.Minute  // without peers
	sleepSoon  = 20 * time.Second // the same while more than maxIdle are awake for nobody
	maxIdle    = 64
)

// awake returns the torrent of a command, which it wakes if it sleeps. Then it waits until its swarm is there, or it fails, or it
// must be hashed first. The torrent does not fall asleep again for a while.
func (s *Session) awake(ctx context.Context, id metainfo.ID) (*torrent, error) {
	t, err := s.rouse(ctx, id.Wire(), true)
	if errors.Is(err, ErrUnknown) {
		err = fmt.Errorf("%v: %w", id, ErrUnknown)
	}
	return t, err
}

// knock is awake for a handshake: it returns nil when the torrent is not here, or cannot be served soon.
func (s *Session) knock(h metainfo.Hash) *torrent {
	ctx, cancel := context.WithTimeout(s.ctx, wakeWait)
	defer cancel()
	t, err := s.rouse(ctx, h, false)
	if err != nil || t.running() == nil {
		return nil
	}
	return t
}

// rouse returns the torrent with this hash when it is awake. A person's command also wakes one that is stopped or has failed.
func (s *Session) rouse(ctx context.Context, h metainfo.Hash, person bool) (*torrent, error) {
	for tried := false; ; {
		t, now, begun, err := s.call(h, person)
		if now == nil {
			return t, err
		}
		tried = tried || begun
		select {
		case <-now.done:
			if now.err != nil && (tried || !person) {
				return nil, now.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// call returns the torrent, or what is to be waited for until it is there: begun says that this call has begun it. It does not wait.
func (s *Session) call(h metainfo.Hash, person bool) (t *torrent, now *turn, begun bool, err error) {
	r := &s.reg
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byHash[h]
	switch {
	case x == nil:
		return nil, nil, false, ErrUnknown
	case x.turn != nil:
		return nil, x.turn, false, nil
	case x.t != nil:
		x.t.touched = time.Now()
		return x.t, nil, false, nil
	case r.closed:
		return nil, nil, false, ErrStopped
	case !person && x.sleep.Stopped:
		return nil, nil, false, ErrStopped
	case !person && x.sleep.failure != nil && (x.sleep.failure.again.IsZero() || time.Now().Before(x.sleep.failure.again)):
		return nil, nil, false, x.sleep.failure.err
	}
	x.turn = &turn{done: make(chan struct{})}
	s.wg.Add(1) // the session has not begun to end
	go s.wake(x, x.sleep, person && x.sleep.failure != nil)
	return nil, x.turn, true, nil
}

// wake has the torrent in x rise, or notes why not. With insist missing files are no reason.
func (s *Session) wake(x *seat, p *sleeper, insist bool) {
	defer s.wg.Done()
	t, err := s.dress(x, p, insist)
	s.reg.mu.Lock()
	now := x.turn
	if err != nil {
		now.err = err
		s.reg.oversleep(x, p, err)
	} else {
		t.seed, t.touched = s.reg.rnd.Uint64(), time.Now()
		s.reg.rise(x, t)
	}
	s.reg.mu.Unlock()
	if err != nil {
		s.overslept(x, p, err)
	} else {
		s.log.Debug("torrent wakes", "torrent", t.id)
		s.wg.Go(t.run)
		if t.work == nil && t.opened.Check.Count() == 0 {
			<-t.up
		}
	}
	s.reg.mu.Lock()
	x.turn = nil
	s.reg.mu.Unlock()
	close(now.done)
}

// dress makes a torrent of a sleeper: what Add does.
func (s *Session) dress(x *seat, p *sleeper, insist bool) (_ *torrent, err error) {
	select {
	case s.waking <- struct{}{}:
		defer func() { <-s.waking }()
	case <-s.ctx.Done():
		return nil, ErrStopped
	}
	a, err := s.load(s.ctx, p)
	if err != nil {
		return nil, err
	}
	a.Load, a.Limits, a.Stopped = p.Load, p.Limits, p.Stopped
	t := s.newTorrent(a)
	t.key, t.order, t.woken, t.added = x.key, x.order, true, p.Added
	t.orders.update(func(w *wishes) { w.trackers = p.Trackers })
	defer func() {
		if err != nil {
			t.release()
		}
	}()
	if a.Torrent != nil {
		if err := t.accept(a.Torrent); err != nil {
			return nil, err
		}
	}
	if err := t.unlock(); err != nil {
		return nil, err
	}
	if err := t.remember(p, insist); err != nil {
		return nil, errors.Join(err, t.closeFiles())
	}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	return t, nil
}

// remember looks whether the torrent is as it was when it fell asleep, and continues its figures.
func (t *torrent) remember(p *sleeper, insist bool) error {
	if t.work != nil {
		return nil // a move goes on first
	}
	if t.info == nil {
		return fmt.Errorf("%s: its info dictionary is gone: %w", t.title(), ErrIncomplete)
	}
	if !insist {
		if err := t.whole(t.opened.files); err != nil {
			return err
		}
	}
	t.record.update(func(rec *state.Record) {
		rec.DownTotal, rec.UpTotal = max(rec.DownTotal, p.DownTotal), max(rec.UpTotal, p.UpTotal)
		if rec.Finished.IsZero() {
			rec.Finished = p.Finished
		}
		if !p.Added.IsZero() {
			rec.Added = p.Added
		}
	})
	return nil
}

// oversleep notes why a torrent does not wake. The caller holds mu.
func (r *registry) oversleep(x *seat, p *sleeper, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrStopped) {
		return // the session ends
	}
	still := *p
	still.failure = &mishap{err: err, again: time.Now().Add(wakeAgain)}
	x.sleep = &still
}

// overslept lets nobody be sent to a torrent that does not wake.
func (s *Session) overslept(x *seat, p *sleeper, err error) {
	if s.ctx.Err() != nil {
		return
	}
	s.log.Error("torrent does not wake", "torrent", p.ID, "err", err)
	s.announce.sayGoodbye(s.announce.drop(x.key, p.ID.Wire()))
	if errors.Is(err, ErrLocked) {
		time.AfterFunc(wakeAgain, func() { _, _, _, _ = s.call(p.ID.Wire(), false) })
	}
}

// change puts another sleeper into the place of one, and returns it; nil when the torrent does not sleep or the session is ending.
func (r *registry) change(h metainfo.Hash, f func(*sleeper)) (k budget.Key, p *sleeper) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byHash[h]
	if r.closed || x == nil || x.sleep == nil || x.turn != nil {
		return 0, nil
	}
	p = new(sleeper)
	*p = *x.sleep
	f(p)
	x.sleep = p
	return x.key, p
}

// doze has torrents fall asleep that were without peers for long enough. It runs on the inspector's goroutine.
func (s *Session) doze(list []*torrent, now time.Time) {
	idle, held := 0, s.outside.holds(now)
	for _, t := range list {
		if held || !t.mayRest() {
			t.quiet = time.Time{}
		} else if idle++; t.quiet.IsZero() {
			t.quiet = now
		}
	}
	after := sleepAfter
	if idle > maxIdle {
		after = sleepSoon
	}
	for _, t := range list {
		if !t.quiet.IsZero() && now.Sub(t.quiet) >= after {
			if x, ok := s.reg.lieDown(t, now.Add(-after)); ok {
				s.wg.Go(func() { s.fallAsleep(x, t) })
			}
		}
	}
}

// mayRest reports whether a torrent is complete, has nobody, and can wake again.
func (t *torrent) mayRest() bool {
	if t.add.Load == nil || !t.begun.Load() || t.stopped() != nil || t.add.Magnet != nil && !t.kept.Load() {
		return false
	}
	snap := t.running().Snapshot()
	switch snap.Phase {
	case status.Seeding, status.Paused:
		return snap.PiecesHave == snap.Pieces && snap.Peers == 0
	}
	return false
}

// lieDown begins the falling asleep of a torrent that nobody asked for since.
func (r *registry) lieDown(t *torrent, since time.Time) (*seat, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byHash[t.id.Wire()]
	if r.closed || x == nil || x.t != t || x.turn != nil || t.touched.After(since) {
		return nil, false
	}
	x.turn = &turn{done: make(chan struct{})}
	return x, true
}

// fallAsleep ends the torrent in x, as at the end of the session, and keeps what is known of it.
func (s *Session) fallAsleep(x *seat, t *torrent) {
	s.log.Debug("torrent falls asleep", "torrent", t.id)
	t.cancel()
	<-t.ended
	<-t.released // a disk that hangs may keep its record
	snap, w := t.snapshot(), t.orders.get()
	p := newSleeper(Dormant{
		ID: t.id, Name: t.info.Name(), Dir: t.add.Folder.Path(), Size: snap.Size, PieceLength: snap.PieceLength, Pieces: snap.Pieces,
		Files: len(t.info.Files()), Private: t.info.Private(), Trackers: w.trackers, DownTotal: snap.DownTotal, UpTotal: snap.UpTotal,
		Added: snap.Added, Finished: snap.Finished, Limits: w.limits,
		Stopped: w.paused, Load: t.add.Load,
	})
	if err := t.stopped(); err != nil { // at the last moment
		p.failure = &mishap{err: err}
	}
	s.announce.fellAsleep(t, p.UpTotal, p.DownTotal)
	s.overlay.fellAsleep(t)
	s.reg.mu.Lock()
	now := x.turn
	x.turn = nil
	s.reg.lie(x, p)
	s.reg.mu.Unlock()
	close(now.done)
}
