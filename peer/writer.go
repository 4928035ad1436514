package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// keepCtl is the largest buffer for messages that is used again, in bytes.
const keepCtl = 64 << 10

// maxUpload is how many blocks go into one write at most: 256 KiB.
const maxUpload = 16

// Bounds between which a write may last before fewer or more blocks are put into the next: what
// is handed to the socket can neither be cancelled nor overtaken by a request.
const (
	quickWrite = 20 * time.Millisecond
	slowWrite  = 100 * time.Millisecond
)

// writer is the writing half of a Conn; it lives on a goroutine of its own.
type writer struct {
	c   *Conn
	h   Handler
	src Source

	ctl    []byte           // messages of this write
	blocks []metainfo.Block // uploads of this write
	batch  int              // blocks a write, 1..maxUpload

	data  []byte      // payload of blocks, one after another
	heads []byte      // their frame headers
	flat  []byte      // all of it in wire order, for sockets that cannot gather
	vec   [][]byte    // backing of bufs
	bufs  net.Buffers // what is being written

	roomy bool      // the queues that ctl and blocks were taken from hold much memory
	last  time.Time // end of the last write
	timer *time.Timer
	brief bool // timer is set for a lull, not for a keep-alive
}

func (w *writer) run() error {
	w.last = time.Now()
	w.timer = time.NewTimer(w.c.cfg.KeepAlive)
	defer w.timer.Stop()
	for {
		if w.take() {
			if err := w.flush(); err != nil {
				return err
			}
			continue
		}
		if !w.brief && w.fat() {
			w.brief = true
			w.timer.Reset(lull)
		}
		select {
		case <-w.c.wake:
		case <-w.c.done:
			return nil
		case <-w.timer.C:
			if err := w.tick(); err != nil {
				return err
			}
		}
	}
}

// take fetches what is to be written next and reports whether there is any.
func (w *writer) take() bool {
	c := w.c
	c.mu.Lock()
	w.ctl, c.ctl = c.ctl, w.ctl[:0]
	c.flying = len(w.ctl)
	w.blocks = c.ups.take(w.blocks[:0], w.batch)
	w.roomy = cap(c.ctl) > smallBuffer || cap(c.ups.q) > smallQueue
	c.mu.Unlock()
	return len(w.ctl) > 0 || len(w.blocks) > 0
}

// tick gives buffers back after a lull and sends a keep-alive after a longer silence.
func (w *writer) tick() error {
	silence := time.Since(w.last)
	if w.brief && silence >= lull {
		w.shrink()
		w.brief = false
	}
	if silence >= w.c.cfg.KeepAlive {
		w.ctl = wire.Append(w.ctl[:0], &wire.Message{Kind: wire.KeepAlive})
		if err := w.flush(); err != nil {
			return err
		}
		silence = 0
	}
	next := w.c.cfg.KeepAlive - silence
	if w.brief {
		next = lull - silence
	}
	w.timer.Reset(next)
	return nil
}

func (w *writer) fat() bool {
	return w.roomy || cap(w.data)+cap(w.flat)+cap(w.ctl) > smallBuffer
}

func (w *writer) shrink() {
	w.data, w.flat, w.vec, w.ctl, w.batch = nil, nil, nil, nil, 1
	c := w.c
	c.mu.Lock()
	if len(c.ctl) == 0 {
		c.ctl = nil
	}
	if c.ups.len() == 0 {
		c.ups = uploads{}
	}
	c.mu.Unlock()
}

// flush writes ctl and blocks and reports the blocks.
func (w *writer) flush() error {
	asked := len(w.blocks)
	if err := w.load(); err != nil {
		return err
	}
	start := time.Now()
	if err := w.write(); err != nil {
		return err
	}
	if cap(w.ctl) > keepCtl {
		w.ctl = nil
	}
	w.last = time.Now()
	switch d := w.last.Sub(start); {
	case d < quickWrite && asked == w.batch:
		w.batch = min(w.batch*2, maxUpload)
	case d > slowWrite:
		w.batch = max(w.batch/2, 1)
	}
	if asked > 0 {
		w.h.Uploaded(asked, len(w.data))
	}
	return nil
}

