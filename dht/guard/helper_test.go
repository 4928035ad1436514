package guard

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal/internal/bencode"
)

// socket is a net.PacketConn that hands out what a test puts in and keeps what is sent.
type socket struct {
	in   chan packet
	done chan struct{}
	mu   sync.Mutex
	sent []packet
	fail error // of WriteTo
	once sync.Once
}

type packet struct {
	data []byte
	addr net.Addr
	err  error
}

func newSocket() *socket { return &socket{in: make(chan packet, 100), done: make(chan struct{})} }

func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case d := <-s.in:
		return copy(p, d.data), d.addr, d.err
	case <-s.done:
		return 0, nil, net.ErrClosed
	}
}

func (s *socket) WriteTo(p []byte, addr net.Addr) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return 0, s.fail
	}
	s.sent = append(s.sent, packet{data: append([]byte(nil), p...), addr: addr})
	return len(p), nil
}

func (s *socket) Close() error                     { s.once.Do(func() { close(s.done) }); return nil }
func (s *socket) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 6881} }
func (s *socket) SetDeadline(time.Time) error      { return nil }
func (s *socket) SetReadDeadline(time.Time) error  { return nil }
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// last returns the last datagram that was sent, and how many there were.
func (s *socket) last() (data []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n = len(s.sent); n > 0 {
		data = s.sent[n-1].data
	}
	return data, n
}

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func udp(s string) net.Addr { return net.UDPAddrFromAddrPort(ap(s)) }

// scope is the rule of the session in small: who is not local may not name local addresses.
func scope(a netip.AddrPort, by netip.Addr) bool {
	return !by.IsValid() || !Global(by) || Global(a.Addr())
}

func open(t testing.TB, cfg Config) (*Conn, *socket) {
	t.Helper()
	s := newSocket()
	cfg.Conn = s
	if cfg.Allow == nil {
		cfg.Allow = scope
	}
	c := New(cfg)
	t.Cleanup(func() { c.Close() })
	return c, s
}

// sample values of the protocol.
const (
	anID   = "20:abcdefghij0123456789"
	aHash  = "20:mnopqrstuvwxyz123456"
	pingQ  = "d1:ad2:id" + anID + "e1:q4:ping1:t2:aa1:y1:qe"
	findQ  = "d1:ad2:id" + anID + "6:target" + aHash + "e1:q9:find_node1:t2:aa1:y1:qe"
	peersQ = "d1:ad2:id" + anID + "9:info_hash" + aHash + "e1:q9:get_peers1:t2:aa1:y1:qe"
)

// second is a time of the tables.
const second = int64(time.Second)

// asks lets c send a query with that t to an address and returns the t on the wire.
func asks(t testing.TB, c *Conn, own, to string, now int64) []byte {
	t.Helper()
	var m message
	if why := m.parse([]byte(strings.Replace(peersQ, "2:aa", string(str(nil, []byte(own))), 1)), ours); why != passes {
		t.Fatal(why)
	}
	if why := c.ask(&m, ap(to), now); why != passes {
		t.Fatalf("query to %s: %v", to, why)
	}
	return m.t
}

// reply returns a reply with that t and body, the pairs behind the id.
func replyOf(wire []byte, body string) []byte {
	return append(append([]byte("d1:rd2:id"+anID+body+"e"), "1:t"+string(str(nil, wire))...), "1:y1:re"...)
}

// compact returns nodes of addresses.
func compact(t testing.TB, addrs ...string) string {
	t.Helper()
	var b []byte
	for i, s := range addrs {
		a := ap(s)
		b = append(append(b, "nodeid-nodeid-nodei"...), byte('a'+i))
		b = binary.BigEndian.AppendUint16(append(b, a.Addr().AsSlice()...), a.Port())
	}
	return string(str(nil, b))
}

// addrsIn returns the addresses of a compact node list.
func addrsIn(list []byte, size int) (all []string) {
	for ; len(list) >= size; list = list[size:] {
		all = append(all, compactAddr(list[idLen:size]).String())
	}
	return all
}

// canonical fails unless b is one value with sorted keys within the limits of what may pass.
func canonical(t testing.TB, b []byte) {
	t.Helper()
	if n, err := bencode.Scan(b, foreign); err != nil || n != len(b) {
		t.Fatalf("%q: %d, %v", b, n, err)
	}
	var check func(v []byte)
	check = func(v []byte) {
		last, first := "", true
		for k, x := range bencode.Dict(v) {
			if !first && k <= last {
				t.Fatalf("%q: key %q after %q", b, k, last)
			}
			last, first = k, false
			check(x)
		}
		for x := range bencode.List(v) {
			check(x)
		}
	}
	check(b)
}
