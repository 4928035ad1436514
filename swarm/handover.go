package swarm

import (
	"errors"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// become ends a seeker: the core of its torrent takes over. All connections stay as they are: the core
// learns of each what it told us, and it of the core what has changed. Who told us what cannot be is dropped.
func (s *seeker) become(cfg *Config) *core {
	c := newCore(cfg)
	paused, peers := s.phase == status.Paused, s.peers
	private := c.private
	c.common = s.common
	c.cfg, c.private, c.phase = cfg, private, status.Opening
	c.peers, c.byID = nil, make(map[piece.PeerID]*peer, len(peers))
	c.choke.fixed = s.slots
	if paused {
		c.enter(status.Paused)
	} else {
		c.goOn()
	}
	for _, p := range peers {
		c.adopt(p)
	}
	return c
}

// mostOwed is the number of pieces up to which a peer that was greeted without them is told of each.
const mostOwed = 1 << 16

var errGreetAgain = errors.New("has to be greeted anew, now that we have the files")

// adopt takes a connection over from a seeker.
func (c *core) adopt(p *peer) {
	e, told := p.early, p.told
	p.early, p.told, p.has = nil, toldNothing, metainfo.NewBitfield(c.info.NumPieces())
	c.peers = append(c.peers, p)
	c.byID[p.id] = p
	c.m.AddPeer(p.id)
	if c.have().Count() > mostOwed {
		c.drop(p, errGreetAgain)
		return
	}
	c.maybeMask(p)
	if p.hello.Extended {
		c.send(p, c.extHandshake(p)) // what it said before is out of date
	}
	if p.mask == nil {
		for i := range c.have().Len() {
			if c.have().Has(i) {
				p.owed = append(p.owed, i)
			}
		}
		c.payHaves(p)
	}
	if err := c.replay(p, e, told); err != nil {
		c.drop(p, err)
	}
	c.touch(p)
}

// replay lets the core hear what a peer said before.
func (c *core) replay(p *peer, e *early, was told) error {
	if e.all || e.exact || len(e.bits) > 0 {
		m, err := e.message(c.info.NumPieces())
		if err != nil {
			return err
		}
		if err := c.onBitfield(p, &m); err != nil {
			return err
		}
	}
	if p.gone { // a seed, and so are we
		return nil
	}
	p.told = was
	for _, i := range e.fast {
		if err := c.onAllowedFast(p, i); err != nil {
			return err
		}
	}
	if e.unchoked {
		c.onUnchoke(p)
	}
	if e.interested {
		c.onInterest(p, true)
	}
	return nil
}
