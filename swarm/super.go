package swarm

import (
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
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
	leastShown  = 3                // pieces that a peer may fetch at a time
	mostShown   = 64
	mostUnseen  = 3 // pieces of a peer that nobody else has yet, before it waits for more
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
	load   float64           // share of time in which upload had a backlog, over about 8 s
	lonely time.Duration     // since when less than superPeers are interested

	busy time.Duration // time with a backlog since the last tick, up to at; counted while on
	at   time.Duration
	full bool // there was a backlog at that moment
}

// mask is what a peer is shown of our pieces.
type mask struct {
	shown metainfo.Bitfield
	open  []int // those shown that nobody but the peer has, or not even it
	ahead int   // how many it should have to fetch, beside what its rate asks for
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
	p.mask = &mask{shown: metainfo.NewBitfield(n), ahead: leastShown}
	if !s.on {
		s.on, s.lonely = true, c.now
		s.busy, s.at, s.full = 0, c.now, true
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

// superBits notes all pieces that a peer opened with, at once: one by one they would cost pieces times peers.
func (c *core) superBits(p *peer) {
	s := &c.super
	if s.over || s.out.Len() == 0 || p.has.Count() == 0 {
		return
	}
	for i := range s.out.Len() {
		if p.has.Has(i) {
			s.out.Set(i)
		}
	}
	if p.has.All() || s.out.All() {
		s.over = true
		c.unmaskAll()
	}
	for _, q := range c.peers {
		if q.mask != nil {
			c.touch(q)
		}
	}
}

// backlog reports whether p waits for what it asked of us.
func (p *peer) backlog() bool { return p.up.queue.out() > 0 || p.up.queue.waiting() > 0 }

// superClock counts, once a turn, the time in which upload has something to do.
func (c *core) superClock() {
	s := &c.super
	if !s.on {
		return
	}
	if s.full {
		s.busy += c.now - s.at
	}
	s.at, s.full = c.now, slices.ContainsFunc(c.peers, (*peer).backlog)
	for i := 0; i < len(c.peers) && !s.full; i++ { // rather a piece too many than upload that nobody uses
		c.reveal(c.peers[i])
	}
}

// superTick judges the backlog, and ends super-seeding when its conditions hold no longer. A peer that waits to be shown a piece
// is no backlog: if it comes to that often, upload is not what is short.
func (c *core) superTick() {
	s := &c.super
	if s.over || c.phase != status.Seeding {
		return
	}
	served, waiting := 0, 0
	for _, p := range c.peers {
		if p.up.interested && p.up.unchoked {
			served++
			if p.backlog() {
				waiting++
			}
		}
	}
	c.superClock()
	load := float64(waiting) / float64(max(served, 1))
	if s.on {
		load = s.busy.Seconds() / tickEvery.Seconds()
		s.busy = 0
	}
	if served > 0 {
		s.load += (min(load, 1) - s.load) / 8
	}
	if !s.on {
		return
	}
	if c.interested() >= superPeers {
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
	}
}

// reveal shows a masked peer more pieces when it runs out of them: some more than it fetches in a second. One that keeps
// what it got to itself waits, if there are others that use our upload meanwhile.
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
	unseen := len(m.open) - lacks
	switch busy := slices.ContainsFunc(c.peers, (*peer).backlog); {
	case busy && unseen >= mostUnseen && c.interested() >= superPeers:
		return
	case !busy && lacks < m.ahead && unseen > 0: // it could have had more
		m.ahead = min(m.ahead+1, mostShown)
	}
	c.show(p, m.ahead+int(p.up.meter.quick/float64(c.info.PieceLength()))-lacks)
}

// interested returns how many peers want something of us.
func (c *core) interested() (n int) {
	for _, p := range c.peers {
		if p.up.interested {
			n++
		}
	}
	return n
}

// show tells a masked peer of n more pieces: those that the fewest have or were shown.
func (c *core) show(p *peer, n int) {
	pieces := c.info.NumPieces()
	for ; n > 0; n-- {
		best, least := -1, 0
		for k, i := 0, c.rnd.IntN(pieces); k < pieces; k++ {
			if a := c.m.Availability(i) + int(c.super.shown[i]); (best < 0 || a < least) && !p.has.Has(i) && !p.mask.shown.Has(i) && c.have().Has(i) {
				if best, least = i, a; a == 0 {
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
