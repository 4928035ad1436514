package dht

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"shoal/internal/simnet"
)

// TestFigureLookup: 200 nodes, links of 50 ms, and 30 % of the nodes die without a word after the
// announces. How many look-ups still find, and how long does the first peer take?
func TestFigureLookup(t *testing.T) {
	const size, hashes, dead = 200 / fewer, 200 / fewer, 0.3
	inBubble(t, 3, simnet.Link{Latency: 50 * time.Millisecond}, func(w *world) {
		w.grow(size, 3*time.Minute)
		rnd := rand.New(rand.NewPCG(3, 3))
		alive := rnd.Perm(size)
		doomed := alive[:int(dead*size)]
		alive = alive[len(doomed):]
		var all sync.WaitGroup
		for i := range hashes {
			all.Go(func() {
				if s, err := w.nodes[alive[i%len(alive)]].Lookup(w.ctx, infoHash(i), 7000, nil); err != nil || s.Announced == 0 {
					t.Errorf("announce %d: %+v, %v", i, s, err)
				}
			})
			if i%20 == 19 {
				all.Wait()
			}
		}
		all.Wait()
		for _, i := range doomed {
			w.nodes[i].kill()
		}
		var mu sync.Mutex
		var first, whole []time.Duration
		var asked, found int
		for i := range hashes {
			all.Go(func() {
				peers, at, s, _ := w.nodes[alive[(i*7+11)%len(alive)]].find(w.ctx, infoHash(i))
				mu.Lock()
				defer mu.Unlock()
				if len(peers) > 0 {
					found++
					first = append(first, at)
				}
				whole = append(whole, s.Took)
				asked += s.Asked
			})
			time.Sleep(100 * time.Millisecond)
		}
		all.Wait()
		slices.Sort(first)
		slices.Sort(whole)
		at := func(d []time.Duration, share float64) time.Duration {
			if len(d) == 0 {
				return 0
			}
			return d[int(share*float64(len(d)-1))]
		}
		t.Logf("found %d of %d; first peer: median %v, p95 %v, max %v; whole look-up: median %v, max %v; %.1f nodes asked",
			found, hashes, at(first, 0.5), at(first, 0.95), at(first, 1), at(whole, 0.5), at(whole, 1), float64(asked)/hashes)
		if found*100 < hashes*99 || at(first, 0.5) > time.Second {
			t.Errorf("found %d of %d, the median after %v", found, hashes, at(first, 0.5))
		}
		if at(whole, 1) > 20*time.Second {
			t.Errorf("a look-up took %v", at(whole, 1))
		}
	})
}
