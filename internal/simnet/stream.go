package simnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Bounds of the window of a stream and of its sender's queue, in bytes.
const (
	minWindow = 32 << 10
	maxWindow = 4 << 20
	maxQueue  = 256 << 10
)

// stream is one end of a TCP-like connection.
type stream struct {
	h             *Host
	peer          *stream
	local, remote netip.AddrPort
	pipe          *pipe // what tx waits for: the uplink, or lo

	tx, rx flow
	limit  int // bytes of tx at which writers wait
	window int // bytes that may be under way to this end or unread
	flight int // bytes that are
	in     [][]byte

	reader, writer    waiter
	eof, dead, closed bool // the other end closed; reset; Close was called
}

// newPair makes both ends of a stream for an attempt. Net.mu is held.
func newPair(at *attempt) (ours, theirs *stream) {
	ours = newStream(at.src, at.dst, at.from, at.to)
	theirs = newStream(at.dst, at.src, at.to, at.from)
	ours.peer, theirs.peer = theirs, ours
	return ours, theirs
}

func newStream(h, other *Host, local, remote netip.AddrPort) *stream {
	s := &stream{h: h, local: local, remote: remote, pipe: h.up}
	if h == other {
		s.pipe = h.lo
	}
	s.window = windowFor(other.link.Up, h.link.Down, 2*h.distance(other))
	s.limit = min(maxQueue, windowFor(h.link.Up, other.link.Down, 2*h.distance(other)))
	s.reader.cond.L, s.writer.cond.L = &h.n.mu, &h.n.mu
	s.tx.gate = func() int {
		if s.peer.flight > s.peer.window*3/4 {
			return 0 // no slivers
		}
		return s.peer.window - s.peer.flight
	}
	s.tx.left = func(n int) {
		s.peer.flight += n
		if s.tx.size <= s.limit/2 {
			s.writer.cond.Broadcast()
		}
	}
	return s
}

// windowFor is twice what the slower link carries in a round trip, and 50 ms more.
func windowFor(up, down int64, rtt time.Duration) int {
	rate := up
	if rate == 0 || down > 0 && down < rate {
		rate = down
	}
	if rate == 0 {
		return maxWindow
	}
	w := 2*float64(rate)*rtt.Seconds() + float64(rate)/20
	return int(max(minWindow, min(w, maxWindow)))
}

func (s *stream) home() *Host          { return s.h }
func (s *stream) inbound() *flow       { return &s.rx }
func (s *stream) whole() bool          { return false }
func (s *stream) LocalAddr() net.Addr  { return tcpAddr(s.local) }
func (s *stream) RemoteAddr() net.Addr { return tcpAddr(s.remote) }

func (s *stream) arrive(p parcel) {
	switch {
	case p.end == reset:
		s.kill()
	case s.closed && len(p.data) > 0:
		// Nobody will read it: say so, as TCP does.
		if !s.dead {
			s.kill()
			s.pipe.push(&s.tx, parcel{end: reset, dst: s.peer})
		}
	case s.closed || s.dead:
	case p.end == fin:
		s.eof = true
		s.reader.cond.Broadcast()
	default:
		s.in = append(s.in, p.data)
		s.reader.cond.Broadcast()
	}
}

// kill ends the stream at once, both ways; what was not sent yet never is.
func (s *stream) kill() {
	s.dead = true
	s.in, s.tx.q, s.tx.size = nil, nil, 0
	s.reader.cond.Broadcast()
	s.writer.cond.Broadcast()
}

// shut closes this end: fin lets what was written arrive, reset drops it. Net.mu is held.
func (s *stream) shut(how end) {
	if s.closed {
		return
	}
	s.closed = true
	if len(s.in) > 0 {
		how = reset
	}
	if how == reset {
		s.tx.q, s.tx.size = nil, 0
	}
	s.in = nil
	if !s.dead {
		s.pipe.push(&s.tx, parcel{end: how, dst: s.peer})
	}
	s.reader.end()
	s.writer.end()
}

// Close closes both directions. What was written still arrives, unless
// something was left unread: then the other end sees a reset.
func (s *stream) Close() error {
	s.h.n.mu.Lock()
	defer s.h.n.mu.Unlock()
	if s.closed {
		return s.fail("close", net.ErrClosed)
	}
	s.shut(fin)
	return nil
}

func (s *stream) fail(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}

func (s *stream) Read(p []byte) (int, error) {
	s.h.n.mu.Lock()
	defer s.h.n.mu.Unlock()
	for {
		switch {
		case s.closed:
			return 0, s.fail("read", net.ErrClosed)
		case s.dead:
			return 0, s.fail("read", os.NewSyscallError("read", syscall.ECONNRESET))
		case s.reader.late():
			return 0, s.fail("read", os.ErrDeadlineExceeded)
		case len(s.in) > 0:
			return s.drain(p), nil
		case s.eof:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.reader.wait()
	}
}

// drain moves arrived bytes to p and lets the sender go on.
func (s *stream) drain(p []byte) int {
	n := 0
	for len(s.in) > 0 && n < len(p) {
		m := copy(p[n:], s.in[0])
		n += m
		if s.in[0] = s.in[0][m:]; len(s.in[0]) == 0 {
			s.in[0] = nil
			s.in = s.in[1:]
		}
	}
	s.flight -= n
	s.peer.pipe.activate(&s.peer.tx)
	return n
}

func (s *stream) Write(p []byte) (int, error) {
	s.h.n.mu.Lock()
	defer s.h.n.mu.Unlock()
	n := 0
	for {
		switch {
		case s.closed:
			return n, s.fail("write", net.ErrClosed)
		case s.dead:
			return n, s.fail("write", os.NewSyscallError("write", syscall.ECONNRESET))
		case s.writer.late():
			return n, s.fail("write", os.ErrDeadlineExceeded)
		case n == len(p):
			return n, nil
		}
		if room := s.limit - s.tx.size; room > 0 {
			data := append([]byte(nil), p[n:min(len(p), n+room)]...)
			n += len(data)
			s.pipe.push(&s.tx, parcel{data: data, dst: s.peer})
			if n == len(p) {
				return n, nil
			}
			continue
		}
		s.writer.wait()
	}
}

func (s *stream) SetDeadline(t time.Time) error      { return s.setDeadline(&t, &t) }
func (s *stream) SetReadDeadline(t time.Time) error  { return s.setDeadline(&t, nil) }
func (s *stream) SetWriteDeadline(t time.Time) error { return s.setDeadline(nil, &t) }

func (s *stream) setDeadline(rd, wd *time.Time) error {
	s.h.n.mu.Lock()
	defer s.h.n.mu.Unlock()
	if s.closed {
		return s.fail("set", net.ErrClosed)
	}
	if rd != nil {
		s.reader.set(*rd)
	}
	if wd != nil {
		s.writer.set(*wd)
	}
	return nil
}
