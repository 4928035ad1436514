package budget

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestE03Handshakes: each address, each network and everybody together get their share of a window, and
// what is held for it is bounded.
func TestE03Handshakes(t *testing.T) {
	var h Handshakes
	now := time.Unix(1e9, 0)
	allowed := func(n int, addr func(i int) string) (ok int) {
		for i := range n {
			if h.Enter(now, netip.MustParseAddr(addr(i))) {
				ok++
			}
		}
		return ok
	}
	one := func(int) string { return "203.0.113.1" }
	if got := allowed(1000, one); got != MaxHandshakesPerAddr {
		t.Errorf("one address: %d", got)
	}
	if got := allowed(1000, func(i int) string { return fmt.Sprintf("203.0.113.%d", i%256) }); got != MaxHandshakesPerPrefix-MaxHandshakesPerAddr {
		t.Errorf("the rest of its network: %d", got)
	}
	if got := allowed(1000, func(i int) string { return fmt.Sprintf("2001:db8:1:2::%x", i) }); got != MaxHandshakesPerAddr {
		t.Errorf("one IPv6 network of a house: %d", got)
	}
	if got := allowed(10000, func(i int) string { return fmt.Sprintf("198.%d.%d.7", i/200, i%200) }); got != MaxHandshakes-MaxHandshakesPerPrefix-MaxHandshakesPerAddr {
		t.Errorf("everybody: %d", got)
	}
	if len(h.counts) > 2*MaxHandshakes {
		t.Errorf("%d counts are held", len(h.counts))
	}
	now = now.Add(handshakeWindow - 1)
	if allowed(1, func(int) string { return "192.0.2.1" }) != 0 {
		t.Error("allowed before the window ends")
	}
	now = now.Add(1)
	if got := allowed(1000, one); got != MaxHandshakesPerAddr {
		t.Errorf("the next window: %d", got)
	}
}
