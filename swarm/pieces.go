package swarm

import (
	"bytes"
	"strings"

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
	p.up.got++
	c.repay(p, i)
	c.superHave(p, i)
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
	n := c.info.NumPieces()
	if m.Kind != wire.Bitfield && !p.hello.Fast {
		return protocolError("message %d without the fast extension", m.Kind)
	}
	has, ok := metainfo.NewBitfield(n), true
	switch m.Kind {
	case wire.HaveAll:
		has.SetAll()
	case wire.Bitfield:
		has, ok = metainfo.ParseBitfield(m.Data, n)
	}
	switch {
	case !ok:
		return protocolError("bitfield of %d bytes for %d pieces, or with spare bits", len(m.Data), n)
	case p.told != toldNothing && p.aria2():
		return c.onMoreBits(p, &has)
	case p.told != toldNothing:
		return protocolError("bitfield after a have or a bitfield")
	}
	p.told, p.has = toldBitfield, has
	c.m.PeerBitfield(&p.has)
	p.wants = c.m.Interesting(&p.has)
	c.touch(p)
	c.superBits(p)
	c.offerFast(p)
	if p.has.All() {
		c.meetSeed(p)
	}
	return nil
}

// aria2 reports whether the peer is aria2, which against BEP 3 sends its bitfield again where that is shorter than
// the Haves for what it got since. Of everybody else a second bitfield is an error.
func (p *peer) aria2() bool {
	return bytes.HasPrefix(p.hello.PeerID[:], []byte("A2-")) || strings.HasPrefix(p.ext.V, "aria2")
}

// onMoreBits takes a later bitfield as Haves. It can add pieces, not take any back.
func (c *core) onMoreBits(p *peer, has *metainfo.Bitfield) error {
	for i := range has.Len() {
		switch {
		case p.gone: // it was a seed like us, and was closed
			return nil
		case has.Has(i):
			if err := c.onHave(p, uint32(i)); err != nil {
				return err
			}
		case p.has.Has(i):
			return protocolError("later bitfield without piece %d", i)
		}
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
	if c.sated() && (p.has.All() || p.ext.UploadOnly) {
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
	c.sel.have += c.worth(i)
	c.haves = append(c.haves, i)
	c.act(action{kind: acVerified, n: int64(i)})
}

// lost undoes gained for a piece that we had.
func (c *core) lost(i int) {
	c.m.Lost(i)
	c.sel.have -= c.worth(i)
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

// tellHaves sends what was gained since the last turn to each peer, or owes it to those that are patient. Those
// that have it are told too: a seed sees by it how what it gave spreads, which super-seeding and the choice of whom it serves
// live by.
func (c *core) tellHaves() {
	if len(c.haves) == 0 {
		return
	}
	for _, p := range c.peers {
		if p.mask != nil {
			continue
		}
		if p.owed = append(p.owed, c.haves...); !p.patient() {
			c.payHaves(p)
		}
	}
	c.haves = c.haves[:0]
}

// patient reports whether p wants no pieces, so that the tick is soon enough to hear of them: a write a second and not one
// a piece. For a peer that is only choked it would be too late: what it knows of rarity gets old, and the swarm slower.
func (p *peer) patient() bool { return p.has.All() || p.ext.UploadOnly }

// mostPaid is how many Haves go to one peer at a time: a link holds more, but not all of a large torrent.
const mostPaid = 4096

// payHaves tells p what it is owed; of very much, the first.
func (c *core) payHaves(p *peer) {
	n := min(len(p.owed), mostPaid)
	for _, i := range p.owed[:n] {
		if c.have().Has(i) { // not lost since
			c.send(p, wire.Message{Kind: wire.Have, Index: uint32(i)})
		}
	}
	p.owed = p.owed[:copy(p.owed, p.owed[n:])]
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
