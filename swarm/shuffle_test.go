package swarm

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// FuzzCore shows the core any events in any order. It must not panic, must not
// ask a peer for more than it announced, and its sums must stay right.
func FuzzCore(f *testing.F) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		b := make([]byte, 150+seed%3)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 300 { // long ones are TestW19Shuffle
			in = in[:300]
		}
		playBytes(t, in)
	})
}

// TestW19Shuffle plays events at random, many more than the seeds of the fuzz target.
func TestW19Shuffle(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := make([]byte, 6000+seed%3) // the length says which torrent it is
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		playBytes(t, b)
	}
}

// playBytes reads events from in: one byte says which, more say the rest.
func playBytes(t *testing.T, in []byte) {
	args := []string{"pieces=6", "blocks=2", "check=5", "peers=6"}
	switch {
	case len(in)%3 == 1: // several files
		args = []string{"files=5,1,6", "blocks=2", "check=5", "peers=6", "priorities=102"}
	case len(in)%3 == 2: // a seed that may hide pieces
		args = []string{"pieces=6", "blocks=2", "have=all", "peers=6", "limited=up"}
	}
	s := newScript(t, args...)
	next := func() int {
		if len(in) == 0 {
			return 0
		}
		b := in[0]
		in = in[1:]
		return int(b)
	}
	last := piece.PeerID(0)
	for len(in) > 0 {
		id := piece.PeerID(1)
		if n := len(s.c.peers); n > 0 {
			id = s.c.peers[next()%n].id
		}
		switch k := next(); {
		case k < 20:
			last++
			s.attach(last, k%2 == 0)
			s.says(last, anyOpening(k)...)
		case k < 24:
			s.step(event{kind: evClosed, peer: id, err: errors.New("reset")})
		case k < 120:
			m := anyMessage(s, next)
			s.step(event{kind: evMessages, peer: id, batch: []wire.Message{m}})
		case k < 180:
			if p := s.c.byID[id]; p != nil && p.down.asked.len() > 0 {
				a := p.down.asked.all()[next()%p.down.asked.len()]
				m := wire.Message{Kind: wire.Piece, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Block: s.pool.Get()}
				fill(m.Block.Resize(a.block.Length), a.block.Piece, a.block.Begin/metainfo.BlockSize)
				if k%5 == 0 {
					m.Block.Bytes()[0] ^= 1
				}
				s.step(event{kind: evMessages, peer: id, batch: []wire.Message{m}})
			}
		case k < 220:
			s.disk("")
		case k < 222:
			s.disk("input/output error")
		case k < 225:
			s.step(event{kind: evReadFailed, block: s.info.BlockAt(next()%6, 0), err: errors.New("input/output error")})
		case k < 227:
			s.step(event{kind: evPause})
		case k < 232:
			s.step(event{kind: evResume})
		case k < 233:
			s.step(event{kind: evRecheck})
		case k < 240:
			if l := s.links[id]; len(l) > 0 {
				s.links[id] = l[1:]
				s.step(event{kind: evUploaded, peer: id, n: 1, bytes: l[0].Length})
			}
		case k < 245:
			s.step(event{kind: evAddresses, more: &eventMore{addrs: []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(next())}), 6881)}}})
		case k < 247:
			prio := make([]uint8, len(s.info.Files()))
			for i := range prio {
				prio[i] = uint8(next() % 4)
			}
			s.step(event{kind: evPriorities, more: &eventMore{files: prio}})
		case k < 248:
			s.step(event{kind: evSequential, n: next() % 2})
		case k < 249:
			s.step(event{kind: [...]eventKind{evSlots, evMaxPeers, evMaxDials}[next()%3], n: next()%8 - 1})
		case k < 250:
			s.step(event{kind: evGrant, up: int64(next()) << 12})
		default:
			s.now = s.now.Add(time.Duration(next()) * 100 * time.Millisecond)
		}
		s.settle()
		s.log.Reset()
		inspect(t, s)
	}
	s.c.stop(s.now)
	for len(s.jobs) > 0 {
		s.disk("")
		s.settle()
	}
	s.c.stop(s.now)
	if s.mem != 64<<20 {
		t.Fatalf("%d bytes of memory are free after the end", s.mem)
	}
}

func anyOpening(k int) []wire.Message {
	if k%3 == 0 {
		return []wire.Message{{Kind: wire.Bitfield, Data: []byte{byte(k) << 3 &^ 3}}, {Kind: wire.Unchoke}, {Kind: wire.Interested}}
	}
	return []wire.Message{{Kind: wire.Bitfield, Data: []byte{0xfc}}, {Kind: wire.Unchoke}}
}

