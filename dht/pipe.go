package dht

import (
	"net"
	"sync"
	"time"
)

// pipe is what one server of the library has for a socket: datagrams come through a channel
// and leave through out. Its Close ends it alone, so that the server can be replaced while the
// guard, with all that it has learnt, stays. Safe for any goroutine.
type pipe struct {
	out    net.PacketConn
	in     chan datagram
	closed chan struct{}
	once   sync.Once
}

type datagram struct {
	data []byte
	from net.Addr
}

func newPipe(out net.PacketConn) *pipe {
	return &pipe{out: out, in: make(chan datagram, 16), closed: make(chan struct{})}
}

// deliver hands a datagram to the library and waits while that is busy.
func (p *pipe) deliver(d datagram) {
	select {
	case p.in <- d:
	case <-p.closed:
	}
}

// ReadFrom returns an error only after Close: on any other the library would panic.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-p.in:
		return copy(b, d.data), d.from, nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	}
}

func (p *pipe) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-p.closed:
		return 0, net.ErrClosed
	default:
		return p.out.WriteTo(b, to)
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipe) LocalAddr() net.Addr              { return p.out.LocalAddr() }
func (p *pipe) SetDeadline(time.Time) error      { return nil }
func (p *pipe) SetReadDeadline(time.Time) error  { return nil }
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
