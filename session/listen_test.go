package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/swarm"
)

// occupy takes a port on all addresses of the machine.
func occupy(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

func TestPortTaken(t *testing.T) {
	port := occupy(t)
	s := running(t, Config{Listen: fmt.Sprintf(":%d", port)})
	if got := int(s.Addrs()[0].Port()); got <= port || got > port+nextPorts {
		t.Errorf("listens on %d, port %d is taken", got, port)
	}
	_, err := New(Config{Listen: fmt.Sprintf("127.0.0.1:%d", port), ListenExact: true})
	if !errors.Is(err, ErrPort) || !strings.Contains(err.Error(), fmt.Sprint(port)) {
		t.Errorf("exact port that is taken: %v", err)
	}
}

// TestBothFamilies: the same port answers on IPv4 and IPv6, where the machine has it.
func TestBothFamilies(t *testing.T) {
	s := running(t, Config{Listen: ":0"})
	for _, a := range s.Addrs() {
		host := "127.0.0.1"
		if a.Addr().Is6() {
			host = "::1"
		}
		if a.Port() != s.Addrs()[0].Port() {
			t.Errorf("ports differ: %v", s.Addrs())
		}
		nc, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(a.Port())))
		if err != nil {
			t.Error(err)
			continue
		}
		nc.Close()
	}
	t.Logf("listens on %v", s.Addrs())
}

func TestListenBad(t *testing.T) {
	for _, a := range []string{"nonsense", "127.0.0.1:x", "127.0.0.1:70000", "no.such.host.invalid:1"} {
		if _, err := New(Config{Listen: a}); err == nil {
			t.Errorf("%q was accepted", a)
		}
	}
}

// TestW03Self: our own address is dialled once, recognised, and not dialled again;
// the same peer id from two addresses is two peers.
func TestW03Self(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.node(quick)
		counted := &dialCount{Host: n.host}
		n.cfg.Net = counted
		self := netip.AddrPortFrom(n.host.Addr(), 6881).String()
		n.start(Add{Peers: []string{self}})
		time.Sleep(30 * time.Minute)
		st := n.status()
		if st.Peers != 0 || st.Candidates != 0 {
			t.Errorf("after meeting ourselves: %d peers, %d candidates", st.Peers, st.Candidates)
		}
		// Named again by somebody else it is not dialled either.
		n.s.reg.find(w.tor.ID.Wire()).running().AddPeers([]netip.AddrPort{netip.MustParseAddrPort(self)}, swarm.Source{})
		time.Sleep(time.Minute)
		if got := counted.dials.Load(); got != 1 {
			t.Errorf("our own address was dialled %d times, want once", got)
		}

		for range 2 {
			p := w.fake(simnet.Link{}, n, [20]byte{'t', 'w', 'i', 'n'})
			defer p.Close()
		}
		time.Sleep(time.Second)
		if got := n.status().Peers; got != 2 {
			t.Errorf("%d peers, want both that share an id", got)
		}
	})
}

// dialCount is a host that counts its dials.
type dialCount struct {
	*simnet.Host
	dials atomic.Int32
}

func (d *dialCount) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.dials.Add(1)
	return d.Host.Dial(ctx, network, address)
}

// fake connects a scripted peer from a host of its own.
func (w *sim) fake(link simnet.Link, n *node, id [20]byte) *fakepeer.Peer {
	w.t.Helper()
	nc, err := w.host(link).Dial(w.t.Context(), "tcp", n.addr())
	if err != nil {
		w.t.Fatal(err)
	}
	p := fakepeer.New(nc)
	if err := p.Dial(fakepeer.Hello{InfoHash: w.tor.ID.Wire(), PeerID: id}); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// TestStrangers: W02 at the level of the session: who wants a torrent that we do not have, or
// speaks something else, gets no reply; silence is ended after 10 s.
func TestStrangers(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		for name, say := range map[string]string{
			"W02 unknown torrent": "\x13BitTorrent protocol\x00\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("x", 40),
			"W02 http":            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
			"W01 silence":         "\x13BitTorrent",
		} {
			nc, err := w.host(quick).Dial(t.Context(), "tcp", seed.addr())
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			if _, err := nc.Write([]byte(say)); err != nil {
				t.Fatal(err)
			}
			got, err := nc.Read(make([]byte, 100))
			if got != 0 || err == nil || time.Since(begun) > 11*time.Second {
				t.Errorf("%s: %d bytes, %v after %v", name, got, err, time.Since(begun))
			}
			nc.Close()
		}
	})
}

func TestScope(t *testing.T) {
	from := func(by string, kind swarm.SourceKind) swarm.Source {
		if by == "" {
			return swarm.Source{Kind: kind}
		}
		return swarm.Source{Kind: kind, By: netip.MustParseAddr(by)}
	}
	const world, house, self = "8.8.8.8", "192.168.1.1", "127.0.0.1"
	for _, tt := range []struct {
		addr string
		from swarm.Source
		want bool
	}{
		{"1.2.3.4:6881", from(world, swarm.FromTracker), true},
		{"1.2.3.4:6881", from(house, swarm.FromTracker), true},
		{"1.2.3.4:6881", from(self, swarm.FromTracker), true},
		{"10.0.0.1:6881", from(world, swarm.FromTracker), false},
		{"10.0.0.1:6881", from(house, swarm.FromTracker), true},
		{"10.0.0.1:6881", from("", swarm.FromTracker), false},
		{"127.0.0.1:6881", from(world, swarm.FromPeer), false},
		{"127.0.0.1:6881", from(house, swarm.FromDHT), false},
		{"127.0.0.1:6881", from(self, swarm.FromTracker), true},
		{"[::ffff:127.0.0.1]:6881", from(world, swarm.FromTracker), false},
		{"169.254.1.1:6881", from(house, swarm.FromTracker), false},
		{"169.254.169.254:6881", from(world, swarm.FromTracker), false},
		{"[fe80::1]:6881", from(world, swarm.FromTracker), false},
		{"[fd00::1]:6881", from(world, swarm.FromTracker), false},
		{"[2001:db8::1]:6881", from(world, swarm.FromTracker), true},
		{"100.64.0.1:6881", from(world, swarm.FromTracker), false},
		{"1.2.3.4:22", from(world, swarm.FromTracker), false},
		{"1.2.3.4:0", from(world, swarm.FromTracker), false},
		{"0.0.0.0:6881", from(self, swarm.FromTracker), false},
		{"255.255.255.255:6881", from(self, swarm.FromTracker), false},
		{"224.0.0.1:6881", from(self, swarm.FromTracker), false},
		{"[ff02::1]:6881", from(self, swarm.FromTracker), false},
		{"127.0.0.1:80", from("", swarm.FromUser), true},
		{"10.0.0.1:6881", from("", swarm.FromUser), true},
		{"0.0.0.0:6881", from("", swarm.FromUser), false},
		{"10.0.0.1:0", from("", swarm.FromUser), false},
	} {
		if got := mayUse(netip.MustParseAddrPort(tt.addr), tt.from); got != tt.want {
			t.Errorf("%s named by %v: %v, want %v", tt.addr, tt.from, got, tt.want)
		}
	}
}
