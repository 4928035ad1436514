package swarm

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/status"
)

// leechTime counts on its own for how long a core has been downloading.
type leechTime struct {
	sum, at time.Duration
	on      bool
}

// inspect is called after every turn. The account must have cut the time right: its sum and what is open since are all
// of it, and no part of the last minute is more than the whole.
func (l *leechTime) inspect(t *testing.T, c *core) {
	t.Helper()
	if l.on {
		l.sum += c.now - l.at
	}
	l.at, l.on = c.now, c.phase == status.Leeching
	sum := c.tally.all.Total()
	if l.on {
		sum += c.now - c.tally.at
	}
	if sum != l.sum || c.tally.on != l.on {
		t.Fatalf("%v are accounted, it downloaded for %v", sum, l.sum)
	}
	peers := [serving + 1]int{}
	for _, p := range c.peers {
		peers[p.down.hold.standing]++
		if want := c.standing(p); p.down.hold.standing != want {
			t.Fatalf("peer %d stands at %d, noted is %d", p.id, want, p.down.hold.standing)
		}
	}
	if n := c.tally.peers; n[choking] != peers[choking] || n[serving] != peers[serving] {
		t.Fatalf("%v peers by standing, counted %v", peers, n)
	}
	part := c.tally.causes(c.now)
	for k := range part.All {
		if part.Lately[k] < 0 || part.Lately[k] > part.Minute[k] || part.Minute[k] > part.All[k] {
			t.Fatalf("%+v", part)
		}
	}
	if !c.snap.dirty && c.snap.at == c.now && sum != c.tally.all.Total() {
		t.Fatal("a snapshot was due, and does not have all of the time")
	}
}

// spends lets time pass second by second and returns what it went to.
func (s *script) spends(d time.Duration, each func()) status.Shares {
	before := s.c.tally.all
	for range int(d / time.Second) {
		s.now = s.now.Add(time.Second)
		if each != nil {
			each()
		}
		s.settle()
	}
	spent := s.c.tally.all
	for i := range spent {
		spent[i] -= before[i]
	}
	return spent
}

// wants fails unless all of the time went to one cause, but for a second.
func wants(t *testing.T, spent status.Shares, c status.Cause, d time.Duration) {
	t.Helper()
	if spent[c] < d-time.Second || spent.Total() != d {
		t.Errorf("of %v: %v; all was to be %v", d, spent, c)
	}
}

// TestCausesOfPeers: what is known of the peers alone decides while nobody may be asked.
func TestCausesOfPeers(t *testing.T) {
	s := newScript(t, "pieces=8", "blocks=1")
	some := wire.Message{Kind: wire.Bitfield, Data: []byte{0xf0}}
	wants(t, s.spends(10*time.Second, nil), status.NoPeers, 10*time.Second)

	addrs := []netip.AddrPort{netip.MustParseAddrPort("10.2.0.1:1"), netip.MustParseAddrPort("10.2.0.2:1")}
	s.step(event{kind: evAddresses, more: &eventMore{addrs: addrs}})
	wants(t, s.spends(10*time.Second, nil), status.NoPeers, 10*time.Second) // they are being dialled for the first time
	fail := func() {
		for i := range s.c.cands.list {
			if k := &s.c.cands.list[i]; k.state == candDialing {
				s.step(event{kind: evDialFailed, more: &eventMore{addr: k.addr}, err: errors.New("refused")})
			}
		}
	}
	fail()
	wants(t, s.spends(30*time.Second, fail), status.Unreachable, 30*time.Second)

	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveNone}) // one of three answers, and has nothing
	wants(t, s.spends(10*time.Second, fail), status.Unreachable, 10*time.Second)
	s.attach(2, true)
	s.says(2, wire.Message{Kind: wire.HaveNone})
	wants(t, s.spends(10*time.Second, fail), status.NoPeers, 10*time.Second)

	s.says(1, wire.Message{Kind: wire.Have, Index: 0})
	wants(t, s.spends(10*time.Second, fail), status.Choked, 10*time.Second)
	if n := s.c.snapshot().PeersChoking; n != 1 {
		t.Errorf("%d peers choke", n)
	}
	// What it allows while it chokes is taken, and then it is as before.
	s.says(1, wire.Message{Kind: wire.AllowedFast, Index: 0})
	wants(t, s.spends(10*time.Second, nil), status.Running, 10*time.Second)
	s.says(1, wire.Message{Kind: wire.Reject, Length: metainfo.BlockSize})
	wants(t, s.spends(10*time.Second, nil), status.Choked, 10*time.Second)

	// One that lets us ask is enough, however slow it is.
	s.attach(3, false)
	s.says(3, some, wire.Message{Kind: wire.Unchoke})
	wants(t, s.spends(30*time.Second, nil), status.Running, 30*time.Second)
	s.step(event{kind: evClosed, peer: 3})
	wants(t, s.spends(10*time.Second, nil), status.Choked, 10*time.Second)

	// Only downloading counts.
	s.step(event{kind: evPause})
	s.settle()
	if spent := s.spends(time.Minute, nil); spent.Total() != 0 {
		t.Errorf("paused: %v", spent)
	}
	s.step(event{kind: evResume})
	s.settle()
	if spent := s.spends(10*time.Second, nil); spent.Total() != 10*time.Second {
		t.Errorf("resumed: %v", spent)
	}
}

