package tracker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	udpPeriod  = 15 * time.Second // the first pause of BEP 15; each further one doubles
	udpRetries = 8                // doublings, then BEP 15 gives up
	idLife     = time.Minute      // how long a connection id may be used
	// socketIdle closes a socket when no connection id can be valid any more.
	socketIdle = idLife
	maxPoints  = 512 // trackers whose connection ids are kept
	maxBadRead = 16  // failed reads in a row after which a socket is given up
)

var errSocket = errors.New("the UDP socket failed")

// packets is the UDP socket of one address family, shared by all announces. It
// is opened by the first one and closed when idle; one goroutine reads it and
// hands each packet to the call with its transaction id. What is kept are the calls
// under way, each of which has a caller that waits, and at most maxPoints trackers.
type packets struct {
	v6   bool
	open func(ctx context.Context, network, address string) (net.PacketConn, error)
	gate chan struct{} // holds a token while nobody opens the socket

	mu      sync.Mutex // never held while waiting or sending
	conn    net.PacketConn
	used    time.Time
	idle    *time.Timer
	calls   map[uint32]*call // by transaction id
	points  map[netip.AddrPort]*point
	closed  bool
	readers sync.WaitGroup
}

// call is a request that awaits its reply; packets.mu guards it until done is closed.
type call struct {
	tid    uint32
	to     netip.AddrPort
	action uint32
	point  *point // of a connect: whose id the reply carries
	done   chan struct{}
	reply  []byte // the packet that answered
	err    error  // an error packet, or the end of the socket
}

// point is one tracker's address; packets.mu guards it. Everyone who needs a
// connection id waits for the same call.
type point struct {
	id      uint64
	got     time.Time // when id came; zero for none
	connect *call     // under way, or nil
	waiting int       // how many wait for connect
	sent    time.Time // of the last connect request of this call
}

func newPackets(v6 bool, open func(context.Context, string, string) (net.PacketConn, error)) *packets {
	p := &packets{v6: v6, open: open, gate: make(chan struct{}, 1), calls: make(map[uint32]*call), points: make(map[netip.AddrPort]*point)}
	p.gate <- struct{}{}
	return p
}

// close ends all calls and returns when the reader has ended.
func (p *packets) close() {
	p.mu.Lock()
	p.closed = true
	p.drop(net.ErrClosed)
	p.mu.Unlock()
	p.readers.Wait()
}

// drop closes the socket and ends all calls. The caller holds mu.
func (p *packets) drop(err error) {
	if p.conn == nil {
		return
	}
	p.conn.Close()
	p.idle.Stop()
	p.conn = nil
	for _, c := range p.calls {
		c.err = err
		p.end(c)
	}
	clear(p.points)
}

// end takes a call off the list and lets those who wait for it go on. The caller holds mu.
func (p *packets) end(c *call) {
	delete(p.calls, c.tid)
	if c.point != nil && c.point.connect == c {
		c.point.connect = nil
	}
	close(c.done)
	p.used = time.Now() // the id that came may be used from now on
}

// socket returns the open socket, opening it if there is none.
func (p *packets) socket(ctx context.Context) (net.PacketConn, error) {
	select {
	case <-p.gate:
		defer func() { p.gate <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	conn, closed := p.conn, p.closed
	p.used = time.Now()
	p.mu.Unlock()
	if closed {
		return nil, net.ErrClosed
	}
	if conn != nil {
		return conn, nil
	}
	network := "udp4"
	if p.v6 {
		network = "udp6"
	}
	conn, err := p.open(ctx, network, ":0")
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Close()
		return nil, net.ErrClosed
	}
	p.conn, p.used = conn, time.Now()
	p.idle = time.AfterFunc(socketIdle, p.rest)
	p.readers.Go(func() { p.read(conn) })
	return conn, nil
}

// rest closes the socket if it was idle for long, and else looks again later.
func (p *packets) rest() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil {
		return
	}
	left := socketIdle - time.Since(p.used)
	if len(p.calls) > 0 {
		left = socketIdle
	}
	if left > 0 {
		p.idle.Reset(left)
		return
	}
	p.drop(net.ErrClosed)
}

