package simnet

import (
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Everyone sends to everyone; nothing is lost, nobody is starved, and links
// are used fully. With 40 hosts this is 1560 streams.
func TestEveryoneToEveryone(t *testing.T) {
	const hosts, each = 40, 50_000
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		var all []*Host
		var wg sync.WaitGroup
		for i := range hosts {
			h := n.Host(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), Link{Up: 1e6, Down: 1e6, Latency: 10 * time.Millisecond})
			all = append(all, h)
			l, err := h.Listen(t.Context(), "tcp4", ":1")
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() {
				defer l.Close()
				var got sync.WaitGroup
				for range hosts - 1 {
					c, err := l.Accept()
					if err != nil {
						t.Error(err)
						return
					}
					got.Go(func() {
						if m, err := io.Copy(io.Discard, c); m != each || err != nil {
							t.Errorf("%d bytes, %v", m, err)
						}
						c.Close()
					})
				}
				got.Wait()
			})
		}
		start := time.Now()
		for i, from := range all {
			for j, to := range all {
				if i == j {
					continue
				}
				wg.Go(func() {
					c, err := from.Dial(t.Context(), "tcp", fmt.Sprintf("%v:1", to.Addr()))
					if err != nil {
						t.Error(err)
						return
					}
					c.Write(make([]byte, each))
					c.Close()
				})
			}
		}
		wg.Wait()
		least := time.Duration((hosts - 1) * each * int64(time.Second) / 1e6)
		if d := time.Since(start); d < least || d > 2*least {
			t.Errorf("took %v, the links allow %v", d, least)
		}
		for _, h := range all {
			if h.Sent() != (hosts-1)*each || h.Received() != (hosts-1)*each {
				t.Errorf("host %v sent %d and received %d", h.Addr(), h.Sent(), h.Received())
			}
		}
	})
}
