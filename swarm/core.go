package swarm

import (
	"math/rand/v2"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// tickEvery is how often rates are measured and time-outs looked at.
const tickEvery = time.Second

// core is everything that a torrent knows and decides once its info dictionary is known. Events go in through
// step, then settle draws the conclusions; what is to be done stands in acts, with the
// messages in out. It starts no goroutine, reads no clock and walks slices only, so that
// equal events and an equal seed give equal actions.
type core struct {
	common
	info  *metainfo.Info
	m     *piece.Manager
	choke choker
	chk   checks
	lim   limits
	tot   totals
	sel   selection
	super super
	held  int // peers whose requests wait for room with their writer
	tally tally

	turn
}

// turn is what one round of the loop collects.
type turn struct {
	dirty  []*peer // to be looked after
	haves  []int   // pieces verified
	freed  bool    // blocks, memory or peers have become free to ask
	blocks []metainfo.Block
	sorted []*peer
	opens  []piece.OpenPiece
	idle   []idlePiece
	open   func(int64) bool
	later  func(piece.PeerID, metainfo.Block) bool
	asking *peer // for later
	// reserved is the piece memory that Host granted and that was not given back.
	reserved int64
	told     bool // Completed was reported
}

func newCore(cfg *Config) *core {
	n := cfg.Info.NumPieces()
	c := &core{common: newCommon(cfg), info: cfg.Info}
	c.private = cfg.Info.Private()
	c.m = piece.NewManager(cfg.Info, cfg.Have, rand.New(rand.NewPCG(cfg.Seed, 1)), piece.Options{})
	if c.sel.files = cfg.Priorities; c.sel.files != nil {
		c.m.SetPriorities(c.sel.files)
	}
	c.m.SetSequential(cfg.Sequential)
	c.choke.term = optimisticRound
	if c.choke.fixed = cfg.UploadSlots; cfg.UploadSlots <= 0 {
		c.choke.fixed = -1
	}
	c.chk = checks{todo: metainfo.NewBitfield(n), out: metainfo.NewBitfield(n)}
	for i := range n {
		if cfg.Check.Has(i) && !cfg.Have.Has(i) {
			c.chk.todo.Set(i)
		}
	}
	c.chk.total = c.chk.todo.Count()
	c.count()
	if n <= mostSuper {
		c.super.out = metainfo.NewBitfield(n)
	}
	if cfg.LimitedUp {
		c.super.load = 1 // until it was measured
	}
	c.open, c.later = c.reserve, c.isLater
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
		c.dialFailed(e.more.addr, e.err)
	case evAddresses:
		c.onAddresses(e)
	case evDisk:
		c.onDisk(&e.result)
	case evGrant:
		c.lim.up += e.up
		c.lim.down += e.down
		// The dealer's view of the demand has shrunk by what it dealt.
		c.lim.toldUp -= min(e.up, c.lim.toldUp)
		c.tellDown(c.lim.toldDown - min(e.down, c.lim.toldDown))
		c.freed = true
	case evReadFailed:
		c.onReadFailed(e)
	case evFail:
		c.fail(e.err)
	case evRetry:
		c.retry(e.n)
	case evPause:
		c.onPause()
	case evResume:
		c.onResume()
	case evRecheck:
		c.onRecheck()
	case evPriorities:
		c.onPriorities(e.more.files)
	case evSequential:
		c.m.SetSequential(e.n != 0)
	case evSlots:
		c.setSlots(e.n)
	case evMaxPeers:
		c.cands.maxPeers, c.cands.dirty = max(e.n, 0), true
		for p := c.surplus(); p != nil; p = c.surplus() {
			c.drop(p, errFull)
		}
	case evMaxDials:
		c.cands.maxDials, c.cands.dirty = max(e.n, 0), true
	case evLimited:
		c.setLimited(e.up != 0, e.down != 0)
	case evExternal:
		c.setExternal(e.more.addr.Addr())
	case evAsk:
		e.more.ask(c)
	}
	if e.kind >= evPause && e.kind <= evSequential {
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
	case wire.Port:
		c.onPort(p, m.Index)
	case wire.HashRequest: // v1 pieces have no hash trees
		c.send(p, wire.Message{Kind: wire.HashReject, Data: m.Data})
	}
	return nil
}

// settle draws the conclusions of all events of a turn, once for many.
func (c *core) settle(now time.Time) {
	c.now = now.Sub(c.epoch)
	c.unheard = false
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
	c.superClock()
	c.demand()
	if c.cands.dirty {
		c.dial()
	}
	if c.m.Complete() && !c.told && c.running() && c.phase != status.Checking {
		c.told = true
		c.act(action{kind: acCompleted})
	}
	// Many slow peers would else wake the loop twice for each block. A super-seed shows more as soon as nothing is left to send.
	c.unheard = c.held == 0 && !c.cfg.LimitedUp && !c.super.on && !c.asleep()
	c.account()
	c.publish()
}

func (c *core) lookAfter(p *peer) {
	p.dirty = false
	if p.gone {
		return
	}
	c.showInterest(p)
	c.giveInfo(p)
	c.reveal(p)
	c.refill(p)
	c.place(p, c.standing(p))
	if !c.cfg.LimitedUp {
		c.feed(p)
	}
}

// stop ends everything: no new job is begun any more.
func (c *core) stop(now time.Time) {
	c.now = now.Sub(c.epoch)
	if !c.stopped {
		c.tally.due = true
		c.account()
	}
	c.dropAll(ErrEnded)
	c.stopped = true
	c.giveBack()
}
