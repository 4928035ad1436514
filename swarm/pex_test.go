package swarm

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/peer/wire"
	"shoal/piece"
)

// pexOf makes a ut_pex message to us.
func pexOf(addrs ...string) wire.Message {
	var p wire.Pex
	for _, a := range addrs {
		p.Added = append(p.Added, wire.PexPeer{Addr: netip.MustParseAddrPort(a)})
	}
	return ext(wire.UTPexID, wire.AppendPex(nil, &p))
}

// gossips attaches a peer that exchanges addresses.
func (s *script) gossips(id piece.PeerID, addr string, in bool) {
	h := Hello{Addr: netip.MustParseAddrPort(addr), Fast: true, Extended: true, Incoming: in}
	copy(h.PeerID[:], fmt.Sprintf("-XX0001-%012d", id))
	s.step(event{kind: evAttached, peer: id, more: &eventMore{hello: h}})
	s.says(id, ext(0, wire.AppendExtHandshake(nil, &wire.ExtHandshake{M: []wire.ExtID{{Name: wire.UTPex, ID: 8}}, P: 7000})))
}

// told returns what a peer was told by PEX in the last stretch of the story, as sorted words, and forgets it. It looks at the messages themselves.
func (s *script) told(t *testing.T, id piece.PeerID, d time.Duration) (added, dropped []string) {
	t.Helper()
	for end := s.now.Add(d); s.now.Before(end); {
		if s.now = s.now.Add(time.Second); s.now.After(end) {
			s.now = end
		}
		s.c.settle(s.now)
		for _, a := range s.c.acts {
			if a.kind != acSend || a.peer != id {
				continue
			}
			for _, m := range s.c.out[a.from:a.to] {
				if m.Kind == wire.Extended && m.Index == 8 {
					p, err := wire.ParsePex(m.Data)
					if err != nil || p.Excess > 0 {
						t.Fatalf("%q: %v", m.Data, err)
					}
					for _, a := range p.Added {
						added = append(added, fmt.Sprintf("%v/%d", a.Addr, a.Flags))
					}
					for _, a := range p.Dropped {
						dropped = append(dropped, a.String())
					}
				}
			}
		}
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	}
	slices.Sort(added)
	slices.Sort(dropped)
	return added, dropped
}

// scoped is a rule like that of the session: global sources may name global addresses only.
func scoped(s *script) {
	s.c.cfg.Scope = func(a netip.AddrPort, from Source) bool {
		return a.Port() >= 1024 && (!siteOf(from.By).IsValid() || siteOf(a.Addr()).IsValid()) && !a.Addr().IsMulticast() && !a.Addr().IsUnspecified()
	}
}

// TestPexTells: ten seconds after the handshake, then each minute, what has changed: peers whose port is known, with flags, and within their network.
func TestPexTells(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1")
	scoped(s)
	s.gossips(1, "8.8.8.1:6001", false)
	s.gossips(2, "8.8.8.2:6002", true) // listens on 7000
	s.gossips(3, "10.0.0.3:6003", false)
	s.attachAt(4, "8.8.8.4:6004") // nobody knows where it listens
	s.gossips(5, "8.8.8.5:80", false)
	s.says(3, wire.Message{Kind: wire.HaveAll})
	if a, d := s.told(t, 1, 9*time.Second); a != nil || d != nil {
		t.Errorf("too early: %v %v", a, d)
	}
	if a, d := s.told(t, 1, 3*time.Second); strings.Join(a, " ") != "8.8.8.2:7000/0" || d != nil {
		t.Errorf("first: %v %v", a, d)
	}
	if a, d := s.told(t, 1, 5*time.Minute); a != nil || d != nil {
		t.Errorf("nothing new: %v %v", a, d)
	}
	s.gossips(6, "8.8.8.6:6006", false)
	s.step(event{kind: evClosed, peer: 2})
	a, d := s.told(t, 1, time.Minute+time.Second)
	if strings.Join(a, " ") != "8.8.8.6:6006/16" || strings.Join(d, " ") != "8.8.8.2:7000" {
		t.Errorf("changes: %v %v", a, d)
	}
	// A local peer hears of local and global ones.
	s.gossips(7, "10.0.0.7:6007", false)
	if a, _ := s.told(t, 7, 12*time.Second); strings.Join(a, " ") != "10.0.0.3:6003/18 8.8.8.1:6001/16 8.8.8.6:6006/16" {
		t.Errorf("a local one: %v", a)
	}
	if a, _ := s.told(t, 4, 2*time.Minute); a != nil {
		t.Errorf("one that did not ask: %v", a)
	}
}

