package swarm

import (
	"net/netip"
	"slices"
	"time"

	"shoal/peer/wire"
)

// Numbers of peer exchange (BEP 11).
const (
	pexFirst = 10 * time.Second // after the handshake
	pexEvery = time.Minute
	// A peer may send a message each pexPaid, which leaves those room that are not punctual, and pexAhead at once. maxPexBreaches
	// beyond that, or malformed ones, end the connection.
	pexPaid        = 50 * time.Second
	pexAhead       = 2
	maxPexBreaches = 2
	// maxPexMessage is how many addresses a message may have; wire.MaxPex of them are used.
	maxPexMessage = 200
	// maxPexNet is how many addresses of one network are taken of a message.
	maxPexNet = 2
	// maxPexTold bounds what is remembered of what a peer was told.
	maxPexTold = 1000
	// pexShare is the part of the candidates that one source may name.
	pexShare = maxCandidates * 3 / 10
	// maxPorts is how many DHT nodes one peer may name.
	maxPorts = 4
)

// gossip is the peer exchange with one peer.
type gossip struct {
	next     time.Duration    // when it is told next; 0 until it was said to be wanted
	told     []netip.AddrPort // what it was told and not told of as dropped
	heard    time.Duration    // until when its messages are paid for
	breaches int
	ports    int  // DHT nodes that it has named
	offered  bool // we said that we exchange
}

// pexOn reports whether peers are exchanged.
func (c *common) pexOn() bool { return !c.cfg.NoPex && !c.private }

// onPex takes addresses from a peer.
func (c *common) onPex(p *peer, data []byte) error {
	if !c.pexOn() {
		return nil
	}
	g := &p.gossip
	m, err := wire.ParsePex(data)
	early := c.now < g.heard-(pexAhead-1)*pexPaid
	if !early {
		g.heard = max(g.heard, c.now) + pexPaid
	}
	if err != nil || early || len(m.Added)+len(m.Dropped)+m.Excess > maxPexMessage {
		if g.breaches++; g.breaches >= maxPexBreaches {
			return protocolError("peer exchange too often, too long or malformed (%v)", err)
		}
	}
	if err != nil || early {
		return nil
	}
	c.learn(p, m.Added)
	return nil
}

// learn adds the candidates that p named, as far as it may name them.
func (c *common) learn(p *peer, list []wire.PexPeer) {
	by := p.hello.Addr.Addr()
	if p.site.IsValid() {
		by = p.site
	}
	room := pexShare
	for i := range c.cands.list {
		if c.cands.list[i].by == by {
			room--
		}
	}
	var nets []netip.Prefix
	for _, a := range list {
		net := networkOf(a.Addr.Addr())
		if net.IsValid() {
			if count(nets, net) >= maxPexNet {
				continue
			}
			nets = append(nets, net)
		}
		from := Source{Kind: FromPeer, By: p.hello.Addr.Addr()}
		if room <= 0 || c.cands.find(a.Addr) != nil || c.isSelf(a.Addr) || c.cfg.Scope != nil && !c.cfg.Scope(a.Addr, from) {
			continue
		}
		if k := c.cands.add(a.Addr, FromPeer); k != nil {
			k.by, k.rank, k.seed = by, c.rank(a.Addr), a.Flags&wire.PexSeed != 0
			room--
		}
	}
	c.changed()
}

// networkOf returns the network of a global address, of IPv4 its /24 and of IPv6 its /48; the zero Prefix for others.
func networkOf(a netip.Addr) netip.Prefix {
	site := siteOf(a)
	if !site.IsValid() {
		return netip.Prefix{}
	}
	bits := 48
	if site.Is4() {
		bits = 24
	}
	net, _ := site.Prefix(bits) // fits the family
	return net
}

func count(list []netip.Prefix, p netip.Prefix) (n int) {
	for _, o := range list {
		if o == p {
			n++
		}
	}
	return n
}

// isSelf reports whether addr is where others reach us.
func (c *common) isSelf(addr netip.AddrPort) bool {
	self := &c.cands.self
	return addr.Port() == c.cfg.Port && (addr.Addr() == self.v4 || addr.Addr() == self.v6)
}

// tellPex tells the peers that exchange addresses what has changed since they were told last. It is called on every tick.
func (c *common) tellPex() {
	if !c.pexOn() {
		return
	}
	var known []wire.PexPeer
	for _, p := range c.peers {
		g, id := &p.gossip, p.ext.ID(wire.UTPex)
		switch {
		case id == 0:
			continue
		case g.next == 0:
			g.next = c.now + pexFirst
		}
		if c.now < g.next {
			continue
		}
		g.next = c.now + pexEvery
		if known == nil {
			known = c.known()
		}
		if m := c.news(p, known); len(m.Added) > 0 || len(m.Dropped) > 0 {
			c.send(p, wire.Message{Kind: wire.Extended, Index: uint32(id), Data: wire.AppendPex(nil, &m)})
		}
	}
}

// known returns the connected peers that accept connections, as far as known.
func (c *common) known() []wire.PexPeer {
	list := make([]wire.PexPeer, 0, len(c.peers))
	for _, p := range c.peers {
		if !p.listen.IsValid() || c.cands.banned(p.listen.Addr()) {
			continue
		}
		e := wire.PexPeer{Addr: p.listen}
		if p.complete() || p.ext.UploadOnly {
			e.Flags |= wire.PexSeed
		}
		if !p.hello.Incoming {
			e.Flags |= wire.PexReachable
		}
		list = append(list, e)
	}
	return list
}

// news is what p is to be told, and notes that it was. It hears of nobody that it may not hear of from us: of local
// addresses only within the same network.
func (c *common) news(p *peer, known []wire.PexPeer) (m wire.Pex) {
	g := &p.gossip
	told, now := make(map[netip.AddrPort]bool, len(g.told)), make(map[netip.AddrPort]bool, len(known)) // only for look-up
	for _, a := range g.told {
		told[a] = true
	}
	from := Source{Kind: FromPeer, By: p.hello.Addr.Addr()}
	for _, e := range known {
		now[e.Addr] = true
		if told[e.Addr] || e.Addr == p.listen || len(m.Added) == wire.MaxPex || len(g.told) >= maxPexTold {
			continue
		}
		if c.cfg.Scope == nil || c.cfg.Scope(e.Addr, from) {
			m.Added, g.told = append(m.Added, e), append(g.told, e.Addr)
		}
	}
	g.told = slices.DeleteFunc(g.told, func(a netip.AddrPort) bool {
		if now[a] || len(m.Dropped) == wire.MaxPex {
			return false
		}
		m.Dropped = append(m.Dropped, a)
		return true
	})
	return m
}

// tellPort names our DHT node to a peer that runs one too (BEP 5).
func (c *common) tellPort(p *peer) {
	if p.hello.DHT && c.cfg.DHTPort != 0 && !c.private {
		c.send(p, wire.Message{Kind: wire.Port, Index: uint32(c.cfg.DHTPort)})
	}
}

// onPort takes the DHT node of a peer.
func (c *common) onPort(p *peer, port uint32) {
	if !p.hello.DHT || c.private || port == 0 || port > 65535 || p.gossip.ports == maxPorts {
		return
	}
	p.gossip.ports++
	c.act(action{kind: acNode, peer: p.id, addr: netip.AddrPortFrom(p.hello.Addr.Addr(), uint16(port))})
}
