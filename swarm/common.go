package swarm

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// common is what a torrent knows and does whether it has its info dictionary or not: its connections, its
// candidates, its clock and what is to be done. seeker and core embed it, and the one hands it to the other.
type common struct {
	cfg   *Config
	rnd   *rand.Rand
	phase status.Phase // only enter sets it
	cause error        // why phase is Failed

	peers   []*peer // in the order of arrival
	byID    map[piece.PeerID]*peer
	past    past
	cands   candidates
	snap    snapState
	stopped bool
	unheard bool // it can wait until the next event or tick what links say that they have sent
	rests   bool // while unheard, the loop waits for company after it was woken
	private bool // known to be (BEP 27)
	// backlog returns how many bytes wait in the link of a peer; nil: none ever do.
	backlog func(piece.PeerID) int
	output
	clock
}

// output is what is to be done: actions, and the messages that they send.
type output struct {
	acts []action
	out  []wire.Message
}

// clock is time as a torrent sees it: what has passed since it was started.
type clock struct {
	epoch time.Time
	now   time.Duration
	tick  time.Duration // when the next one is due
}

func newCommon(cfg *Config) common {
	c := common{cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 0x73686f616c)), byID: map[piece.PeerID]*peer{}}
	c.cands = candidates{index: map[netip.AddrPort]int{}, bans: map[netip.Addr]struct{}{}, maxPeers: cfg.MaxPeers, maxDials: maxDialing}
	if cfg.MaxPeers <= 0 {
		c.cands.maxPeers = defaultMaxPeers
	}
	return c
}

// shared returns what every mind has.
func (c *common) shared() *common { return c }

// arrive makes the peer of a new connection.
func (c *common) arrive(e *event) *peer {
	h := e.more.hello
	h.Addr = netip.AddrPortFrom(h.Addr.Addr().Unmap(), h.Addr.Port())
	p := &peer{id: e.peer, hello: h, site: siteOf(h.Addr.Addr()), since: c.now}
	if !h.Incoming {
		p.listen = h.Addr
	}
	p.down.init(c.now)
	p.up.meter.at, p.up.since = c.now, c.now
	return p
}

// turnAway closes a new connection that is not wanted.
func (c *common) turnAway(p *peer, reason error) {
	c.act(action{kind: acClose, peer: p.id, err: reason})
	if !p.hello.Incoming && reason != errTwice {
		c.dialFailed(p.hello.Addr, nil)
	}
}

// enlist puts a new connection among the others.
func (c *common) enlist(p *peer) {
	c.peers = append(c.peers, p)
	c.byID[p.id] = p
	if p.listen.IsValid() {
		c.cands.connected(p.listen)
	}
	c.changed()
}

// strike takes a connection that has ended off the lists; p.gone is set already.
func (c *common) strike(p *peer) {
	delete(c.byID, p.id)
	c.peers = slices.DeleteFunc(c.peers, func(q *peer) bool { return q == p })
	c.past.add(p)
	if p.listen.IsValid() {
		useful := p.down.total > 0 || p.up.total > 0 || c.now-p.since > time.Minute
		c.cands.closed(p.listen, useful, p.complete() || p.ext.UploadOnly, c.now, c.rnd)
	}
	c.changed()
}

// refuse says why a new connection is not wanted. If it is wanted in the place of another one, that one is
// returned with the reason. When both sides dialled each other at once, both keep the connection that the side with the
// greater peer id began.
func (c *common) refuse(p *peer) (no error, instead *peer, reason error) {
	switch {
	case c.stopped:
		return ErrEnded, nil, nil
	case c.phase == status.Paused || c.phase == status.Failed:
		return errPaused, nil, nil
	case c.cands.banned(p.hello.Addr.Addr()):
		return errBanned, nil, nil
	case c.private && !p.hello.Incoming && c.cands.find(p.listen) == nil:
		return errPrivate, nil, nil // it was being dialled when that became known
	}
	for _, q := range c.peers {
		if q.hello.PeerID != p.hello.PeerID || q.hello.Addr.Addr() != p.hello.Addr.Addr() {
			continue
		}
		if q.hello.Incoming != p.hello.Incoming {
			ours := slices.Compare(c.cfg.PeerID[:], p.hello.PeerID[:]) > 0
			if ours == !p.hello.Incoming { // the new one is to be kept
				if !p.listen.IsValid() {
					p.listen = q.listen
				}
				return nil, q, errTwice
			}
		}
		if p.listen.IsValid() { // now we know where the other one listens
			q.listen = p.listen
			c.cands.connected(p.listen)
		}
		return errTwice, nil, nil
	}
	if c.crowded(p.site) && (p.hello.Incoming || !c.cands.typed(p.hello.Addr)) {
		return errCrowd, nil, nil
	}
	if len(c.peers) >= c.cands.maxPeers {
		worst := c.replaceable(c.rank(p.address()))
		if worst == nil || c.cands.maxPeers == 0 {
			return errFull, nil, nil
		}
		return nil, worst, errReplaced
	}
	return nil, nil, nil
}

// publish has the snapshot published when that is due.
func (c *common) publish() {
	if c.cands.moved {
		c.cands.moved = false
		c.changed()
	}
	if c.publishes() {
		c.snap = snapState{at: c.now}
		c.act(action{kind: acPublish})
	}
}

// asleep reports whether there are no ticks.
func (c *common) asleep() bool {
	return c.stopped || c.phase == status.Paused || c.phase == status.Failed
}

// publishes reports whether a snapshot is due.
func (c *common) publishes() bool {
	return (c.snap.dirty || c.cands.moved) && (c.snap.force || c.now-c.snap.at >= snapEvery)
}

// next says when settle wants to be called if nothing happens until then; zero: never.
func (c *common) next() time.Time {
	asleep := c.asleep()
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
