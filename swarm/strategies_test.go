package swarm

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/piece"
)

// strategy is a way to play, for all members of a market: what is shipped, but for what its functions change.
type strategy struct {
	name   string
	config func(*Config)
	core   func(*core)
	peer   func(*peer)
}

// tune changes a core that has no peers yet; of a nil strategy it does nothing, like meet.
func (s *strategy) tune(c *core) {
	if s != nil && s.core != nil {
		s.core(c)
	}
}

func (s *strategy) meet(p *peer) {
	if s != nil && s.peer != nil && p != nil {
		s.peer(p)
	}
}

func slotsOf(n int) func(*Config) { return func(c *Config) { c.UploadSlots = n } }

func aheadOf(d time.Duration) func(*peer) { return func(p *peer) { p.down.ahead = d } }

func picker(o piece.Options) func(*core) {
	return func(c *core) { c.m = piece.NewManager(c.info, c.cfg.Have, rand.New(rand.NewPCG(c.cfg.Seed, 1)), o) }
}

// strategies are those that were tried; the first is the one that is shipped. To try another one is a line here.
var strategies = []strategy{
	{name: "shipped"},
	{name: "2 slots", config: slotsOf(2)},
	{name: "8 slots", config: slotsOf(8)},
	{name: "20 slots", config: slotsOf(20)},
	{name: "queue of 0.1 s", peer: aheadOf(100 * time.Millisecond)},
	{name: "queue of 2 s", peer: aheadOf(2 * time.Second)},
	{name: "queue of 8 s", peer: aheadOf(8 * time.Second)},
	{name: "chance for 10 s", core: func(c *core) { c.choke.term = 1 }},
	{name: "chance for 90 s", core: func(c *core) { c.choke.term = 9 }},
	{name: "no super-seeding", config: func(c *Config) { c.SuperSeed = SuperOff }},
	{name: "random pieces", core: picker(piece.Options{RandomFirst: math.MaxInt})},
	{name: "rarest from the first", core: picker(piece.Options{RandomFirst: -1})},
	{name: "in order", config: func(c *Config) { c.Sequential = true }},
	// Who thinks that one more peer has everything meets no piece that only one has.
	{name: "nothing for lone pieces", core: func(c *core) {
		if c.have().Count() == 0 {
			all := set(c.info.NumPieces(), "all")
			c.m.PeerBitfield(&all)
		}
	}},
	{name: "end game at any price", core: func(c *core) {
		c.later = func(id piece.PeerID, b metainfo.Block) bool {
			q := c.byID[id]
			return q == nil || c.now-q.down.asked.when(b) > time.Second
		}
	}},
	{name: "no end game", core: func(c *core) { c.later = func(piece.PeerID, metainfo.Block) bool { return false } }},
}

// outcome is how a strategy did, over the seeds. Times are in parts of the least possible one.
type outcome struct {
	last, mean float64 // leecher, of equals around a scarce seed
	copies     float64 // that the seed sent until one was out
	spread     float64 // the last of them by the first

	giver, rider float64 // mean of those who give something, and of those who do not by that of the others, in a mixed swarm
	twice        float64 // bytes received in vain, by what was needed, in both
}

// merit is what strategies are judged by, less is better: what helps one kind of swarm often costs the other, and then the product says
// whether it is worth it.
func (o *outcome) merit() float64 { return math.Sqrt(o.last * o.giver) }

func (o *outcome) each(p *outcome, f func(a *float64, b float64)) {
	for _, x := range []struct {
		a *float64
		b float64
	}{{&o.last, p.last}, {&o.mean, p.mean}, {&o.copies, p.copies}, {&o.spread, p.spread}, {&o.giver, p.giver}, {&o.rider, p.rider}, {&o.twice, p.twice}} {
		f(x.a, x.b)
	}
}

// fair is the size of a trial.
type fair struct {
	peers, pieces, blocks int
	seeds                 uint64
}

func (f fair) bytes() float64 { return float64(f.pieces * f.blocks * metainfo.BlockSize) }

// least is the time in which such a swarm can be done at best: one copy must leave the seed, one for each must leave
// all of them, and the last piece has to spread.
func (f fair) least(seed, mean float64) float64 {
	n := float64(f.peers)
	all := (n*mean + seed) / (n + 1)
	return max(f.bytes()/seed, n*f.bytes()/(all*(n+1))) + math.Log2(n)*float64(f.blocks*metainfo.BlockSize)/all
}

