package swarm

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// TestCanonical has the two vectors of BEP 40, and what follows from its rules.
func TestCanonical(t *testing.T) {
	p := netip.MustParseAddrPort
	for _, tt := range []struct {
		a, b string
		want uint32
	}{
		{"123.213.32.10:1", "98.76.54.32:2", 0xec2d7224},
		{"123.213.32.10:1", "123.213.32.234:2", 0x99568189},
	} {
		if got := canonical(p(tt.a), p(tt.b)); got != tt.want || canonical(p(tt.b), p(tt.a)) != got {
			t.Errorf("%s and %s: %08x, want %08x", tt.a, tt.b, got, tt.want)
		}
	}
	same := [][4]string{ // the first two have the priority of the last two
		{"1.2.3.4:1", "9.9.9.9:1", "1.2.1.4:7", "9.9.3.11:8"},                                 // only every other bit beyond /16
		{"1.2.3.4:1", "1.2.9.9:1", "1.2.3.4:1", "1.2.9.11:1"},                                 // the same /16: beyond /24
		{"[2001:db8::1]:1", "[2002::1]:1", "[2001:db8:aa00::1]:1", "[2002:0:aaaa:aaaa::1]:1"}, // beyond /32, the last 64 bits whole
		{"::ffff:1.2.3.4", "::ffff:9.9.9.9", "1.2.3.4", "9.9.9.9"},
	}
	for _, s := range same {
		var a [4]netip.AddrPort
		for i, x := range s {
			if ap, err := netip.ParseAddrPort(x); err == nil {
				a[i] = ap
			} else {
				a[i] = netip.AddrPortFrom(netip.MustParseAddr(x), 1)
			}
		}
		if canonical(a[0], a[1]) != canonical(a[2], a[3]) {
			t.Errorf("%v differ", s)
		}
	}
	if canonical(p("1.2.3.4:5"), p("1.2.3.4:6")) != canonical(p("1.2.3.4:6"), p("1.2.3.4:5")) || canonical(p("1.2.3.4:5"), p("1.2.3.4:6")) == canonical(p("1.2.3.4:5"), p("1.2.3.4:7")) {
		t.Error("one address: the ports do not decide")
	}
	if canonical(p("1.2.3.4:5"), p("[2001::1]:6")) != 0 || canonical(netip.AddrPort{}, p("1.2.3.4:6")) != 0 {
		t.Error("what cannot be compared has a priority")
	}
}

// TestExternalFromSession: what the session knows of our address goes before what peers say, and candidates are ranked by it.
func TestExternalFromSession(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1")
	a := netip.MustParseAddr("9.9.9.1")
	s.step(event{kind: evAddresses, more: &eventMore{addrs: []netip.AddrPort{netip.MustParseAddrPort("1.2.3.4:5000")}, from: Source{Kind: FromUser}}})
	s.step(event{kind: evExternal, more: &eventMore{addr: netip.AddrPortFrom(a, 0)}})
	for _, k := range s.c.cands.list {
		if want := canonical(netip.AddrPortFrom(a, s.c.cfg.Port), k.addr); k.rank != want || want == 0 {
			t.Errorf("%v has rank %d, want %d", k.addr, k.rank, want)
		}
	}
	for i := range 50 {
		s.c.cands.self.add(netip.MustParseAddr("9.9.9.2"), netip.AddrFrom4([4]byte{8, 8, 8, byte(i)}))
	}
	if s.c.cands.self.v4 != a || len(s.c.cands.list) == 0 {
		t.Errorf("peers talked us into %v", s.c.cands.self.v4)
	}
}

// TestSelfAddress: our address is the one that most peers name, and a list of lies is bounded.
func TestSelfAddress(t *testing.T) {
	var s selfAddr
	a, b := netip.MustParseAddr("9.9.9.1"), netip.MustParseAddr("9.9.9.2")
	n := 0
	voter := func() netip.Addr { n++; return netip.AddrFrom4([4]byte{8, 8, byte(n >> 8), byte(n)}) }
	if !s.add(a, voter()) || s.v4 != a {
		t.Fatal("the first is not believed")
	}
	if s.add(b, voter()) || s.v4 != a {
		t.Fatal("the second is believed as much")
	}
	for i := range 100 {
		s.add(netip.AddrFrom4([4]byte{7, 7, 7, byte(i)}), voter())
	}
	if s.add(a, voter()) || len(s.votes) > maxVotes || len(s.voters) > maxVoters || s.v4 != a {
		t.Fatalf("%d votes of %d, %v", len(s.votes), len(s.voters), s.v4)
	}
	liar := voter()
	for range 30 {
		s.add(b, liar)
	}
	if s.v4 != a {
		t.Error("one that says it again and again is believed")
	}
	for range 2 {
		s.add(b, voter())
	}
	if s.v4 != b {
		t.Error("the majority is not believed")
	}
}

