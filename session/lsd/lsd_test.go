package lsd

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
)

// house is a network segment in memory; make it inside a bubble.
type house struct {
	t   *testing.T
	net *simnet.Net
}

// program is one Service with what it found.
type program struct {
	*Service
	mu      sync.Mutex
	found   map[metainfo.Hash][]netip.AddrPort
	private map[metainfo.Hash]bool
}

func (h *house) host(last byte) *simnet.Host {
	return h.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, last}), simnet.Link{Latency: time.Millisecond},
		netip.AddrFrom16([16]byte{0: 0xfd, 15: last}))
}

// program runs a service until the test ends.
func (h *house) program(host *simnet.Host, port uint16, change func(*Config)) *program {
	p := &program{found: map[metainfo.Hash][]netip.AddrPort{}, private: map[metainfo.Hash]bool{}}
	cfg := Config{
		Listen: host.ListenMulticast, Port: port, V4: true, V6: true, Rand: rand.New(rand.NewPCG(uint64(port), 1)),
		Allowed: func(h metainfo.Hash) bool { p.mu.Lock(); defer p.mu.Unlock(); return !p.private[h] },
		Found: func(h metainfo.Hash, a netip.AddrPort) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.found[h] = append(p.found[h], a)
		},
	}
	if change != nil {
		change(&cfg)
	}
	p.Service = New(cfg)
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx) }()
	h.t.Cleanup(func() { cancel(); <-ended })
	return p
}

func (p *program) has(h metainfo.Hash) []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found[h]
}

func inHouse(t *testing.T, f func(h *house)) {
	synctest.Test(t, func(t *testing.T) { f(&house{t, simnet.New(1)}) })
}

// tap hears everything that is said in a group.
func (h *house) tap(last byte) func() []Message {
	c, err := h.host(last).ListenMulticast(h.t.Context(), "udp4", Group4)
	if err != nil {
		h.t.Fatal(err)
	}
	var mu sync.Mutex
	var all []Message
	go func() {
		b := make([]byte, 2000)
		for {
			n, _, err := c[0].ReadFrom(b)
			if err != nil {
				return
			}
			if m, err := Parse(b[:n]); err == nil {
				mu.Lock()
				all = append(all, m)
				mu.Unlock()
			}
		}
	}()
	h.t.Cleanup(func() { c[0].Close() })
	return func() []Message { mu.Lock(); defer mu.Unlock(); return all }
}

// TestFindEachOther: two programs with one torrent in common hear of each other within seconds, over both
// families, and nothing of themselves or of other torrents.
func TestFindEachOther(t *testing.T) {
	inHouse(t, func(h *house) {
		a, b := h.program(h.host(1), 7001, nil), h.program(h.host(2), 7002, nil)
		a.Add(hash(1))
		a.Add(hash(2))
		time.Sleep(2 * time.Minute)
		b.Add(hash(1))
		b.Add(hash(3))
		time.Sleep(4 * time.Second)
		if got := a.has(hash(1)); len(got) != 2 || got[0].Port() != 7002 || got[0].Addr().Is4() == got[1].Addr().Is4() {
			t.Errorf("the first found %v", got)
		}
		if got := b.has(hash(1)); len(got) != 2 || got[0].Port() != 7001 {
			t.Errorf("the second found %v: no answer came", got)
		}
		if len(a.found) != 1 || len(b.found) != 1 {
			t.Errorf("found %v and %v", a.found, b.found)
		}
	})
}

// TestSameMachine: two programs of one machine share the port and hear of each other.
func TestSameMachine(t *testing.T) {
	inHouse(t, func(h *house) {
		host := h.host(1)
		a, b := h.program(host, 7001, nil), h.program(host, 7002, nil)
		a.Add(hash(1))
		b.Add(hash(1))
		time.Sleep(4 * time.Second)
		if len(a.has(hash(1))) == 0 || len(b.has(hash(1))) == 0 {
			t.Errorf("found %v and %v", a.found, b.found)
		}
	})
}

// TestL03Private: a torrent that may not be announced is not, and nobody is found for it; also
// when that shows only later.
func TestL03Private(t *testing.T) {
	inHouse(t, func(h *house) {
		said := h.tap(9)
		a, b := h.program(h.host(1), 7001, nil), h.program(h.host(2), 7002, nil)
		a.private[hash(1)] = true
		a.Add(hash(1))
		a.Add(hash(2))
		b.Add(hash(1))
		time.Sleep(10 * time.Second)
		if len(a.found) != 0 || len(b.found) != 0 {
			t.Errorf("found %v and %v", a.found, b.found)
		}
		a.mu.Lock()
		a.private[hash(2)] = true
		a.mu.Unlock()
		before := len(said())
		time.Sleep(time.Hour)
		for _, m := range said()[before:] {
			if m.Port == 7001 {
				t.Errorf("announced: %+v", m)
			}
		}
		if before == 0 {
			t.Error("nothing was announced before")
		}
	})
}

// TestL01Flood: a neighbour who names himself for our torrents on every port gets a few places a minute, and the rest find each other.
func TestL01Flood(t *testing.T) {
	inHouse(t, func(h *house) {
		a := h.program(h.host(1), 7001, nil)
		a.Add(hash(1))
		liar, err := h.host(66).ListenMulticast(t.Context(), "udp4", Group4)
		if err != nil {
			t.Fatal(err)
		}
		defer liar[0].Close()
		for i := range 60_000 { // a minute
			m := Message{Port: uint16(i + 1), Hashes: []metainfo.Hash{hash(1), hash(i)}}
			if _, err := liar[0].WriteTo(m.Append(nil, Group4), net.UDPAddrFromAddrPort(Group4)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if got := len(a.has(hash(1))); got > 2*maxPorts { // two counted minutes at most
			t.Errorf("he got %d places", got)
		}
		if len(a.found) != 1 {
			t.Errorf("%d torrents that are not ours", len(a.found)-1)
		}
		before := len(a.has(hash(1)))
		b := h.program(h.host(2), 7002, nil)
		b.Add(hash(1))
		time.Sleep(3 * time.Second)
		if got := a.has(hash(1)); len(got) < before+1 || got[len(got)-1].Port() != 7002 {
			t.Errorf("the honest one was not found among %d", len(got))
		}
	})
}

// TestRejoin: after a change of network the sockets are those of the new one; without any network it is tried again.
func TestRejoin(t *testing.T) {
	inHouse(t, func(h *house) {
		var mu sync.Mutex
		host, off := h.host(1), false
		a := h.program(host, 7001, func(c *Config) {
			c.Listen = func(ctx context.Context, network string, group netip.AddrPort) ([]net.PacketConn, error) {
				mu.Lock()
				defer mu.Unlock()
				if off {
					return nil, net.ErrClosed
				}
				return host.ListenMulticast(ctx, network, group)
			}
		})
		b := h.program(h.host(2), 7002, nil)
		a.Add(hash(1))
		b.Add(hash(1))
		time.Sleep(time.Minute)
		old := len(b.has(hash(1)))
		mu.Lock()
		host.Down()
		host, off = h.host(3), true
		mu.Unlock()
		a.Rejoin()
		time.Sleep(time.Second)
		mu.Lock()
		off = false
		mu.Unlock()
		time.Sleep(reopen + 2*time.Second)
		got := b.has(hash(1))
		if old == 0 || len(got) <= old || got[len(got)-1].Addr() != netip.AddrFrom4([4]byte{10, 0, 0, 3}) && got[len(got)-1].Addr().Is4() {
			t.Errorf("heard %v, then %v", got[:old], got[old:])
		}
	})
}
