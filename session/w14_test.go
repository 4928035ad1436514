package session

import (
	"context"
	"sync"
	"testing"
	"time"

	"shoal/internal/fakepeer"
	"shoal/metainfo"
)

// TestW14Stallers: peers that unchoke and never send, or send one block a
// minute, do not keep the download from its end.
func TestW14Stallers(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		n := w.node(quick)
		n.start(Add{})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		for i := range 6 {
			p := w.fake(quick, n, [20]byte{'s', byte(i)})
			hold := func(metainfo.Block) bool { return false }
			if i%2 == 0 {
				hold = func(metainfo.Block) bool {
					select {
					case <-time.After(59 * time.Second):
					case <-ctx.Done():
					}
					return true
				}
			}
			all.Go(func() {
				defer p.Close()
				_, _ = p.Serve(ctx, fakepeer.Seed{Info: w.tor.Info, Data: w.data, Hold: hold}) // ends with ctx or with us
			})
		}
		time.Sleep(5 * time.Second) // they have been asked for everything by now
		n.s.reg.find(w.tor.ID.Wire()).addTyped(ctx, []string{seed.addr()})
		took := n.wait(10 * time.Minute)
		st := n.status()
		t.Logf("complete %v after the only honest peer came; %d KiB were in vain", took, st.Wasted>>10)
		if took > 3*time.Minute {
			t.Errorf("took %v", took)
		}
	})
}