// TestReplace: when all connections are in use the new one with the higher canonical priority takes the place of the idle one with the
// lowest, as do the useful of the useless; what is busy or new stays.
func TestReplace(t *testing.T) {
	s := newScript(t, "pieces=4", "blocks=2", "have=0", "peers=3")
	self := netip.MustParseAddr("100.1.1.1")
	for id := piece.PeerID(1); id <= 3; id++ {
		s.attach(id, true)
		s.says(id, wire.Message{Kind: wire.Bitfield, Data: []byte{0x40}}, wire.Message{Kind: wire.Interested},
			wire.Message{Kind: wire.Extended, Data: wire.AppendExtHandshake(nil, &wire.ExtHandshake{YourIP: self})})
	}
	rank := func(id piece.PeerID) uint32 { return s.c.rank(s.c.byID[id].address()) }
	ids := []piece.PeerID{1, 2, 3}
	slices.SortFunc(ids, func(a, b piece.PeerID) int { return int(int64(rank(a)) - int64(rank(b))) })
	better, worse := piece.PeerID(0), piece.PeerID(0)
	for id := piece.PeerID(4); better == 0 || worse == 0; id++ {
		switch r := s.c.rank(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(id >> 8), byte(id)}), 6881)); {
		case r > rank(ids[2]):
			better = id
		case r < rank(ids[0]):
			worse = id
		}
	}
	s.attach(better, true)
	s.settle()
	if !s.closed(better) {
		t.Fatal("a new connection was replaced")
	}
	s.now = s.now.Add(proveTime + time.Second)
	s.settle()
	s.attach(worse, true)
	s.settle()
	if !s.closed(worse) {
		t.Fatal("a worse one was accepted")
	}
	s.c.byID[ids[0]].down.meter.smooth = busyRate
	s.attach(better+1000, true) // remembers the peer id of none of them
	s.settle()
	s.c.byID[ids[0]].down.meter.smooth = busyRate
	if s.closed(ids[0]) {
		t.Fatal("a busy one was replaced")
	}
	s = newScript(t, "pieces=4", "blocks=2", "have=0", "peers=2")
	s.attach(1, true)
	s.attach(2, true)
	s.says(2, wire.Message{Kind: wire.Interested})
	s.says(2, request(0, 0))
	s.now = s.now.Add(time.Minute + time.Second)
	s.attach(3, true)
	s.settle()
	if !s.closed(1) || s.closed(2) || s.closed(3) {
		t.Error("the useless one did not go")
	}
}

// TestUpgrade: a candidate of higher priority is dialled though there is no room, one a round; of lower priority none.
func TestUpgrade(t *testing.T) {
	s := newScript(t, "pieces=4", "blocks=2", "have=0", "peers=1")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.Bitfield, Data: []byte{0x40}}, wire.Message{Kind: wire.Interested},
		wire.Message{Kind: wire.Extended, Data: wire.AppendExtHandshake(nil, &wire.ExtHandshake{YourIP: netip.MustParseAddr("100.1.1.1")})})
	var addrs []netip.AddrPort
	for i := range 50 {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 3, byte(i), 1}), 6881))
	}
	s.step(event{kind: evAddresses, more: &eventMore{addrs: addrs}})
	best := slices.MaxFunc(addrs, func(a, b netip.AddrPort) int { return int(int64(s.c.rank(a)) - int64(s.c.rank(b))) })
	s.mute["publish"], s.mute["need-peers"] = true, true
	s.log.Reset()
	if err := s.wait("45s"); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("at 30s\n  dial %v\n", best); s.log.String() != want {
		t.Errorf("got %q, want %q", s.log.String(), want)
	}
	s.step(event{kind: evDialFailed, more: &eventMore{addr: best}, err: ErrBusy})
	h := Hello{Addr: best, Fast: true}
	s.step(event{kind: evAttached, peer: 2, more: &eventMore{hello: h}})
	s.says(2, wire.Message{Kind: wire.Interested})
	s.says(2, request(0, 0))
	if !s.closed(1) || s.closed(2) {
		t.Error("the better one did not take the place")
	}
	s.log.Reset()
	if err := s.wait("10m"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.log.String(), "dial") {
		t.Errorf("the best is connected, and then %q", s.log.String())
	}
}

