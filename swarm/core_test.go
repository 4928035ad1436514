package swarm

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// newScript starts a torrent as a script does.
func newScript(t testing.TB, args ...string) *script {
	t.Helper()
	s := &script{}
	if err := s.torrent(args); err != nil {
		t.Fatal(err)
	}
	s.settle()
	return s
}

// attach adds a peer that speaks the fast extension if fast.
func (s *script) attach(id piece.PeerID, fast bool) {
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(id >> 8), byte(id)}), 6881)
	h := Hello{Addr: addr, Fast: fast, Extended: true}
	copy(h.PeerID[:], fmt.Sprintf("-XX0001-%012d", id))
	s.step(event{kind: evAttached, peer: id, more: &eventMore{hello: h}})
}

// says delivers messages and settles.
func (s *script) says(id piece.PeerID, ms ...wire.Message) {
	s.step(event{kind: evMessages, peer: id, batch: ms})
	s.settle()
}

// closed reports whether the connection of a peer was ended.
func (s *script) closed(id piece.PeerID) bool { return s.c.byID[id] == nil }

func TestW05Bitfield(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		ok   bool
	}{
		{"right", []byte{0xff, 0x80}, true},
		{"short", []byte{0xff}, false},
		{"empty", nil, false},
		{"long", []byte{0xff, 0x80, 0}, false},
		{"spare bit", []byte{0xff, 0xc0}, false},
	}
	for _, tt := range tests {
		t.Run("W05 "+tt.name, func(t *testing.T) {
			s := newScript(t, "pieces=9", "blocks=1")
			s.attach(1, false)
			s.says(1, wire.Message{Kind: wire.Bitfield, Data: tt.data})
			if s.closed(1) == tt.ok {
				t.Errorf("closed: %v", s.closed(1))
			}
		})
	}
}

func TestW06Openings(t *testing.T) {
	all := []wire.Message{{Kind: wire.HaveAll}, {Kind: wire.HaveNone}, {Kind: wire.Bitfield, Data: []byte{0x80, 0}}}
	for i, first := range all {
		for k, second := range all {
			t.Run(fmt.Sprintf("W06 %d then %d", i, k), func(t *testing.T) {
				s := newScript(t, "pieces=9", "blocks=1")
				s.attach(1, true)
				s.says(1, first)
				if s.closed(1) {
					t.Fatal("closed after the first")
				}
				s.says(1, second)
				if !s.closed(1) {
					t.Error("two openings were accepted")
				}
			})
		}
	}
	for _, k := range []wire.Kind{wire.Suggest, wire.HaveAll, wire.HaveNone, wire.Reject, wire.AllowedFast} {
		t.Run(fmt.Sprintf("W06 message %d without the bit", k), func(t *testing.T) {
			s := newScript(t, "pieces=9", "blocks=1")
			s.attach(1, false)
			s.says(1, wire.Message{Kind: k, Length: metainfo.BlockSize})
			if !s.closed(1) {
				t.Error("accepted")
			}
		})
	}
}

func TestW07Addresses(t *testing.T) {
	const most = math.MaxUint32
	spans := [][3]uint32{{9, 0, 1}, {most, 0, 1}, {8, most, 16384}, {8, 0, 0}, {8, 0, 16385}, {8, 0, most}, {8, most, most}, {8, 16383, 2}}
	for _, kind := range []wire.Kind{wire.Request, wire.Cancel, wire.Reject} {
		for _, a := range spans {
			t.Run(fmt.Sprintf("W07 message %d of %v", kind, a), func(t *testing.T) {
				s := newScript(t, "pieces=9", "blocks=1", "have=all")
				s.attach(1, true)
				s.says(1, wire.Message{Kind: wire.Interested})
				s.says(1, wire.Message{Kind: kind, Index: a[0], Begin: a[1], Length: a[2]})
				if !s.closed(1) {
					t.Error("accepted")
				}
			})
		}
	}
	for _, kind := range []wire.Kind{wire.Have, wire.AllowedFast, wire.Suggest} {
		for _, i := range []uint32{9, most} {
			t.Run(fmt.Sprintf("W07 message %d of piece %d", kind, i), func(t *testing.T) {
				s := newScript(t, "pieces=9", "blocks=1")
				s.attach(1, true)
				s.says(1, wire.Message{Kind: kind, Index: i})
				if !s.closed(1) {
					t.Error("accepted")
				}
			})
		}
	}
	t.Run("W07 piece of nothing", func(t *testing.T) {
		s := newScript(t, "pieces=9", "blocks=1")
		s.attach(1, true)
		s.says(1, wire.Message{Kind: wire.Piece, Index: most, Begin: most, Block: s.pool.Get()})
		if !s.closed(1) {
			t.Error("accepted")
		}
	})
}

