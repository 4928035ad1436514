package simnet

import (
	"sync"
	"time"
)

// waiter is where calls wait until something changes, a deadline passes, or
// the socket ends. cond.L is Net.mu, which is held during its methods.
type waiter struct {
	cond     sync.Cond
	deadline time.Time // zero: none
	timer    *time.Timer
}

// late reports whether the deadline has passed.
func (w *waiter) late() bool { return !w.deadline.IsZero() && !time.Now().Before(w.deadline) }

// wait returns after the next change, or at the deadline, or earlier.
func (w *waiter) wait() {
	if w.deadline.IsZero() {
		w.cond.Wait()
		return
	}
	if d := time.Until(w.deadline); w.timer != nil {
		w.timer.Reset(d)
	} else {
		w.timer = time.AfterFunc(d, func() {
			w.cond.L.Lock()
			defer w.cond.L.Unlock()
			w.cond.Broadcast()
		})
	}
	w.cond.Wait()
	w.timer.Stop()
}

// set changes the deadline, also of calls that wait.
func (w *waiter) set(t time.Time) {
	w.deadline = t
	w.cond.Broadcast()
}

// end wakes everyone for the last time.
func (w *waiter) end() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cond.Broadcast()
}
