package swarm

import (
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// Numbers of super-seeding.
const (
	leastSuper  = 4       // pieces; with fewer there is nothing to choose
	mostSuper   = 1 << 14 // pieces; a Have for each at the end is 144 KiB a peer
	superPeers  = 2       // interested leechers
	superGrace  = 5 * time.Second
	superCopy   = 20 * time.Second // with more upload than a copy in this time it is no bottleneck
	pressedFrom = 0.7              // share of time with a backlog that makes a bottleneck, and
	pressedTo   = 0.3              // below which it is none any more
	mostUnseen  = 3                // pieces of a peer that nobody else has yet, before it waits for more
)

// SuperSeed says when a seed shows peers only the pieces that it wants them to fetch (BEP 16).
type SuperSeed uint8

// The choices.
const (
	// SuperAuto: while at least two leechers are interested, no other seed is known, less than one copy is out and
	// upload is the bottleneck.
	SuperAuto SuperSeed = iota
	SuperOff
)

// super is super-seeding: the peers with a mask see us as one of them, with pieces that nobody else has. It
// saves what a seed otherwise sends twice before the first copy is out.
type super struct {
	on     bool
	over   bool              // for good: a seed was met, or one copy is out
	out    metainfo.Bitfield // pieces that some peer has had
	shown  []uint16          // how many masks show each piece
	load   float64           // share of time in which upload had a backlog
	lonely time.Duration     // since when less than superPeers are interested
}

// mask is what a peer is shown of our pieces.
type mask struct {
	shown metainfo.Bitfield
	open  []int // those shown that nobody but the peer has, or not even it
}

// hasOther reports whether somebody beside one peer that has piece i has it too.
func (c *core) hasOther(i int) bool { return c.m.Availability(i) > 1 }

// pressed reports whether upload is what everybody waits for.
func (c *core) pressed(level float64) bool {
	rate := c.tot.upMeter.quick
	return c.super.load >= level && (rate == 0 || float64(c.sel.size)/rate > superCopy.Seconds())
}

// maybeMask begins to show a new peer only some pieces if the conditions hold. Whether it and others are
// interested cannot be known yet: superGrace will tell.
func (c *core) maybeMask(p *peer) {
	s, n := &c.super, c.info.NumPieces()
	if c.cfg.SuperSeed != SuperAuto || s.over || c.phase != status.Seeding || n < leastSuper || n > mostSuper || !c.pressed(pressedFrom) {
		return
	}
	if s.shown == nil {
		s.shown = make([]uint16, n)
	}
	p.mask = &mask{shown: metainfo.NewBitfield(n)}
	if !s.on {
		s.on, s.lonely = true, c.now
	}
}

// superHave notes that some peer has piece i.
func (c *core) superHave(p *peer, i int) {
	s := &c.super
	if s.over || s.out.Len() == 0 {
		return
	}
	s.out.Set(i)
	if p.has.All() || s.out.All() {
		s.over = true
		c.unmaskAll()
	}
	if !s.on {
		return
	}
	for _, q := range c.peers {
		if q.mask != nil && (q == p || slices.Contains(q.mask.open, i)) {
			c.touch(q)
		}
	}
}

// superTick measures the backlog, and ends super-seeding when its conditions hold no longer.
func (c *core) superTick() {
	s := &c.super
	if s.over || c.phase != status.Seeding {
		return
	}
	served, waiting, interested := 0, 0, 0
	for _, p := range c.peers {
		if p.up.interested {
			interested++
		}
		if p.up.unchoked && p.up.interested {
			served++
			if p.up.out > 0 || p.up.waiting() > 0 {
				waiting++
			}
		}
	}
	// A masked peer that waits for a piece to be shown is no sign that upload has room.
	if idle := waiting == 0; served > 0 && !(idle && s.on) {
		s.load += (float64(waiting)/float64(served) - s.load) / 8
	}
	if !s.on {
		return
	}
	if interested >= superPeers {
		s.lonely = c.now
	}
	if c.now-s.lonely > superGrace || !c.pressed(pressedTo) {
		c.unmaskAll()
		return
	}
	for _, p := range c.peers {
		if p.mask == nil {
			continue
		}
		c.touch(p)
		if waiting == 0 { // rather a piece too many than a second without upload
			c.show(p, 1)
		}
	}
}

// reveal shows a masked peer more pieces when it runs out of them: as many as it fetches in a second, unless it keeps what it got
// to itself.
func (c *core) reveal(p *peer) {
	if p.mask == nil || p.told == toldNothing && c.now-p.since < time.Second {
		return
	}
	m, lacks := p.mask, 0
	m.open = slices.DeleteFunc(m.open, func(i int) bool { return p.has.Has(i) && c.hasOther(i) })
	for _, i := range m.open {
		if !p.has.Has(i) {
			lacks++
		}
	}
	want := 2 + int(p.up.meter.quick/float64(c.info.PieceLength()))
	if unseen := len(m.open) - lacks; unseen < mostUnseen {
		c.show(p, want-lacks)
	}
}

// show tells a masked peer of n more pieces: those that the fewest have or were shown.
func (c *core) show(p *peer, n int) {
	pieces := c.info.NumPieces()
	for ; n > 0; n-- {
		best, least := -1, 0
		for k, i := 0, c.rnd.IntN(pieces); k < pieces; k++ {
			if !p.has.Has(i) && !p.mask.shown.Has(i) && c.have().Has(i) {
				if a := c.m.Availability(i) + int(c.super.shown[i]); best < 0 || a < least {
					best, least = i, a
				}
				if least == 0 && best >= 0 {
					break
				}
			}
			if i++; i == pieces {
				i = 0
			}
		}
		if best < 0 {
			return
		}
		p.mask.shown.Set(best)
		p.mask.open = append(p.mask.open, best)
		c.super.shown[best]++
		c.send(p, wire.Message{Kind: wire.Have, Index: uint32(best)})
	}
}

// dropMask forgets what p is shown.
func (c *core) dropMask(p *peer) {
	if p.mask == nil {
		return
	}
	for i := range c.super.shown {
		if p.mask.shown.Has(i) {
			c.super.shown[i]--
		}
	}
	p.mask = nil
}

// unmaskAll ends super-seeding: every peer hears of all that we have.
func (c *core) unmaskAll() {
	if !c.super.on {
		return
	}
	c.super.on = false
	for _, p := range c.peers {
		if p.mask == nil {
			continue
		}
		for i := range c.info.NumPieces() {
			if c.have().Has(i) && !p.mask.shown.Has(i) && !p.has.Has(i) {
				c.send(p, wire.Message{Kind: wire.Have, Index: uint32(i)})
			}
		}
		c.dropMask(p)
		c.tellUploadOnly(p)
	}
}

// credits are who passes on what a seed gives him. owner is, for each piece that nobody else had when we first sent
// of it, to whom that was; nobody when that says nothing.
type credits struct {
	owner []piece.PeerID // zero: not sent yet; nil until there is a first
}

const nobody = ^piece.PeerID(0)

// lend notes that a block of piece i goes to p.
func (c *core) lend(p *peer, i int) {
	if c.phase == status.Leeching {
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
