package session

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestProtocolOf(t *testing.T) {
	for b, want := range map[string]protocol{
		"":        noProtocol,
		"d1:ad2:": dhtProtocol, "d": dhtProtocol, "D": noProtocol, "i1e": noProtocol, "l": noProtocol,
		"\x01\x00": utpProtocol, "\x11": utpProtocol, "\x21": utpProtocol, "\x31": utpProtocol, "\x41\x00\x00": utpProtocol,
		"\x51": noProtocol, "\x02": noProtocol, "\x00": noProtocol, "\xf1": noProtocol, "\x13BitTorrent protocol": noProtocol,
	} {
		if got := protocolOf([]byte(b)); got != want {
			t.Errorf("%q: %d, not %d", b, got, want)
		}
	}
}

// TestStrangersOnTheSocket: what is no protocol of ours, or too large, is dropped and counted, and the DHT lives on.
func TestStrangersOnTheSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n, other := w.dhtNode().run(), w.host(homely)
		c, err := other.ListenPacket(t.Context(), "udp4", "0.0.0.0:7000")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(n.addr()))
		for _, b := range [][]byte{{}, {0x41, 0, 0}, []byte("x"), append([]byte("d"), make([]byte, 5000)...), []byte("d3:bade")} {
			if _, err := c.WriteTo(b, to); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if got := n.s.DHTNodes()[0]; got.Strangers != 3 || got.Missed != 1 || got.Guard.AllDropped() != 1 {
			t.Errorf("strangers %d, missed %d, dropped by the guard %d", got.Strangers, got.Missed, got.Guard.AllDropped())
		}
		ping(t, c, to)
	})
}

// ping asks a node and awaits its answer.
func ping(t *testing.T, c net.PacketConn, to net.Addr) {
	t.Helper()
	if _, err := c.WriteTo([]byte("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"), to); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1500)
	if _, _, err := c.ReadFrom(b); err != nil {
		t.Errorf("no answer to a ping: %v", err)
	}
}

// failing is a network whose UDP sockets can be made to fail.
type failing struct {
	Net
	mu     sync.Mutex
	read   error // of every read
	listen error
	opened int
	conns  []net.PacketConn
}

type failingConn struct {
	net.PacketConn
	f *failing
}

func (f *failing) set(read, listen error) {
	f.mu.Lock()
	f.read, f.listen = read, listen
	conns := f.conns
	f.mu.Unlock()
	if read != nil {
		for _, c := range conns { // so that a blocked read ends
			_ = c.SetReadDeadline(time.Now())
		}
	}
}

func (f *failing) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listen != nil {
		return nil, f.listen
	}
	c, err := f.Net.ListenPacket(ctx, network, address)
	if err == nil {
		f.opened++
		f.conns = append(f.conns, c)
	}
	return failingConn{c, f}, err
}

func (c failingConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := c.PacketConn.ReadFrom(b)
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.read != nil {
		return 0, nil, c.f.read
	}
	return n, a, err
}

// TestD13SocketDies: read errors are waited out, a dead socket is opened again at the same port, also when that does
// not work for an hour, and the DHT node never hears of it.
func TestD13SocketDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.dhtNode()
		f := &failing{Net: n.cfg.Net}
		n.cfg.Net = f
		n.run()
		f.mu.Lock()
		first := f.opened
		f.mu.Unlock()
		c, err := w.host(homely).ListenPacket(t.Context(), "udp4", "0.0.0.0:7000")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(n.addr()))
		for _, fault := range []struct{ read, listen error }{
			{syscall.ENETDOWN, syscall.ENETDOWN},
			{syscall.ENETDOWN, nil},
			{net.ErrClosed, syscall.EADDRINUSE},
			{syscall.EMFILE, nil},
			{os.ErrDeadlineExceeded, syscall.EADDRNOTAVAIL},
		} {
			f.set(fault.read, fault.listen)
			time.Sleep(time.Hour)
			f.set(nil, nil)
			time.Sleep(2 * rebindRest)
			ping(t, c, to)
		}
		f.mu.Lock()
		again := f.opened - first
		f.mu.Unlock()
		if again == 0 {
			t.Error("the socket was never opened again")
		}
		n.s.overlay.rejoin(time.Now())
		time.Sleep(time.Second)
		ping(t, c, to)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.opened == first+again {
			t.Error("after a change of network the socket is the old one")
		}
	})
}

// TestUDPPortTaken: a port that is free for TCP alone is passed over; where a person asked for it, or nothing
// else is free, we do without UDP.
func TestUDPPortTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		take := func(n *node, from, to int) {
			for p := from; p <= to; p++ {
				c, err := n.host.ListenPacket(t.Context(), "udp4", fmt.Sprintf("0.0.0.0:%d", p))
				if err != nil {
					t.Fatal(err)
				}
				w.end = append(w.end, func() { c.Close() })
			}
		}
		for _, tc := range []struct {
			last  int // the last UDP port that is taken
			exact bool
			port  uint16
			nodes int
		}{
			{6881, false, 6882, 1},
			{6881, true, 6881, 0},
			{6881 + nextPorts, false, 6881, 0},
		} {
			n := w.dhtNode()
			take(n, 6881, tc.last)
			n.cfg.Listen, n.cfg.ListenExact = "0.0.0.0:6881", tc.exact
			n.run()
			if got := n.s.Addrs()[0].Port(); got != tc.port || len(n.s.DHTNodes()) != tc.nodes {
				t.Errorf("%+v: port %d, %d nodes", tc, got, len(n.s.DHTNodes()))
			}
		}
	})
}

// TestDHTMoves: with another address the node is in the network again within a minute.
func TestDHTMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		boot := w.dhtNode().run()
		n := w.dhtNode(boot)
		road := &roaming{host: n.host}
		n.cfg.Net = road
		n.run()
		time.Sleep(time.Minute)
		n.host = w.host(homely)
		road.move(n.host)
		w.dhtNode(boot).seed()
		n.cfg.Net = n.host
		time.Sleep(30 * time.Second)
		var found []netip.AddrPort
		if _, err := n.s.LookUp(t.Context(), w.tor.ID.Wire(), 0, func(p []netip.AddrPort, _ netip.Addr) { found = append(found, p...) }); err != nil || len(found) != 1 {
			t.Errorf("found %v, %v", found, err)
		}
		c, err := w.host(homely).ListenPacket(t.Context(), "udp4", "0.0.0.0:7000")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ping(t, c, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(n.addr())))
	})
}

// TestRealSockets: the node on the machine's own sockets, both families, on the port of the listener.
func TestRealSockets(t *testing.T) {
	s := running(t, Config{Listen: ":0", DHT: &DHT{}})
	nodes := s.DHTNodes()
	if len(nodes) != len(s.Addrs()) {
		t.Fatalf("%d nodes for %v", len(nodes), s.Addrs())
	}
	for _, a := range s.Addrs() {
		host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if a.Addr().Is6() {
			host = netip.IPv6Loopback()
		}
		c, err := net.ListenPacket("udp", net.JoinHostPort(host.String(), "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ping(t, c, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, a.Port())))
	}
}
