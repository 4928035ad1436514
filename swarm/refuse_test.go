package swarm

import (
	"strings"
	"testing"

	"shoal/peer/wire"
	"shoal/piece"
)

// rejects has a peer reject all that it is asked for, and returns how much that was.
func (s *script) rejects(id piece.PeerID) (n int) {
	for _, a := range append([]ask(nil), s.c.byID[id].down.asked.all()...) {
		s.says(id, wire.Message{Kind: wire.Reject, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Length: uint32(a.block.Length)})
		n++
	}
	return n
}

// TestW16RefusersRecover: two seeds that reject everything for a while are asked again when that is over, though neither
// has shown by a block that it delivers.
func TestW16RefusersRecover(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2")
	s.mute["publish"] = true
	for id := piece.PeerID(1); id <= 2; id++ {
		s.attach(id, true)
		s.says(id, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	}
	for range 120 {
		s.rejects(1)
		s.rejects(2)
		s.pass(t, "1s")
	}
	asked := 0
	for range 600 {
		asked += s.c.byID[1].down.asked.len() + s.c.byID[2].down.asked.len()
		s.pass(t, "1s")
	}
	if asked == 0 {
		t.Error("nobody is asked for anything any more")
	}
}

// TestW16RejectsBeforeChoke: a peer rejects what is queued and says only then that it chokes us. That is no refusal: when it
// unchokes us again it is asked at once, and for as much as before.
func TestW16RejectsBeforeChoke(t *testing.T) {
	s := newScript(t, "pieces=2000", "blocks=2")
	s.mute["publish"] = true
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	p := s.c.byID[1]
	p.down.depth = 100
	s.c.touch(p)
	s.settle()
	if n := s.rejects(1); n < 72 {
		t.Fatalf("only %d were asked for", n)
	}
	s.says(1, wire.Message{Kind: wire.Choke})
	s.pass(t, "15s")
	s.says(1, wire.Message{Kind: wire.Unchoke})
	if n := p.down.asked.len(); n < firstDepth || p.down.snubbed {
		t.Errorf("asked for %d blocks, snubbed %v, left alone for %v", n, p.down.snubbed, p.down.rest-s.c.now)
	}
}

// TestSnubbersTakeNothing: where all peers are slow, none takes what another is asked for again and again.
func TestSnubbersTakeNothing(t *testing.T) {
	s := newScript(t, "pieces=2", "blocks=2")
	s.mute["publish"] = true
	for id := piece.PeerID(1); id <= 5; id++ {
		s.attach(id, true)
		s.says(id, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	}
	for range 300 {
		s.pass(t, "1s")
	}
	if n := strings.Count(s.log.String(), "request"); n > 400 {
		t.Errorf("%d requests in five minutes", n)
	}
	if asked := s.c.byID[1].down.asked.len(); asked == 0 && s.c.byID[2].down.asked.len() == 0 {
		t.Error("nobody is asked")
	}
}
