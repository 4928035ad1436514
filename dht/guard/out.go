package guard

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"
)

// ErrRefused is what WriteTo returns for a query that must not be sent.
var ErrRefused = errors.New("the guard does not send this query")

const (
	maxReply      = 1024 // bytes (BEP 32)
	maxBlindReply = 300  // bytes to an address that has not proven to be there, or twice its query
)

// WriteTo sends what the library wrote, as our encoder puts it. The errors are chosen
// for the library. A query that must not be sent gives ErrRefused: the library gives it up at
// once and goes on with the next node, where silence would hold its place for two seconds.
// A reply that must not be sent is lost without an error, as UDP may lose it.
// So is what the socket fails to send, for whatever reason: the library then
// runs into its time-outs, which pace it while the network is down. After Close the
// error is net.ErrClosed.
func (c *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.closed() {
		return 0, net.ErrClosed
	}
	var m message
	why := m.parse(b, ours)
	to, ok := c.addrPort(addr)
	switch {
	case why != passes:
	case !ok:
		why = BadAddress
	case m.kind == 'q':
		why = c.ask(&m, to, c.since(time.Now()))
	default:
		why = c.respond(&m, to, c.since(time.Now()))
	}
	if why != passes {
		c.tally.refused[why].Add(1)
		if m.kind == 'q' {
			return 0, ErrRefused
		}
		return len(b), nil
	}
	_, err := c.cfg.Conn.WriteTo(m.append(make([]byte, 0, 512)), net.UDPAddrFromAddrPort(to))
	switch {
	case err == nil:
		c.tally.sent.Add(1)
	case c.closed():
		return 0, net.ErrClosed
	default:
		c.tally.failed.Add(1)
	}
	return len(b), nil
}

// ask decides about a query of ours and gives it its tag.
func (c *Conn) ask(m *message, to netip.AddrPort, now int64) Reason {
	switch {
	case m.method == otherMethod:
		return Unknown
	case len(m.t) > maxOwnT:
		return BadMessage
	case !c.cfg.Allow(to, netip.Addr{}):
		return NotAllowed
	}
	trusted := c.cfg.Trusted(to)
	c.mu.Lock()
	ok := c.peers.ask(c.key.addr(usePeer, to.Addr(), to.Port()), trusted, c.rates.Rates, now)
	c.mu.Unlock()
	if !ok {
		return TooOften
	}
	m.t = c.key.tagged(nil, m.t, to, now)
	m.ro = m.ro || c.cfg.ReadOnly
	m.ip = nil
	return passes
}

// respond decides about a reply or error of ours and cuts it to what may be sent.
func (c *Conn) respond(m *message, to netip.AddrPort, now int64) Reason {
	if c.cfg.ReadOnly {
		return WeReadOnly
	}
	c.mu.Lock()
	size := c.peers.replied(c.key.query(to, m.t), now)
	proven := c.peers.proven(c.key.addr(usePeer, to.Addr(), to.Port()), now)
	ok := c.rates.replyTo(c.key, to.Addr(), now)
	c.mu.Unlock()
	if !ok {
		return OverPrefix
	}
	most := maxReply
	if !proven {
		most = min(most, max(maxBlindReply, 2*size))
	}
	m.ro, m.ip = false, nil
	if m.kind == 'r' {
		m.ip = binary.BigEndian.AppendUint16(to.Addr().AsSlice(), to.Port())
		c.disclose(&m.reply, to)
	}
	if !m.cut(most) {
		return TooLarge
	}
	return passes
}

// disclose leaves in a reply the nodes and peers of our family that the asker can
// use: who is not in the local network does not hear of nodes there.
func (c *Conn) disclose(p *reply, to netip.AddrPort) {
	useful := func(a netip.AddrPort) bool { return Global(a.Addr()) || !Global(to.Addr()) }
	if c.cfg.IPv6 {
		p.nodes, p.hasNodes = nil, false
		p.nodes6 = keepNodes(nil, p.nodes6, node6Len, useful)
		p.peers4 = nil
		p.peers6 = keepPeers(p.peers6, peer6Len, maxPeers, useful)
	} else {
		p.nodes6, p.hasNodes6 = nil, false
		p.nodes = keepNodes(nil, p.nodes, node4Len, useful)
		p.peers6 = nil
		p.peers4 = keepPeers(p.peers4, peer4Len, maxPeers, useful)
	}
}

// cut takes values and then nodes away until m has at most so many bytes, and
// reports whether that succeeded.
func (m *message) cut(most int) bool {
	p := &m.reply
	for {
		switch over := len(m.append(make([]byte, 0, 512))) - most; {
		case over <= 0:
			return true
		case len(p.peers4) > 0:
			p.peers4 = drop(p.peers4, peer4Len, over)
		case len(p.peers6) > 0:
			p.peers6 = drop(p.peers6, peer6Len, over)
		case len(p.nodes) > 0:
			p.nodes = drop(p.nodes, node4Len, over)
		case len(p.nodes6) > 0:
			p.nodes6 = drop(p.nodes6, node6Len, over)
		default:
			return false
		}
	}
}

// drop shortens a compact list by at least one entry, and by no more than it takes to save over bytes.
func drop(list []byte, size, over int) []byte {
	n := max(1, over/(size+3)) * size // at most 3 bytes of an entry are its length
	return list[:max(0, len(list)-n)]
}
