package guard

import (
	"encoding/binary"
	"net"
	"net/netip"
)

const (
	lowestPort = 1024 // below it are services that somebody may want us to bother
	perNetwork = 2    // nodes of one network in one list
)

// addrPort returns the address of a datagram, or false when no node can have it or
// it is of the other family.
func (c *Conn) addrPort(a net.Addr) (netip.AddrPort, bool) {
	ua, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	p := ua.AddrPort()
	p = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	return p, p.Addr().Is6() == c.cfg.IPv6 && usable(p)
}

// usable reports whether there can be a node or peer at a: not at port 0, not at
// an unspecified, multicast, reserved or IPv4-mapped address.
func usable(a netip.AddrPort) bool {
	ip := a.Addr()
	switch {
	case a.Port() == 0, !ip.IsValid():
		return false
	case ip.Is4():
		first := ip.As4()[0]
		return first != 0 && first < 224
	}
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.Is4In6()
}

// compactAddr reads an address in compact form, 6 or 18 bytes.
func compactAddr(b []byte) netip.AddrPort {
	n := len(b) - addrBytes
	ip, _ := netip.AddrFromSlice(b[:n])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[n:]))
}

// keepNodes appends to dst those nodes of a compact list that keep accepts, at
// most maxNodes, each address once and at most two of one network of global scope.
func keepNodes(dst, list []byte, size int, keep func(netip.AddrPort) bool) []byte {
	var kept [maxNodes]netip.AddrPort
	n := 0
	for ; len(list) > 0 && n < maxNodes; list = list[size:] {
		a := compactAddr(list[idLen:size])
		if usable(a) && room(kept[:n], a) && keep(a) {
			kept[n] = a
			n++
			dst = append(dst, list[:size]...)
		}
	}
	return dst
}

// room reports whether a may join the nodes that were kept already.
func room(kept []netip.AddrPort, a netip.AddrPort) bool {
	same, net := 0, Network(a.Addr())
	for _, o := range kept {
		if o == a {
			return false
		}
		if net.IsValid() && Network(o.Addr()) == net {
			same++
		}
	}
	return same < perNetwork
}

// keepPeers drops from a compact list, in place, those that keep refuses and all after the
// first most.
func keepPeers(list []byte, size, most int, keep func(netip.AddrPort) bool) []byte {
	kept := list[:0]
	for ; len(list) > 0 && len(kept) < most*size; list = list[size:] {
		if a := compactAddr(list[:size]); usable(a) && keep(a) {
			kept = append(kept, list[:size]...)
		}
	}
	return kept
}