// TestPexTellsFifty: at most fifty at a time; all in the end.
func TestPexTellsFifty(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1", "peers=200")
	s.gossips(1, "10.0.0.1:6001", false)
	for id := piece.PeerID(2); id <= 121; id++ {
		s.gossips(id, fmt.Sprintf("10.0.1.%d:6001", id), false)
	}
	for i, want := range []int{50, 50, 20, 0} {
		d := time.Minute
		if i == 0 {
			d = 12 * time.Second
		}
		if a, _ := s.told(t, 1, d); len(a) != want {
			t.Errorf("message %d: %d added", i, len(a))
		}
	}
	for id := piece.PeerID(2); id <= 121; id++ {
		s.step(event{kind: evClosed, peer: id})
	}
	for i, want := range []int{50, 50, 20, 0} {
		if _, d := s.told(t, 1, time.Minute); len(d) != want {
			t.Errorf("message %d: %d dropped", i, len(d))
		}
	}
	if n := len(s.c.byID[1].gossip.told); n != 0 {
		t.Errorf("%d are remembered", n)
	}
}

// TestP01Breaches: ten thousand addresses, a message each second, malformed lists: at most fifty addresses are taken, and the second breach ends
// the connection; once a minute does not.
func TestP01Breaches(t *testing.T) {
	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprintf("10.%d.%d.1:6881", i/250, i%250))
	}
	for name, tt := range map[string]struct {
		m     wire.Message
		every time.Duration
		most  int // messages until the end; 0 for never
		took  int
	}{
		"10 000 in one":   {pexOf(many...), time.Minute, 2, 50},
		"each second":     {pexOf("10.0.0.9:6881"), time.Second, pexAhead + 2, 1},
		"not x6":          {ext(wire.UTPexID, []byte("d5:added5:abcdee")), time.Minute, 2, 0},
		"malformed":       {ext(wire.UTPexID, []byte("d5:")), time.Minute, 2, 0},
		"once a minute":   {pexOf(many[:50]...), time.Minute, 0, 50},
		"nearly a minute": {pexOf(many[:120]...), 55 * time.Second, 0, 50},
	} {
		for _, seeking := range []bool{false, true} {
			h := newHunt(t, infoOf(9, false), nil)
			h.claim(1, int64(len(h.raw)))
			cands, closed, pass := &h.s.cands, func() bool { return h.closed(1) }, h.pass
			say := func() { h.says(1, tt.m) }
			if !seeking {
				h.serve(1, h.raw)
				s := h.become(nil)
				cands, closed, pass = &s.c.cands, func() bool { return s.closed(1) }, func(d time.Duration) { s.pass(t, d.String()) }
				say = func() { s.says(1, tt.m) }
			}
			before, n := len(cands.list), 0
			for ; n < 100 && !closed(); n++ {
				say()
				pass(tt.every)
			}
			if tt.most == 0 && n < 100 || tt.most > 0 && n > tt.most {
				t.Errorf("P01 %s: %d messages were borne", name, n)
			}
			if got := len(cands.list) - before; got != tt.took {
				t.Errorf("P01 %s: %d addresses were taken", name, got)
			}
		}
	}
}

// TestP02Victims: of one network at most two addresses are taken of a message, none that the rule of the session forbids, and never our own; one source
// fills less than a third of the list.
func TestP02Victims(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1", "peers=2")
	scoped(s)
	s.gossips(1, "8.8.8.1:6001", false)
	s.says(1, ext(0, []byte("d6:yourip4:\x09\x09\x09\x09e")))
	s.c.cands.self.v4 = netip.MustParseAddr("9.9.9.9")
	var bad []string
	for i := 1; i < 50; i++ {
		bad = append(bad, fmt.Sprintf("5.5.5.%d:6881", i))
	}
	s.says(1, pexOf(bad...))
	if n := len(s.c.cands.list) - 1; n != maxPexNet {
		t.Errorf("P02: %d of one network", n)
	}
	s.pass(t, "1m")
	s.says(1, pexOf("6.6.6.1:22", "6.6.7.1:25", "6.6.8.1:53", "6.6.9.1:80", "127.0.0.1:6881", "0.0.0.0:6881", "224.0.0.1:6881", "10.0.0.1:6881", "9.9.9.9:6881", "7.7.7.7:6881"))
	if n := len(s.c.cands.list) - 1 - maxPexNet; n != 1 || s.c.cands.find(netip.MustParseAddrPort("7.7.7.7:6881")) == nil {
		t.Errorf("P02: %d were taken of what must not be dialled", n-1)
	}
	for k := range 100 {
		var list []string
		for i := range 50 {
			list = append(list, fmt.Sprintf("11.%d.%d.1:6881", k, i))
		}
		s.pass(t, "1m")
		s.says(1, pexOf(list...))
	}
	if n := len(s.c.cands.list) - 2; n > pexShare || n < pexShare-10 {
		t.Errorf("P02: one source named %d candidates", n)
	}
	s.gossips(2, "12.12.12.12:6881", false)
	s.says(2, pexOf("13.13.13.13:6881"))
	if s.c.cands.find(netip.MustParseAddrPort("13.13.13.13:6881")) == nil {
		t.Error("another source was not heard")
	}
}

