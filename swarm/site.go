package swarm

import (
	"net/netip"
	"time"
)

// maxPerSite is how many connections one site may have with a torrent: enough for a few machines behind one
// translator, too few to fill our places.
const maxPerSite = 3

var sharedSpace = [2]byte{100, 64} // RFC 6598, 100.64.0.0/10: within a provider's network

// siteOf returns who stands behind a global address: the address itself, of IPv6 its /64, which one machine may use
// as it likes. It is the zero Addr for addresses of a smaller scope, to which no caps apply.
func siteOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return netip.Addr{}
	}
	if a.Is4() {
		if b := a.As4(); b[0] == sharedSpace[0] && b[1]&0xc0 == sharedSpace[1] {
			return netip.Addr{}
		}
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}

// crowded reports whether a site has as many connections as it may.
func (c *common) crowded(site netip.Addr) bool {
	if !site.IsValid() {
		return false
	}
	n := 0
	for _, p := range c.peers {
		if p.site == site {
			n++
		}
	}
	return n >= maxPerSite
}

// typed reports whether the user named addr.
func (s *candidates) typed(addr netip.AddrPort) bool {
	k := s.find(addr)
	return k != nil && k.kind == FromUser
}

// putOff lets no candidate of a site be dialled before at.
func (s *candidates) putOff(site netip.Addr, at time.Duration) {
	for i := range s.list {
		if k := &s.list[i]; k.kind != FromUser && siteOf(k.addr.Addr()) == site {
			k.next = max(k.next, at)
		}
	}
}

// mayDial reports whether k's site has room for one more connection or attempt, so that nobody
// can point us at one address again and again. What the user typed is always dialled.
func (c *common) mayDial(k *candidate) bool {
	site := siteOf(k.addr.Addr())
	if !site.IsValid() || k.kind == FromUser {
		return true
	}
	n := 0
	for _, p := range c.peers {
		if p.site == site {
			n++
		}
	}
	for i := range c.cands.list {
		if o := &c.cands.list[i]; o.state == candDialing && siteOf(o.addr.Addr()) == site {
			n++
		}
	}
	return n < maxPerSite
}
