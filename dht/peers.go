package dht

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"shoal/dht/guard"
	"shoal/metainfo"
)

// Bounds of the peer store. Together they keep it below some 6 MiB.
const (
	maxHashes     = 2000
	maxPeers      = 500    // of one hash
	maxPeersInAll = 50_000 // of all hashes
	maxHashesBy   = 100    // hashes that one holder of addresses may begin
	maxPortsBy    = 4      // peers of one hash of one holder of a global address
	peerLife      = 30 * time.Minute
	sampleHashes  = 5 // hashes looked at for the one that must go, or give a peer away
)

// peerStore remembers who announced what. It is pure data and belongs to whoever holds Node.mu.
type peerStore struct {
	rnd    *rand.Rand
	swarms map[metainfo.Hash]*announced
	order  []*announced
	begun  map[netip.AddrPort]int // hashes by who began them
	total  int
}

// announced is one hash with its peers.
type announced struct {
	hash  metainfo.Hash
	by    netip.AddrPort // the seat of who began it
	index int            // in peerStore.order
	peers []storedPeer
}

type storedPeer struct {
	addr netip.AddrPort
	seen time.Time
}

func newPeerStore(rnd *rand.Rand) *peerStore {
	return &peerStore{rnd: rnd, swarms: make(map[metainfo.Hash]*announced), begun: make(map[netip.AddrPort]int)}
}

// add stores a peer, and reports whether there was room.
func (s *peerStore) add(now time.Time, hash metainfo.Hash, peer netip.AddrPort) bool {
	a := s.swarms[hash]
	if a == nil {
		if a = s.begin(hash, holderOf(peer)); a == nil {
			return false
		}
	}
	s.expire(now, a)
	ports, holder := 0, holderOf(peer)
	for i := range a.peers {
		p := &a.peers[i]
		if p.addr == peer {
			p.seen = now
			return true
		}
		if holderOf(p.addr) == holder {
			ports++
		}
	}
	if guard.Global(peer.Addr()) && ports >= maxPortsBy {
		return false
	}
	p := storedPeer{peer, now}
	switch {
	case len(a.peers) == maxPeers || s.total >= maxPeersInAll && len(a.peers) > 0:
		a.peers[s.rnd.IntN(len(a.peers))] = p
	case s.total >= maxPeersInAll && !s.shrink():
		return false
	default:
		a.peers = append(a.peers, p)
		s.total++
	}
	return true
}

// holderOf is whose peer it is, whatever the port.
func holderOf(peer netip.AddrPort) netip.AddrPort {
	return guard.Seat(netip.AddrPortFrom(peer.Addr(), 0))
}

// shrink takes a peer from the largest of a few hashes at random, and reports whether there was one.
func (s *peerStore) shrink() bool {
	var largest *announced
	for range sampleHashes {
		if a := s.order[s.rnd.IntN(len(s.order))]; largest == nil || len(a.peers) > len(largest.peers) {
			largest = a
		}
	}
	n := len(largest.peers)
	if n == 0 {
		return false
	}
	i := s.rnd.IntN(n)
	largest.peers[i] = largest.peers[n-1]
	largest.peers = largest.peers[:n-1]
	s.total--
	return true
}

// begin makes room for a new hash. Of a few at random the one with the fewest peers goes.
func (s *peerStore) begin(hash metainfo.Hash, by netip.AddrPort) *announced {
	if s.begun[by] >= maxHashesBy {
		return nil
	}
	if len(s.order) == maxHashes {
		least := s.order[s.rnd.IntN(len(s.order))]
		for range sampleHashes - 1 {
			if a := s.order[s.rnd.IntN(len(s.order))]; len(a.peers) < len(least.peers) {
				least = a
			}
		}
		s.drop(least)
	}
	a := &announced{hash: hash, by: by, index: len(s.order)}
	s.swarms[hash] = a
	s.order = append(s.order, a)
	s.begun[by]++
	return a
}

func (s *peerStore) drop(a *announced) {
	last := s.order[len(s.order)-1]
	s.order[a.index], last.index = last, a.index
	s.order[len(s.order)-1] = nil
	s.order = s.order[:len(s.order)-1]
	delete(s.swarms, a.hash)
	s.total -= len(a.peers)
	if s.begun[a.by]--; s.begun[a.by] == 0 {
		delete(s.begun, a.by)
	}
}

// expire removes the peers of a that did not announce again.
func (s *peerStore) expire(now time.Time, a *announced) {
	s.total -= len(a.peers)
	a.peers = slices.DeleteFunc(a.peers, func(p storedPeer) bool { return now.Sub(p.seen) >= peerLife })
	s.total += len(a.peers)
}

// sweep removes what is old from every hash.
func (s *peerStore) sweep(now time.Time) {
	for i := len(s.order) - 1; i >= 0; i-- {
		a := s.order[i]
		if s.expire(now, a); len(a.peers) == 0 {
			s.drop(a)
		}
	}
}

// get returns n peers of a hash in random order; all of them when n is negative.
func (s *peerStore) get(now time.Time, hash metainfo.Hash, n int) []netip.AddrPort {
	a := s.swarms[hash]
	if a == nil {
		return nil
	}
	s.expire(now, a)
	var out []netip.AddrPort
	for _, i := range s.rnd.Perm(len(a.peers)) {
		if len(out) == n {
			break
		}
		out = append(out, a.peers[i].addr)
	}
	return out
}
