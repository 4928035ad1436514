package dht

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"shoal/dht/guard"
	"shoal/internal/simnet"
	"shoal/metainfo"
)

// world is a network of nodes in a bubble.
type world struct {
	t     *testing.T
	net   *simnet.Net
	ctx   context.Context
	end   context.CancelFunc
	link  simnet.Link
	v6    bool
	local bool // private addresses, where ids need not fit
	seed  uint64
	nodes []*member
}

// member is one node and where it lives.
type member struct {
	*Node
	host *simnet.Host
	addr netip.AddrPort
	stop context.CancelFunc
	done chan error
}

// inBubble runs f with an empty network and ends all nodes behind it.
func inBubble(t *testing.T, seed uint64, link simnet.Link, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: simnet.New(seed), link: link, seed: seed}
		w.ctx, w.end = context.WithCancel(t.Context())
		f(w)
		w.end()
		for _, m := range w.nodes {
			if m.done != nil {
				<-m.done
			}
		}
	})
}

// address returns a global address that shares its /24, /16, /48 and /32 with no other.
func (w *world) address(i int) netip.Addr {
	if w.v6 {
		return netip.AddrFrom16([16]byte{0x2a, byte(i >> 8), byte(i), 1, 15: 1})
	}
	if w.local {
		return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 9})
	}
	return netip.AddrFrom4([4]byte{byte(20 + i>>8), byte(i), 7, 9})
}

const testPort = 6881

// place makes a host and a node on it, which is not started. known are nodes of earlier days.
func (w *world) place(known []contact, change ...func(*Config)) *member {
	w.t.Helper()
	i := len(w.nodes)
	a := w.address(i)
	h := w.net.Host(a, w.link)
	conn, err := h.ListenPacket(w.ctx, "udp", netip.AddrPortFrom(a, testPort).String())
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := Config{Conn: conn, IPv6: w.v6, Seed: w.seed<<32 + uint64(i), Saved: writeSaved(w.idOf(i), w.v6, known)}
	for _, f := range change {
		f(&cfg)
	}
	n, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	m := &member{Node: n, host: h, addr: netip.AddrPortFrom(a, testPort)}
	w.nodes = append(w.nodes, m)
	return m
}

// idOf is the id of node i: pseudo-random, and as BEP 42 wants it.
func (w *world) idOf(i int) metainfo.Hash {
	return metainfo.Hash(guard.SecureID(w.address(i), hashOf(w.seed, i)))
}

func (w *world) contactOf(i int) contact {
	return contact{w.idOf(i), netip.AddrPortFrom(w.address(i), testPort)}
}

func hashOf(seed uint64, i int) (h [20]byte) {
	x := seed*0x9e3779b97f4a7c15 + uint64(i) + 1
	for j := range h {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		h[j] = byte(x >> 32)
	}
	return h
}

func infoHash(i int) metainfo.Hash {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(i))
	return metainfo.Hash(hashOf(binary.BigEndian.Uint64(b[:]), 12345))
}

func (m *member) start(ctx context.Context) {
	ctx, m.stop = context.WithCancel(ctx)
	m.done = make(chan error, 1)
	go func() { m.done <- m.Run(ctx) }()
}

// kill ends a node and its machine.
func (m *member) kill() {
	m.stop()
	<-m.done
	m.done = nil
}

// grow starts n nodes that know a few earlier ones and gives them time to meet.
func (w *world) grow(n int, settle time.Duration) {
	w.t.Helper()
	for i := range n {
		var known []contact
		for _, j := range []int{0, i / 3, i / 2, i - 1} {
			if j >= 0 && j < i {
				known = append(known, w.contactOf(j))
			}
		}
		w.place(known).start(w.ctx)
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(settle)
}

// find looks ih up and returns the peers.
func (m *member) find(ctx context.Context, ih metainfo.Hash) (map[netip.AddrPort]bool, time.Duration, LookupStats, error) {
	peers := map[netip.AddrPort]bool{}
	begin, first := time.Now(), time.Duration(0)
	stats, err := m.Lookup(ctx, ih, 0, func(more []netip.AddrPort, _ netip.Addr) {
		if len(peers) == 0 {
			first = time.Since(begin)
		}
		for _, p := range more {
			peers[p] = true
		}
	})
	return peers, first, stats, err
}

func TestBootstrapAndLookup(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v6=%t", v6), func(t *testing.T) {
			link := simnet.Link{Latency: 25 * time.Millisecond}
			inBubble(t, 1, link, func(w *world) {
				w.v6 = v6
				const size = 50 / fewer
				w.grow(size, 2*time.Minute)
				ih := infoHash(1)
				stats, err := w.nodes[7].Lookup(w.ctx, ih, 4321, nil)
				if err != nil || stats.Announced < min(closeEnough, size-2) {
					t.Fatalf("the announce: %+v, %v", stats, err)
				}
				t.Logf("announce: %+v", stats)
				for _, i := range []int{3, size / 2, size - 1} {
					peers, first, stats, err := w.nodes[i].find(w.ctx, ih)
					if err != nil || len(peers) != 1 || !peers[netip.AddrPortFrom(w.address(7), 4321)] {
						t.Errorf("node %d finds %v, %v", i, peers, err)
					}
					t.Logf("node %d: first after %v, %+v", i, first, stats)
				}
				s := w.nodes[0].Stats()
				if s.Good < size/3 || !s.Online {
					t.Errorf("the table after two minutes: %+v", s)
				}
			})
		})
	}
}
