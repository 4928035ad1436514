package swarm

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"shoal/status"
)

// Numbers of the choker.
const (
	chokeRound      = 10 * time.Second
	optimisticRound = 3 // rounds: 30 s
	leastSlots      = 4
	mostSlots       = 20
	// slotRate is how much upload one more slot takes: with less a peer gains little from being unchoked.
	slotRate = 2 << 20
	// A peer that is served by a seed keeps its slot until it has had both, or longTurn, if others wait.
	turnTime  = 30 * time.Second
	turnBytes = 8 << 20
	longTurn  = 60 * time.Second
	// wasteSlack and leastWaste are what may be sent to a peer beyond the pieces that it says it got: those that it
	// has begun.
	wasteSlack = 2 // pieces
	leastWaste = 128 << 10
	// siteShare is the part of a seed's slots that goes to one site while others wait.
	siteShare = 4
)

// choker decides who may ask us for blocks.
type choker struct {
	round int
	next  time.Duration
	fixed int // slots that the session or the user wants; negative: by rate
	// lucky is the peer that has the optimistic slot, nil when nobody; term is for how many rounds, optimisticRound but in trials.
	lucky   *peer
	term    int
	dirty   bool // a slot may have become free, or somebody wants one
	credits credits
}

// slots is how many peers are unchoked at a time.
func (c *core) slots() int {
	if c.choke.fixed >= 0 {
		return c.choke.fixed
	}
	return min(leastSlots+int(c.tot.upMeter.quick/slotRate), mostSlots)
}

// setSlots changes the number of slots; those who lose theirs do so at once.
func (c *core) setSlots(n int) {
	c.choke.fixed = max(n, -1)
	used := 0
	for _, p := range c.peers {
		if p.up.unchoked {
			used++
		}
	}
	if used > c.slots() {
		c.rechoke()
	}
	c.choke.dirty = true
}

// rechoke is the round every ten seconds: all slots are given anew, by merit but for the one that goes to chance.
func (c *core) rechoke() {
	k := &c.choke
	k.next = c.now + chokeRound
	k.round++
	slots := c.slots()
	if k.lucky != nil && (k.lucky.gone || !k.lucky.up.interested || k.round%k.term == 0 || slots < 2) {
		k.lucky = nil
	}
	list := c.spread(c.claimants(), slots)
	merit := slots
	switch {
	case slots > 1 && (k.lucky != nil || len(list) > slots && c.chancy()):
		merit--
	case slots == 1 && k.round%k.term == 0 && c.chancy(): // chance has the only slot for a round
		slices.SortStableFunc(list, byWaiting)
	}
	given := 0
	for _, p := range list {
		switch {
		case given < merit:
			given++
			c.setChoke(p, false)
			if p == k.lucky { // it needs no luck any more
				k.lucky = nil
			}
		case p != k.lucky:
			c.setChoke(p, true)
		}
	}
	c.fillSlots()
}

// chancy reports whether a slot goes to chance: while we download, so that newcomers are found that
// give more, and as a seed while some get little on their merits, so that nobody starves.
func (c *core) chancy() bool {
	return c.phase == status.Leeching || slices.ContainsFunc(c.peers, func(p *peer) bool { return p.up.interested && p.hoards() })
}

// claimants returns the interested peers, the most deserving first.
func (c *core) claimants() []*peer {
	list := c.sorted[:0]
	for _, p := range c.peers {
		if c.wishes(p) {
			list = append(list, p)
		}
	}
	c.sorted = list
	// The order of equals is by chance, else the first to come would always win.
	c.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, c.byMerit)
	return list
}

// wishes reports whether p wants something that we have. Whoever only says so gets no slot: it would keep it from
// those that come later with a reason.
func (c *core) wishes(p *peer) bool { return p.up.interested && c.have().AnyBeyond(&p.has) }

// wastes reports whether most of what we sent to p has not become a piece of which it told: it throws it away, or says
// less than it has.
func (c *core) wastes(p *peer) bool {
	l := c.info.PieceLength()
	return p.up.total > max(wasteSlack*l, leastWaste)+2*int64(p.up.got)*l
}

