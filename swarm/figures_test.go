package swarm

import (
	"cmp"
	"slices"
	"testing"
	"time"
)

// seeds returns for how many seeds a market is played: the race detector makes each ten times as long, and has nothing to find
// in one goroutine.
func seeds(n uint64) uint64 {
	if raceEnabled {
		return 1
	}
	return n
}

// TestSuperSeedPays: one seed and eight leechers of equal upload, which is limited. With super-seeding the seed sends little more than a copy
// until the first is out, and then no longer hides anything; the last leecher is ready sooner than without.
func TestSuperSeedPays(t *testing.T) {
	for seed := range seeds(4) {
		var took [2]time.Duration
		var copies [2]float64
		for k, mode := range []SuperSeed{SuperAuto, SuperOff} {
			m := newMarket(256, 16) // 64 MiB
			const rate = 2 << 20
			first := m.join(seed, rate, true, func(c *Config) { c.SuperSeed, c.LimitedUp = mode, true })
			var leechers []*trader
			for range 8 {
				leechers = append(leechers, m.join(seed, rate, false, func(c *Config) { c.LimitedUp = true }))
			}
			m.run(t, 10*time.Minute, func() bool {
				if copies[k] == 0 && first.c.super.out.All() {
					copies[k] = float64(first.blocks) / float64(256*16)
					if first.c.super.on || slices.ContainsFunc(first.c.peers, func(p *peer) bool { return p.mask != nil }) {
						t.Error("a copy is out, and super-seeding goes on")
					}
				}
				return allDone(leechers)()
			})
			if copies[k] == 0 { // the seed has not heard of the last piece yet
				copies[k] = float64(first.blocks) / float64(256*16)
			}
			took[k] = slices.MaxFunc(leechers, func(a, b *trader) int { return cmp.Compare(a.done, b.done) }).done
		}
		// The seed must send 64 MiB, and all nine together eight times as much.
		const least = 32.0 // seconds
		with, without := took[0].Seconds()/least, took[1].Seconds()/least
		t.Logf("seed %d: with super-seeding %.2f of the least possible time and %.2f copies until one is out, without %.2f and %.2f", seed, with, copies[0], without, copies[1])
		if with > 1.13 || with > without || copies[0] > 1.05 {
			t.Error("super-seeding does not pay")
		}
	}
}

// TestFreeRiders: one seed, and 100 peers of three classes of upload of which 20 give nothing. Free riders are ready at least 1.5 times as
// late as the others of their class, and nobody starves.
func TestFreeRiders(t *testing.T) {
	for seed := range seeds(2) {
		m, peers := newMarket(128, 4), 100 // 8 MiB
		if raceEnabled {
			peers = 50
		}
		m.leave = 10 * time.Second
		m.join(seed, 64<<10, true, nil)
		rates := []float64{16 << 10, 32 << 10, 64 << 10}
		var leechers []*trader
		for i := range peers {
			x := m.join(seed, rates[i%3], false, nil)
			if x.rides = i%5 == 4; x.rides {
				x.rate = 0
			}
			leechers = append(leechers, x)
		}
		m.run(t, time.Hour, allDone(leechers))
		for k, rate := range rates {
			honest := mean(leechers, func(x *trader) bool { return (x.id-1)%3 == k && !x.rides })
			riders := mean(leechers, func(x *trader) bool { return (x.id-1)%3 == k && x.rides })
			times := float64(riders) / float64(honest)
			t.Logf("seed %d, %.0f KiB/s: ready after %v, free riders after %v, %.2f times", seed, rate/1024, honest.Round(time.Second), riders.Round(time.Second), times)
			if times < 1.5 {
				t.Errorf("free riders are ready only %.2f times as late", times)
			}
		}
	}
}

// TestSuperSeedCosts: where super-seeding cannot help it does no harm: with one leecher, and with leechers that send much more slowly than
// the seed.
func TestSuperSeedCosts(t *testing.T) {
	all := []struct {
		name     string
		seed, up float64
		leechers int
	}{
		{"one leecher", 2 << 20, 2 << 20, 1},
		{"one leecher, a fast seed", 20 << 20, 2 << 20, 1},
		{"leechers that send little", 2 << 20, 64 << 10, 4},
		{"a fast seed and leechers that send little", 20 << 20, 64 << 10, 2},
		{"leechers that send nothing", 4 << 20, 0, 3},
		{"a fast seed", 20 << 20, 20 << 20, 4},
	}
	for _, tt := range all[:seeds(uint64(len(all)))] {
		t.Run(tt.name, func(t *testing.T) {
			var took [2]time.Duration
			for k, mode := range []SuperSeed{SuperAuto, SuperOff} {
				m := newMarket(256, 16) // 64 MiB
				m.join(1, tt.seed, true, func(c *Config) { c.SuperSeed, c.LimitedUp = mode, true })
				var leechers []*trader
				for range tt.leechers {
					leechers = append(leechers, m.join(1, tt.up, false, func(c *Config) { c.LimitedUp = true }))
				}
				m.run(t, 10*time.Minute, allDone(leechers))
				took[k] = m.now
			}
			t.Logf("%v with super-seeding, %v without", took[0], took[1])
			if took[0] > took[1]*105/100+100*time.Millisecond {
				t.Error("it does harm")
			}
		})
	}
}

// TestFairUpload: fifty peers that are served at the same time under a limit get the same, within 10 %.
func TestFairUpload(t *testing.T) {
	for _, limited := range []bool{true, false}[:seeds(2)] {
		m := newMarket(1024, 16) // 256 MiB
		s := m.join(1, 8<<20, true, func(c *Config) { c.UploadSlots, c.LimitedUp, c.SuperSeed = 50, limited, SuperOff })
		for range 50 {
			m.join(1, 0, false, nil)
		}
		enough := time.Duration(seeds(4)) * 15 * time.Second
		m.run(t, time.Hour, func() bool { return m.now > enough })
		var got []int64
		for _, p := range s.c.peers {
			got = append(got, p.up.total)
		}
		least, most := slices.Min(got), slices.Max(got)
		t.Logf("limited %v: %d to %d KiB", limited, least>>10, most>>10)
		if len(got) != 50 || float64(most-least) > 0.1*float64(least) {
			t.Error("not fair")
		}
	}
}
