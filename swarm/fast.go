package swarm

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
)

const (
	// fastSet is how many pieces a peer that has hardly any may have while it is choked (BEP 6).
	fastSet = 10
	// fastShare bounds the set to such a part of the torrent, so that small ones are not given away.
	fastShare = 10
	// fastTime of our upload is what may be on offer in this way to all peers together: with many of them a slow
	// seed would be busy with nothing else.
	fastTime = 5 * time.Second
)

// allowedFast returns the canonical set of k pieces of n for an IPv4 address (BEP 6), so that all peers
// allow the same ones and nobody gets more by asking many.
func allowedFast(hash metainfo.Hash, ip netip.Addr, n, k int) []int {
	if !ip.Is4() || n <= 0 {
		return nil
	}
	k = min(k, n)
	var set []int
	a := ip.As4()
	x := append([]byte{a[0], a[1], a[2], 0}, hash[:]...)
	for len(set) < k {
		sum := sha1.Sum(x)
		x = append(x[:0], sum[:]...)
		for i := 0; i < len(sum) && len(set) < k; i += 4 {
			if p := int(binary.BigEndian.Uint32(sum[i:]) % uint32(n)); !slices.Contains(set, p) {
				set = append(set, p)
			}
		}
	}
	return set
}

// fastPiece is a piece that a peer may have while choked: so many of its blocks, once.
type fastPiece struct{ piece, left int }

// offerFast tells a peer that has hardly anything which pieces it may ask for while choked, so that it
// soon has something to give. We must have enough ourselves.
func (c *core) offerFast(p *peer) {
	have, n := c.have(), c.info.NumPieces()
	k := min(fastSet, n/fastShare)
	if c.past.here(p.hello.Addr.Addr()) { // else one that comes again and again is never choked
		return
	}
	if !p.hello.Fast || p.mask != nil || len(p.up.fast) > 0 || p.has.Count() >= k || have.Count() < min(n, 2*k) {
		return
	}
	room := int(c.tot.upMeter.quick * fastTime.Seconds() / metainfo.BlockSize)
	for _, q := range c.peers {
		for _, f := range q.up.fast {
			room -= f.left
		}
	}
	for _, i := range allowedFast(c.cfg.ID.Wire(), p.hello.Addr.Addr(), n, k) {
		if room -= c.info.NumBlocks(i); room < 0 {
			return
		}
		if have.Has(i) && !p.has.Has(i) {
			p.up.fast = append(p.up.fast, fastPiece{i, c.info.NumBlocks(i)})
			c.send(p, wire.Message{Kind: wire.AllowedFast, Index: uint32(i)})
		}
	}
}

// spend takes one block of piece i off what a choked peer may have, and reports whether there was one.
func (u *upload) spend(i int) bool {
	for k := range u.fast {
		if f := &u.fast[k]; f.piece == i && f.left > 0 {
			f.left--
			return true
		}
	}
	return false
}

// offered reports whether the peer was told that it may ask for piece i while choked.
func (u *upload) offered(i int) bool {
	return slices.ContainsFunc(u.fast, func(f fastPiece) bool { return f.piece == i })
}
