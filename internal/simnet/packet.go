package simnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
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

// ListenMulticast joins a group on the one interface of the host, as session.Net. What
// is sent to a group reaches every socket that has joined it, on all hosts.
func (h *Host) ListenMulticast(_ context.Context, network string, group netip.AddrPort) ([]net.PacketConn, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	from, ok := h.source(group.Addr())
	if !ok || !group.Addr().IsMulticast() || strings.HasSuffix(network, "4") != group.Addr().Is4() {
		return nil, &net.OpError{Op: "join", Net: network, Addr: udpAddr(group), Err: syscall.EADDRNOTAVAIL}
	}
	c := &packetConn{h: h, addr: netip.AddrPortFrom(from, group.Port()), group: group}
	c.reader.cond.L = &h.n.mu
	h.n.groups[group] = append(h.n.groups[group], c)
	return []net.PacketConn{c}, nil
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
	group  netip.AddrPort // that it has joined; it gets nothing else
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
	pc := parcel{data: append([]byte(nil), p...), from: netip.AddrPortFrom(from, c.addr.Port())}
	if to.Addr().IsMulticast() {
		for _, sock := range h.n.groups[to] {
			pc.dst = sock
			c.send(pc)
		}
		return len(p), nil
	}
	if dst := h.find(to.Addr()); dst != nil {
		if sock := dst.udp[binding{to.Port(), !to.Addr().Is4()}]; sock != nil {
			pc.dst = sock
			c.send(pc)
		}
	}
	return len(p), nil
}

// send puts one datagram on its way.
func (c *packetConn) send(pc parcel) {
	h, dst := c.h, pc.dst.home()
	switch {
	case c.tx.size+len(pc.data) > packetQueue:
	case dst == h:
		pc.dst.arrive(pc)
	case h.off || dst.off || h.lost(dst):
	default:
		h.up.push(&c.tx, pc)
	}
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
	if g := c.h.n.groups; c.group.IsValid() {
		g[c.group] = slices.DeleteFunc(g[c.group], func(o *packetConn) bool { return o == c })
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
