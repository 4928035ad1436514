package session

import (
	"net/netip"
	"slices"
	"sync"
)

const (
	// externalVotes is how many networks must name the same address of ours before it counts.
	externalVotes = 3
	// trackerVotes is what a tracker's word weighs: it is enough while nobody objects.
	trackerVotes = externalVotes
	// dhtVotes is what our nodes of the DHT weigh, who have heard many others.
	dhtVotes = trackerVotes + 1
	// mostVotes bounds the votes that are remembered.
	mostVotes = 64
)

// external finds out under which addresses, one of each family, others see this machine: trackers say it (BEP 24), and
// peers in their extended handshake (BEP 10, yourip), and nodes of the DHT (BEP 42). All methods are safe for all goroutines.
type external struct {
	mu     sync.Mutex
	votes  []externalVote // oldest first; one for each network, kind of voter and family
	v4, v6 netip.Addr
}

type externalVote struct {
	by     netip.Prefix
	addr   netip.Addr
	weight int
}

// add counts that someone at by sees us at addr, and reports whether that changes what counts. A network has one
// vote, its last: who rents a network is one voice.
func (x *external) add(addr, by netip.Addr, weight int) (changed bool) {
	addr, by = addr.Unmap().WithZone(""), by.Unmap().WithZone("")
	if s := scopeOf(addr); s == noScope || scopeOf(by) == noScope || s < scopeOf(by) {
		return false // who is far away does not know what we are called near by
	}
	bits := 32
	if by.Is4() {
		bits = 16
	}
	net, _ := by.Prefix(bits)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.votes = slices.DeleteFunc(x.votes, func(v externalVote) bool {
		return v.by == net && v.weight == weight && v.addr.Is4() == addr.Is4()
	})
	if len(x.votes) == mostVotes {
		x.votes = slices.Delete(x.votes, 0, 1)
	}
	x.votes = append(x.votes, externalVote{net, addr, weight})
	now := &x.v6
	if addr.Is4() {
		now = &x.v4
	}
	if addr == *now || !x.beats(addr, *now) {
		return false
	}
	*now = addr
	return true
}

// beats reports whether addr is better founded than the one that counts so far. An address that reaches
// farther is better than one that does not.
func (x *external) beats(addr, now netip.Addr) bool {
	var votes, against int
	for _, v := range x.votes {
		switch v.addr {
		case addr:
			votes += v.weight
		case now:
			against += v.weight
		}
	}
	if votes < externalVotes || scopeOf(addr) < scopeOf(now) {
		return false
	}
	return scopeOf(addr) > scopeOf(now) || votes > against
}

// known returns what counts, at most one address of each family, IPv4 first.
func (x *external) known() (list []netip.Addr) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range []netip.Addr{x.v4, x.v6} {
		if a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

// forget begins anew: the machine is in another network.
func (x *external) forget() {
	x.mu.Lock()
	x.votes, x.v4, x.v6 = nil, netip.Addr{}, netip.Addr{}
	x.mu.Unlock()
}

// seenAs notes under which address somebody sees us. It never waits.
func (s *Session) seenAs(addr, by netip.Addr, weight int) {
	if !s.external.add(addr, by, weight) {
		return
	}
	s.log.Debug("others see us at", "addr", addr.Unmap())
	for _, t := range s.reg.all() {
		if sw := t.running(); sw != nil {
			sw.SetExternal(addr)
		}
	}
}
