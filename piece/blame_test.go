package piece

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"shoal/metainfo"
)

// everyFifth lies in each fifth block that it is asked for, beginning at its offset.
func everyFifth(rnd *rand.Rand) func(metainfo.Block) byte {
	n, mark := rnd.IntN(5), byte(1+rnd.IntN(255))
	return func(metainfo.Block) byte {
		if n++; n%5 == 0 {
			return mark
		}
		return 0
	}
}

// rounds lets every peer send one block per round, in random order, until the torrent is complete. Peers that are
// named leave at once. It returns the number of blocks sent.
func (w *world) rounds(rnd *rand.Rand, depth int) int {
	sent := 0
	for turn := 0; !w.m.Complete(); turn++ {
		if turn > 100000 {
			w.t.Fatalf("no end: %d pieces lacking, open %+v", w.m.lacking, w.m.OpenPieces(nil))
		}
		order := slices.Clone(w.peers)
		rnd.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		for _, p := range order {
			if !slices.Contains(w.peers, p) {
				continue
			}
			w.pick(p, max(1, depth-len(p.asked)))
			if len(p.asked) > 0 {
				w.send(p, p.asked[0])
				sent++
			}
			for len(w.jobs) > 0 {
				for _, id := range w.finish(0) {
					k := slices.IndexFunc(w.peers, func(o *remote) bool { return o.id == id })
					if k >= 0 {
						w.leave(w.peers[k])
					}
				}
			}
		}
		if turn%20 == 0 {
			w.check()
		}
	}
	w.check()
	return sent
}

// TestW12Blame: 10 of 30 peers lie in every fifth block. world.finish checks that nobody is named who did not lie.
func TestW12Blame(t *testing.T) {
	for seed := range uint64(8) {
		for _, blocks := range []int{4, 16, 64} {
			t.Run(fmt.Sprintf("seed %d, %d blocks", seed, blocks), func(t *testing.T) {
				rnd := testRand(seed)
				n := 6400 / blocks
				length := int64(blocks * metainfo.BlockSize)
				w := newWorld(t, testInfo(t, int64(n)*length, length), seed, Options{})
				for k := range 30 {
					p := w.join(setOf(n))
					if k%3 == 0 {
						p.lie = everyFifth(rnd)
					}
				}
				sent := w.rounds(rnd, 4)
				worst := 0
				for id := range PeerID(30) {
					if liar := id%3 == 0; liar != (w.named[id] > 0) {
						t.Errorf("peer %d: lied %v, named %d times", id, liar, w.named[id])
					}
					worst = max(worst, w.spoilt[id])
				}
				goodput := 6400 / float64(sent)
				t.Logf("at most %d copies spoiled by one liar, goodput %.2f", worst, goodput)
				if worst > 3 || goodput < 0.8 {
					t.Errorf("at most %d copies spoiled by one liar, want <= 3; goodput %.2f, want >= 0.8", worst, goodput)
				}
			})
		}
	}
}
