package simnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Bounds of a packet socket, in bytes; what does not fit is lost.
const (
	maxDatagram = 65507
	packetQueue = 256 << 10
)

// ListenPacket opens a UDP socket, as net.ListenPacket.
func (h *Host) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	a, err := h.resolve(ctx, network, address)
	if err == nil {
		h.n.mu.Lock()
		defer h.n.mu.Unlock()
		var bs []binding
		a, bs, err = h.bind(network, a, func(b binding) bool { return h.udp[b] != nil })
		if err == nil {
			c := &packetConn{h: h, addr: a, bs: bs}
			c.reader.cond.L = &h.n.mu
			for _, b := range bs {
				h.udp[b] = c
			}
			return c, nil
		}
	}
	return nil, &net.OpError{Op: "listen", Net: network, Addr: udpAddr(a), Err: err}
}

type packetConn struct {
	h      *Host
	addr   netip.AddrPort
	bs     []binding
	tx, rx flow
	in     []parcel
	size   int // bytes of in
	reader waiter
	closed bool
}

func (c *packetConn) home() *Host         { return c.h }
func (c *packetConn) inbound() *flow      { return &c.rx }
func (c *packetConn) whole() bool         { return true }
func (c *packetConn) LocalAddr() net.Addr { return udpAddr(c.addr) }

func (c *packetConn) arrive(p parcel) {
	if c.closed || c.size+len(p.data) > packetQueue {
		return
	}
	c.in = append(c.in, p)
	c.size += len(p.data)
	c.reader.cond.Broadcast()
}

func (c *packetConn) ReadFrom(p []byte) (int, net.Addr, error) {
	c.h.n.mu.Lock()
	defer c.h.n.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, nil, c.fail("read", net.ErrClosed)
		case c.reader.late():
			return 0, nil, c.fail("read", os.ErrDeadlineExceeded)
		case len(c.in) > 0:
			d := c.in[0]
			c.in[0] = parcel{}
			c.in = c.in[1:]
			c.size -= len(d.data)
			return copy(p, d.data), udpAddr(d.from), nil
		}
		c.reader.wait()
	}
}

func (c *packetConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	ua, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, c.fail("write", net.InvalidAddrError("not a UDP address"))
	}
	to := ua.AddrPort()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	h := c.h
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	from, ok := h.source(to.Addr())
	switch {
	case c.closed:
		return 0, c.fail("write", net.ErrClosed)
	case !ok:
		return 0, c.fail("write", os.NewSyscallError("sendto", syscall.ENETUNREACH))
	case len(p) > maxDatagram:
		return 0, c.fail("write", os.NewSyscallError("sendto", syscall.EMSGSIZE))
	}
	if !c.addr.Addr().IsUnspecified() {
		from = c.addr.Addr()
	}
	dst := h.find(to.Addr())
	if dst == nil || c.tx.size+len(p) > packetQueue {
		return len(p), nil
	}
	sock := dst.udp[binding{to.Port(), !to.Addr().Is4()}]
	if sock == nil {
		return len(p), nil
	}
	pc := parcel{data: append([]byte(nil), p...), dst: sock, from: netip.AddrPortFrom(from, c.addr.Port())}
	switch {
	case dst == h:
		sock.arrive(pc)
	case h.off || dst.off || h.lost(dst):
	default:
		h.up.push(&c.tx, pc)
	}
	return len(p), nil
}

// lost throws the dice for one datagram.
func (h *Host) lost(dst *Host) bool {
	return h.link.Loss+dst.link.Loss > 0 && (h.n.rnd.Float64() < h.link.Loss || h.n.rnd.Float64() < dst.link.Loss)
}

func (c *packetConn) Close() error {
	c.h.n.mu.Lock()
	defer c.h.n.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	for _, b := range c.bs {
		delete(c.h.udp, b)
	}
	c.in, c.size = nil, 0
	c.reader.end()
	return nil
}

func (c *packetConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil } // WriteTo never waits

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.h.n.mu.Lock()
	defer c.h.n.mu.Unlock()
	if c.closed {
		return c.fail("set", net.ErrClosed)
	}
	c.reader.set(t)
	return nil
}

func (c *packetConn) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Addr: c.LocalAddr(), Err: err}
}

func udpAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(a)
}
