package tracker

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

var (
	us4   = netip.MustParseAddr("198.51.100.7")
	us6   = netip.MustParseAddr("2001:db8:7::7")
	them4 = netip.MustParseAddr("203.0.113.1")
	them6 = netip.MustParseAddr("2001:db8::1")
	liar4 = netip.MustParseAddr("203.0.113.66")
)

// udpServer is a scripted UDP tracker. Each packet goes to answer, which returns the packets to send.
type udpServer struct {
	conn   net.PacketConn
	answer func(s *udpServer, b []byte) [][]byte // nil: honest
	began  time.Time
	ids    uint64

	mu   sync.Mutex
	seen []string // action and moment of each packet
	last []byte
}

func (s *udpServer) run() {
	s.began = time.Now()
	buf := make([]byte, 8<<10)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		b := append([]byte(nil), buf[:n]...)
		s.mu.Lock()
		name := [...]string{"connect", "announce", "scrape", "?"}[min(binary.BigEndian.Uint32(b[8:]), 3)]
		s.seen = append(s.seen, fmt.Sprint(name, " ", time.Since(s.began).Round(time.Second)))
		s.last = b
		s.mu.Unlock()
		answer := s.answer
		if answer == nil {
			answer = (*udpServer).honest
		}
		for _, r := range answer(s, b) {
			s.conn.WriteTo(r, from)
		}
	}
}

func (s *udpServer) packets() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.seen, ", ")
}

func head(action uint32, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, action), b[12:16]...)
}

func words(b []byte, n ...uint32) []byte {
	for _, w := range n {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// honest answers as BEP 15 says: one peer to an announce, 1, 2, 3 to a scrape.
func (s *udpServer) honest(b []byte) [][]byte {
	switch action := binary.BigEndian.Uint32(b[8:]); {
	case action == actConnect && len(b) == 16 && binary.BigEndian.Uint64(b) == udpMagic:
		s.ids++
		return [][]byte{binary.BigEndian.AppendUint64(head(actConnect, b), s.ids)}
	case binary.BigEndian.Uint64(b) != s.ids:
		return [][]byte{append(head(actError, b), "Connection ID mismatch."...)}
	case action == actAnnounce && len(b) >= 98:
		r := words(head(actAnnounce, b), 1800, 5, 7)
		if s.conn.LocalAddr().(*net.UDPAddr).IP.To4() == nil {
			return [][]byte{append(append(r, us6.AsSlice()...), 0x1a, 0xe1)}
		}
		return [][]byte{append(append(r, us4.AsSlice()...), 0x1a, 0xe1)}
	case action == actScrape:
		r := head(actScrape, b)
		for i := range (len(b) - 16) / 20 {
			r = words(r, uint32(i), 100+uint32(i), 7)
		}
		return [][]byte{r}
	}
	return nil
}

// udpWorld is a network with a client host and trackers.
type udpWorld struct {
	t    *testing.T
	n    *simnet.Net
	us   *simnet.Host
	them *simnet.Host
	c    *Client
	open int // sockets
	mu   sync.Mutex
}

type countedConn struct {
	net.PacketConn
	w *udpWorld
}

func (c countedConn) Close() error {
	c.w.mu.Lock()
	c.w.open--
	c.w.mu.Unlock()
	return c.PacketConn.Close()
}

func (w *udpWorld) sockets() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

func (w *udpWorld) listen(ctx context.Context, network, address string) (net.PacketConn, error) {
	conn, err := w.us.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.open++
	w.mu.Unlock()
	return countedConn{conn, w}, nil
}

// kept returns how many calls and addresses the client remembers over IPv4.
func (w *udpWorld) kept() (calls, points int) {
	p := w.c.udp[ipv4]
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.calls), len(p.points)
}

// serve starts a tracker on port 80 of one of their addresses.
func (w *udpWorld) serve(h *simnet.Host, ip netip.Addr, answer func(*udpServer, []byte) [][]byte) *udpServer {
	w.t.Helper()
	network := "udp4"
	if ip.Is6() {
		network = "udp6"
	}
	conn, err := h.ListenPacket(w.t.Context(), network, netip.AddrPortFrom(ip, 80).String())
	if err != nil {
		w.t.Fatal(err)
	}
	s := &udpServer{conn: conn, answer: answer}
	go s.run()
	return s
}

// inUDPWorld runs f in a bubble. tracker.test is them4, six.test them6, dual.test both.
func inUDPWorld(t *testing.T, patience time.Duration, f func(w *udpWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1)
		link := simnet.Link{Latency: 10 * time.Millisecond}
		w := &udpWorld{t: t, n: n, us: n.Host(us4, link, us6), them: n.Host(them4, link, them6)}
		n.Name("tracker.test", them4)
		n.Name("six.test", them6)
		n.Name("dual.test", them6, them4)
		w.c = NewClient(w.us.Dial, Options{Lookup: w.us.Lookup, ListenPacket: w.listen, UDPPatience: patience})
		f(w)
		w.c.Close()
		if n := w.sockets(); n != 0 {
			t.Errorf("%d sockets open after Close", n)
		}
	})
}
