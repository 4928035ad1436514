package swarm

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// tickEvery is how often rates are measured and time-outs looked at.
const tickEvery = time.Second

// core is everything that a torrent knows and decides. Events go in through
// step, then settle draws the conclusions; what is to be done stands in acts, with the
// messages in out. It starts no goroutine, reads no clock and walks slices only, so that
// equal events and an equal seed give equal actions.
type core struct {
	cfg   *Config
	info  *metainfo.Info
	rnd   *rand.Rand
	m     *piece.Manager
	phase status.Phase // only enter sets it
	cause error        // why phase is Failed

	peers []*peer // in the order of arrival
	byID  map[piece.PeerID]*peer
	past  past
	cands candidates
	choke choker
	chk   checks
	lim   limits
	tot   totals
	snap  snapState
	size  int64 // bytes of all files that are no padding

	turn
	clock
}

// turn is what one round of the loop collects.
type turn struct {
	acts   []action
	out    []wire.Message
	dirty  []*peer // to be looked after
	haves  []int   // pieces verified
	freed  bool    // blocks, memory or peers have become free to ask
	blocks []metainfo.Block
	sorted []*peer
	opens  []piece.OpenPiece
	idle   []idlePiece
	open   func(int64) bool
	// reserved is the piece memory that Host granted and that was not given back.
	reserved int64
	told     bool // Completed was reported
	stopped  bool
}

// clock is time as the core sees it: what has passed since it was started.
type clock struct {
	epoch time.Time
	now   time.Duration
	tick  time.Duration // when the next one is due
}

// limits are what may be spent of limited directions, in bytes.
type limits struct {
	up, down         int64
	turn             int // index of the peer that had the last uploaded block
	toldUp, toldDown int64
}

func newCore(cfg *Config) *core {
	n := cfg.Info.NumPieces()
	if cfg.MaxPeers <= 0 {
		cfg.MaxPeers = defaultMaxPeers
	}
	c := &core{cfg: cfg, info: cfg.Info, rnd: rand.New(rand.NewPCG(cfg.Seed, 0x73686f616c)), byID: map[piece.PeerID]*peer{}}
	c.m = piece.NewManager(cfg.Info, cfg.Have, rand.New(rand.NewPCG(cfg.Seed, 1)), piece.Options{})
	c.cands = candidates{index: map[netip.AddrPort]int{}, bans: map[netip.Addr]struct{}{}}
	c.chk = checks{todo: metainfo.NewBitfield(n), out: metainfo.NewBitfield(n)}
	for i := range n {
		if cfg.Check.Has(i) && !cfg.Have.Has(i) {
			c.chk.todo.Set(i)
		}
	}
	c.chk.total = c.chk.todo.Count()
	for _, f := range cfg.Info.Files() {
		if !f.Pad {
			c.size += f.Length
		}
	}
	c.open = c.reserve
	c.told = c.m.Complete() // it was so before this run
	return c
}

// start sets the clock and leaves the phase Opening.
func (c *core) start(now time.Time) {
	c.epoch = now
	if c.cfg.Paused {
		c.enter(status.Paused)
	} else {
		c.goOn()
	}
}

// step takes in one event.
func (c *core) step(now time.Time, e *event) {
	c.now = now.Sub(c.epoch)
	if c.stopped && e.kind > evDisk && e.kind != evAsk {
		return
	}
	switch e.kind {
	case evAttached:
		c.onAttached(e)
	case evMessages:
		c.onMessages(e)
	case evUploaded:
		c.onUploaded(e)
	case evUploadCancelled:
		c.onUploadCancelled(e)
	case evClosed:
		c.onClosed(e)
	case evDialFailed:
		c.cands.failed(c, e.more.addr, e.err)
	case evAddresses:
		c.onAddresses(e)
	case evDisk:
		c.onDisk(&e.result)
	case evGrant:
		c.lim.up += e.up
		c.lim.down += e.down
		// The dealer's view of the demand has shrunk by what it dealt.
		c.lim.toldUp -= min(e.up, c.lim.toldUp)
		c.lim.toldDown -= min(e.down, c.lim.toldDown)
		c.freed = true
	case evReadFailed:
		c.onReadFailed(e)
	case evFail:
		c.fail(e.err)
	case evPause:
		c.onPause()
	case evResume:
		c.onResume()
	case evRecheck:
		c.onRecheck()
	case evAsk:
		e.more.ask(c)
	}
	if e.kind == evPause || e.kind == evResume || e.kind == evRecheck {
		c.snap.dirty, c.snap.force = true, true
	}
}

// onMessages takes in what one read of a connection brought. Blocks for a peer that is gone are released.
func (c *core) onMessages(e *event) {
	p := c.byID[e.peer]
	for i := range e.batch {
		if p == nil || p.gone {
			releaseBlocks(e.batch[i:])
			return
		}
		if err := c.onMessage(p, &e.batch[i]); err != nil {
			c.drop(p, err)
		}
	}
	if p != nil {
		c.batched(p)
	}
}