func anyMessage(s *script, next func() int) wire.Message {
	kinds := []wire.Kind{wire.Choke, wire.Unchoke, wire.Unchoke, wire.Interested, wire.NotInterested, wire.Have, wire.Have, wire.Request, wire.Request,
		wire.Piece, wire.Cancel, wire.AllowedFast, wire.Reject, wire.Extended, wire.HashRequest, wire.Suggest, wire.Port, wire.HaveAll}
	m := wire.Message{Kind: kinds[next()%len(kinds)], Index: uint32(next() % 7), Begin: uint32(next()%3) * metainfo.BlockSize, Length: metainfo.BlockSize}
	switch m.Kind {
	case wire.Piece:
		m.Block = s.pool.Get()
		m.Block.Resize(metainfo.BlockSize)
	case wire.Extended:
		m.Index = uint32(next() % 4)
		m.Data = wire.AppendDontHave(nil, uint32(next()%7))
		if m.Index == 0 {
			m.Data = wire.AppendExtHandshake(nil, &wire.ExtHandshake{Reqq: next() % 9, P: uint16(next()), M: []wire.ExtID{{Name: wire.DontHave, ID: 9}}})
		}
	}
	return m
}

// inspect checks what must hold after every turn.
func inspect(t *testing.T, s *script) {
	t.Helper()
	c := s.c
	if c.reserved != c.m.Memory() || s.mem+c.reserved != 64<<20 {
		t.Fatalf("%d bytes reserved, the manager holds %d, %d are free", c.reserved, c.m.Memory(), s.mem)
	}
	if len(c.byID) != len(c.peers) || len(c.dirty) != 0 {
		t.Fatalf("%d peers, %d by id, %d dirty", len(c.peers), len(c.byID), len(c.dirty))
	}
	unchoked := 0
	shown := make([]uint16, s.info.NumPieces())
	for _, p := range c.peers {
		if p.mask != nil {
			for i := range shown {
				if p.mask.shown.Has(i) {
					shown[i]++
				}
			}
		}
		if p.mask != nil && (!c.super.on || c.phase != status.Seeding) {
			t.Fatalf("peer %d is not shown everything", p.id)
		}
		if p.hello.Extended && p.toldUpload != c.uploadOnly(p) {
			t.Fatalf("peer %d thinks that we only upload: %v", p.id, p.toldUpload)
		}
		if want := c.m.Interesting(&p.has); p.wants != want {
			t.Fatalf("peer %d: wants %d, is %d", p.id, p.wants, want)
		}
		if p.down.interested != (p.wants > 0 && c.phase == status.Leeching) {
			t.Fatalf("peer %d: interest was not told", p.id)
		}
		if p.down.asked.len() != c.m.Asked(p.id) {
			t.Fatalf("peer %d: %d asked, the manager says %d", p.id, p.down.asked.len(), c.m.Asked(p.id))
		}
		if p.up.unchoked {
			unchoked++
		}
		if p.up.unchoked && !p.up.interested {
			t.Fatalf("peer %d holds a slot and wants nothing", p.id)
		}
	}
	if unchoked > c.slots() && !c.choke.dirty {
		t.Fatalf("%d peers unchoked with %d slots", unchoked, c.slots())
	}
	inspectSums(t, c, shown)
	s.leech.inspect(t, c)
}

// inspectSums checks the counters of c; shown is how many masks show each piece.
func inspectSums(t *testing.T, c *core, shown []uint16) {
	t.Helper()
	if c.super.shown != nil && !slices.Equal(shown, c.super.shown) {
		t.Fatalf("masks show %v, counted %v", shown, c.super.shown)
	}
	if n := len(c.peers); n > c.cands.maxPeers {
		t.Fatalf("%d connections of %d", n, c.cands.maxPeers)
	}
	have := c.sel.have
	if c.count(); c.sel.have != have {
		t.Fatalf("%d bytes wanted and there, counted %d", c.sel.have, have)
	}
	dialing := 0
	for i := range c.cands.list {
		if c.cands.list[i].state == candDialing {
			dialing++
		}
	}
	if dialing != c.cands.dialing {
		t.Fatalf("%d dials counted, %d are under way", c.cands.dialing, dialing)
	}
	if c.phase == status.Seeding && !c.have().All() || c.phase == status.Leeching && c.m.Complete() {
		t.Fatalf("phase %v with %d of %d pieces", c.phase, c.have().Count(), c.have().Len())
	}
}