// byMerit orders peers, the most deserving first: while we download those that give most, then those that ever gave;
// as a seed those that pass on what they get, then those that have not had their turn.
func (c *core) byMerit(a, b *peer) int {
	if c.phase == status.Leeching {
		return cmp.Or(cmp.Compare(b.gift(), a.gift()), before(a.down.total > 0, b.down.total > 0), before(!c.wastes(a), !c.wastes(b)))
	}
	turn := a.turn(c.now)
	keeps := func(p *peer) bool { return p.hoards() || c.wastes(p) }
	if d := cmp.Or(before(!keeps(a), !keeps(b)), cmp.Compare(turn, b.turn(c.now))); d != 0 || turn < hadShare {
		return cmp.Or(d, byWaiting(a, b))
	}
	return cmp.Compare(b.up.since, a.up.since) // who has the slot longest loses it first
}

// spread moves those to the end of a seed's list whose site has its share of the slots already. So nobody
// gets more by connecting more often.
func (c *core) spread(list []*peer, slots int) []*peer {
	if c.phase == status.Leeching {
		return list
	}
	given := make(map[netip.Addr]int) // only for look-up
	late := make([]*peer, 0, len(list))
	first := list[:0]
	for _, p := range list {
		if given[p.site]++; p.site.IsValid() && given[p.site] > max(1, slots/siteShare) {
			late = append(late, p)
		} else {
			first = append(first, p)
		}
	}
	return append(first, late...)
}

// siteFull reports whether the site of p has its share of a seed's slots.
func (c *core) siteFull(p *peer, slots int) bool {
	if c.phase == status.Leeching || !p.site.IsValid() {
		return false
	}
	n := 0
	for _, q := range c.peers {
		if q.up.unchoked && q.site == p.site {
			n++
		}
	}
	return n >= max(1, slots/siteShare)
}

// byLuck orders peers for the slot that goes to chance, which is whoever has waited longest.
func (c *core) byLuck(a, b *peer) int {
	return cmp.Or(before(!c.wastes(a), !c.wastes(b)), byWaiting(a, b))
}

// byWaiting orders peers that are choked by how long they are, the longest first, and before all others.
func byWaiting(a, b *peer) int {
	return cmp.Or(before(!a.up.unchoked, !b.up.unchoked), cmp.Compare(a.up.since, b.up.since))
}

// before compares so that what is true comes first.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// gift is what the peer gives us, in bytes a second; one that snubs us gives nothing.
func (p *peer) gift() float64 {
	if p.down.snubbed {
		return 0
	}
	return p.down.meter.smooth
}

// Where a peer of a seed stands.
const (
	inTurn   = iota // is being served
	waits           // for a slot
	hadShare        // of time, or of time and bytes
	wastes          // its slot
)

// turn sorts the peers of a seed.
func (p *peer) turn(now time.Duration) int {
	switch u := &p.up; {
	case !u.unchoked:
		return waits
	case p.idle(now):
		return wastes
	case now-u.since >= longTurn, now-u.since > turnTime && u.sent > turnBytes:
		return hadShare
	}
	return inTurn
}

// fillSlots gives free slots at once, by merit and among equals to whoever has waited longest; the last one goes to
// chance.
func (c *core) fillSlots() {
	k := &c.choke
	k.dirty = false
	slots := c.slots()
	free := slots
	for _, p := range c.peers {
		if p.up.unchoked {
			free--
		}
	}
	for ; free > 0; free-- {
		lucky := free == 1 && slots > 1 && k.lucky == nil && c.chancy()
		var best *peer
		bestFull := false
		for _, p := range c.peers {
			if p.up.unchoked || !c.wishes(p) {
				continue
			}
			full := c.siteFull(p, slots)
			switch {
			case best == nil, full != bestFull && !full,
				full == bestFull && lucky && c.byLuck(p, best) < 0,
				full == bestFull && !lucky && cmp.Or(c.byMerit(p, best), byWaiting(p, best)) < 0:
				best, bestFull = p, full
			}
		}
		if best == nil {
			return
		}
		c.setChoke(best, false)
		if lucky {
			k.lucky = best
		}
	}
}
