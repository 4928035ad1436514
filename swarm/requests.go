package swarm

import (
	"math"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// Numbers of the download side.
const (
	firstDepth = 4    // requests out when nothing is known of a peer
	minDepth   = 2    // one on the wire, one behind it
	easyDepth  = 500  // what rate alone may ask for; beyond it only rate x latency counts
	maxDepth   = 2000 // 31 MiB; what libtorrent and Transmission accept
	quietReqq  = 250  // accepted by every client that says nothing (BEP 10 reqq)

	// queueTime of a peer's rate is asked ahead, beside what its latency asks for. In swarms with a
	// slow seed half a second makes fewer copies of one piece than a whole one.
	queueTime = 500 * time.Millisecond

	firstPatience = 20 * time.Second // with a peer that has sent no block yet
	minPatience   = 2 * time.Second
	maxPatience   = 60 * time.Second
	unsnubDelay   = 10 * time.Second // a snubbed peer that answers within it is trusted again

	maxStrikes     = 100 // blocks that nobody asked for
	maxAllowedFast = 32  // BEP 6 proposes 10
)

// download is what concerns the blocks that we get of a peer.
type download struct {
	choked     bool          // it chokes us
	interested bool          // it was told that we are
	snubbed    bool          // it was asked and did not deliver
	ramping    bool          // depth still grows by each block, that is it doubles in a round trip
	depth      int           // wanted length of asked while ramping
	ahead      time.Duration // queueTime, but in trials
	asked      askQueue
	forgiven   int           // blocks that we gave up and that may come all the same
	rejects    int           // in a row
	refusals   int           // rejects while it did not choke us, since the last block
	rest       time.Duration // until when it is asked for nothing; see refused
	excused    time.Duration // when it was last taken for no refuser; see excuse
	last       time.Duration // the last block, or when asked was last filled from empty
	rtt        time.Duration // least time from request to block; 0 unknown
	gap, dev   float64       // mean time between arrivals and its mean deviation, in seconds; gap 0 unknown
	fast       []int         // pieces that may be asked for while choked (BEP 6)
	only       func(int) bool
	fresh      int // blocks of the batch at hand
	meter      meter
	total      int64
	hold       hold
}

func (d *download) init(now time.Duration) {
	d.choked, d.ramping, d.depth, d.ahead = true, true, firstDepth, queueTime
	d.meter.at = now
	d.only = d.isFast // made once, so that asking allocates nothing
}

// lead is how long a peer has to answer, and how much later it must be due, before somebody else is asked too; strangers, of
// whose rate nothing is known, are asked after strangerLead.
const (
	lead         = 2 * time.Second
	strangerLead = 10 * time.Second
)

// takes returns how long d needs by its rate for what it is asked for and more blocks; false when its rate is not known.
func (d *download) takes(more int) (time.Duration, bool) {
	if d.meter.quick < 1 {
		return 0, false
	}
	return time.Duration(float64((d.asked.len()+more)*metainfo.BlockSize) / d.meter.quick * float64(time.Second)), true
}

func (d *download) isFast(i int) bool { return slices.Contains(d.fast, i) }

// target is how many requests should be out. It follows the rate, so that a
// slow peer holds few blocks hostage: ahead and a round trip of it, and more than
// easyDepth only if the latency asks for that.
func (d *download) target(reqq int) int {
	limit := window(reqq)
	switch {
	case d.snubbed:
		return 1
	case d.ramping:
		return min(d.depth, limit)
	}
	blocks := d.meter.quick / metainfo.BlockSize
	easy := min(blocks*(d.ahead+d.rtt).Seconds(), easyDepth)
	far := 2 * blocks * d.rtt.Seconds()
	return min(max(minDepth, int(math.Ceil(max(easy, far)))), limit)
}

// window is how many requests a peer accepts that announced reqq, 0 when it did not.
func window(reqq int) int {
	if reqq <= 0 {
		reqq = quietReqq
	}
	return min(reqq, maxDepth)
}

// patience is how long the next block may take before the peer counts as snubbing us.
func (d *download) patience() time.Duration {
	if d.gap == 0 {
		return firstPatience
	}
	t := time.Duration((d.gap + 4*d.dev) * float64(time.Second))
	return min(max(t, minPatience), maxPatience)
}

// onBlock takes a Piece message. The block belongs to the Manager, or is released here.
func (c *core) onBlock(p *peer, m *wire.Message) error {
	data, d := m.Block, &p.down
	m.Block = nil
	n := len(data.Bytes())
	d.total += int64(n)
	c.tot.down += int64(n)
	c.tot.active = c.now
	d.meter.add(n)
	c.tot.downMeter.add(n)
	b, err := c.info.Block(m.Index, m.Begin, uint32(n))
	if err != nil {
		data.Release()
		return protocolError("piece message with %v", err)
	}
	at, asked := d.asked.take(b)
	if asked {
		c.timed(p, c.now-at)
	}
	o := c.m.Received(p.id, b, data) // a block that we gave up is welcome if it still lacks
	switch o.Kind {
	case piece.Unasked, piece.Duplicate:
		data.Release()
		c.tot.wasted += int64(n)
	case piece.WriteNow:
		c.write(b, data)
	case piece.Full:
		c.submit(c.m.Take(b.Piece))
	}
	for _, id := range o.Twins {
		c.unask(id, b)
	}
	switch {
	case asked:
	case d.forgiven > 0:
		d.forgiven--
	case o.Kind == piece.Unasked || o.Kind == piece.Duplicate:
		p.strikes++
	}
	if p.strikes > maxStrikes {
		return protocolError("more than %d blocks that were not asked for", maxStrikes)
	}
	return nil
}

// timed learns from the delay of one block.
func (c *core) timed(p *peer, delay time.Duration) {
	d := &p.down
	d.fresh++
	d.rejects, d.refusals = 0, 0
	if d.rtt == 0 || delay < d.rtt {
		d.rtt = max(delay, time.Microsecond)
	}
	switch {
	case d.snubbed && delay < unsnubDelay:
		d.snubbed, d.ramping, d.depth = false, true, minDepth
		c.choke.dirty = true
	case d.ramping && delay > d.ahead+d.rtt: // enough is on its way already
		d.ramping = false
	case d.ramping && d.depth < maxDepth:
		d.depth++
	}
}

// batched ends a batch of messages: one sample of the time between arrivals, however many blocks came.
func (c *core) batched(p *peer) {
	d := &p.down
	if d.fresh == 0 || p.gone {
		return
	}
	gap := (c.now - d.last).Seconds()
	if d.gap == 0 {
		d.gap, d.dev = max(gap, 1e-6), gap/2
	} else {
		d.dev += (math.Abs(gap-d.gap) - d.dev) / 4
		d.gap += (gap - d.gap) / 8
	}
	d.last, d.fresh = c.now, 0
	c.touch(p)
}

// unask takes a request back that somebody else has answered.
func (c *core) unask(id piece.PeerID, b metainfo.Block) {
	p := c.byID[id]
	if p == nil {
		return
	}
	if _, ok := p.down.asked.take(b); !ok {
		return
	}
	c.cancel(p, b)
	c.touch(p)
}

// cancel tells p that b is not wanted any more; it may be on its way all the same.
func (c *core) cancel(p *peer, b metainfo.Block) {
	c.forgive(p)
	c.send(p, wire.Message{Kind: wire.Cancel, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)})
}

