package swarm

import (
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// Numbers of the upload side.
const (
	// maxQueue is how many requests of one peer we queue; beyond it they are rejected. It is what we announce (BEP 10): with
	// a smaller number some clients never have enough out to fill a fast line.
	maxQueue = 2000
	// maxChurn is how many queue entries a second are looked at for the cancels of one peer, half a millisecond's
	// work. Further ones are not heeded: the block is sent, as if the cancel had come too late.
	maxChurn = 200_000
	// maxRefused requests in a row that could not be served end a connection, and maxRude of a peer that must know for
	// chokeDelay that it may not ask: each would cost us an answer of the same size.
	maxRefused = 2000
	maxRude    = 64
	chokeDelay = 10 * time.Second

	// What may lie with a link's writer: half a second of the peer's rate, within bounds. The
	// least keeps a fast link busy, the most bounds what is read and sent after a choke.
	leastWindow = 16 // blocks: 256 KiB
	mostWindow  = 64
)

// upload is what concerns the blocks that we give to a peer.
type upload struct {
	unchoked   bool // we told it so
	held       bool // it counts in core.held
	interested bool // it told us so
	shirked    bool // it lost a slot because it asked for nothing, and has not asked since
	queue      serveQueue
	refused    int           // in a row
	rude       int           // requests while it must know that it is choked
	since      time.Duration // when it was unchoked or choked last
	busy       time.Duration // when it asked or was served last
	sent       int64         // payload since then
	meter      meter
	total      int64
	got        int         // pieces that it told us of since it came, beside those that it came with
	churn      int         // queue entries looked at for cancels since the last tick
	fast       []fastPiece // what it may have while choked
	// given counts the pieces that only we could give it, spread those of them that others have got since.
	given, spread int
}

// window is how many blocks may be with the writer.
func (u *upload) window() int {
	return min(max(int(u.meter.quick/2/metainfo.BlockSize), leastWindow), mostWindow)
}

// ready reports whether the next block may go to the writer, as far as the peer is concerned.
func (u *upload) ready() bool { return u.queue.waiting() > 0 && u.queue.out() < u.window() }

func (c *core) onRequest(p *peer, m *wire.Message) error {
	u := &p.up
	b, err := c.info.Block(m.Index, m.Begin, m.Length)
	if err != nil {
		return protocolError("request of %v", err)
	}
	if u.queue.has(b) { // one read and one answer for all
		return nil
	}
	u.busy = c.now
	if !c.have().Has(b.Piece) || u.queue.waiting() >= maxQueue || !u.unchoked && !u.spend(b.Piece) {
		// After a choke some requests are under way still; a flood of them is no mistake any more.
		if u.refused++; u.refused > maxRefused {
			return protocolError("more than %d requests that cannot be served", maxRefused)
		}
		if !u.unchoked && !u.offered(b.Piece) && (u.sent == 0 && u.total == 0 || c.now-u.since > chokeDelay) {
			if u.rude++; u.rude > maxRude {
				return protocolError("more than %d requests while choked", maxRude)
			}
		}
		c.reject(p, b)
		return nil
	}
	u.refused, u.shirked = 0, false
	u.queue.push(b)
	c.touch(p)
	return nil
}

// reject says that b will not be sent (BEP 6). Without the fast extension there are no words for it.
func (c *core) reject(p *peer, b metainfo.Block) {
	if p.hello.Fast {
		c.send(p, wire.Message{Kind: wire.Reject, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)})
	}
}

func (c *core) onCancel(p *peer, m *wire.Message) error {
	u := &p.up
	b, err := c.info.Block(m.Index, m.Begin, m.Length)
	if err != nil {
		return protocolError("cancel of %v", err)
	}
	if u.churn >= maxChurn || !u.queue.has(b) {
		return nil
	}
	u.churn += 1 + u.queue.waiting() + u.queue.out() // looked at or moved
	if u.queue.remove(u.queue.find(b)) {
		c.hold(p)
		c.reject(p, b)
	} else {
		c.act(action{kind: acCancelUpload, peer: p.id, block: b})
	}
	return nil
}