// onMessage is the one switch over what a peer can say. An error ends the connection.
func (c *core) onMessage(p *peer, m *wire.Message) error {
	switch m.Kind {
	case wire.Choke:
		c.onChoke(p)
	case wire.Unchoke:
		c.onUnchoke(p)
	case wire.Interested, wire.NotInterested:
		c.onInterest(p, m.Kind == wire.Interested)
	case wire.Have:
		return c.onHave(p, m.Index)
	case wire.Bitfield, wire.HaveAll, wire.HaveNone:
		return c.onBitfield(p, m)
	case wire.Request:
		return c.onRequest(p, m)
	case wire.Piece:
		return c.onBlock(p, m)
	case wire.Cancel:
		return c.onCancel(p, m)
	case wire.Suggest:
		return c.onSuggest(p, m.Index)
	case wire.AllowedFast:
		return c.onAllowedFast(p, m.Index)
	case wire.Reject:
		return c.onReject(p, m)
	case wire.Extended:
		return c.onExtended(p, m)
	case wire.HashRequest: // v1 pieces have no hash trees
		c.send(p, wire.Message{Kind: wire.HashReject, Data: m.Data})
	}
	return nil
}

// settle draws the conclusions of all events of a turn, once for many.
func (c *core) settle(now time.Time) {
	c.now = now.Sub(c.epoch)
	if c.stopped {
		c.giveBack()
		return
	}
	if c.now >= c.tick {
		c.onTick()
	}
	c.tellHaves()
	if c.choke.dirty {
		c.fillSlots()
	}
	c.giveBack()
	if c.freed {
		c.freed = false
		for _, p := range c.peers {
			c.touch(p)
		}
	}
	for i := 0; i < len(c.dirty); i++ {
		c.lookAfter(c.dirty[i])
	}
	clear(c.dirty)
	c.dirty = c.dirty[:0]
	if c.cfg.LimitedUp {
		c.dealUp()
	}
	c.demand()
	if c.cands.dirty {
		c.dial()
	}
	if c.m.Complete() && !c.told && c.running() && c.phase != status.Checking {
		c.told = true
		c.act(action{kind: acCompleted})
	}
	if c.cands.moved {
		c.cands.moved = false
		c.changed()
	}
	if c.snap.dirty && (c.snap.force || c.now-c.snap.at >= snapEvery) {
		c.snap = snapState{at: c.now}
		c.act(action{kind: acPublish})
	}
}

func (c *core) lookAfter(p *peer) {
	p.dirty = false
	if p.gone {
		return
	}
	c.showInterest(p)
	c.refill(p)
	if !c.cfg.LimitedUp {
		c.feed(p)
	}
}

// onTick is the second hand.
func (c *core) onTick() {
	c.tick = c.now + tickEvery
	before := c.tot.downMeter.smooth + c.tot.upMeter.smooth
	c.tot.downMeter.tick(c.now)
	c.tot.upMeter.tick(c.now)
	if before+c.tot.downMeter.smooth+c.tot.upMeter.smooth >= 1 {
		c.changed()
	}
	for _, p := range c.peers {
		c.watch(p)
		p.up.meter.tick(c.now)
	}
	if c.now >= c.choke.next {
		c.rechoke()
		c.stale()
		c.makeRoom()
	}
	c.freed, c.cands.dirty = true, true
}

// makeRoom ends connections that are of no use to either side when there is no room for others.
func (c *core) makeRoom() {
	for i := len(c.peers) - 1; i >= 0 && len(c.peers) >= c.cfg.MaxPeers; i-- {
		p := c.peers[i]
		if !p.down.interested && !p.up.interested && c.now-p.since > time.Minute {
			c.drop(p, errIdle)
		}
	}
}

// next says when settle wants to be called if nothing happens until then; zero: never.
func (c *core) next() time.Time {
	asleep := c.stopped || c.phase == status.Paused || c.phase == status.Failed
	switch {
	case c.snap.dirty && asleep:
		return c.epoch.Add(c.snap.at + snapEvery)
	case c.snap.dirty:
		return c.epoch.Add(min(c.tick, c.snap.at+snapEvery))
	case asleep:
		return time.Time{}
	}
	return c.epoch.Add(c.tick)
}

// reserve asks the session for piece memory.
func (c *core) reserve(n int64) bool {
	if !c.cfg.Host.Reserve(n) {
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
			up += int64(min(p.up.waiting(), max(0, p.up.window()-p.up.out))) * metainfo.BlockSize
		}
		if c.cfg.LimitedDown && c.phase == status.Leeching && !p.down.choked && p.wants > 0 {
			down += int64(max(0, p.down.target(p.ext.Reqq)-p.down.asked.len())) * metainfo.BlockSize
		}
	}
	left := c.m.Left() - asked*metainfo.BlockSize
	up, down = max(0, up-c.lim.up), max(0, min(down, left)-c.lim.down)
	if up != c.lim.toldUp || down != c.lim.toldDown {
		c.lim.toldUp, c.lim.toldDown = up, down
		c.act(action{kind: acDemand, up: up, n: down})
	}
}

// stop ends everything: no new job is begun any more.
func (c *core) stop(now time.Time) {
	c.now = now.Sub(c.epoch)
	c.dropAll(ErrEnded)
	c.stopped = true
	c.giveBack()
}
