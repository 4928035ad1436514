package guard

import "net/netip"

// sharedSpace is the address space of carriers (RFC 6598), private like any other.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// Global reports whether an address is one of the public internet. Only there do many addresses in one
// network mean one owner, so only there do one node per address, caps per network and ids that fit addresses
// (BEP 42) mean anything.
func Global(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !sharedSpace.Contains(a)
}

// Network returns the network that is taken for one owner: the /24 or, for IPv6, /48 that a global address lies
// in; the zero Addr for others.
func Network(a netip.Addr) netip.Addr {
	if !Global(a) {
		return netip.Addr{}
	}
	return masked(a, 24, 48)
}

// Seat returns what is taken for one sender: an IPv4 address or IPv6 /64 of global scope, with
// port 0; elsewhere, where many nodes may share one address, the address and the port.
func Seat(a netip.AddrPort) netip.AddrPort {
	if !Global(a.Addr()) {
		return a
	}
	return netip.AddrPortFrom(masked(a.Addr(), 32, 64), 0)
}

func masked(a netip.Addr, v4, v6 int) netip.Addr {
	bits := v6
	if a.Is4() {
		bits = v4
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return a // the zero Addr
	}
	return p.Addr()
}
