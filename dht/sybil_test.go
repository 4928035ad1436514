package dht

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"shoal/dht/guard"
	"shoal/internal/bencode"
	"shoal/internal/simnet"
	"shoal/metainfo"
)

// sybil is a node that stands near a target, names others of its kind, takes every announce and
// keeps none.
type sybil struct {
	conn net.PacketConn
	id   metainfo.Hash
	gang func() []contact
}

// foreignMessage is what a scripted node reads.
type foreignMessage struct {
	A bencode.RawMessage `bencode:"a"`
	Q string             `bencode:"q"`
	T string             `bencode:"t"`
	Y string             `bencode:"y"`
}

func (s *sybil) serve() {
	buf := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m foreignMessage
		if bencode.Unmarshal(buf[:n], bencode.Limits{}, &m) != nil || m.Y != "q" {
			continue
		}
		r := krpcResult{ID: s.id[:]}
		if m.Q == "find_node" || m.Q == "get_peers" {
			r.Nodes, r.Token = compactNodes(s.gang()), []byte("token")
		}
		s.conn.WriteTo(encode(krpcReply{encode(r), m.T, "r"}), from)
	}
}

// greet makes the sybil known: it asks a node, which then asks back.
func (s *sybil) greet(to netip.AddrPort) {
	a := encode(struct {
		ID []byte `bencode:"id"`
	}{s.id[:]})
	s.conn.WriteTo(encode(struct {
		A bencode.RawMessage `bencode:"a"`
		Q string             `bencode:"q"`
		T string             `bencode:"t"`
		Y string             `bencode:"y"`
	}{a, "ping", "zz", "q"}), net.UDPAddrFromAddrPort(to))
}

// near returns an id that shares so many bits with target.
func near(target metainfo.Hash, rnd *rand.Rand, bits int) metainfo.Hash {
	var tail metainfo.Hash
	for i := range tail {
		tail[i] = byte(rnd.Uint32())
	}
	return flipped(target, tail, bits)
}

// bestFit returns the id nearest to target that BEP 42 allows at a.
func bestFit(target metainfo.Hash, a netip.Addr) metainfo.Hash {
	var best metainfo.Hash
	for r := range byte(8) {
		try := target
		try[19] = try[19]&^7 | r
		id := metainfo.Hash(guard.SecureID(a, try))
		if r == 0 || compareDistance(target, id, best) < 0 {
			best = id
		}
	}
	return best
}

// besiege surrounds target with one sybil on each of count hosts. Each of them goes by many names:
// what it tells of others is made up anew each time.
func (w *world) besiege(target metainfo.Hash, count int, fitted bool, rnd *rand.Rand) []*sybil {
	var all []*sybil
	var known []contact
	var mu sync.Mutex
	for i := range count {
		a := w.address(5000 + i)
		conn, err := w.net.Host(a, w.link).ListenPacket(w.ctx, "udp", netip.AddrPortFrom(a, testPort).String())
		if err != nil {
			w.t.Fatal(err)
		}
		mu.Lock()
		s := &sybil{conn: conn, id: near(target, rnd, 24+rnd.IntN(30))}
		if fitted {
			s.id = bestFit(target, a)
		}
		known = append(known, contact{s.id, netip.AddrPortFrom(a, testPort)})
		s.gang = func() []contact {
			mu.Lock()
			defer mu.Unlock()
			var out []contact
			for range perReply {
				c := known[rnd.IntN(len(known))]
				if !fitted {
					c.id = near(target, rnd, 24+rnd.IntN(60)) // thousands of names
				}
				out = append(out, c)
			}
			return out
		}
		all = append(all, s)
		mu.Unlock()
		go s.serve()
	}
	context.AfterFunc(w.ctx, func() {
		for _, s := range all {
			s.conn.Close()
		}
	})
	return all
}

