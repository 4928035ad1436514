package peer

import (
	"errors"
	"fmt"
	"os"
	"time"

	"shoal/peer/wire"
)

const (
	// lull is the silence after which buffers made for speed are given back.
	lull = 2 * time.Second
	// smallBuffer is what an idle connection may keep for each direction, in bytes.
	smallBuffer = 4 << 10
	// smallBatch is how many messages it may have room for.
	smallBatch = 16
	// largeBatch is how many messages a batch is made for.
	largeBatch = 32
	// smallQueue is how many queued uploads it may have room for.
	smallQueue = 128
	// idleBurst and one a second is how many keep-alives and unknown frames we
	// listen to between two messages.
	idleBurst = 64
)

// reader is the reading half of a Conn; it lives on Run's goroutine.
type reader struct {
	c  *Conn
	h  Handler
	rd *wire.Reader

	spare    []wire.Message // room for the next batch
	lastByte time.Time
	lastMsg  time.Time
}

func (r *reader) run() error {
	defer r.rd.Close()
	now := time.Now()
	r.lastByte, r.lastMsg = now, now
	for {
		until := r.lastByte.Add(r.c.cfg.IdleTimeout)
		fat := r.rd.Buffered() > smallBuffer || cap(r.spare) > smallBatch
		if fat {
			until = now.Add(min(lull, until.Sub(now)))
		}
		if err := r.c.line.nc.SetReadDeadline(until); err != nil {
			return err
		}
		batch, err := r.rd.ReadBatch(r.spare)
		now = time.Now()
		if len(batch) > 0 {
			r.lastMsg = now
			r.deliver(batch)
			now = time.Now()
		}
		switch {
		case err == nil:
			r.lastByte = now
			err = r.checkQuiet(now)
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.rd.Shrink()
			r.spare = nil
			err = nil
			if now.Sub(r.lastByte) >= r.c.cfg.IdleTimeout {
				err = fmt.Errorf("%w: nothing came for %v", ErrIdle, r.c.cfg.IdleTimeout)
			}
		}
		if err != nil {
			return err
		}
	}
}

// deliver hands a batch over, for which r.spare was used.
func (r *reader) deliver(batch []wire.Message) {
	for i := range batch {
		switch batch[i].Kind {
		case wire.Interested:
			r.c.theyWant.Store(true)
		case wire.NotInterested:
			r.c.theyWant.Store(false)
		}
	}
	if r.spare = r.h.Messages(batch); r.spare == nil && len(batch) > 1 { // the next will be as long
		r.spare = make([]wire.Message, 0, min(cap(batch), largeBatch))
	}
}

// checkQuiet looks after remotes that send, but nothing that counts: keep-alives, unknown
// messages, or a byte now and then of one that never ends.
func (r *reader) checkQuiet(now time.Time) error {
	n := r.rd.Idle()
	quiet := now.Sub(r.lastMsg)
	if n > idleBurst+int(quiet/time.Second) {
		return fmt.Errorf("%w: %d keep-alives or unknown messages in %v", wire.ErrProtocol, n, quiet)
	}
	if quiet >= r.c.cfg.QuietTimeout && !r.c.weWant.Load() && !r.c.theyWant.Load() {
		return fmt.Errorf("%w: nobody was interested for %v", ErrIdle, r.c.cfg.QuietTimeout)
	}
	return nil
}
