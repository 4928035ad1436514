package dht

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"shoal/metainfo"
)

// script drives a walk by hand.
type script struct {
	t   *testing.T
	w   *walk
	now time.Time
	rnd *rand.Rand
}

func newScript(t *testing.T, search bool) *script {
	return &script{t, newWalk(metainfo.Hash{}, search, fitting), time.Unix(1000, 0), rand.New(rand.NewPCG(1, 1))}
}

// at returns a contact that shares bits with the zero target, in a network of its own where ids need not fit
// unless far says otherwise.
func (s *script) at(i, bits int) contact {
	return contact{near(metainfo.Hash{}, s.rnd, bits), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), 6881)}
}

func (s *script) ask() []contact { return s.w.ask(s.now) }

func TestWalkNearest(t *testing.T) {
	s := newScript(t, false)
	var all []contact
	for i := range 40 {
		all = append(all, s.at(i, i%20))
	}
	s.w.seed(all[:10])
	order := map[netip.AddrPort]bool{}
	for !s.w.done() {
		asked := s.ask()
		if len(asked) == 0 {
			t.Fatal("not done, and nobody to ask")
		}
		if len(asked) > parallel {
			t.Fatalf("%d at once", len(asked))
		}
		for _, c := range asked {
			if order[c.addr] {
				t.Fatalf("%v asked twice", c)
			}
			order[c.addr] = true
			more := slices.Clone(all)
			slices.SortFunc(more, func(a, b contact) int { return compareDistance(s.w.target, a.id, b.id) })
			s.w.answered(c.addr, c.id, "t", more[:8], 0)
		}
	}
	slices.SortFunc(all, func(a, b contact) int { return compareDistance(s.w.target, a.id, b.id) })
	for i, c := range all[:closeEnough] {
		if !order[c.addr] {
			t.Errorf("the %dth nearest was not asked", i)
		}
	}
	if h := s.w.holders(); len(h) < closeEnough || h[0].id != all[0].id {
		t.Errorf("%d holders", len(h))
	}
}

// TestWalkLate: silence for lateAfter makes room for others, and a late answer still counts.
func TestWalkLate(t *testing.T) {
	s := newScript(t, false)
	for i := range 20 {
		s.w.seed([]contact{s.at(i, 10)})
	}
	first := s.ask()
	if len(first) != parallel || len(s.ask()) != 0 {
		t.Fatalf("%d at first", len(first))
	}
	if got := s.w.wake(); !got.Equal(s.now.Add(lateAfter)) {
		t.Errorf("wakes at %v", got)
	}
	s.now = s.now.Add(lateAfter)
	second := s.ask()
	if len(second) != parallel {
		t.Fatalf("%d after the first are late", len(second))
	}
	s.w.answered(first[0].addr, first[0].id, "t", nil, 0)
	for _, c := range append(first[1:], second...) {
		if s.w.done() {
			t.Fatal("done while somebody may answer")
		}
		s.w.failed(c.addr)
	}
	if h := s.w.holders(); len(h) != 1 || h[0].addr != first[0].addr {
		t.Errorf("holders %v", h)
	}
}

// TestD07WalkBounds: eight of a reply, never more than maxAsked, no address twice, whatever is named.
func TestD07WalkBounds(t *testing.T) {
	s := newScript(t, true)
	s.w.seed([]contact{s.at(0, 0)})
	for i := 1; !s.w.done(); {
		for _, c := range s.ask() {
			before := len(s.w.known)
			var named []contact
			for range 100 { // ever nearer
				named = append(named, s.at(i, min(150, i/60)))
				i++
			}
			s.w.answered(c.addr, c.id, "t", named, 0)
			if n := len(s.w.known) - before; n > perReply {
				t.Fatalf("%d taken from one reply", n)
			}
		}
	}
	if s.w.asked != maxAsked {
		t.Errorf("%d asked", s.w.asked)
	}
	global := netip.MustParseAddr("66.1.2.3")
	s = newScript(t, true)
	for port := range uint16(100) {
		s.w.seed([]contact{{near(metainfo.Hash{}, s.rnd, 30), netip.AddrPortFrom(global, 2000+port)}})
	}
	for host := range byte(100) {
		s.w.seed([]contact{{near(metainfo.Hash{}, s.rnd, 30), netip.AddrPortFrom(netip.AddrFrom4([4]byte{67, 1, 2, host}), 2000)}})
	}
	if got := len(s.w.known); got != perSeat+perNetwork {
		t.Errorf("%d candidates of one address and one network", got)
	}
}