// forgive notes that a block which was asked of p is not expected any more. How many may come all the
// same is bounded, so that no peer earns the right to send rubbish without end.
func (c *core) forgive(p *peer) {
	p.down.forgiven = min(p.down.forgiven+1, maxDepth)
	c.refund(1)
}

// giveUp frees everything that p was asked for, so that others can be asked.
func (c *core) giveUp(p *peer, tell bool) {
	d := &p.down
	for _, a := range d.asked.all() {
		c.m.Cancelled(p.id, a.block)
		if tell {
			c.cancel(p, a.block)
		} else {
			c.forgive(p)
		}
	}
	if d.asked.len() > 0 {
		d.asked.clear()
		c.freed = true
	}
	c.touch(p)
}

func (c *core) onChoke(p *peer) {
	p.down.choked = true
	c.excuse(p)
	c.touch(p)
	if !p.hello.Fast { // with the fast extension each request is rejected or served
		c.giveUp(p, false)
	}
}

func (c *core) onUnchoke(p *peer) {
	d := &p.down
	if !d.choked {
		return
	}
	d.depth = max(firstDepth, d.target(p.ext.Reqq)) // what was known of its rate is old
	d.choked, d.rejects, d.ramping = false, 0, !d.snubbed
	c.touch(p)
}

// refill asks p for as much as is missing in its queue. It is called once a turn.
func (c *core) refill(p *peer) {
	d := &p.down
	c.lack(p, 0)
	if c.phase != status.Leeching || p.wants == 0 || d.rejects >= maxRejects || c.now < d.rest || d.choked && len(d.fast) == 0 {
		return
	}
	want := d.target(p.ext.Reqq)
	room := want - d.asked.len()
	if room < 1 || room < min(want/8, 32) { // not worth a wake-up of the writer
		return
	}
	if c.cfg.LimitedDown {
		room = min(room, int(c.lim.down/metainfo.BlockSize))
	}
	if room < 1 {
		return
	}
	c.asking = p
	q := piece.Query{Peer: p.id, Has: &p.has, N: room, Slow: d.snubbed && c.othersDeliver(p), Open: c.open, Later: c.later}
	if d.choked {
		q.Only = d.only
	}
	c.tally.refused = false
	if c.blocks = c.m.Pick(c.blocks[:0], q); c.tally.refused {
		c.lack(p, room-len(c.blocks))
	}
	for _, r := range c.m.Revoked() {
		c.unask(r.Peer, r.Block)
	}
	if d.asked.len() == 0 {
		d.last = c.now
	}
	for _, b := range c.blocks {
		d.asked.add(ask{block: b, at: c.now})
		c.send(p, wire.Message{Kind: wire.Request, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)})
	}
	c.refund(-len(c.blocks))
}

