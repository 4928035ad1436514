package swarm

import (
	"shoal/piece"
	"shoal/status"
)

// credits are who passes on what a seed gives him. owner is, for each piece that nobody else had when we first sent
// of it, to whom that was; nobody when that says nothing.
type credits struct {
	owner []piece.PeerID // zero: not sent yet; nil until there is a first
}

// nobody is the id that no peer has; mostLent is the number of pieces up to which a torrent keeps credits.
const (
	nobody   = ^piece.PeerID(0)
	mostLent = 1 << 16
)

// lend notes that a block of piece i goes to p.
func (c *core) lend(p *peer, i int) {
	if c.phase == status.Leeching || c.info.NumPieces() > mostLent {
		return
	}
	o := &c.choke.credits.owner
	if *o == nil {
		*o = make([]piece.PeerID, c.info.NumPieces())
	}
	switch {
	case (*o)[i] == 0 && c.m.Availability(i) == 0:
		(*o)[i] = p.id
	case (*o)[i] != p.id:
		(*o)[i] = nobody
	}
}

// repay notes that p has got piece i: a gift of ours, or one of the peer that had it alone.
func (c *core) repay(p *peer, i int) {
	o := c.choke.credits.owner
	if o == nil || o[i] == 0 || o[i] == nobody {
		return
	}
	if o[i] == p.id {
		p.up.given++
		return
	}
	if q := c.byID[o[i]]; q != nil && q.has.Has(i) {
		q.up.spread++
	}
	o[i] = nobody
}

// hoards reports whether the peer has kept most of what only we could give it to itself.
func (p *peer) hoards() bool { return p.up.given >= 3 && p.up.spread*3 < p.up.given }