// TestAllowedFastSet has the vectors of BEP 6.
func TestAllowedFastSet(t *testing.T) {
	var hash metainfo.Hash
	for i := range hash {
		hash[i] = 0xaa
	}
	ip := netip.MustParseAddr("80.4.4.200")
	want := []int{1059, 431, 808, 1217, 287, 376, 1188, 353, 508}
	if got := allowedFast(hash, ip, 1313, 9); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := allowedFast(hash, ip, 1313, 7); !slices.Equal(got, want[:7]) {
		t.Errorf("got %v, want %v", got, want[:7])
	}
	if got := allowedFast(hash, ip, 3, 10); len(got) != 3 {
		t.Errorf("%v of 3 pieces", got)
	}
	if allowedFast(hash, netip.MustParseAddr("2001::1"), 100, 10) != nil || allowedFast(hash, ip, 0, 10) != nil {
		t.Error("a set for IPv6, or of nothing")
	}
}

// fastSeed is a seed with one slot, which peer 1 has, and with upload to spare; peer 2 is choked and knows what it may have.
func fastSeed(t *testing.T) *script {
	s := newScript(t, "pieces=200", "blocks=2", "have=all", "slots=1")
	s.mute["upload"], s.mute["publish"] = true, true
	s.c.tot.upMeter.quick = 10 << 20
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	s.attach(2, true)
	s.log.Reset()
	s.says(2, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	return s
}

// TestW15AllowedFast: each piece of the set is served once to a choked peer, all else is rejected, and a flood ends the connection.
func TestW15AllowedFast(t *testing.T) {
	s := fastSeed(t)
	p := s.c.byID[2]
	if len(p.up.fast) != fastSet || p.up.unchoked {
		t.Fatalf("offered %v, unchoked %v; the story: %s", p.up.fast, p.up.unchoked, s.log.String())
	}
	uploads := map[metainfo.Block]int{}
	for range 1000 {
		for i := range uint32(200) {
			if i > 0 && !p.up.offered(int(i)) { // of the others one is enough
				continue
			}
			s.step(event{kind: evMessages, peer: 2, batch: []wire.Message{{Kind: wire.Request, Index: i, Length: metainfo.BlockSize}}})
			s.c.settle(s.now)
			for _, a := range s.c.acts {
				if a.kind == acUpload {
					uploads[a.block]++
				}
			}
			s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
		}
		if p.up.queue.out() > 0 {
			s.step(event{kind: evUploaded, peer: 2, n: p.up.queue.out(), bytes: p.up.queue.out() * metainfo.BlockSize})
		}
	}
	served := 0
	for b, n := range uploads {
		if served += n; n > s.info.NumBlocks(b.Piece) {
			t.Errorf("%v served %d times", b, n)
		}
	}
	if most := fastSet * 2; served > most || served < fastSet || len(uploads) != fastSet {
		t.Errorf("W15: %d blocks of %d pieces were served, want at most %d of %d", served, len(uploads), most, fastSet)
	}
	if !s.closed(2) {
		t.Error("W15: a flood of requests is put up with")
	}
}

func TestOfferFast(t *testing.T) {
	for _, tt := range []struct {
		name string
		fast bool
		has  int
		rate float64
		args []string
		want int
	}{
		{"ten", true, 0, 10 << 20, []string{"pieces=200"}, 10},
		{"a peer that has enough", true, 10, 10 << 20, []string{"pieces=200"}, 0},
		{"no fast extension", false, 1, 10 << 20, []string{"pieces=200"}, 0},
		{"not more than a tenth of the torrent", true, 0, 10 << 20, []string{"pieces=30"}, 3},
		{"a slow seed offers what it sends in 5 s", true, 0, 32 << 10, []string{"pieces=200"}, 5},
		{"an idle one nothing", true, 0, 0, []string{"pieces=200"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScript(t, append(tt.args, "blocks=2", "have=all")...)
			s.c.tot.upMeter.quick = tt.rate
			s.attach(1, tt.fast)
			has := metainfo.NewBitfield(s.info.NumPieces())
			for i := range tt.has {
				has.Set(i)
			}
			s.says(1, wire.Message{Kind: wire.Bitfield, Data: has.Bytes()})
			if n := len(s.c.byID[1].up.fast); n != tt.want {
				t.Errorf("%d pieces offered, want %d", n, tt.want)
			}
		})
	}
}