// load reads the payload of blocks into data. Blocks that cannot be read leave blocks; they
// are rejected when the remote speaks BEP 6, else the connection ends.
func (w *writer) load() error {
	w.data = w.data[:0]
	if len(w.blocks) == 0 {
		return nil
	}
	if cap(w.data) < len(w.blocks)*block.Size {
		w.data = make([]byte, 0, w.batch*block.Size)
	}
	good := w.blocks[:0]
	for rest := w.blocks; len(rest) > 0; {
		off, n, size := w.contiguous(rest)
		if !w.readAt(off, size) {
			// One by one, to lose no more than what is unreadable.
			for _, b := range rest[:n] {
				if w.readAt(w.src.Offset(b), b.Length) {
					good = append(good, b)
				} else if err := w.reject(b); err != nil {
					return err
				}
			}
		} else {
			good = append(good, rest[:n]...)
		}
		rest = rest[n:]
	}
	w.blocks = good
	return nil
}

// contiguous returns the offset, number and bytes of the leading blocks that lie one after another.
func (w *writer) contiguous(blocks []metainfo.Block) (off int64, n, size int) {
	off = w.src.Offset(blocks[0])
	for n < len(blocks) && (n == 0 || w.src.Offset(blocks[n]) == off+int64(size)) {
		size += blocks[n].Length
		n++
	}
	return off, n, size
}

func (w *writer) readAt(off int64, n int) bool {
	old := len(w.data)
	p := w.data[old : old+n]
	if m, _ := w.src.ReadAt(p, off); m < n {
		return false
	}
	w.data = w.data[:old+n]
	return true
}

func (w *writer) reject(b metainfo.Block) error {
	if !w.c.fast {
		return fmt.Errorf("%w: block at %d of piece %d cannot be read", ErrClosed, b.Begin, b.Piece)
	}
	w.ctl = wire.Append(w.ctl, &wire.Message{
		Kind: wire.Reject, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length),
	})
	return nil
}

// write sends ctl and then the frames of blocks, whose payload is in data.
func (w *writer) write() error {
	w.heads = w.heads[:0]
	for _, b := range w.blocks {
		w.heads = wire.AppendPieceHeader(w.heads, uint32(b.Piece), uint32(b.Begin), b.Length)
	}
	v := w.vec[:0]
	if len(w.ctl) > 0 {
		v = append(v, w.ctl)
	}
	pos := 0
	for i, b := range w.blocks {
		v = append(v, w.heads[i*wire.PieceHeader:(i+1)*wire.PieceHeader], w.data[pos:pos+b.Length])
		pos += b.Length
	}
	// All of it is ours and sent once, so it is encrypted where it lies.
	if w.c.line.crypt != nil {
		for _, p := range v {
			w.c.line.crypt.Encrypt(p)
		}
	}
	w.vec = v
	if _, ok := w.c.line.nc.(*net.TCPConn); !ok && len(v) > 1 {
		w.flat = w.flat[:0]
		for _, p := range v {
			w.flat = append(w.flat, p...)
		}
		w.vec = append(v[:0], w.flat)
	}
	w.bufs = w.vec
	// Half a period at a time: the remote is given up when it took nothing in
	// two halves in a row, so after 1 to 1.5 periods without progress.
	for stalls := 0; len(w.bufs) > 0; {
		if err := w.c.line.nc.SetWriteDeadline(time.Now().Add(w.c.cfg.WriteTimeout / 2)); err != nil {
			return err
		}
		n, err := w.bufs.WriteTo(w.c.line.nc)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n > 0:
			stalls = 0
		default:
			if stalls++; stalls == 2 {
				return fmt.Errorf("remote took nothing for %v: %w", w.c.cfg.WriteTimeout, err)
			}
		}
	}
	return nil
}