// TestD08Sybils: a fifth of all nodes stands around the target, once under ids of their own choice, thousands
// of them, once under the nearest that BEP 42 leaves them, which makes two of three nodes near the target theirs, and once
// in a closed network, to which BEP 42 does not apply. Announces must still be found.
func TestD08Sybils(t *testing.T) {
	const honest, hostile, lookups = 160 / fewer, 40 / fewer, 40
	for i, c := range []struct {
		name          string
		fitted, local bool
		seeds         []uint64
	}{
		{"ids of their choice", false, false, []uint64{11, 12}},
		{"ids that fit", true, false, []uint64{14, 15}},
		{"ids of their choice where none need fit", false, true, []uint64{17, 18}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, all, asked := 0, 0, 0
			for _, seed := range c.seeds[:max(1, len(c.seeds)/fewer)] {
				inBubble(t, seed, simnet.Link{Latency: 25 * time.Millisecond}, func(w *world) {
					w.local = c.local
					rnd, dice := rand.New(rand.NewPCG(seed, 8)), rand.New(rand.NewPCG(seed, 9))
					target := infoHash(100 + i)
					gang := w.besiege(target, hostile, c.fitted, rnd)
					w.grow(honest, 0)
					for _, s := range gang {
						for range 20 {
							s.greet(w.nodes[dice.IntN(honest)].addr)
						}
					}
					time.Sleep(time.Minute)
					var announcers []netip.AddrPort
					for range 2 {
						j := dice.IntN(honest)
						w.nodes[j].Lookup(w.ctx, target, 7000, nil)
						announcers = append(announcers, netip.AddrPortFrom(w.address(j), 7000))
					}
					for range lookups {
						all++
						peers, _, s, _ := w.nodes[dice.IntN(honest)].find(w.ctx, target)
						asked += s.Asked
						if peers[announcers[0]] || peers[announcers[1]] {
							found++
						}
						if s.Took > 20*time.Second {
							t.Errorf("a look-up took %v", s.Took)
						}
					}
				})
			}
			t.Logf("found in %d of %d look-ups, %.1f nodes asked", found, all, float64(asked)/float64(all))
			if found*100 < all*95 {
				t.Errorf("found in %d of %d look-ups", found, all)
			}
		})
	}
}

// TestD08OneOfAnAddress: 300 ids of one address get one place.
func TestD08OneOfAnAddress(t *testing.T) {
	inBubble(t, 9, simnet.Link{Latency: 10 * time.Millisecond}, func(w *world) {
		w.grow(1, 0)
		rnd := rand.New(rand.NewPCG(9, 9))
		h := w.net.Host(w.address(5000), w.link)
		var all []*sybil
		for i := range 300 {
			a := netip.AddrPortFrom(h.Addr(), uint16(2000+i))
			conn, err := h.ListenPacket(w.ctx, "udp", a.String())
			if err != nil {
				t.Fatal(err)
			}
			s := &sybil{conn: conn, id: near(infoHash(i), rnd, 0), gang: func() []contact { return nil }}
			all = append(all, s)
			go s.serve()
			s.greet(w.nodes[0].addr)
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if s := w.nodes[0].Stats(); s.Nodes != 1 {
			t.Errorf("%d nodes of one address in the table", s.Nodes)
		}
		for _, s := range all {
			s.conn.Close()
		}
	})
}

// TestD07Reflection: a liar names 2500 nodes that do not exist, all at one network. Who looks up takes eight of
// a reply, sends none of them more than two datagrams, and ends in time.
func TestD07Reflection(t *testing.T) {
	inBubble(t, 7, simnet.Link{Latency: 10 * time.Millisecond}, func(w *world) {
		target := infoHash(7)
		victim := w.net.Host(netip.MustParseAddr("66.1.2.3"), w.link)
		hits := map[uint16]int{}
		var mu sync.Mutex
		var socks []net.PacketConn
		for port := range uint16(2500) {
			conn, err := victim.ListenPacket(w.ctx, "udp", netip.AddrPortFrom(victim.Addr(), 10000+port).String())
			if err != nil {
				t.Fatal(err)
			}
			socks = append(socks, conn)
			go func() {
				for buf := make([]byte, 2048); ; {
					if _, _, err := conn.ReadFrom(buf); err != nil {
						return
					}
					mu.Lock()
					hits[10000+port]++
					mu.Unlock()
				}
			}()
		}
		rnd := rand.New(rand.NewPCG(7, 7))
		liar := w.besiege(target, 1, true, rnd)[0]
		liar.gang = func() []contact {
			var out []contact
			for range 40 { // 1040 bytes, what a datagram holds
				out = append(out, contact{near(target, rnd, 30), netip.AddrPortFrom(victim.Addr(), 10000+uint16(rnd.IntN(2500)))})
			}
			return out
		}
		w.place([]contact{{liar.id, netip.AddrPortFrom(w.address(5000), testPort)}}).start(w.ctx)
		time.Sleep(time.Second)
		for range 5 {
			_, _, stats, _ := w.nodes[0].find(w.ctx, target)
			if stats.Took > 20*time.Second || stats.Asked > 1+perReply {
				t.Errorf("%+v", stats)
			}
		}
		mu.Lock()
		total := 0
		for port, n := range hits {
			if total += n; n > 2 {
				t.Errorf("%d datagrams to port %d", n, port)
			}
		}
		t.Logf("%d datagrams to the victim at %d ports in five look-ups", total, len(hits))
		if total == 0 || total > 5*perReply {
			t.Errorf("%d datagrams", total)
		}
		mu.Unlock()
		for _, c := range socks {
			c.Close()
		}
	})
}
