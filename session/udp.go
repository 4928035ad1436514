package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Sizes and times of the UDP sockets.
const (
	maxPacket   = 2048 // bytes of a datagram that anybody here reads; larger ones are dropped
	packetQueue = 256  // datagrams that wait for whoever shares a socket; further ones are dropped
	readRest    = 100 * time.Millisecond
	readFails   = 5               // failures in a row after which a socket counts as dead
	readRefused = 1000            // the same of datagrams of ours that found no taker
	rebindRest  = 5 * time.Second // the longest rest while it cannot be opened again
)

// protocol is whose a datagram is.
type protocol uint8

const (
	noProtocol protocol = iota
	dhtProtocol
	utpProtocol // nobody reads it yet
	protocols
)

// protocolOf says by its first byte whose a datagram is: messages of the DHT are dictionaries (BEP 5), packets
// of uTP begin with a type up to 4 and the version 1 (BEP 29).
func protocolOf(b []byte) protocol {
	switch {
	case len(b) == 0:
		return noProtocol
	case b[0] == 'd':
		return dhtProtocol
	case b[0]&0x0f == 1 && b[0]>>4 <= 4:
		return utpProtocol
	}
	return noProtocol
}

// socket is the UDP socket of one family, on the port of the listener. Several protocols share it. It is opened
// again when it dies, and its users never hear of that. The goroutine in read brings what comes in; the rest may be called
// from any goroutine.
type socket struct {
	net              Net
	network, address string
	log              *slog.Logger
	outside          *outside
	lanes            [protocols]atomic.Pointer[lane]
	dropped          [protocols]atomic.Uint64 // datagrams that nobody wanted, or had room for
	renew            atomic.Bool              // the next failure is no failure but a wish for a new socket

	mu     sync.Mutex // guards what follows
	pc     net.PacketConn
	closed bool
}

// openSocket opens the UDP socket beside a listener.
func (s *Session) openSocket(tcp, address string) (*socket, error) {
	network := strings.Replace(tcp, "tcp", "udp", 1)
	pc, err := s.cfg.Net.ListenPacket(s.ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("listen on UDP: %w", err)
	}
	return &socket{net: s.cfg.Net, network: network, address: address, log: s.log, outside: s.outside, pc: pc}, nil
}

func (u *socket) conn() net.PacketConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.pc
}

// close ends the socket for good, and read with it.
func (u *socket) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	_ = u.pc.Close() // only ends the read
}

// again opens the socket anew, because the machine slept or moved. It does not wait for that.
func (u *socket) again() {
	u.renew.Store(true)
	_ = u.conn().Close() // only ends the read
}

// reopen binds to the same place again.
func (u *socket) reopen(ctx context.Context) error {
	_ = u.conn().Close() // it is dead
	pc, err := u.net.ListenPacket(ctx, u.network, u.address)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return errors.Join(net.ErrClosed, pc.Close())
	}
	u.pc = pc
	return nil
}

// read hands out what comes in until ctx ends and the socket is closed.
func (u *socket) read(ctx context.Context) {
	buf := make([]byte, 64<<10) // room for any datagram: a larger one is an error on some systems
	fails, refused, rest := 0, 0, readRest
	for {
		n, from, err := u.conn().ReadFrom(buf)
		switch {
		case err == nil:
			fails, refused, rest = 0, 0, readRest
			u.outside.hear(addrOf(from).Addr(), false)
			u.hand(buf[:n], from)
			continue
		case ctx.Err() != nil:
			return
		case isRefused(err) && refused < readRefused: // told of one of our own datagrams; no other one is lost
			refused++
			continue
		}
		fails++
		if u.renew.Swap(false) || fails >= readFails && !isExhausted(err) {
			if err := u.reopen(ctx); err == nil {
				u.log.Info("listening on UDP again", "addr", u.address)
				fails, refused, rest = 0, 0, readRest
				continue
			} else if rest == readRest {
				u.log.Info("cannot listen on UDP again; no DHT until that works", "addr", u.address, "err", err)
			}
			fails, rest = readFails, min(2*rest, rebindRest)
		}
		u.log.Debug("cannot read from the UDP socket", "addr", u.address, "err", err)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
	}
}

// hand gives one datagram to whom it is for. It never waits.
func (u *socket) hand(b []byte, from net.Addr) {
	p := protocolOf(b)
	if l := u.lanes[p].Load(); l == nil || !l.put(b, from) {
		u.dropped[p].Add(1)
	}
}

// strangers returns how many datagrams were dropped that are not of p.
func (u *socket) strangers(p protocol) (n uint64) {
	for i := range u.dropped {
		if protocol(i) != p {
			n += u.dropped[i].Load()
		}
	}
	return n
}

// wsaConnReset is what Windows says; syscall has no portable name for it.
const wsaConnReset = syscall.Errno(10054)

// isRefused reports whether a read failed because of an earlier datagram of ours that found no taker.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, wsaConnReset)
}

// packet is one datagram on its way to its reader.
type packet struct {
	b    []byte
	from net.Addr
}

// lane is one protocol's part of a socket, as a net.PacketConn. Its ReadFrom fails only after Close, which
// leaves the socket open.
type lane struct {
	u     *socket
	p     protocol
	in    chan packet
	spare chan []byte // buffers that were read
	done  chan struct{}
	once  sync.Once
}

// lane returns the part of p, which nobody else may have.
func (u *socket) lane(p protocol) *lane {
	l := &lane{u: u, p: p, in: make(chan packet, packetQueue), spare: make(chan []byte, packetQueue), done: make(chan struct{})}
	u.lanes[p].Store(l)
	return l
}

// put queues a datagram; false when it is too large or the queue is full.
func (l *lane) put(b []byte, from net.Addr) bool {
	if len(b) > maxPacket || len(l.in) == cap(l.in) {
		return false
	}
	var room []byte
	select {
	case room = <-l.spare:
	default:
		room = make([]byte, maxPacket)
	}
	l.in <- packet{room[:copy(room, b)], from} // there was room, and nobody else puts
	return true
}

// ReadFrom implements net.PacketConn.
func (l *lane) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case <-l.done:
		return 0, nil, net.ErrClosed
	case d := <-l.in:
		n := copy(p, d.b)
		select {
		case l.spare <- d.b[:maxPacket]:
		default:
		}
		return n, d.from, nil
	}
}

// WriteTo implements net.PacketConn.
func (l *lane) WriteTo(p []byte, to net.Addr) (int, error) { return l.u.conn().WriteTo(p, to) }

// LocalAddr implements net.PacketConn.
func (l *lane) LocalAddr() net.Addr { return l.u.conn().LocalAddr() }

// Close implements net.PacketConn. It detaches from the socket.
func (l *lane) Close() error {
	l.once.Do(func() {
		l.u.lanes[l.p].CompareAndSwap(l, nil)
		close(l.done)
	})
	return nil
}

// SetDeadline is not supported: nobody here waits by deadline.
func (l *lane) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline is not supported.
func (l *lane) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline is not supported.
func (l *lane) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
