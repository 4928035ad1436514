package swarm

import (
	"slices"
	"time"

	"shoal/peer/wire"
)

// What a peer may reject of that which it was asked for.
const (
	maxRejects  = 4  // in a row, before a peer is left alone until the next tick
	maxRefusals = 12 // after it has unchoked us, before it counts as snubbing us
	firstRest   = 10 * time.Second
)

func (c *core) onReject(p *peer, m *wire.Message) error {
	if !p.hello.Fast {
		return protocolError("reject without the fast extension")
	}
	d := &p.down
	b, err := c.info.Block(m.Index, m.Begin, m.Length)
	if err != nil {
		return protocolError("reject of %v", err)
	}
	if _, ok := d.asked.take(b); !ok {
		if d.forgiven > 0 {
			d.forgiven--
		} else if p.strikes++; p.strikes > maxStrikes {
			return protocolError("more than %d rejects or blocks that were not asked for", maxStrikes)
		}
		return nil
	}
	c.m.Rejected(p.id, b)
	c.refund(1)
	c.refused(p)
	if d.rejects++; d.choked { // it will not serve this piece before it unchokes us
		d.fast = slices.DeleteFunc(d.fast, func(i int) bool { return i == b.Piece })
	}
	c.freed = true
	c.touch(p)
	return nil
}

// refused counts what a peer rejects though it has unchoked us. One that does nothing else counts as snubbing us and is left alone,
// each time for longer. What it rejects meanwhile was asked before, and counts no more.
func (c *core) refused(p *peer) {
	d := &p.down
	if d.choked || c.now < d.rest {
		return
	}
	if d.refusals++; d.refusals%maxRefusals > 0 {
		return
	}
	d.rest = c.now + firstRest<<min(d.refusals/maxRefusals-1, 5)
	c.snub(p)
}

// excuse forgets the refusals of a peer that then chokes us: some may reject what is queued before they say that
// they choke. Chokers go by rounds; who chokes more often is not excused.
func (c *core) excuse(p *peer) {
	d := &p.down
	if c.now >= d.rest || d.excused > 0 && c.now-d.excused < chokeRound {
		return
	}
	d.excused, d.rest, d.refusals, d.snubbed = max(c.now, 1), 0, 0, false
}

// snub notes that p does not deliver.
func (c *core) snub(p *peer) {
	if d := &p.down; !d.snubbed {
		d.snubbed, d.ramping = true, false
		c.choke.dirty = true
	}
}
