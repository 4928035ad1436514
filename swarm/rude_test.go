package swarm

import (
	"net/netip"
	"testing"
	"time"

	"shoal/peer/wire"
	"shoal/piece"
)

// TestW09AsksThoughChoked: who asks again and again though it must know that it is choked is closed, for each answer would
// cost us as much as its question; what was under way when it was choked is no offence.
func TestW09AsksThoughChoked(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2", "have=all", "slots=1")
	s.mute["publish"] = true
	ask := func(from, n int) {
		for i := range n {
			s.says(1, wire.Message{Kind: wire.Request, Index: uint32(from + i), Length: 1 << 14})
		}
	}
	s.attach(1, false)
	s.says(1, wire.Message{Kind: wire.Bitfield, Data: make([]byte, 25)}, wire.Message{Kind: wire.Interested})
	ask(0, 1)
	s.step(event{kind: evUploaded, peer: 1, n: 1, bytes: 1 << 14})
	s.c.setChoke(s.c.byID[1], true)
	ask(0, 150)
	if s.closed(1) {
		t.Fatal("closed for what was under way")
	}
	s.now = s.now.Add(chokeDelay + time.Second)
	if s.c.setSlots(0); s.c.byID[1].up.unchoked {
		t.Fatal("it has a slot")
	}
	if ask(0, maxRude); s.closed(1) {
		t.Fatalf("closed after %d requests", maxRude)
	}
	if ask(0, 1); !s.closed(1) {
		t.Error("W09: it may ask without end")
	}
}

// TestW09NoSlotWithoutWish: interest in a peer that has nothing to give takes no slot, and who never tells of a piece that it was
// given comes last.
func TestW09NoSlotWithoutWish(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2", "slots=1")
	s.mute["publish"] = true
	s.attach(1, true)
	if s.says(1, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested}); s.c.byID[1].up.unchoked {
		t.Error("W09: a slot for one that can want nothing")
	}
	s = newScript(t, "pieces=200", "blocks=2", "have=all", "slots=1")
	s.mute["publish"] = true
	s.attach(1, true)
	s.attach(2, true)
	taker, other := s.c.byID[1], s.c.byID[2]
	s.says(1, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	s.says(2, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	taker.up.total, other.up.total = 1<<20, 1<<20
	other.up.got = 30
	if !s.c.wastes(taker) || s.c.wastes(other) || s.c.byMerit(other, taker) >= 0 || s.c.byLuck(other, taker) >= 0 {
		t.Errorf("W09: wastes %v and %v, merit %d, luck %d", s.c.wastes(taker), s.c.wastes(other), s.c.byMerit(other, taker), s.c.byLuck(other, taker))
	}
}

// TestW16RefusesAll: a peer that unchokes us and rejects whatever is asked is left alone for longer and longer.
func TestW16RefusesAll(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2")
	s.mute["publish"] = true
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	p, asked := s.c.byID[1], 0
	for range 600 {
		for _, a := range append([]ask(nil), p.down.asked.all()...) {
			asked++
			s.says(1, wire.Message{Kind: wire.Reject, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Length: uint32(a.block.Length)})
		}
		s.pass(t, "1s")
	}
	if asked < maxRefusals || asked > 80 {
		t.Errorf("W16: asked %d times in 10 minutes, want %d to 80", asked, maxRefusals)
	}
}

// TestSilentPeersMakeRoom: with all connections taken by peers that never say a word, one that was not known before is dialled
// within two choke rounds.
func TestSilentPeersMakeRoom(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2")
	s.mute["publish"] = true
	s.c.cands.maxPeers = 3
	for id := range 3 {
		s.attach(piece.PeerID(id+1), false)
	}
	s.step(event{kind: evAddresses, more: &eventMore{addrs: []netip.AddrPort{netip.MustParseAddrPort("10.9.9.9:6881")}, from: Source{Kind: FromUser}}})
	for k := range 2 * int(chokeRound/time.Second) {
		s.pass(t, "1s")
		if s.c.cands.dialing > 0 {
			t.Logf("dialled after %d s", k+1)
			return
		}
	}
	t.Error("silent peers keep it waiting")
}

// TestChokedAgainAndAgain: a slot that is lost before anything was served is nobody's offence, however often that happens: each time a few
// requests are on their way.
func TestChokedAgainAndAgain(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2", "have=all", "slots=1")
	s.mute["publish"] = true
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	p := s.c.byID[1]
	for k := range 50 {
		if s.c.setChoke(p, false); !p.up.unchoked {
			t.Fatal("no slot")
		}
		s.c.setChoke(p, true)
		for i := range 10 {
			s.says(1, wire.Message{Kind: wire.Request, Index: uint32(i), Length: 1 << 14})
			if s.closed(1) {
				t.Fatalf("closed in round %d", k)
			}
			s.c.setChoke(p, true)
		}
		s.now = s.now.Add(chokeRound)
	}
}
