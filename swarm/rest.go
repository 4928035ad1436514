package swarm

import (
	"time"

	"shoal/metainfo"
)

// A seed that gives a little to each of many would have its loop woken for every block, and that costs more than the block: threads
// of the process fall asleep and are woken in between. So the loop then rests after it was woken, and what comes meanwhile
// is one turn.
const (
	restFor = 4 * time.Millisecond
	// restBlocks is how many blocks have to be sent in such a time, else nothing is gained.
	restBlocks = 3
	// gentle is the rate of a peer, in bytes a second, up to which it does not feel a rest: it takes a quarter of a block in that time.
	// Whoever comes and could take more shows it within a tick.
	gentle = 1 << 20
)

// restful reports whether the loop may rest: everything is here, much is sent, and to nobody much of it.
func (c *core) restful() bool {
	if !c.m.Complete() || c.tot.upMeter.quick*restFor.Seconds() < restBlocks*metainfo.BlockSize {
		return false
	}
	for _, p := range c.peers {
		if p.up.meter.quick > gentle {
			return false
		}
	}
	return true
}
