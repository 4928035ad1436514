package session

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// A torrent that waits for space (Add.WaitForSpace) looks for it after spaceFirst and, as long as it
// fails again soon after, in pauses that double up to spaceLast.
const (
	spaceFirst = 5 * time.Second
	spaceLast  = time.Minute
	// spaceLeast is free space that is worth going on for, in bytes, if more is missing.
	spaceLeast = 16 << 20
	// spaceSpare is what the file system needs for itself.
	spaceSpare = 64 << 10
)

// isFull reports whether an error says that the disk, or the user's share of it, is full.
func isFull(err error) bool {
	if runtime.GOOS == "windows" && (errors.Is(err, syscall.Errno(39)) || errors.Is(err, syscall.Errno(112))) {
		return true // ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// waiting is a torrent that stands still until there is space; outcome.mu guards it.
type waiting struct {
	why   error // nil when it does not wait
	since time.Time
	pause time.Duration
}

// waitForSpace notes why the torrent stands still and that it goes on by itself.
func (t *torrent) waitForSpace(err error) {
	t.set(func() {
		w, now := &t.space, time.Now()
		if w.pause == 0 || now.Sub(w.since) > spaceLast+w.pause {
			w.pause = spaceFirst
		} else {
			w.pause = min(2*w.pause, spaceLast)
		}
		w.why, w.since = fmt.Errorf("%w; it goes on when there is space again", err), now
	})
}

// lookForSpace lets a torrent go on that waits, once there is space. It runs on the inspector's goroutine.
func (s *Session) lookForSpace(t *torrent) {
	t.mu.Lock()
	w := t.space
	t.mu.Unlock()
	if w.why == nil || time.Since(w.since) < w.pause || t.orders.get().paused {
		return
	}
	have := t.running().Have()
	need := min(t.store.Needs(&have)+spaceSpare, spaceLeast)
	if free, err := t.add.Folder.Free(); err == nil && free < need {
		return
	}
	s.log.Info("there is space again", "torrent", t.id)
	s.wg.Go(func() {
		err := s.goOn(t.ctx, t)
		if err == nil && t.orders.get().paused { // by the user, meanwhile
			err = s.Pause(t.ctx, t.id)
		}
		if err != nil && t.ctx.Err() == nil {
			s.log.Warn("cannot go on", "torrent", t.id, "err", err)
		}
	})
}

// goOn lets a torrent go on that was paused, failed or waits for space.
func (s *Session) goOn(ctx context.Context, t *torrent) error {
	sw := t.running()
	if sw == nil {
		return nil
	}
	_, failure, _ := t.look()
	if failure != nil && t.begun.Load() {
		t.store.Reset() // the files are taken as they are now
	}
	t.set(func() { t.err, t.space.why = nil, nil })
	if err := sw.Resume(ctx); err != nil {
		return err
	}
	if filesChanged(failure) {
		t.unsyncedOnDisk()
		if err := sw.Recheck(ctx); err != nil {
			return err
		}
	}
	t.goOnline()
	return nil
}
