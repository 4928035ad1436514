package session

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/session/state"
)

// When records are saved: so long after the first change, or after so many
// verified bytes, but not more often than saveLeast, and the disk is left alone for saveRest
// times as long as the last round took. What a kill loses beyond that is found again
// by hashing, as long as the machine stays up.
const (
	saveAfter = 5 * time.Second
	saveBytes = 64 << 20
	saveLeast = 2 * time.Second
	saveRest  = 4
	warnEvery = time.Minute // about a state folder that cannot be written
)

// keeper makes data durable and saves resume records, in the background.
type keeper struct {
	s    *Session
	wake chan struct{} // holds one token when something is out of date

	mu    sync.Mutex
	dirty map[*torrent]struct{} // walked in registry order
	bytes int64                 // verified since the last round
	warn  time.Time             // no warning before
}

func newKeeper(s *Session) *keeper {
	return &keeper{s: s, wake: make(chan struct{}, 1), dirty: make(map[*torrent]struct{})}
}

// changed notes that a record is out of date by so many verified bytes. It never waits.
func (k *keeper) changed(t *torrent, bytes int64) {
	k.mu.Lock()
	first := len(k.dirty) == 0
	k.dirty[t] = struct{}{}
	before := k.bytes
	k.bytes += bytes
	full := before < saveBytes && k.bytes >= saveBytes
	k.mu.Unlock()
	if first || full {
		poke(k.wake)
	}
}

// run saves what is out of date until ctx ends.
func (k *keeper) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	earliest := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		}
		deadline := time.Now().Add(saveAfter)
		for {
			at := deadline
			if k.full() {
				at = earliest
			}
			if at.Before(earliest) {
				at = earliest
			}
			wait := time.Until(at)
			if wait <= 0 {
				break
			}
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-k.wake:
			case <-timer.C:
			}
		}
		begun := time.Now()
		k.round(ctx)
		earliest = time.Now().Add(max(saveLeast, saveRest*time.Since(begun)))
	}
}

func (k *keeper) full() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bytes >= saveBytes
}

// round saves all records that are out of date.
func (k *keeper) round(ctx context.Context) {
	k.mu.Lock()
	dirty := k.dirty
	k.dirty, k.bytes = make(map[*torrent]struct{}), 0
	k.mu.Unlock()
	for _, t := range k.s.reg.all() {
		if _, ok := dirty[t]; !ok || ctx.Err() != nil {
			continue
		}
		err := k.save(ctx, t, false)
		if _, stopped := errors.AsType[*piece.SyncError](err); stopped || err == nil || ctx.Err() != nil {
			continue // who stops says why
		}
		k.warning(t, err)
		k.changed(t, 0)
	}
}

// warning says at most once a minute that records are not saved.
func (k *keeper) warning(t *torrent, err error) {
	k.mu.Lock()
	say := !time.Now().Before(k.warn)
	if say {
		k.warn = time.Now().Add(warnEvery)
	}
	k.mu.Unlock()
	if say {
		k.s.log.Warn("resume record not saved; after a kill the files must be checked again", "torrent", t.id, "err", err)
	}
}

// save makes a torrent's data durable and then its record. When ctx ends
// before the data is durable the record says so; that is no error. final is for
// the last time: nothing is running, the files are closed, the record is marked clean.
func (k *keeper) save(ctx context.Context, t *torrent, final bool) error {
	if !t.known.Load() || t.record == nil {
		return nil
	}
	r := t.record
	if ok, err := r.take(ctx); !ok {
		return err
	}
	h := newHold(func() {
		if final {
			close(r.ended)
		}
		r.give()
	})
	defer h.letGo()
	sw := t.running()
	if !t.begun.Load() {
		return nil // nothing has changed yet
	}
	have, snap := sw.Have(), sw.Snapshot()
	syncErr := h.within(ctx, func() error { return t.store.Sync(ctx) })
	lost, isLost := errors.AsType[*piece.SyncError](syncErr)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopSave)
	defer cancel()
	files, closeErr := t.lookAtFiles(last, h, final)
	r.update(func(rec *state.Record) {
		rec.Have, rec.DownTotal, rec.UpTotal, rec.Clean = have, snap.DownTotal, snap.UpTotal, final
		switch {
		case syncErr == nil:
			rec.Synced, rec.Doubt = have, rec.Doubt.Without(&have)
		case isLost:
			doubt(rec, lost)
			if !final {
				t.distrust(sw, &rec.Doubt, syncErr)
			}
		default:
			rec.Synced = have.And(&rec.Synced)
		}
		if _, failure, _ := t.look(); filesChanged(failure) {
			nothing := metainfo.NewBitfield(have.Len())
			rec.Have, rec.Synced, rec.Clean = nothing, nothing, false
		}
		setFiles(rec, t.info, files, final)
	})
	if ctx.Err() != nil && !isLost {
		syncErr = nil // the record says so
	}
	return errors.Join(syncErr, closeErr, h.within(last, func() error { return k.write(t) }))
}

