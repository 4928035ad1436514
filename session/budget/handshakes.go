package budget

import (
	"net/netip"
	"time"
)

// How many encrypted handshakes may be begun from one place of the internet within a window, and from everywhere. Each
// costs some tenths of a millisecond: all of them together take a twentieth of a processor.
const (
	handshakeWindow        = 10 * time.Second
	MaxHandshakes          = 1000
	MaxHandshakesPerAddr   = 40
	MaxHandshakesPerPrefix = 160
)

// Handshakes counts the encrypted handshakes that others begin from addresses of global scope, by address and
// by prefix as Inbound does. It holds at most two counts for each of MaxHandshakes. The zero value is ready.
type Handshakes struct {
	from   time.Time
	all    int
	counts map[netip.Prefix]int
}

// Enter reports whether one more may be begun from a now, and counts it.
func (h *Handshakes) Enter(now time.Time, a netip.Addr) bool {
	if now.Sub(h.from) >= handshakeWindow {
		h.from, h.all = now, 0
		clear(h.counts)
	}
	one, net := prefixes(a)
	if h.all >= MaxHandshakes || h.counts[one] >= MaxHandshakesPerAddr || h.counts[net] >= MaxHandshakesPerPrefix {
		return false
	}
	if h.counts == nil {
		h.counts = make(map[netip.Prefix]int)
	}
	h.all++
	h.counts[one]++
	h.counts[net]++
	return true
}