// scarce plays one seed and peers of the same upload, who come together and stay.
func (f fair) scarce(t *testing.T, s *strategy, seed uint64) (o outcome) {
	const rate = 64 << 10
	m := f.market(s, seed)
	limited := func(c *Config) {
		c.LimitedUp = true
		if s.config != nil {
			s.config(c)
		}
	}
	first := m.join(seed, rate, true, limited)
	var all []*trader
	for range f.peers {
		all = append(all, m.join(seed, rate, false, limited))
	}
	m.run(t, 4*time.Hour, func() bool {
		if o.copies == 0 && first.c.super.out.All() {
			o.copies = float64(first.blocks) / float64(f.pieces*f.blocks)
		}
		return allDone(all)()
	})
	by := func(a, b *trader) int { return cmp.Compare(a.done, b.done) }
	last, least := slices.MaxFunc(all, by).done.Seconds(), f.least(rate, rate)
	o.last, o.spread = last/least, last/slices.MinFunc(all, by).done.Seconds()
	o.mean = mean(all, func(*trader) bool { return true }).Seconds() / least
	o.twice = f.twice(all)
	if o.copies == 0 { // the seed has not heard of the last piece yet
		o.copies = float64(first.blocks) / float64(f.pieces*f.blocks)
	}
	return o
}

// mixed plays peers of three classes of upload, of whom every fifth gives nothing, and who leave soon when they are done.
func (f fair) mixed(t *testing.T, s *strategy, seed uint64) (o outcome) {
	rates := []float64{16 << 10, 32 << 10, 64 << 10}
	m := f.market(s, seed)
	m.leave = 10 * time.Second
	m.join(seed, 64<<10, true, s.config)
	var all []*trader
	sum := 0.0
	for i := range f.peers {
		x := m.join(seed, rates[i%3], false, s.config)
		if x.rides = i%5 == 4; x.rides {
			x.rate = 0
		}
		sum += x.rate
		all = append(all, x)
	}
	m.run(t, 8*time.Hour, allDone(all))
	givers := mean(all, func(x *trader) bool { return !x.rides })
	o.giver = givers.Seconds() / f.least(64<<10, sum/float64(f.peers))
	o.rider = mean(all, func(x *trader) bool { return x.rides }).Seconds() / givers.Seconds()
	o.twice = f.twice(all)
	return o
}

func (f fair) market(s *strategy, seed uint64) *market {
	m := newMarket(f.pieces, f.blocks)
	m.play, m.degree, m.rnd = s, 25, rand.New(rand.NewPCG(seed, 4))
	return m
}

func (f fair) twice(all []*trader) float64 {
	wasted := int64(0)
	for _, x := range all {
		wasted += x.c.tot.wasted
	}
	return float64(wasted) / f.bytes() / float64(len(all)) / 2 // of two swarms
}

func (f fair) try(t *testing.T, s *strategy) (sum outcome) {
	for seed := range f.seeds {
		for _, o := range []outcome{f.scarce(t, s, seed), f.mixed(t, s, seed)} {
			sum.each(&o, func(a *float64, b float64) { *a += b / float64(f.seeds) })
		}
	}
	return sum
}

// TestStrategies tries other ways to choke and pick than those that are shipped, prints how each does, and fails when one does better by more
// than chance explains. With TEST_SEEDS=N it takes swarms of 200 peers and N seeds, which takes long; testdata/strategies.txt has what came of it.
func TestStrategies(t *testing.T) {
	f := fair{peers: 24, pieces: 48, blocks: 2, seeds: seeds(2)}
	if raceEnabled {
		f.peers, f.pieces = 8, 16
	}
	noise := 1.25 // few and small swarms
	if n, err := strconv.ParseUint(os.Getenv("TEST_SEEDS"), 10, 32); err == nil {
		f, noise = fair{peers: 200, pieces: 128, blocks: 4, seeds: max(n, 1)}, 1.05
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d peers, %d pieces of %d KiB, %d seeds; times by the least possible\n", f.peers, f.pieces, f.blocks*metainfo.BlockSize>>10, f.seeds)
	fmt.Fprintf(&out, "%-24s%22s%14s%8s%16s%10s%10s\n", "", "scarce seed: last", "by the first", "mean", "copies for one", "mixed:", "in vain")
	var shipped outcome
	for i := range strategies {
		s := &strategies[i]
		o := f.try(t, s)
		if i == 0 {
			shipped = o
		}
		fmt.Fprintf(&out, "%-24s%22.3f%14.3f%8.3f%16.3f%10s%10.4f\n", s.name, o.last, o.spread, o.mean, o.copies, fmt.Sprintf("%.2f %.2f", o.giver, o.rider), o.twice)
		if !raceEnabled && shipped.merit() > noise*o.merit() {
			t.Errorf("%s does better: last %.3f instead of %.3f, mean of those who give %.3f instead of %.3f", s.name, o.last, shipped.last, o.giver, shipped.giver)
		}
	}
	t.Log("\n" + out.String())
}
