package session

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

// seeds returns how many random seeds a figure is taken with: few, or as many as TEST_SEEDS says.
func seeds(few int) uint64 {
	if n, err := strconv.Atoi(os.Getenv("TEST_SEEDS")); err == nil && n > 0 {
		return uint64(n)
	}
	return uint64(few)
}

// class is a kind of peer in a swarm.
type class struct {
	name  string
	n     int
	link  simnet.Link
	selfs bool // gives nothing
	took  []time.Duration
}

func (c *class) mean() (sum time.Duration) {
	for _, d := range c.took {
		sum += d
	}
	return sum / time.Duration(len(c.took))
}

// market runs a swarm of these classes around one slow seed and notes when each peer is complete. It
// returns how many copies the seed sent.
func market(t *testing.T, seed uint64, size, pieceLength int, seedUp int64, leave time.Duration, classes []*class) (copies float64) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, size, pieceLength)
		defer w.close()
		w.tracker(5 * time.Minute)
		source := w.node(simnet.Link{Up: seedUp, Down: seedUp, Latency: 20 * time.Millisecond})
		source.cfg.Seed = seed<<8 | 1
		source.seed()
		time.Sleep(time.Second)
		var all sync.WaitGroup
		var mu sync.Mutex
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Hour)
		defer cancel()
		for _, c := range classes {
			for range c.n {
				n := w.node(c.link)
				n.cfg.Seed = seed<<8 | uint64(w.next)
				if c.selfs {
					n.cfg.Limits.Up = 1
				}
				n.start(Add{})
				all.Go(func() {
					if err := n.s.Wait(ctx, w.tor.ID); err != nil {
						t.Errorf("%s peer %v: %v; %+v", c.name, n.host.Addr(), err, n.status())
						return
					}
					mu.Lock()
					c.took = append(c.took, time.Since(begun))
					mu.Unlock()
					time.Sleep(leave)
					n.stop()
				})
			}
		}
		all.Wait()
		copies = float64(source.status().UpTotal) / float64(size)
	})
	return copies
}

// TestFigureFreeRiders: peers of three upload classes, a fifth of them give nothing, around one scarce seed; who is
// complete leaves after 10 s. Nobody starves, and free riders are done later: with 100 peers, which are N swarms with
// TEST_SEEDS=N, at least 1.5 times later on average. Without, it is one swarm of 40 with
// two or three free riders a class, where chance counts for more.
func TestFigureFreeRiders(t *testing.T) {
	t.Parallel()
	large := os.Getenv("TEST_SEEDS") != ""
	peers, pieces := 40, 64
	switch {
	case large:
		peers, pieces = 100, 128
	case fewer > 1:
		peers, pieces = 15, 24
	}
	for seed := range seeds(1) {
		var givers, riders [3]class
		var all []*class
		for k, up := range []int64{16 << 10, 32 << 10, 64 << 10} {
			link := simnet.Link{Up: up, Down: 1 << 20, Latency: 10 * time.Millisecond}
			name := strconv.FormatInt(up>>10, 10) + " KiB/s"
			givers[k] = class{name: name, link: link}
			riders[k] = class{name: "of them nothing", link: link, selfs: true}
			all = append(all, &givers[k], &riders[k])
		}
		for i := range peers {
			if i%5 == 4 {
				riders[i%3].n++
			} else {
				givers[i%3].n++
			}
		}
		copies := market(t, seed, pieces*64<<10, 64<<10, 64<<10, 10*time.Second, all)
		if t.Failed() {
			return
		}
		var gave, rode class
		for k := range givers {
			g, r := &givers[k], &riders[k]
			gave.took, rode.took = append(gave.took, g.took...), append(rode.took, r.took...)
			times := r.mean().Seconds() / g.mean().Seconds()
			t.Logf("seed %d: %2d peers that give %s complete after %v on average, %d that give nothing after %v, %.2f times; the last of them after %v",
				seed, g.n, g.name, g.mean().Round(time.Second), r.n, r.mean().Round(time.Second), times, slices.Max(r.took).Round(time.Second))
		}
		times := rode.mean().Seconds() / gave.mean().Seconds()
		t.Logf("seed %d: those who give nothing are done %.2f times later in all; the seed sent %.1f copies", seed, times, copies)
		least := 1.1
		if large {
			least = 1.5
		}
		if times < least && fewer == 1 { // so few peers as the race detector bears say nothing
			t.Errorf("free riders are done only %.2f times later, at least %.1f is wanted", times, least)
		}
	}
}
