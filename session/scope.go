package session

import (
	"net/netip"

	"shoal/swarm"
)

// scope is how far an address reaches; wider is greater.
type scope uint8

const (
	noScope       scope = iota // nothing can be connected to there
	loopbackScope              // this machine
	linkScope                  // this network segment
	privateScope               // this site, or this provider's network
	globalScope
)

var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598, carrier NAT
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	reserved    = netip.MustParsePrefix("240.0.0.0/4") // with the broadcast address
)

// scopeOf returns the scope of an address.
func scopeOf(a netip.Addr) scope {
	a = a.Unmap()
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), thisNetwork.Contains(a), reserved.Contains(a):
		return noScope
	case a.IsLoopback():
		return loopbackScope
	case a.IsLinkLocalUnicast():
		return linkScope
	case a.IsPrivate(), sharedSpace.Contains(a):
		return privateScope
	}
	return globalScope
}

// lowestPort is the first port that others may send us to. Below it are the
// services that somebody may want us to bother.
const lowestPort = 1024

// mayUse is the one rule for addresses from trackers, peers and nodes: an
// address may be used if it reaches at least as far as the source that named
// it. So a tracker on the internet cannot point us into the local network, and
// a closed network still works. What the user typed may be anything.
func mayUse(a netip.AddrPort, from swarm.Source) bool {
	s := scopeOf(a.Addr())
	if s == noScope || a.Port() == 0 {
		return false
	}
	if from.Kind == swarm.FromUser {
		return true
	}
	by := globalScope
	if from.By.IsValid() {
		by = scopeOf(from.By)
	}
	return by != noScope && s >= by && a.Port() >= lowestPort
}