// read hands out the packets of one socket until it is closed.
func (p *packets) read(conn net.PacketConn) {
	buf := make([]byte, udpBuffer)
	for bad := 0; bad < maxBadRead; {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil { // an ICMP message or a packet too long, on some systems
			bad++
			continue
		}
		bad = 0
		p.deliver(buf[:n], addrPort(from))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == conn {
		p.drop(errSocket)
	}
}

// deliver ends the call that a packet answers. Packets with a foreign transaction id, from
// another address than the one asked, too short, or with another action are ignored.
func (p *packets) deliver(b []byte, from netip.AddrPort) {
	action, tid, ok := udpReplyHead(b)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[tid]
	if c == nil || !sameHost(c.to, from) || action != c.action && action != actError || len(b) < udpLeast(action) {
		return
	}
	if action == actError {
		c.err = udpFailure(b)
	} else {
		c.reply = append([]byte(nil), b...)
	}
	if c.point != nil && c.err == nil {
		c.point.id, c.point.got = binary.BigEndian.Uint64(b[udpHeader:]), time.Now()
	}
	p.end(c)
}

// begin lists a call to an address. The caller holds mu.
func (p *packets) begin(to netip.AddrPort, action uint32, pt *point) *call {
	c := &call{to: to, action: action, point: pt, done: make(chan struct{})}
	for taken := true; taken; {
		var b [4]byte
		rand.Read(b[:])
		c.tid = binary.BigEndian.Uint32(b[:])
		_, taken = p.calls[c.tid]
	}
	p.calls[c.tid] = c
	return c
}

// connection returns a connection id of the tracker at an address and when it came,
// asking for one if need be and waiting for it at most for the given time. All who wait
// share one call, and the tracker is asked once a period.
func (p *packets) connection(ctx context.Context, to netip.AddrPort, wait time.Duration) (uint64, time.Time, error) {
	conn, err := p.socket(ctx)
	if err != nil {
		return 0, time.Time{}, err
	}
	p.mu.Lock()
	if p.conn != conn {
		p.mu.Unlock()
		return 0, time.Time{}, errSocket
	}
	pt := p.point(to)
	if !pt.got.IsZero() && time.Since(pt.got) < idLife {
		defer p.mu.Unlock()
		return pt.id, pt.got, nil
	}
	send := time.Since(pt.sent) >= udpPeriod
	if pt.connect == nil {
		pt.connect, pt.waiting, send = p.begin(to, actConnect, pt), 0, true
	}
	c := pt.connect
	pt.waiting++
	if send {
		pt.sent = time.Now()
	}
	p.mu.Unlock()
	if send {
		err = write(conn, appendConnect(nil, c.tid), to)
	}
	err = c.await(ctx, err, wait)
	p.mu.Lock()
	defer p.mu.Unlock()
	pt.waiting--
	if pt.connect == c && pt.waiting == 0 {
		p.end(c)
	}
	return pt.id, pt.got, err
}

// point returns the entry of an address. The caller holds mu.
func (p *packets) point(to netip.AddrPort) *point {
	pt := p.points[to]
	if pt != nil {
		return pt
	}
	if len(p.points) >= maxPoints {
		for at, old := range p.points {
			if old.connect == nil {
				delete(p.points, at)
				break
			}
		}
	}
	pt = &point{}
	p.points[to] = pt
	return pt
}

// forget throws a connection id away.
func (p *packets) forget(to netip.AddrPort, id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pt := p.points[to]; pt != nil && pt.id == id {
		pt.got = time.Time{}
	}
}

// ask sends one request and waits for its reply at most for the given time.
func (p *packets) ask(ctx context.Context, to netip.AddrPort, id uint64, action uint32, body []byte, wait time.Duration) ([]byte, error) {
	conn, err := p.socket(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if p.conn != conn {
		p.mu.Unlock()
		return nil, errSocket
	}
	c := p.begin(to, action, nil)
	p.mu.Unlock()
	err = write(conn, append(appendUDPHeader(nil, id, action, c.tid), body...), to)
	err = c.await(ctx, err, wait)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[c.tid] == c {
		p.end(c)
	}
	return c.reply, err
}

// errSilent says that no reply came in the time of one request.
var errSilent = errors.New("no answer")

// await waits for the end of a call whose packet was sent with the error sent.
func (c *call) await(ctx context.Context, sent error, wait time.Duration) error {
	// Whoever closes the socket ends its calls, with the reason.
	if sent != nil && !errors.Is(sent, net.ErrClosed) {
		return sent
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-timer.C:
		return errSilent
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writeError is a packet that could not be sent.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

func write(conn net.PacketConn, b []byte, to netip.AddrPort) error {
	if _, err := conn.WriteTo(b, net.UDPAddrFromAddrPort(to)); err != nil {
		return writeError{err}
	}
	return nil
}

// addrPort returns the address of a packet, the zero one if it is none of UDP.
func addrPort(a net.Addr) netip.AddrPort {
	if ua, ok := a.(*net.UDPAddr); ok {
		return ua.AddrPort()
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}

// sameHost compares addresses without the name of an interface, which not every system tells.
func sameHost(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().Unmap().WithZone("") == b.Addr().Unmap().WithZone("")
}