func (c *core) onUploaded(e *event) {
	c.tot.up += int64(e.bytes)
	c.tot.active = c.now
	c.tot.upMeter.add(e.bytes)
	p := c.byID[e.peer]
	if p == nil {
		return
	}
	u := &p.up
	u.queue.sent(e.n)
	u.busy = c.now
	u.total += int64(e.bytes)
	u.sent += int64(e.bytes)
	u.meter.add(e.bytes)
	c.touch(p)
}

func (c *core) onUploadCancelled(e *event) {
	if c.cfg.LimitedUp {
		c.lim.up += int64(e.block.Length)
	}
	p := c.byID[e.peer]
	if p == nil {
		return
	}
	p.up.queue.back(e.block)
	c.reject(p, e.block)
	c.touch(p)
}

// feed gives blocks to the writer of p until its window is full. With a limit
// dealUp does it instead, so that peers take turns.
func (c *core) feed(p *peer) {
	for p.up.ready() {
		c.feedOne(p)
	}
	c.hold(p)
}

// hold counts p among those whose requests wait for room with the writer, or no longer.
func (c *core) hold(p *peer) {
	held := !p.gone && p.up.queue.waiting() > 0
	switch {
	case held && !p.up.held:
		c.held++
	case !held && p.up.held:
		c.held--
	}
	p.up.held = held
}

func (c *core) feedOne(p *peer) int64 {
	u := &p.up
	b := u.queue.next()
	if !c.have().Has(b.Piece) { // lost since it was asked for
		u.queue.remove(u.queue.out())
		c.reject(p, b)
		return 0
	}
	u.queue.hand()
	c.lend(p, b.Piece)
	c.act(action{kind: acUpload, peer: p.id, block: b})
	return int64(b.Length)
}

// dealUp spends the upload grant, one block a peer in turn, beginning after the peer that had the last one.
func (c *core) dealUp() {
	for idle := 0; len(c.peers) > 0 && idle < len(c.peers); {
		c.lim.turn = (c.lim.turn + 1) % len(c.peers)
		p := c.peers[c.lim.turn]
		if !p.up.ready() {
			idle++
			continue
		}
		if b := p.up.queue.next(); int64(b.Length) > c.lim.up {
			c.lim.turn-- // it is first next time
			return
		}
		c.lim.up -= c.feedOne(p)
		idle = 0
	}
}

// setChoke chokes or unchokes p. What it asked for is rejected, or taken back from the writer as far as it still has it, but for
// what it may have while choked.
func (c *core) setChoke(p *peer, choke bool) {
	u := &p.up
	if u.unchoked == !choke {
		return
	}
	u.shirked = u.shirked || choke && p.idle(c.now)
	u.unchoked, u.since, u.sent = !choke, c.now, 0
	c.changed()
	if !choke {
		u.rude = 0 // and what is under way after the next choke is no offence
		c.payHaves(p)
		c.send(p, wire.Message{Kind: wire.Unchoke})
		return
	}
	c.send(p, wire.Message{Kind: wire.Choke})
	u.queue.choke(
		func(b metainfo.Block) bool { return u.spend(b.Piece) },
		func(b metainfo.Block) { c.reject(p, b) },
		func(b metainfo.Block) { c.act(action{kind: acCancelUpload, peer: p.id, block: b}) },
	)
	c.hold(p)
}

// idle reports whether p has a slot and has asked for nothing over a whole round.
func (p *peer) idle(now time.Duration) bool {
	u := &p.up
	return u.unchoked && p.mask == nil && !p.backlog() && now-max(u.busy, u.since) >= chokeRound
}

func (c *core) onInterest(p *peer, interested bool) {
	if p.up.interested == interested {
		return
	}
	p.up.interested = interested
	c.changed()
	c.choke.dirty = true // a free slot is filled at once
	if !interested {
		c.setChoke(p, true)
	}
}
