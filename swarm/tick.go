package swarm

import "shoal/status"

// onTick is the second hand.
func (c *core) onTick() {
	c.tick = c.now + tickEvery
	c.tally.due = true
	before := c.tot.downMeter.smooth + c.tot.upMeter.smooth
	c.tot.downMeter.tick(c.now)
	c.tot.upMeter.tick(c.now)
	if before+c.tot.downMeter.smooth+c.tot.upMeter.smooth >= 1 {
		c.changed()
	}
	if c.phase == status.Leeching && c.now-c.snap.at >= quietEvery { // time passes, if nothing else does
		c.changed()
	}
	for _, p := range c.peers {
		c.watch(p)
		p.up.meter.tick(c.now)
		p.up.churn = 0
		c.payHaves(p)
	}
	c.rests = c.restful()
	c.tellPex()
	c.superTick()
	if c.now >= c.choke.next {
		c.rechoke()
		c.stale()
		c.makeRoom()
		c.upgrade()
	}
	c.freed, c.cands.dirty = true, true
}

// makeRoom ends connections that are of no use to either side when there is no room for others.
func (c *core) makeRoom() {
	for i := len(c.peers) - 1; i >= 0 && len(c.peers) >= c.cands.maxPeers; i-- {
		p := c.peers[i]
		if c.useless(p) {
			c.drop(p, errIdle)
		}
	}
}