// TestCauseRejects: a peer that unchokes us and rejects everything counts as one that chokes.
func TestCauseRejects(t *testing.T) {
	s := newScript(t, "pieces=8", "blocks=4")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	reject := func() {
		for range 100 {
			p := s.c.byID[1]
			if p.down.asked.len() == 0 {
				break
			}
			b := p.down.asked.all()[0].block
			s.says(1, wire.Message{Kind: wire.Reject, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)})
		}
	}
	s.spends(10*time.Second, reject)
	if spent := s.spends(time.Minute, reject); spent[status.Choked] < 50*time.Second {
		t.Errorf("%v", spent)
	}
}

// TestCauseLimit: a demand that waits for its grant is held by the limit; one that is granted within a few turns of the dealer is not.
func TestCauseLimit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		wait  time.Duration // from demand to grant
		bytes int64         // 0: all that was asked for
		cause status.Cause
	}{
		{"at once", 20 * time.Millisecond, 0, status.Running},
		{"too little each time", 20 * time.Millisecond, 1 << 10, status.Limited},
		{"seldom", 500 * time.Millisecond, 0, status.Limited},
		{"never", time.Hour, 0, status.Limited},
	} {
		s := newScript(t, "pieces=600", "blocks=1", "limited=down")
		s.attach(1, true)
		s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
		since := s.now
		d := s.spends(0, nil)
		for n := range 20 * 50 {
			s.now = s.now.Add(20 * time.Millisecond)
			if s.c.lim.toldDown == 0 {
				since = s.now
			} else if s.now.Sub(since) >= tt.wait {
				g := tt.bytes
				if g == 0 {
					g = s.c.lim.toldDown
				}
				s.step(event{kind: evGrant, down: g})
				since = s.now
			}
			if n%5 == 4 { // ten blocks a second
				if err := s.peerDoes(1, []string{"serves", "1"}); err != nil && s.c.byID[1].down.asked.len() > 0 {
					t.Fatal(err)
				}
			}
			s.settle()
			s.disk("")
			s.settle()
		}
		d = s.c.tally.all
		if d[tt.cause] < 17*time.Second || d.Total() != 20*time.Second {
			t.Errorf("%s: %v", tt.name, d)
		}
	}
}

// TestCauseMemory: only while the disk holds the memory up; what comes of open pieces is no hindrance.
func TestCauseMemory(t *testing.T) {
	s := newScript(t, "pieces=2500", "blocks=4")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	serve := func() { _ = s.peerDoes(1, []string{"serves"}) }
	s.spends(5*time.Second, func() { serve(); s.settle(); s.disk("") })
	s.mem = 0 // nothing is left, and nothing is written any more
	wants(t, s.spends(20*time.Second, serve), status.DiskBound, 20*time.Second)
	s.mem = 64 << 20
	if d := s.spends(10*time.Second, func() { serve(); s.settle(); s.disk("") }); d[status.DiskBound] > time.Second {
		t.Errorf("%v", d)
	}
}

func TestRecentForgets(t *testing.T) {
	var r recent
	r.add(3*time.Second, status.Choked, 3*time.Second)
	r.add(4*time.Second, status.NoPeers, time.Second)
	r.add(6*time.Second, status.Choked, 2*time.Second)
	sum := func(at time.Duration, parts int) time.Duration {
		s := r.sum(at, parts)
		return s.Total()
	}
	if s := r.sum(6*time.Second, lateParts); s[status.Choked] != 5*time.Second || s[status.NoPeers] != time.Second {
		t.Error(s)
	}
	if a, b, c := sum(15*time.Second, lateParts), sum(60*time.Second, minuteParts), sum(65*time.Second, minuteParts); a != 2*time.Second || b != 6*time.Second || c != 2*time.Second {
		t.Error(a, b, c)
	}
	if s := sum(24*time.Hour, minuteParts); s != 0 {
		t.Error(s)
	}
	r.add(24*time.Hour, status.Running, time.Second) // all that was before is a day old
	if s := sum(24*time.Hour, minuteParts); s != time.Second {
		t.Error(s)
	}
}
