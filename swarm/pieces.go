package swarm

import (
	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/status"
)

// What a peer says about its pieces (BEP 3, 6, 54).

func (c *core) onHave(p *peer, index uint32) error {
	n := c.info.NumPieces()
	if uint64(index) >= uint64(n) {
		return protocolError("have for piece %d of %d", index, n)
	}
	if p.told == toldNothing {
		p.told = toldHave
	}
	i := int(index)
	if !p.has.Set(i) {
		return nil
	}
	c.m.PeerHas(i)
	if c.lacks(i) {
		p.wants++
		c.touch(p)
	}
	if p.has.All() {
		c.meetSeed(p)
	}
	return nil
}

func (c *core) onBitfield(p *peer, m *wire.Message) error {
	if p.told != toldNothing {
		return protocolError("bitfield after a have or a bitfield")
	}
	if m.Kind != wire.Bitfield && !p.hello.Fast {
		return protocolError("message %d without the fast extension", m.Kind)
	}
	p.told = toldBitfield
	switch m.Kind {
	case wire.HaveNone:
		return nil
	case wire.HaveAll:
		p.has.SetAll()
	default:
		has, ok := metainfo.ParseBitfield(m.Data, c.info.NumPieces())
		if !ok {
			return protocolError("bitfield of %d bytes for %d pieces, or with spare bits", len(m.Data), c.info.NumPieces())
		}
		p.has = has
	}
	c.m.PeerBitfield(&p.has)
	p.wants = c.m.Interesting(&p.has)
	c.touch(p)
	if p.has.All() {
		c.meetSeed(p)
	}
	return nil
}

// onDontHave takes a piece back (BEP 54).
func (c *core) onDontHave(p *peer, i int) {
	if !p.has.Clear(i) {
		return
	}
	c.m.PeerLost(i)
	if c.lacks(i) {
		p.wants--
		c.touch(p)
	}
}

func (c *core) onAllowedFast(p *peer, index uint32) error {
	n := c.info.NumPieces()
	if !p.hello.Fast || uint64(index) >= uint64(n) {
		return protocolError("allowed-fast for piece %d of %d", index, n)
	}
	if len(p.down.fast) < maxAllowedFast && !p.down.isFast(int(index)) {
		p.down.fast = append(p.down.fast, int(index))
		c.touch(p)
	}
	return nil
}

// meetSeed ends the connection when neither side will ever need anything of the other.
func (c *core) meetSeed(p *peer) {
	if c.phase == status.Seeding && (p.has.All() || p.ext.UploadOnly) {
		c.drop(p, errBothSeeds)
	}
}

// lacks reports whether we want piece i and have it not.
func (c *core) lacks(i int) bool { return c.m.InterestGained(i) }

func (c *core) have() *metainfo.Bitfield { return c.m.Have() }

// gained spreads the news of a verified piece: peers that have it are less interesting, the others hear of it.
func (c *core) gained(i int) {
	for _, p := range c.peers {
		if p.has.Has(i) && c.m.Wanted(i) {
			p.wants--
			c.touch(p)
		}
	}
	c.haves = append(c.haves, i)
	c.act(action{kind: acVerified, n: int64(i)})
}

// lost undoes gained for a piece that we had.
func (c *core) lost(i int) {
	c.m.Lost(i)
	for _, p := range c.peers {
		if p.has.Has(i) && c.m.Wanted(i) {
			p.wants++
		}
		c.touch(p)
		if id := p.ext.ID(wire.DontHave); id != 0 {
			c.send(p, wire.Message{Kind: wire.Extended, Index: uint32(id), Data: wire.AppendDontHave(nil, uint32(i))})
		}
	}
	c.freed = true
}

// tellHaves sends what was gained since the last turn to each peer that lacks it.
func (c *core) tellHaves() {
	if len(c.haves) == 0 {
		return
	}
	for _, p := range c.peers {
		for _, i := range c.haves {
			if !p.has.Has(i) {
				c.send(p, wire.Message{Kind: wire.Have, Index: uint32(i)})
			}
		}
	}
	c.haves = c.haves[:0]
}

// showInterest tells p when our interest in it has changed.
func (c *core) showInterest(p *peer) {
	want := p.wants > 0 && c.phase == status.Leeching
	if want == p.down.interested {
		return
	}
	p.down.interested = want
	if want {
		c.send(p, wire.Message{Kind: wire.Interested})
	} else {
		c.send(p, wire.Message{Kind: wire.NotInterested})
	}
}

// onSuggest checks a hint (BEP 6) and goes by rarity all the same.
func (c *core) onSuggest(p *peer, index uint32) error {
	n := c.info.NumPieces()
	if !p.hello.Fast || uint64(index) >= uint64(n) {
		return protocolError("suggest for piece %d of %d", index, n)
	}
	return nil
}
