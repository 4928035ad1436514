package session

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/status"
)

// TestTugOfWar: of Pause and Resume that come at the same time one wins, and everything is as it wants: phase and announces, awake and
// asleep.
func TestTugOfWar(t *testing.T) {
	for _, asleep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			w.tracker(time.Minute)
			n := w.sleeping()
			if asleep {
				n.lay()
			} else {
				n.node.seed()
			}
			for round := range 300 {
				var both sync.WaitGroup
				for _, f := range []func() error{
					func() error { return n.s.Pause(t.Context(), w.tor.ID) },
					func() error { return n.s.Resume(t.Context(), w.tor.ID) },
				} {
					both.Go(func() {
						if err := f(); err != nil {
							t.Error(err)
						}
					})
				}
				both.Wait()
				synctest.Wait()
				paused := false
				if tor := n.s.reg.find(w.tor.ID.Wire()); tor != nil {
					paused = tor.orders.get().paused
				} else {
					_, p := n.s.reg.sleeping(w.tor.ID.Wire())
					paused = p.Stopped
				}
				n.s.announce.mu.Lock()
				announced := len(n.s.announce.byKey) > 0
				n.s.announce.mu.Unlock()
				if phase := n.status().Phase; (phase == status.Paused) != paused || announced == paused {
					t.Fatalf("asleep %v, round %d: paused %v, phase %v, announced %v", asleep, round, paused, phase, announced)
				}
			}
		})
	}
}
