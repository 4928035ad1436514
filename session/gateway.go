package session

import (
	"encoding/hex"
	"net/netip"
	"strings"
)

// maxRoutes bounds the table that is read.
const maxRoutes = 1 << 20

// Gateway returns the IPv4 router on the way out, the zero value when there is none or it is not known.
func (n SystemNet) Gateway() netip.Addr {
	return defaultRoute(n.Addrs())
}

// parseRoutes finds the default route in Linux's /proc/net/route: columns Iface, Destination, Gateway, Flags,
// RefCnt, Use, Metric, Mask; numbers in hexadecimal, addresses with their bytes backwards. The first
// one wins: the kernel puts the best before the others.
func parseRoutes(table string) netip.Addr {
	const up, viaGateway = 1, 2
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := hex.DecodeString(f[3])
		if err != nil || len(flags) != 2 || flags[1]&(up|viaGateway) != up|viaGateway {
			continue
		}
		if b, err := hex.DecodeString(f[2]); err == nil && len(b) == 4 {
			return netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]})
		}
	}
	return netip.Addr{}
}

// firstOf guesses that the router has the first address of a small network.
func firstOf(own []netip.Addr) netip.Addr {
	for _, a := range own {
		if a.Is4() && a.IsPrivate() {
			b := a.As4()
			b[3] = 1
			return netip.AddrFrom4(b)
		}
	}
	return netip.Addr{}
}
