package swarm

import (
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// limits are what may be spent of limited directions, in bytes.
type limits struct {
	up, down         int64
	turn             int // index of the peer that had the last uploaded block
	toldUp, toldDown int64
	since            time.Duration // since when toldDown is not zero
}

// setLimited begins or ends to spend only what is granted. What was granted before is forgotten, and demands are told anew.
func (c *core) setLimited(up, down bool) {
	if up != c.cfg.LimitedUp {
		c.cfg.LimitedUp, c.lim.up, c.lim.toldUp = up, 0, 0
	}
	if down != c.cfg.LimitedDown {
		c.tellDown(0)
		c.cfg.LimitedDown, c.lim.down = down, 0
	}
	c.freed = true
}

// reserve asks the session for piece memory.
func (c *core) reserve(n int64) bool {
	if !c.cfg.Host.Reserve(n) {
		c.tally.refused = true
		return false
	}
	c.reserved += n
	return true
}

// giveBack returns the memory of pieces that were closed.
func (c *core) giveBack() {
	if n := c.reserved - c.m.Memory(); n > 0 {
		c.reserved -= n
		c.cfg.Host.Release(n) // at once, like reserve: the same turn may want it again
		c.freed = true
	}
}

// demand tells the session what limited directions could spend, when that has changed.
func (c *core) demand() {
	if !c.cfg.LimitedUp && !c.cfg.LimitedDown {
		return
	}
	var up, down, asked int64
	for _, p := range c.peers {
		asked += int64(p.down.asked.len())
		if c.cfg.LimitedUp {
			up += int64(min(p.up.queue.waiting(), max(0, p.up.window()-p.up.queue.out()))) * metainfo.BlockSize
		}
		if c.cfg.LimitedDown && c.phase == status.Leeching && !p.down.choked && p.wants > 0 {
			down += int64(max(0, p.down.target(p.ext.Reqq)-p.down.asked.len())) * metainfo.BlockSize
		}
	}
	left := c.m.Left() - asked*metainfo.BlockSize
	up, down = max(0, up-c.lim.up), max(0, min(down, left)-c.lim.down)
	if up != c.lim.toldUp || down != c.lim.toldDown {
		c.lim.toldUp = up
		c.tellDown(down)
		c.act(action{kind: acDemand, up: up, n: down})
	}
}