// TestD08WalkMisfits: ids that do not fit their addresses crowd out nobody, and few of them are asked.
func TestD08WalkMisfits(t *testing.T) {
	s := newScript(t, true)
	w := &world{seed: 4}
	var honest []contact
	for i := range 30 {
		honest = append(honest, w.contactOf(i))
	}
	s.w.seed(honest[:4])
	asked := map[bool]int{}
	for i := 0; !s.w.done(); {
		for _, c := range s.ask() {
			asked[fitting(c)]++
			var named []contact
			for range 4 {
				named = append(named, contact{near(metainfo.Hash{}, s.rnd, 60), netip.AddrPortFrom(w.address(1000+i), 6881)})
				i++
			}
			s.w.answered(c.addr, c.id, "t", append(named, honest[s.rnd.IntN(27):][:4]...), 0)
		}
	}
	if asked[false] > maxMisfits || asked[true] < 20 {
		t.Errorf("asked %v", asked)
	}
	fits := 0
	for _, h := range s.w.holders() {
		if h.fits {
			fits++
		}
	}
	if fits < mostHolders || len(s.w.holders())-fits > closeEnough/2 {
		t.Errorf("%d of %d holders fit", fits, len(s.w.holders()))
	}
}

// TestWalkFalseID: a node that answers under another id than it was named by counts under its own.
func TestWalkFalseID(t *testing.T) {
	s := newScript(t, false)
	named, real := s.at(1, 100), s.at(1, 2)
	s.w.seed([]contact{named, {addr: s.at(2, 0).addr}})
	if got := s.ask(); len(got) != 2 || got[0].id != (metainfo.Hash{}) {
		t.Fatalf("asked %v", got)
	}
	s.w.answered(named.addr, real.id, "t", nil, 0)
	s.w.answered(s.at(2, 0).addr, s.at(2, 50).id, "u", nil, 0)
	h := s.w.holders()
	if len(h) != 2 || h[0].token != "u" || h[1].id != real.id {
		t.Errorf("holders %+v", h)
	}
}

// TestD08WalkReach: a search goes farther exactly when it found little, and a few liars who name peers do not stop it.
func TestD08WalkReach(t *testing.T) {
	for _, tc := range []struct {
		name    string
		search  bool
		namers  int // of the closest nodes, so many name 50 peers
		closest int
	}{
		{"not a search", false, 0, reaches[0].closest},
		{"peers everywhere", true, 60, reaches[0].closest},
		{"three liars", true, 3, reaches[1].closest},
		{"one liar", true, 1, reaches[2].closest},
		{"nothing", true, 0, reaches[2].closest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, tc.search)
			for i := range 60 {
				s.w.seed([]contact{s.at(i, i/4)})
			}
			for !s.w.done() {
				for _, c := range s.ask() {
					peers := 0
					if 60-int(c.addr.Addr().As4()[2]) <= tc.namers {
						peers = 50
					}
					s.w.answered(c.addr, c.id, "t", nil, peers)
				}
			}
			if s.w.asked < tc.closest || s.w.asked > tc.closest+8 {
				t.Errorf("%d asked, want about %d", s.w.asked, tc.closest)
			}
		})
	}
}

// TestWalkBeginsAnew: all nodes are dead, and others become known whenever in the turns that happens.
func TestWalkBeginsAnew(t *testing.T) {
	for picks := range 2 * (paths + 1) {
		s := newScript(t, true)
		for i := range picks {
			s.w.seed([]contact{s.at(i, i)})
			for _, c := range s.ask() {
				s.w.failed(c.addr)
			}
		}
		s.w.seed([]contact{s.at(100, 10), s.at(101, 11)})
		if asked := s.ask(); len(asked) != 2 {
			t.Errorf("after %d picks %v are asked", picks, asked)
		}
	}
}
