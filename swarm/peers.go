package swarm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// told says what a peer has said about its pieces so far.
type told uint8

const (
	toldNothing  told = iota
	toldHave          // a Have came first: no bitfield may follow
	toldBitfield      // Bitfield, HaveAll or HaveNone came
)

// peer is one connection as the core sees it.
type peer struct {
	id    piece.PeerID
	hello Hello
	site  netip.Addr // see siteOf
	since time.Duration
	// listen is where the peer accepts connections, as far as known; the key of its candidate.
	listen netip.AddrPort
	has    metainfo.Bitfield
	told   told
	// wants counts the pieces that it has and we lack.
	wants   int
	dirty   bool // is in core.dirty
	gone    bool // forgotten; events that are still under way are dropped
	strikes int  // blocks that it sent unasked
	ext     wire.ExtHandshake
	extSeen int // extended handshakes so far
	// toldUpload says that we told it that we only upload (BEP 21).
	toldUpload bool
	early      *early // before the info dictionary is known
	info       infoQueue
	gossip     gossip
	owed       []int // pieces that it was not told of yet; see tellHaves
	mask       *mask // what a super-seed shows it; nil: everything
	down       download
	up         upload
}

// Reasons for ending a connection that is not at fault.
var (
	errPaused    = errors.New("the torrent is paused")
	errFull      = errors.New("the torrent has as many connections as it may")
	errCrowd     = errors.New("there are several connections with its address already")
	errTwice     = errors.New("connected twice")
	errBothSeeds = errors.New("neither side needs anything")
	errIdle      = errors.New("neither side was interested")
	errBanned    = errors.New("the address is banned")
	errLied      = errors.New("sent wrong data, as the hashes of its blocks prove")
	errChecking  = errors.New("the files are being checked")
)

// protocolError makes the error for a message that breaks the protocol.
func protocolError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", wire.ErrProtocol, fmt.Sprintf(format, args...))
}

func (c *core) onAttached(e *event) {
	p := c.arrive(e)
	p.has = metainfo.NewBitfield(c.info.NumPieces())
	no, instead, reason := c.refuse(p)
	if no != nil {
		c.turnAway(p, no)
		return
	}
	if instead != nil {
		c.drop(instead, reason)
	}
	c.enlist(p)
	c.m.AddPeer(p.id)
	c.maybeMask(p)
	c.greet(p)
	c.touch(p)
}

// greet sends what opens a connection: the extended handshake, then what we have.
func (c *core) greet(p *peer) {
	if p.hello.Extended {
		c.send(p, c.extHandshake(p))
	}
	have := c.have()
	switch none := have.Count() == 0 || p.mask != nil; {
	case p.hello.Fast && none:
		c.send(p, wire.Message{Kind: wire.HaveNone})
	case none:
	case p.hello.Fast && have.All():
		c.send(p, wire.Message{Kind: wire.HaveAll})
	default:
		c.send(p, wire.Message{Kind: wire.Bitfield, Data: slices.Clone(have.Bytes())})
	}
	c.tellPort(p)
}

// drop ends a connection from our side.
func (c *core) drop(p *peer, reason error) {
	if p.gone {
		return
	}
	c.act(action{kind: acClose, peer: p.id, err: reason})
	c.forget(p)
}

func (c *core) onClosed(e *event) {
	if p := c.byID[e.peer]; p != nil {
		c.forget(p)
	}
}

// forget takes a peer out of everything. Its requests become free for others.
func (c *core) forget(p *peer) {
	p.gone = true
	c.hold(p)
	c.dropMask(p)
	c.m.RemovePeer(p.id, &p.has)
	c.refund(p.down.asked.len())
	c.lack(p, 0)
	c.place(p, useless)
	c.strike(p)
	c.choke.dirty = c.choke.dirty || p.up.unchoked
	if c.choke.lucky == p {
		c.choke.lucky = nil
	}
	c.freed = true
}

// past remembers the addresses of the peers that left last, so that a liar found later
// can be named.
type past struct {
	ids   [256]piece.PeerID
	addrs [256]netip.Addr
	next  int
}

func (a *past) add(p *peer) {
	a.ids[a.next], a.addrs[a.next] = p.id, p.hello.Addr.Addr()
	a.next = (a.next + 1) % len(a.ids)
}

func (a *past) find(id piece.PeerID) (netip.Addr, bool) {
	if i := slices.Index(a.ids[:], id); i >= 0 && id != 0 {
		return a.addrs[i], true
	}
	return netip.Addr{}, false
}

// here reports whether one of those that left last had this address.
func (a *past) here(addr netip.Addr) bool { return slices.Contains(a.addrs[:], addr) }

// ban ends everything with the address of a peer that is proven to have lied, and keeps it away.
func (c *core) ban(id piece.PeerID) {
	addr, ok := c.past.find(id)
	if p := c.byID[id]; p != nil {
		addr, ok = p.hello.Addr.Addr(), true
	}
	if !ok || c.cands.banned(addr) {
		return
	}
	reason := errLied
	c.cands.ban(addr)
	for _, p := range slices.Clone(c.peers) {
		if p.hello.Addr.Addr() == addr {
			c.drop(p, reason)
		}
	}
	c.act(action{kind: acBanned, addr: netip.AddrPortFrom(addr, 0), err: reason})
}

// touch puts p on the list of peers that are looked after when the events of this turn are through.
func (c *core) touch(p *peer) {
	if !p.dirty && !p.gone {
		p.dirty = true
		c.dirty = append(c.dirty, p)
	}
}
