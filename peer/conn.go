package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// Reasons for which a Conn closes itself; more are wire.ErrProtocol and the socket's errors.
var (
	ErrIdle      = errors.New("connection was idle")
	ErrQueueFull = errors.New("remote does not keep up with what we send")
	ErrClosed    = errors.New("connection closed by us")
)

// Conn is one connection after its handshake. Send, Upload, CancelUpload, Backlog and
// Close never block and may be called from any goroutine, also before Run and after
// the end; Run is called once.
type Conn struct {
	line line
	cfg  Config
	fast bool // both sides speak BEP 6

	wake chan struct{} // one token: the writer has something to do
	done chan struct{} // closed by Close

	weWant, theyWant atomic.Bool // who was last said to be interested

	mu     sync.Mutex
	ctl    []byte // encoded messages that wait
	flying int    // bytes of messages that are being written
	ups    uploads
	reason error // not nil: closed
}

func newConn(l line, cfg Config, theirs wire.Handshake) *Conn {
	return &Conn{
		line: l,
		cfg:  cfg,
		fast: theirs.Reserved.Fast(),
		wake: make(chan struct{}, 1),
		done: make(chan struct{}),
	}
}

// RemoteAddr returns the address of the other side.
func (c *Conn) RemoteAddr() net.Addr { return c.line.nc.RemoteAddr() }

// LocalAddr returns our address on this connection.
func (c *Conn) LocalAddr() net.Addr { return c.line.nc.LocalAddr() }

// Fast reports whether both sides speak BEP 6.
func (c *Conn) Fast() bool { return c.fast }

// Encrypted reports whether all that is sent is encrypted.
func (c *Conn) Encrypted() bool { return c.line.crypt != nil }

// Run serves the connection until Close, the end of ctx, or an error. The
// calling goroutine becomes the reader, one more is started as the writer. Both have
// ended and h.Closed has been called when Run returns; its error is
// what h.Closed got, never nil.
func (c *Conn) Run(ctx context.Context, h Handler, src Source) error {
	stop := context.AfterFunc(ctx, func() { c.Close(context.Cause(ctx)) })
	defer stop()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w := writer{c: c, h: h, src: src, batch: 1}
		c.Close(w.run())
	}()
	r := reader{c: c, h: h, rd: wire.NewReader(c.source(), c.cfg.Pool, 0)}
	c.Close(r.run())
	<-ended
	err := c.why()
	h.Closed(err)
	return err
}

// source is where the remote's frames come from: the socket itself where nothing stands between.
func (c *Conn) source() io.Reader {
	if c.line.bare() {
		return gathering(c.line.nc)
	}
	return &c.line
}

// Send queues messages, in order; they go out ahead of queued uploads. When
// more than Config.SendQueue bytes wait, the connection is closed instead. The
// messages and their Data may be reused after the call. Piece messages
// go through Upload.
func (c *Conn) Send(ms ...wire.Message) {
	c.mu.Lock()
	if c.reason != nil {
		c.mu.Unlock()
		return
	}
	for i := range ms {
		switch ms[i].Kind {
		case wire.Interested:
			c.weWant.Store(true)
		case wire.NotInterested:
			c.weWant.Store(false)
		}
		c.ctl = wire.Append(c.ctl, &ms[i])
	}
	full := len(c.ctl)+c.flying > c.cfg.SendQueue
	c.mu.Unlock()
	c.poke(full)
}

// Upload queues a block. Its bytes are read from Source when its turn comes, and
// Handler.Uploaded follows.
func (c *Conn) Upload(b metainfo.Block) {
	c.mu.Lock()
	if c.reason != nil {
		c.mu.Unlock()
		return
	}
	c.ups.push(b)
	full := c.ups.len() > c.cfg.UploadQueue
	c.mu.Unlock()
	c.poke(full)
}

// CancelUpload takes back a block queued with Upload. It reports whether
// the block was still there; if so, it is not reported as uploaded.
func (c *Conn) CancelUpload(b metainfo.Block) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ups.remove(b)
}

// Backlog returns how many bytes of messages wait to be sent, queued blocks apart.
func (c *Conn) Backlog() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ctl) + c.flying
}

// Close ends the connection at once; what is queued is dropped. The first
// reason wins and comes to Handler.Closed; nil means ErrClosed.
func (c *Conn) Close(reason error) {
	if reason == nil {
		reason = ErrClosed
	}
	c.mu.Lock()
	first := c.reason == nil
	if first {
		c.reason = reason
		c.ctl, c.ups = nil, uploads{}
	}
	c.mu.Unlock()
	if first {
		close(c.done)
		c.line.nc.Close()
	}
}

// why returns the reason given to Close; nil while the connection lives.
func (c *Conn) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

func (c *Conn) poke(full bool) {
	if full {
		c.Close(fmt.Errorf("%w: its queue is full", ErrQueueFull))
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// uploads is a queue of blocks. Its zero value is empty; Conn.mu guards it.
type uploads struct {
	q    []metainfo.Block
	head int
}

func (u *uploads) len() int { return len(u.q) - u.head }

func (u *uploads) push(b metainfo.Block) {
	if u.head > 0 && len(u.q) == cap(u.q) {
		u.q = u.q[:copy(u.q, u.q[u.head:])]
		u.head = 0
	}
	u.q = append(u.q, b)
}

// take moves at most n blocks to dst.
func (u *uploads) take(dst []metainfo.Block, n int) []metainfo.Block {
	n = min(n, u.len())
	dst = append(dst, u.q[u.head:u.head+n]...)
	u.head += n
	if u.head == len(u.q) {
		u.q, u.head = u.q[:0], 0
	}
	return dst
}

func (u *uploads) remove(b metainfo.Block) bool {
	for i := u.head; i < len(u.q); i++ {
		if u.q[i] == b {
			u.q = append(u.q[:i], u.q[i+1:]...)
			return true
		}
	}
	return false
}