// TestP03Private: with a private torrent, or without wish, nothing is offered, heard or told. TestG06Private has the case of a magnet.
func TestP03Private(t *testing.T) {
	for _, private := range []bool{true, false} {
		raw := infoOf(9, private)
		h := newHunt(t, raw, func(c *Config) { c.NoPex = !private })
		h.join(1, "10.0.0.1:6881", func(e *Hello) { e.Incoming = true })
		h.says(1, claims(int64(len(raw))))
		h.serve(1, raw)
		s := h.become(nil)
		s.log.Reset()
		for id := piece.PeerID(2); id < 9; id++ {
			if err := s.do(fmt.Sprintf("addresses 10.0.0.%d:6881", id)); err != nil { // of the tracker
				t.Fatal(err)
			}
			s.gossips(id, fmt.Sprintf("10.0.0.%d:6881", id), false)
			s.says(id, pexOf("10.9.9.9:6881"))
		}
		text := s.talk()
		for id := piece.PeerID(1); id < 9; id++ {
			if a, d := s.told(t, id, 2*time.Minute); a != nil || d != nil {
				t.Errorf("P03: told %v %v", a, d)
			}
		}
		if s.c.cands.find(netip.MustParseAddrPort("10.9.9.9:6881")) != nil || len(s.c.peers) != 8 {
			t.Error("P03: heard")
		}
		if strings.Contains(text, "ut_pex") || !strings.Contains(text, "ut_metadata") {
			t.Errorf("P03: offered: %s", text)
		}
	}
}

// TestPexSeeds: who is said to be a seed is not dialled by one.
func TestPexSeeds(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1", "have=all")
	s.gossips(1, "10.0.0.1:6001", false)
	s.says(1, ext(wire.UTPexID, wire.AppendPex(nil, &wire.Pex{Added: []wire.PexPeer{
		{Addr: netip.MustParseAddrPort("10.0.0.2:6881"), Flags: wire.PexSeed}, {Addr: netip.MustParseAddrPort("10.0.0.3:6881")},
	}})))
	if s.c.cands.find(netip.MustParseAddrPort("10.0.0.2:6881")).state != candIdle || s.c.cands.find(netip.MustParseAddrPort("10.0.0.3:6881")).state != candDialing {
		t.Error("the wrong one is dialled")
	}
}

// TestPort: peers with a DHT node hear of ours and are heard; others not, nor with a private torrent.
func TestPort(t *testing.T) {
	for name, tt := range map[string]struct{ private, dht, ours bool }{"both": {false, true, true}, "not theirs": {false, false, true}, "not ours": {false, true, false}, "private": {true, true, true}} {
		h := newHunt(t, infoOf(9, tt.private), func(c *Config) {
			if tt.ours {
				c.DHTPort = 5555
			}
		})
		h.claim(9, int64(len(h.raw)))
		h.serve(9, h.raw)
		s := h.become(nil)
		s.log.Reset()
		e := Hello{Addr: netip.MustParseAddrPort("10.0.0.1:6881"), Fast: true, Extended: true, DHT: tt.dht}
		s.step(event{kind: evAttached, peer: 1, more: &eventMore{hello: e}})
		s.settle()
		if got, want := strings.Contains(s.talk(), "message 9"), tt.dht && tt.ours && !tt.private; got != want {
			t.Errorf("%s: told %v", name, got)
		}
		s.log.Reset()
		for port := range uint32(20) {
			s.says(1, wire.Message{Kind: wire.Port, Index: port})
		}
		n := strings.Count(s.talk(), "node 10.0.0.1:")
		if want := tt.dht && !tt.private; n > maxPorts || (n == maxPorts) != want || n > 0 && !want {
			t.Errorf("%s: heard %d times", name, n)
		}
	}
	h := newHunt(t, infoOf(9, false), func(c *Config) { c.DHTPort = 5555 })
	h.join(1, "10.0.0.1:6881", func(e *Hello) { e.DHT = true })
	if m := h.said[len(h.said)-1]; m.Kind != wire.Port || m.Index != 5555 {
		t.Errorf("a seeker tells %+v", m)
	}
	if h.says(1, wire.Message{Kind: wire.Port, Index: 6000}); len(h.take(acNode)) != 1 {
		t.Error("a seeker does not hear")
	}
}

// TestGossipGivesWay: candidates that only peers named keep none out that a tracker names, though all room is taken.
func TestGossipGivesWay(t *testing.T) {
	s := candidates{index: map[netip.AddrPort]int{}, bans: map[netip.Addr]struct{}{}}
	for i := range maxCandidates {
		s.add(netip.AddrPortFrom(netip.AddrFrom4([4]byte{1, 2, byte(i >> 8), byte(i)}), 6881), FromPeer)
	}
	if s.add(netip.MustParseAddrPort("9.9.9.9:1"), FromPeer) != nil {
		t.Fatal("there was room")
	}
	s.list[0].met = true
	s.enter(&s.list[1], candDialing)
	for i := range 100 {
		if s.add(netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, 9, byte(i)}), 6881), FromTracker) == nil {
			t.Fatal("a tracker's address was not taken")
		}
	}
	if len(s.list) != maxCandidates || len(s.index) != maxCandidates || s.list[0].kind != FromPeer || s.list[1].kind != FromPeer {
		t.Error("the wrong ones gave way")
	}
	if s.add(netip.MustParseAddrPort("9.9.9.9:1"), FromPeer) != nil {
		t.Error("gossip took the place of gossip")
	}
}