// TestDepth plays an ideal peer of some rate and latency and looks at what is outstanding.
func TestDepth(t *testing.T) {
	tests := []struct {
		name      string
		blocks    int // a second
		rtt       time.Duration
		reqq      int
		least     int
		most      int
		within    time.Duration // until least must be reached
		bandwidth float64       // share of the peer's rate that must be used after that
	}{
		{"20 kB/s", 1, 100 * time.Millisecond, 2000, 2, 6, 10 * time.Second, 0.9},
		{"1 MB/s", 64, 50 * time.Millisecond, 2000, 25, 60, 8 * time.Second, 0.95},
		{"100 Mbit/s x 100 ms", 763, 100 * time.Millisecond, 2000, 250, 600, 5 * time.Second, 0.9},
		{"1 GB/s over loopback", 65536, 200 * time.Microsecond, 2000, 250, 2000, 200 * time.Millisecond, 0.9},
		{"10 Gbit/s x 20 ms", 76000, 20 * time.Millisecond, 2000, 1500, 2000, 2 * time.Second, 0.9},
		{"reqq 50", 6000, 10 * time.Millisecond, 50, 50, 50, 2 * time.Second, 0.7},
		{"no reqq", 65536, time.Millisecond, 0, 250, 250, 2 * time.Second, 0.9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, share := depth(t, tt.blocks, tt.rtt, tt.reqq, tt.within)
			t.Logf("%d outstanding, %.0f %% of the rate", got, 100*share)
			if got < tt.least || got > tt.most {
				t.Errorf("%d requests outstanding, want %d to %d", got, tt.least, tt.most)
			}
			if share < tt.bandwidth {
				t.Errorf("%.0f %% of the rate used, want %.0f %%", 100*share, 100*tt.bandwidth)
			}
		})
	}
}

// depth serves requests in order at a rate, each answer half a latency after it was sent, and returns
// the length of the queue after warm, and the share of the rate used in an equal time after that.
func depth(t *testing.T, rate int, rtt time.Duration, reqq int, warm time.Duration) (int, float64) {
	d := download{}
	d.init(0)
	c := &core{common: common{cfg: &Config{}}}
	p := &peer{id: 1, down: d}
	p.down.only = p.down.isFast
	p.down.choked = false
	type answer struct{ asked, at time.Duration }
	var queue []answer
	var free time.Duration // when the peer's line is free again
	per := time.Second / time.Duration(rate)
	fill := func() {
		for len(queue) < p.down.target(reqq) {
			free = max(free, c.now+rtt/2) + per
			queue = append(queue, answer{c.now, free + rtt/2})
		}
	}
	fill()
	served, outstanding, tick := 0, 0, tickEvery
	for len(queue) > 0 && c.now < 2*warm {
		next := min(queue[0].at, tick)
		if c.now < warm && next >= warm {
			outstanding, served = len(queue), 0
		}
		c.now = next
		if c.now == tick {
			c.watch(p)
			tick += tickEvery
		}
		for len(queue) > 0 && queue[0].at <= c.now {
			c.timed(p, c.now-queue[0].asked)
			p.down.meter.add(metainfo.BlockSize)
			queue = queue[1:]
			served++
		}
		c.batched(p)
		fill()
	}
	return outstanding, float64(served) / (warm.Seconds() * float64(rate))
}

