package guard

import (
	"net"
	"net/netip"
	"time"
)

// inbox is the scratch space of ReadFrom.
type inbox struct {
	buf   [1 << 16]byte // a datagram of any size; a short buffer would be an error on Windows
	out   []byte
	nodes []byte
	m     message
}

// ReadFrom waits for a datagram that may pass, writes it to p as our encoder puts it,
// and returns its sender as *net.UDPAddr, an IPv4 address in four bytes. p should
// have 2048 bytes; what does not fit is cut off. The only error is net.ErrClosed, after Close:
// whatever else the socket reports is waited out, up to a second at a time. One
// goroutine at a time may call it.
func (c *Conn) ReadFrom(p []byte) (int, net.Addr, error) {
	for failures := 0; ; {
		n, addr, err := c.cfg.Conn.ReadFrom(c.in.buf[:])
		if c.closed() {
			return 0, nil, net.ErrClosed
		}
		if err != nil {
			c.pause(failures)
			failures++
			continue
		}
		failures = 0
		from, ok := c.addrPort(addr)
		if !ok {
			c.tally.dropped[BadAddress].Add(1)
			continue
		}
		out, why := c.inbound(c.in.buf[:n], from, c.since(time.Now()))
		if why != passes {
			c.tally.dropped[why].Add(1)
			continue
		}
		c.tally.passed.Add(1)
		return copy(p, out), net.UDPAddrFromAddrPort(from), nil
	}
}

// pause waits after an error of the socket, or until Close. Single errors (an ICMP
// message, a queue that is full) cost no time.
func (c *Conn) pause(failures int) {
	const free, most = 3, 10
	if failures < free {
		return
	}
	t := time.NewTimer(time.Millisecond << min(failures-free, most))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.done:
	}
}

// inbound returns what the library shall read instead of b, or why nothing.
func (c *Conn) inbound(b []byte, from netip.AddrPort, now int64) ([]byte, Reason) {
	m := &c.in.m
	why := m.parse(b, foreign)
	if why == passes && m.kind == 'q' {
		why = c.query(m, len(b), from, now)
	} else if why == passes {
		why = c.response(m, from, now)
	}
	if why != passes {
		return nil, why
	}
	m.ip = nil // the library does not read it, except to fail on it
	c.in.out = m.append(c.in.out[:0])
	return c.in.out, passes
}

// query decides about a foreign query of size bytes. The library answers those that pass.
func (c *Conn) query(m *message, size int, from netip.AddrPort, now int64) Reason {
	if c.cfg.ReadOnly {
		return WeReadOnly
	}
	welcome := !m.ro && c.cfg.Allow(from, from.Addr())
	trusted := c.cfg.Trusted(from)
	c.mu.Lock()
	why := c.rates.query(c.key, from, c.peers.proven(c.key.addr(usePeer, from.Addr(), from.Port()), now), now)
	if why == passes && m.method != otherMethod {
		c.peers.queried(c.key.query(from, m.t), size, now)
		welcome = welcome && (c.peers.claim(c.key.host(from), c.key.node(m.id, from.Port()), false, now) || trusted)
	}
	c.mu.Unlock()
	if why != passes {
		return why
	}
	if m.method == otherMethod {
		c.unknown(m.t, from, now)
		return Unknown
	}
	// A read-only sender is served, and stays out of the routing table (BEP 43). The
	// same word keeps out those that may not be named to others or are not the first of their host.
	m.ro = !welcome
	if m.method == findNode {
		// The library looks for nodes near info_hash, whatever the query.
		m.args.infoHash = m.args.target
	}
	return passes
}

// unknown answers a query that we do not serve, so that its sender need not wait.
func (c *Conn) unknown(t []byte, to netip.AddrPort, now int64) {
	const methodUnknown = 204
	c.mu.Lock()
	ok := c.rates.replyTo(c.key, to.Addr(), now)
	c.mu.Unlock()
	if !ok {
		return
	}
	e := message{kind: 'e', t: t, code: methodUnknown, text: []byte("Method Unknown")}
	c.in.out = e.append(c.in.out[:0])
	if _, err := c.cfg.Conn.WriteTo(c.in.out, net.UDPAddrFromAddrPort(to)); err == nil {
		c.tally.answered.Add(1)
	} else {
		c.tally.failed.Add(1)
	}
}

// response decides about a reply or error: it must be due.
func (c *Conn) response(m *message, from netip.AddrPort, now int64) Reason {
	t, ok := c.key.untagged(m.t, from, now)
	if !ok {
		return Unasked
	}
	m.t = t
	welcome := !m.ro && c.cfg.Allow(from, from.Addr()) || c.cfg.Trusted(from)
	c.mu.Lock()
	ok = c.peers.answered(c.key.addr(usePeer, from.Addr(), from.Port()), c.rates.Rates, now)
	if ok && m.kind == 'r' {
		c.votes.add(from.Addr(), m.ip)
		if !c.peers.claim(c.key.host(from), c.key.node(m.id, from.Port()), true, now) {
			welcome = false
		}
	}
	c.mu.Unlock()
	if !ok {
		return Unasked
	}
	m.ro = !welcome
	c.scrub(&m.reply, from)
	return passes
}

// scrub leaves of a reply what its sender may name: nodes of our family, that are
// not ourselves, and peers.
func (c *Conn) scrub(p *reply, from netip.AddrPort) {
	own := c.cfg.Own()
	node := func(a netip.AddrPort) bool {
		return a.Port() >= lowestPort && a != own && c.cfg.Allow(a, from.Addr())
	}
	peer := func(a netip.AddrPort) bool { return c.cfg.Allow(a, from.Addr()) }
	if c.cfg.IPv6 {
		c.in.nodes = keepNodes(c.in.nodes[:0], p.nodes6, node6Len, node)
		p.nodes, p.nodes6, p.hasNodes = nil, c.in.nodes, false
	} else {
		c.in.nodes = keepNodes(c.in.nodes[:0], p.nodes, node4Len, node)
		p.nodes, p.nodes6, p.hasNodes6 = c.in.nodes, nil, false
	}
	p.peers4 = keepPeers(p.peers4, peer4Len, maxPeers, peer)
	p.peers6 = keepPeers(p.peers6, peer6Len, maxPeers-len(p.peers4)/peer4Len, peer)
}
