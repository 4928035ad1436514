package simnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Listen opens a TCP listener, as net.Listen.
func (h *Host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	a, err := h.resolve(ctx, network, address)
	if err == nil {
		h.n.mu.Lock()
		defer h.n.mu.Unlock()
		var bs []binding
		a, bs, err = h.bind(network, a, func(b binding) bool { return h.tcp[b] != nil })
		if err == nil {
			l := &listener{h: h, addr: a, bs: bs}
			l.cond.L = &h.n.mu
			for _, b := range bs {
				h.tcp[b] = l
			}
			return l, nil
		}
	}
	return nil, &net.OpError{Op: "listen", Net: network, Addr: tcpAddr(a), Err: err}
}

type listener struct {
	h      *Host
	addr   netip.AddrPort
	bs     []binding
	cond   sync.Cond
	queue  []*stream
	closed bool
}

func (l *listener) Addr() net.Addr { return tcpAddr(l.addr) }

func (l *listener) Accept() (net.Conn, error) {
	l.h.n.mu.Lock()
	defer l.h.n.mu.Unlock()
	for len(l.queue) == 0 && !l.closed {
		l.cond.Wait()
	}
	if l.closed {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	s := l.queue[0]
	l.queue = l.queue[1:]
	return s, nil
}

func (l *listener) Close() error {
	l.h.n.mu.Lock()
	defer l.h.n.mu.Unlock()
	if l.closed {
		return &net.OpError{Op: "close", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.closed = true
	for _, b := range l.bs {
		delete(l.h.tcp, b)
	}
	for _, s := range l.queue {
		s.shut(reset)
	}
	l.queue = nil
	l.cond.Broadcast()
	return nil
}

// Dial opens a TCP stream, as net.Dialer.DialContext. It takes a round trip;
// nobody at the address means a time-out after two minutes, nobody at the port a refusal.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	a, err := h.resolve(ctx, network, address)
	var s *stream
	if err == nil {
		s, err = h.dial(ctx, a)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: tcpAddr(a), Err: err}
	}
	return s, nil
}

// attempt is one dial under way. Net.mu guards it.
type attempt struct {
	from, to netip.AddrPort
	src, dst *Host
	done     chan error // capacity 1
	s        *stream
	over     bool // the dialler has left
}

func (h *Host) dial(ctx context.Context, to netip.AddrPort) (*stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h.n.mu.Lock()
	from, ok := h.source(to.Addr())
	at := &attempt{to: to, src: h, dst: h.find(to.Addr()), done: make(chan error, 1)}
	if ok {
		at.from = netip.AddrPortFrom(from, h.nextPort())
		if at.dst != nil {
			at.syn()
		}
	}
	h.n.mu.Unlock()
	if !ok {
		return nil, os.NewSyscallError("connect", syscall.ENETUNREACH)
	}
	limit := time.NewTimer(dialTimeout)
	defer limit.Stop()
	var err error
	select {
	case err = <-at.done:
		return at.s, err
	case <-ctx.Done():
		err = ctx.Err()
	case <-limit.C:
		err = os.NewSyscallError("connect", syscall.ETIMEDOUT)
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	at.over = true
	if at.s != nil {
		at.s.shut(reset)
	}
	return nil, err
}

// syn lets the first packet travel; when a cable is out it is sent again later.
func (at *attempt) syn() {
	n, d := at.src.n, at.src.distance(at.dst)
	if at.src == at.dst {
		d = 0
	}
	n.after(d, func() {
		switch l := at.dst.tcp[binding{at.to.Port(), !at.to.Addr().Is4()}]; {
		case at.over:
		case at.src != at.dst && (at.src.off || at.dst.off):
			n.after(synRetry, at.syn)
		case l == nil || len(l.queue) >= backlog || !l.takes(at.to.Addr()):
			n.after(d, func() { at.done <- os.NewSyscallError("connect", syscall.ECONNREFUSED) })
		default:
			ours, theirs := newPair(at)
			l.queue = append(l.queue, theirs)
			l.cond.Signal()
			n.after(d, func() {
				if at.over {
					ours.shut(reset)
					return
				}
				at.s = ours
				at.done <- nil
			})
		}
	})
}

func (l *listener) takes(a netip.Addr) bool {
	return l.addr.Addr().IsUnspecified() || l.addr.Addr() == a
}

func tcpAddr(a netip.AddrPort) net.Addr {
	if !a.IsValid() {
		return nil
	}
	return net.TCPAddrFromAddrPort(a)
}
