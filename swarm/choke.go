package swarm

import (
	"cmp"
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
	// A peer that is served by a seed keeps its slot until it has had both.
	turnTime  = 30 * time.Second
	turnBytes = 8 << 20
)

// choker decides who may ask us for blocks.
type choker struct {
	round int
	next  time.Duration
	// lucky is the peer that has the optimistic slot, nil when nobody.
	lucky *peer
	dirty bool // a slot may have become free, or somebody wants one
}

// slots is how many peers are unchoked at a time.
func (c *core) slots() int {
	if c.cfg.UploadSlots > 0 {
		return c.cfg.UploadSlots
	}
	return min(leastSlots+int(c.tot.upMeter.quick/slotRate), mostSlots)
}

// rechoke is the round every ten seconds: all slots are given anew.
func (c *core) rechoke() {
	k := &c.choke
	k.next = c.now + chokeRound
	k.dirty = false
	k.round++
	if k.lucky != nil && (k.lucky.gone || !k.lucky.up.interested || k.round%optimisticRound == 0) {
		k.lucky = nil
	}
	list := c.claimants()
	slots := c.slots()
	seeding := c.phase != status.Leeching
	if !seeding && slots > 1 && len(list) > slots {
		slots-- // the last one goes to chance
	}
	for i, p := range list {
		if i < slots {
			c.setChoke(p, false)
		} else if p != k.lucky {
			c.setChoke(p, true)
		}
	}
	c.fillSlots()
}

// claimants returns the interested peers, the most deserving first: while we
// download those that give most, as a seed those that have not had their turn.
func (c *core) claimants() []*peer {
	list := c.sorted[:0]
	for _, p := range c.peers {
		if p.up.interested {
			list = append(list, p)
		}
	}
	c.sorted = list
	// The order of equals is by chance, else the first to come would always win.
	c.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if c.phase == status.Leeching {
		slices.SortStableFunc(list, func(a, b *peer) int { return cmp.Compare(b.gift(), a.gift()) })
		return list
	}
	slices.SortStableFunc(list, func(a, b *peer) int {
		return cmp.Or(cmp.Compare(a.turn(c.now), b.turn(c.now)), cmp.Compare(a.up.since, b.up.since))
	})
	return list
}

// gift is what the peer gives us, in bytes a second; one that snubs us gives nothing.
func (p *peer) gift() float64 {
	if p.down.snubbed {
		return 0
	}
	return p.down.meter.smooth
}

// turn sorts the peers of a seed: 0 is being served, 1 waits, 2 has had its share.
func (p *peer) turn(now time.Duration) int {
	switch u := &p.up; {
	case !u.unchoked:
		return 1
	case now-u.since > turnTime && u.sent > turnBytes:
		return 2
	}
	return 0
}

// fillSlots gives free slots at once, to whoever has waited longest; the last of them while we download is
// the optimistic one.
func (c *core) fillSlots() {
	c.choke.dirty = false
	free := c.slots()
	for _, p := range c.peers {
		if p.up.unchoked {
			free--
		}
	}
	for ; free > 0; free-- {
		var best *peer
		for _, p := range c.peers {
			if p.up.interested && !p.up.unchoked && (best == nil || p.up.since < best.up.since) {
				best = p
			}
		}
		if best == nil {
			return
		}
		c.setChoke(best, false)
		if free == 1 && c.phase == status.Leeching && c.choke.lucky == nil {
			c.choke.lucky = best
		}
	}
}