// TestNoAllocation holds a batch of blocks to its price: nothing allocated a block.
func TestNoAllocation(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=64")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll})
	s.says(1, wire.Message{Kind: wire.Unchoke})
	s.mute["send"] = true
	batch := make([]wire.Message, 0, 16)
	n := 0
	serve := func() {
		p := s.c.byID[1]
		batch = batch[:0]
		for _, a := range p.down.asked.all()[:min(16, p.down.asked.len())] {
			m := wire.Message{Kind: wire.Piece, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Block: s.pool.Get()}
			m.Block.Resize(a.block.Length)
			batch = append(batch, m)
		}
		n += len(batch)
		s.step(event{kind: evMessages, peer: 1, batch: batch})
		s.c.settle(s.now)
		clear(s.c.acts)
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	}
	for range 40 {
		serve()
	}
	n = 0
	perRun := testing.AllocsPerRun(100, serve)
	// What is left is a new Block each (the jobs keep them here), and the job of every 64th block.
	if perBlock := perRun / 16; perBlock > 1.2 {
		t.Errorf("%.2f allocations a block, beside the block itself", perBlock-1)
	}
	if n != 101*16 {
		t.Fatalf("served %d blocks", n)
	}
}

func BenchmarkBlocks(b *testing.B) {
	s := newScript(b, "pieces=512", "blocks=16")
	s.mem = 1 << 50
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll})
	s.says(1, wire.Message{Kind: wire.Unchoke})
	batch := make([]wire.Message, 0, 16)
	b.ReportAllocs()
	b.ResetTimer()
	for served := 0; served < b.N; {
		p := s.c.byID[1]
		batch = batch[:0]
		for _, a := range p.down.asked.all()[:min(16, p.down.asked.len())] {
			m := wire.Message{Kind: wire.Piece, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Block: s.pool.Get()}
			m.Block.Resize(a.block.Length)
			batch = append(batch, m)
		}
		served += len(batch)
		s.now = s.now.Add(16 * time.Microsecond)
		s.step(event{kind: evMessages, peer: 1, batch: batch})
		s.c.settle(s.now)
		for i := range s.c.acts {
			if j := s.c.acts[i].job; j != nil {
				for _, blk := range j.Blocks {
					blk.Release()
				}
				s.step(event{kind: evDisk, result: piece.Result{Job: j, Count: len(j.Blocks), OK: true}})
				if s.c.have().Count() > 480 { // begin again
					for k := range 480 {
						s.c.lost(k)
					}
				}
			}
		}
		clear(s.c.acts)
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	}
}

func TestRecheckWhileCommitting(t *testing.T) {
	s := newScript(t, "pieces=2", "blocks=1")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll})
	s.says(1, wire.Message{Kind: wire.Unchoke})
	if err := s.peerDoes(1, []string{"serves"}); err != nil {
		t.Fatal(err)
	}
	s.settle() // both commits are with the disk now
	s.step(event{kind: evRecheck})
	s.settle()
	s.disk("")
	s.settle()
	for len(s.jobs) > 0 {
		s.disk("")
		s.settle()
	}
	if s.c.phase != status.Seeding || s.c.reserved != 0 || s.mem != 64<<20 {
		t.Errorf("phase %v, %d bytes reserved, %d free", s.c.phase, s.c.reserved, s.mem)
	}
}

// TestCheckOfNothing: files that are not there fail to be read; that is no failure of the torrent.
func TestCheckOfNothing(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1", "check=all")
	for s.c.phase == status.Checking {
		if len(s.jobs) == 0 {
			t.Fatal("the check stands still")
		}
		s.disk("no such file")
		s.settle()
	}
	if s.c.phase != status.Leeching || s.c.have().Count() != 0 {
		t.Errorf("phase %v with %d pieces", s.c.phase, s.c.have().Count())
	}
}

func TestCandidatesBounded(t *testing.T) {
	s := newScript(t)
	var addrs []netip.AddrPort
	for i := range 5000 {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}), 6881))
	}
	s.step(event{kind: evAddresses, more: &eventMore{addrs: addrs}})
	s.settle()
	if n := len(s.c.cands.list); n != maxCandidates || len(s.c.cands.index) != n {
		t.Errorf("%d candidates", n)
	}
	if s.c.cands.dialing != maxDialing {
		t.Errorf("%d dials at a time", s.c.cands.dialing)
	}
	for i := range s.c.cands.list {
		s.c.dialFailed(s.c.cands.list[i].addr, errors.New("refused"))
	}
	if s.c.cands.dialing != 0 {
		t.Errorf("%d dials counted when none is under way", s.c.cands.dialing)
	}
}
