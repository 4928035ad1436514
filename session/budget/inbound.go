package budget

import "net/netip"

// How many incoming connections may come from one place of the internet: one address, which may
// be a whole house or a provider's translator, and one network, which is what an attacker rents.
const (
	MaxPerAddr   = 16
	MaxPerPrefix = 64
)

// Inbound counts incoming connections from addresses of global scope by
// address and by prefix: /24 for IPv4, /48 for IPv6, where an address is a /64. The
// zero value is ready.
type Inbound struct {
	counts map[netip.Prefix]int
}

// Enter reports whether one more connection may come from a, and counts it. Each is ended by Leave.
func (b *Inbound) Enter(a netip.Addr) bool {
	one, net := prefixes(a)
	if b.counts[one] >= MaxPerAddr || b.counts[net] >= MaxPerPrefix {
		return false
	}
	if b.counts == nil {
		b.counts = make(map[netip.Prefix]int)
	}
	b.counts[one]++
	b.counts[net]++
	return true
}

// Leave ends a connection from a.
func (b *Inbound) Leave(a netip.Addr) {
	one, net := prefixes(a)
	for _, p := range []netip.Prefix{one, net} {
		if b.counts[p]--; b.counts[p] <= 0 {
			delete(b.counts, p)
		}
	}
}

func prefixes(a netip.Addr) (one, net netip.Prefix) {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		net, _ = a.Prefix(24)
		return netip.PrefixFrom(a, 32), net
	}
	one, _ = a.Prefix(64)
	net, _ = a.Prefix(48)
	return one, net
}
