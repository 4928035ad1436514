package swarm

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// attachAt adds a peer with an address.
func (s *script) attachAt(id piece.PeerID, addr string) {
	h := Hello{Addr: netip.MustParseAddrPort(addr), Fast: true, Extended: true, Incoming: true}
	h.PeerID[0], h.PeerID[1] = byte(id), byte(id>>8)
	s.step(event{kind: evAttached, peer: id, more: &eventMore{hello: h}})
	s.settle()
}

// pass lets time go by as the loop would.
func (s *script) pass(t *testing.T, d string) {
	t.Helper()
	if err := s.wait(d); err != nil {
		t.Fatal(err)
	}
}

// TestSlotsAreLost: neither a peer that asks for nothing nor one that takes it slowly keeps a seed's slot from those who wait.
func TestSlotsAreLost(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=16", "have=all", "slots=2", "super-seed=off")
	for id := piece.PeerID(1); id <= 4; id++ {
		s.attach(id, true)
		s.says(id, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	}
	had := map[piece.PeerID]bool{}
	for sec := range 300 {
		s.pass(t, "1s")
		for _, p := range s.c.peers {
			if !p.up.unchoked {
				continue
			}
			had[p.id] = true
			if held := s.now.Sub(s.c.epoch) - p.up.since; held > longTurn+chokeRound {
				t.Fatalf("peer %d has its slot for %v", p.id, held)
			}
			if p.id == 2 && p.up.queue.waiting() < 100 { // asks for much and takes a block in four seconds
				for k := range 200 {
					s.says(2, request((sec+k/16)%64, k%16))
				}
			}
		}
		if sec%4 == 0 {
			s.took(2, 1)
			s.settle()
		}
	}
	if len(had) != 4 {
		t.Errorf("only %v had a slot", had)
	}
}

// TestSiteShare: a global address gets no more slots of a seed by connecting more often, and no more than three connections; local ones may.
func TestSiteShare(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=16", "have=all", "slots=4", "super-seed=off", "peers=50")
	for id := piece.PeerID(1); id <= 5; id++ {
		s.attachAt(id, "[2a00:1:2:3::"+string(rune('0'+id))+"]:5000")
		s.says(id, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	}
	if n := len(s.c.peers); n != maxPerSite {
		t.Fatalf("one network has %d connections", n)
	}
	for id := piece.PeerID(11); id <= 15; id++ {
		s.attachAt(id, "10.0.0.1:5000")
		s.says(id, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	}
	if n := len(s.c.peers); n != maxPerSite+5 {
		t.Fatalf("%d connections", n)
	}
	for range 200 {
		s.pass(t, "1s")
		n := 0
		for _, p := range s.c.peers {
			if p.up.unchoked && p.id <= 5 {
				n++
			}
		}
		if s.now.Sub(s.c.epoch) > chokeRound && n > 1 {
			t.Fatalf("one network has %d slots of 4 while others wait", n)
		}
	}
}

func TestSiteOf(t *testing.T) {
	for _, tt := range [][2]string{
		{"8.8.8.8", "8.8.8.8"}, {"::ffff:8.8.8.8", "8.8.8.8"}, {"2a00:1:2:3:4:5:6:7", "2a00:1:2:3::"},
		{"10.0.0.1", ""}, {"192.168.1.1", ""}, {"127.0.0.1", ""}, {"::1", ""}, {"169.254.1.1", ""}, {"fe80::1%eth0", ""}, {"fd00::1", ""},
		{"100.64.0.1", ""}, {"100.127.255.255", ""}, {"100.128.0.1", "100.128.0.1"}, {"100.63.0.1", "100.63.0.1"},
	} {
		var want netip.Addr
		if tt[1] != "" {
			want = netip.MustParseAddr(tt[1])
		}
		if got := siteOf(netip.MustParseAddr(tt[0])); got != want {
			t.Errorf("%s: %v", tt[0], got)
		}
	}
	if siteOf(netip.Addr{}).IsValid() {
		t.Error("no address has a site")
	}
}

// TestSiteDials: nobody can have us dial one global address again and again.
func TestSiteDials(t *testing.T) {
	s := newScript(t)
	var addrs []netip.AddrPort
	for i := range 1000 {
		addrs = append(addrs, netip.AddrPortFrom(netip.MustParseAddr("9.9.9.9"), uint16(2000+i)))
	}
	addrs = append(addrs, netip.MustParseAddrPort("9.9.9.8:6881"))
	s.step(event{kind: evAddresses, more: &eventMore{addrs: addrs, from: Source{Kind: FromTracker}}})
	s.settle()
	if s.c.cands.dialing != maxPerSite+1 || s.c.cands.find(addrs[1000]).state != candDialing {
		t.Errorf("%d dials", s.c.cands.dialing)
	}
	s.step(event{kind: evAddresses, more: &eventMore{addrs: addrs[:10], from: Source{Kind: FromUser}}})
	s.pass(t, "2m")
	if s.c.cands.dialing < 8 {
		t.Errorf("%d dials of what the user typed", s.c.cands.dialing)
	}
}

// TestIdlerMakesRoom: who says that it is interested and asks for nothing when it may is of no use when there is no room.
func TestIdlerMakesRoom(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=16", "have=all", "slots=2", "peers=2", "super-seed=off")
	for id := piece.PeerID(1); id <= 2; id++ {
		s.attach(id, true)
		s.says(id, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	}
	s.says(2, request(0, 0))
	s.pass(t, "90s")
	if !s.closed(1) || s.closed(2) {
		t.Errorf("closed: %v and %v", s.closed(1), s.closed(2))
	}
}

// TestChokeTakesBack: what is with the writer when a peer is choked is not sent, each request has one answer, and what may
// be had while choked stays.
func TestChokeTakesBack(t *testing.T) {
	for _, fast := range []bool{true, false} {
		s := newScript(t, "pieces=64", "blocks=16", "have=all", "super-seed=off")
		s.attach(1, fast)
		s.says(1, wire.Message{Kind: wire.Interested})
		var batch []wire.Message
		for k := range 60 {
			batch = append(batch, request(k/16, k%16))
		}
		p := s.c.byID[1]
		if fast {
			p.up.fast = []fastPiece{{0, 2}, {3, 1}}
		}
		s.step(event{kind: evMessages, peer: 1, batch: batch})
		s.drain()
		out := len(s.links[1])
		if out != leastWindow || p.up.queue.out() != out {
			t.Fatalf("%d with the writer", out)
		}
		s.c.setChoke(p, true)
		uploads, rejects := s.drain()
		kept := 0
		if fast {
			kept = 3
		}
		if len(s.links[1]) != kept || uploads != kept/3 || fast && rejects != 60-kept || !fast && rejects != 0 {
			t.Errorf("fast %v: %d are still sent, %d more, %d rejected", fast, len(s.links[1])-uploads, uploads, rejects)
		}
		s.took(1, kept)
		if q := &p.up.queue; q.out() != 0 || q.waiting() != 0 || len(q.set) != 0 {
			t.Errorf("left: %+v", q)
		}
	}
}

// TestRepeatedRequest: a request that is queued already is not queued, read and sent again.
func TestRepeatedRequest(t *testing.T) {
	s := newScript(t, "pieces=4", "blocks=4", "have=all", "super-seed=off")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.Interested})
	for range 5000 {
		s.step(event{kind: evMessages, peer: 1, batch: []wire.Message{request(0, 1), request(0, 2)}})
	}
	if u, r := s.drain(); u != 2 || r != 0 {
		t.Errorf("%d handed to the writer, %d rejected", u, r)
	}
	s.took(1, 1)
	s.says(1, request(0, 1), request(0, 2)) // the first was served, and may be had again
	if n := len(s.links[1]); n != 2 || s.closed(1) {
		t.Errorf("%d with the writer", n)
	}
	s.says(1, cancel(0, 2), request(0, 2)) // taken back and wanted all the same
	if n := len(s.links[1]); n != 2 || s.closed(1) {
		t.Errorf("%d with the writer after a cancel", n)
	}
}

// TestServeQueue plays a writer that reports late, and compares with what it really has.
func TestServeQueue(t *testing.T) {
	at := func(i int) metainfo.Block { return metainfo.Block{Piece: i, Length: 1} }
	var q serveQueue
	for i := range 4 {
		q.push(at(i))
	}
	for range 4 {
		q.hand()
	}
	// The writer takes 0, gives 1 back, takes 2; both reports come before it is known that 1 was given back.
	q.remove(q.find(at(1)))
	q.sent(2)
	q.back(at(1))
	if q.out() != 1 || q.find(at(3)) != 0 || !q.has(at(3)) || len(q.set) != 1 {
		t.Errorf("left: %+v", q)
	}
	// In the other order.
	q.push(at(4))
	q.hand()
	q.remove(q.find(at(3)))
	q.back(at(3))
	q.sent(1)
	if q.out() != 0 || len(q.set) != 0 {
		t.Errorf("left: %+v", q)
	}
}

// TestUnchokeTwice: a second unchoke says nothing new.
func TestUnchokeTwice(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=16")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	d := &s.c.byID[1].down
	d.ramping, d.depth, d.rejects = false, 17, 3
	s.says(1, wire.Message{Kind: wire.Unchoke})
	if d.ramping || d.depth != 17 || d.rejects != 3 {
		t.Errorf("%+v", d)
	}
}

// TestShownRate: a flow is seen at its rate from the first second, also after a rest, and its end soon.
func TestShownRate(t *testing.T) {
	var m meter
	now := time.Duration(0)
	tick := func(n int) float64 {
		m.add(n)
		now += time.Second
		m.tick(now)
		return m.shown()
	}
	for range 2 {
		for k := range 20 {
			if r := tick(48e6); r < 47.9e6 || r > 48.1e6 {
				t.Fatalf("second %d: %.0f", k, r)
			}
		}
		for k := range 100 {
			if r := tick(0); k < 3 && r < 48e6/3 || k >= 3 && r != 0 {
				t.Errorf("%.0f, %d seconds after the end", r, k+1)
			}
		}
	}
	for n := range 20 { // a block every eight seconds
		for k := range 8 {
			if r := tick(metainfo.BlockSize * (k / 7)); n > 2 && (r < 500 || r > 6000) {
				t.Errorf("%.0f of a slow flow", r)
			}
		}
	}
}

// TestHavesOwed: peers that want no pieces hear of them with the next second's others, or before an unchoke, and never of one that was
// lost meanwhile.
func TestHavesOwed(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=1", "slots=1")
	for id := piece.PeerID(1); id <= 3; id++ {
		s.attach(id, true)
	}
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	s.says(2, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	s.says(3, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Extended, Data: wire.AppendExtHandshake(nil, &wire.ExtHandshake{UploadOnly: true, HasUploadOnly: true})})
	sends := func() (n [4]int) {
		s.c.settle(s.now)
		for _, a := range s.c.acts {
			if a.kind == acJob {
				s.jobs = append(s.jobs, a.job)
			}
			if a.kind == acSend && slices.ContainsFunc(s.c.out[a.from:a.to], func(m wire.Message) bool { return m.Kind == wire.Have }) {
				n[a.peer]++
			}
		}
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
		return n
	}
	sends()
	var sum [4]int
	for range 8 { // within one second
		if err := s.peerDoes(1, []string{"serves", "4"}); err != nil {
			t.Fatal(err)
		}
		sends()
		s.disk("")
		for id, n := range sends() {
			sum[id] += n
		}
	}
	if sum != [4]int{0, 0, 8, 0} {
		t.Errorf("Haves were sent in %v writes", sum)
	}
	lost := s.c.byID[3].owed[0]
	s.c.lost(lost)
	s.c.setChoke(s.c.byID[3], false)
	if len(s.c.byID[3].owed) != 0 {
		t.Error("unchoked without a word of what there is")
	}
	for _, m := range s.c.out {
		if m.Kind == wire.Have && m.Index == uint32(lost) {
			t.Error("told of a piece that is lost")
		}
	}
	s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	s.now = s.now.Add(time.Second)
	if n := sends(); n != [4]int{0, 1, 0, 0} {
		t.Errorf("the tick brought %v", n)
	}
}

// TestFastOnce: the pieces that may be had while choked are not offered anew to one that comes again and again.
func TestFastOnce(t *testing.T) {
	s := newScript(t, "pieces=200", "blocks=2", "have=all", "slots=1")
	s.c.tot.upMeter.quick = 10 << 20
	for id := piece.PeerID(1); id <= 3; id++ {
		s.attachAt(id, "80.4.4.200:5000")
		s.says(id, wire.Message{Kind: wire.HaveNone})
		if n := len(s.c.byID[id].up.fast); (n > 0) != (id == 1) {
			t.Errorf("connection %d is offered %d pieces", id, n)
		}
		s.step(event{kind: evClosed, peer: id})
		s.settle()
	}
}
