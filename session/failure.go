package session

import (
	"errors"

	"shoal/metainfo"
)

// Failure is why a torrent stands still.
type Failure struct {
	Err error // nil when it does not
	// Waits says that it goes on by itself (see Add.WaitForSpace, and torrents that sleep and were locked), Files that somebody was
	// at its files, so that nothing in them can be taken for granted.
	Waits, Files bool
}

// Failure returns why a torrent stands still. It does not wait.
func (s *Session) Failure(id metainfo.ID) (f Failure) {
	r := &s.reg
	r.mu.Lock()
	var t *torrent
	if x := r.byHash[id.Wire()]; x != nil {
		if t = x.t; x.sleep != nil && x.sleep.failure != nil {
			f = Failure{Err: x.sleep.failure.err, Waits: errors.Is(x.sleep.failure.err, ErrLocked)}
		}
	}
	r.mu.Unlock()
	if t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if f.Err = t.err; t.err == nil {
			f.Err, f.Waits = t.space.why, t.space.why != nil
		}
	}
	f.Files = filesChanged(f.Err)
	return f
}