// refund gives the grant for n blocks back that will not come.
func (c *core) refund(n int) {
	if c.cfg.LimitedDown {
		c.lim.down += int64(n) * metainfo.BlockSize
	}
}

// isLater reports whether a block is due from the peer with this id so much later than from the one that is being asked
// that it is worth asking twice: the second copy is taken from somebody else's share.
func (c *core) isLater(id piece.PeerID, b metainfo.Block) bool {
	q := c.byID[id]
	if q == nil {
		return true
	}
	waited := c.now - q.down.asked.when(b)
	ours, known := c.asking.down.takes(1)
	theirs, shown := q.down.takes(0)
	switch {
	case q.down.snubbed && !c.asking.down.snubbed:
		return true
	case !known:
		return waited > strangerLead
	case !shown:
		return waited > lead+ours
	}
	return waited > lead && theirs > 2*ours+lead
}

// watch is the tick of one peer's download: rate, end of ramping, snubbing.
func (c *core) watch(p *peer) {
	d := &p.down
	before := d.meter.last
	d.meter.tick(c.now)
	if d.ramping && before > 0 && d.meter.last < before*1.25 {
		d.ramping = false
	}
	d.rejects = 0
	waited := c.now - d.last
	if d.asked.len() == 0 || waited < d.patience() {
		return
	}
	c.snub(p)
	// Without anybody else to ask, asking again is in vain: the blocks may still come.
	if waited >= maxPatience || c.othersDeliver(p) {
		c.giveUp(p, true)
		d.last = c.now
	}
}

// othersDeliver reports whether there is a peer other than p that could be asked instead.
func (c *core) othersDeliver(p *peer) bool {
	for _, q := range c.peers {
		if q != p && !q.down.choked && !q.down.snubbed && q.wants > 0 {
			return true
		}
	}
	return false
}
