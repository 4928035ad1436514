package piece

import (
	"sync"
	"sync/atomic"

	"shoal/internal/fsys"
)

// Files bounds how many files the stores of one session hold open. It
// approximates least recently used with one bit a file (the clock algorithm), so that the
// use of an open file takes no lock. All methods are safe for all goroutines.
type Files struct {
	limit int

	mu   sync.Mutex
	open []*handle // the ring
	hand int
}

// NewFiles makes a bound of limit open files, at least 1. Files that are being
// read or written at the moment are never closed, so that a few more than
// limit, one for each goroutine at work, may be open for an instant.
func NewFiles(limit int) *Files { return &Files{limit: max(limit, 1)} }

// Len returns the number of files held open.
func (fl *Files) Len() int {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return len(fl.open)
}

// handle is one open file. The table of its Store holds one reference, every
// use another; whoever gives the last one back closes it.
type handle struct {
	store    *Store
	file     int // index into Info.Files
	f        fsys.File
	writable bool

	refs atomic.Int32
	used atomic.Bool // since the clock's hand last passed
}

// acquire takes a reference and reports false when the handle is already on its way out.
func (h *handle) acquire() bool {
	for {
		n := h.refs.Load()
		if n == 0 {
			return false
		}
		if h.refs.CompareAndSwap(n, n+1) {
			if !h.used.Load() {
				h.used.Store(true)
			}
			return true
		}
	}
}

// release gives a reference back.
func (h *handle) release() {
	if h.refs.Add(-1) == 0 {
		h.store.closing(h)
	}
}

// add puts a handle into the ring, and lets others go while it is too full.
func (fl *Files) add(fresh *handle) {
	fl.mu.Lock()
	fl.open = append(fl.open, fresh)
	for len(fl.open) > fl.limit {
		out := fl.victim(fresh)
		if out == nil {
			break
		}
		fl.mu.Unlock()
		out.store.drop(out) // may sync, hence without the lock
		fl.mu.Lock()
	}
	fl.mu.Unlock()
}

// spare closes one file that is not in use, and reports whether there was one.
func (fl *Files) spare() bool {
	fl.mu.Lock()
	var out *handle
	if len(fl.open) > 0 {
		out = fl.victim(nil)
	}
	fl.mu.Unlock()
	if out == nil {
		return false
	}
	out.store.drop(out)
	return true
}

// victim chooses the handle to close: not in use, not used since the hand last
// passed, clean if there is such a one, because a dirty file has to be synced
// first. It may find none. fresh is spared.
func (fl *Files) victim(fresh *handle) *handle {
	dirty := -1
	for range 2 * len(fl.open) {
		fl.hand = (fl.hand + 1) % len(fl.open)
		h := fl.open[fl.hand]
		switch {
		case h == fresh || h.refs.Load() > 1 || h.used.Swap(false):
		case !h.store.state[h.file].dirty.Load():
			fl.remove(fl.hand)
			return h
		case dirty < 0:
			dirty = fl.hand
		}
	}
	if dirty < 0 {
		return nil
	}
	h := fl.open[dirty]
	fl.remove(dirty)
	return h
}

func (fl *Files) remove(i int) {
	last := len(fl.open) - 1
	fl.open[i] = fl.open[last]
	fl.open[last] = nil
	fl.open = fl.open[:last]
}

// forget takes a handle out of the ring if it is still there.
func (fl *Files) forget(h *handle) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for i := range fl.open {
		if fl.open[i] == h {
			fl.remove(i)
			return
		}
	}
}
