package session

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
)

// TestW17Flood: of 5000 connects from one /24 at most 64 are held, whether they shake hands or
// not, and others are connected within 2 s meanwhile.
func TestW17Flood(t *testing.T) {
	for _, polite := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			n := w.node(quick).seed()
			var open, most atomic.Int64
			var ends []func()
			for i := range 250 {
				h := w.net.Host(netip.AddrFrom4([4]byte{203, 0, 113, byte(i + 1)}), simnet.Link{})
				for j := range 20 / fewer {
					nc, err := h.Dial(t.Context(), "tcp", n.addr())
					if err != nil {
						continue
					}
					ends = append(ends, func() { nc.Close() })
					go func() {
						if polite {
							p := fakepeer.New(nc)
							_ = p.Dial(fakepeer.Hello{InfoHash: w.tor.ID.Wire(), PeerID: [20]byte{'f', byte(i), byte(j)}})
						}
						open.Add(1)
						for b := make([]byte, 4096); ; {
							if _, err := nc.Read(b); err != nil {
								break
							}
						}
						open.Add(-1)
					}()
				}
				time.Sleep(10 * time.Millisecond)
				most.Store(max(most.Load(), open.Load()))
			}
			begun := time.Now()
			p := w.fake(quick, n, [20]byte{'h', 'o', 'n', 'e', 's', 't'})
			took := time.Since(begun)
			p.Close()
			t.Logf("handshakes %v: %d connects, at most %d held at a time; an honest one took %v", polite, len(ends), most.Load(), took)
			if most.Load() > 64 || most.Load() < 16 {
				t.Errorf("%d held, at most 64 are allowed", most.Load())
			}
			if took > 2*time.Second {
				t.Errorf("an honest peer waited %v", took)
			}
			for _, f := range ends {
				f()
			}
		})
	}
}