// lookAtFiles describes the files for the record, after closing them if this is the last time. Files
// that cannot be looked at before ctx ends are nil: they will look changed, and be hashed.
func (t *torrent) lookAtFiles(ctx context.Context, h *hold, final bool) ([]state.File, error) {
	found := make(chan []state.File, 1)
	err := h.within(ctx, func() (err error) {
		if final {
			err = t.store.Close()
		}
		files, failed := recordFiles(t.store.Stat(), t.add.Folder.Path())
		if failed != nil {
			files = nil
		}
		found <- files
		return err
	})
	select {
	case files := <-found:
		return files, err
	default:
		return nil, err
	}
}

// hold is what several have together; free is called when the last one has let go. Who made it is one of them.
type hold struct {
	by   atomic.Int32
	free func()
}

func newHold(free func()) *hold {
	h := &hold{free: free}
	h.by.Store(1)
	return h
}

func (h *hold) letGo() {
	if h.by.Add(-1) == 0 {
		h.free()
	}
}

// within is the function within for an f that has hold of h until it ends, also when nobody waits for it any more: two that write one
// record would take each other's file away.
func (h *hold) within(ctx context.Context, f func() error) error {
	h.by.Add(1)
	return within(ctx, func() error {
		defer h.letGo()
		return f()
	})
}

// within runs f and returns its error, or that of ctx when it ends first: a
// disk that does not answer must not keep the program from ending. f then goes on by itself.
func within(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin saves the record before the first file is made or byte is written, so that a kill from
// now on is known as one, and our files as ours, also by an heir.
func (k *keeper) begin(t *torrent, have metainfo.Bitfield) {
	t.record.update(func(rec *state.Record) {
		// A file that changed may have been written anew, with the same bytes.
		trusted := have.And(&t.opened.Trust)
		known := trusted.And(&rec.Have)
		rec.Have, rec.Synced = have.Clone(), trusted.And(&rec.Synced)
		if t.add.Seed { // what the user put there is not ours to sync; what an earlier run of ours wrote is
			t.opened.unsynced = known.Without(&rec.Synced)
			rec.Synced = have.Without(&t.opened.unsynced)
		} else {
			t.opened.unsynced = have.Without(&rec.Synced)
		}
		// As they were when it was decided to trust or to hash them.
		rec.Files = make([]state.File, len(t.opened.files))
		setFiles(rec, t.info, t.opened.files, false)
	})
	if err := k.write(t); err != nil {
		k.warning(t, err)
	}
}

// syncs has written what is on disk and may not be durable, once the swarm has begun.
func (k *keeper) syncs(t *torrent) {
	if t.opened.unsynced.Count() > 0 {
		t.store.Unsynced(&t.opened.unsynced)
		k.changed(t, 0)
	}
}

func (k *keeper) write(t *torrent) error {
	if !t.remembers() {
		return nil
	}
	return t.record.write(k.s.cfg.State, t.name+recordSuffix)
}

// Flush makes what was written durable and saves the resume records; it
// gives up when ctx ends. `get` calls it for at most ten seconds when it is done.
func (s *Session) Flush(ctx context.Context) error {
	var errs []error
	for _, t := range s.reg.all() {
		errs = append(errs, s.keep.save(ctx, t, false))
	}
	return errors.Join(append(errs, ctx.Err())...)
}
