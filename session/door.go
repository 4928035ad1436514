package session

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// When a listener counts as dead: after so many failures of Accept in a row that are not for
// want of file handles. Then it is opened anew until that works.
const (
	acceptRest   = 200 * time.Millisecond // after a failure
	acceptFails  = 5
	reopenLonger = 5 * time.Second // the longest rest while it cannot be opened
)

// door is one place that peers come to.
type door struct {
	net              Net
	network, address string

	mu     sync.Mutex
	l      net.Listener
	closed bool
}

func (d *door) listener() net.Listener {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.l
}

// close ends the door for good; its accept loop ends.
func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	_ = d.l.Close() // only ends the accept loop
}

// reopen listens again at the same place.
func (d *door) reopen(ctx context.Context) error {
	_ = d.listener().Close() // it is dead
	l, err := d.net.Listen(ctx, d.network, d.address)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.Join(net.ErrClosed, l.Close())
	}
	d.l = l
	return nil
}

// acceptLoop takes connections until the door is closed.
func (s *Session) acceptLoop(d *door) {
	var quiet time.Time // no warning before
	fails, rest := 0, acceptRest
	for {
		nc, err := d.listener().Accept()
		if err == nil {
			fails, rest = 0, acceptRest
			s.incoming(nc)
			continue
		}
		if s.ctx.Err() != nil {
			return
		}
		if now := time.Now(); now.After(quiet) {
			quiet = now.Add(warnEvery)
			s.log.Warn("cannot accept connections", "addr", d.address, "err", err)
		}
		// Out of file handles the connections wait in the kernel meanwhile.
		if fails++; !isExhausted(err) && fails >= acceptFails {
			if err := d.reopen(s.ctx); err != nil {
				s.log.Debug("cannot listen again", "addr", d.address, "err", err)
				rest = min(2*rest, reopenLonger)
			} else {
				s.log.Info("listening again", "addr", d.address)
				fails, rest = 0, acceptRest
				continue
			}
		}
		select {
		case <-time.After(rest):
		case <-s.ctx.Done():
			return
		}
	}
}

// isExhausted reports whether an error says that there are no file handles or buffers left just now.
func isExhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
