package guard

import "shoal/internal/bencode"

// What a datagram may be: a foreign one, and one that the library wrote, whose
// reply may hold more than we send.
var (
	foreign = bencode.Limits{Bytes: maxDatagram, Depth: 6, Items: 400}
	ours    = bencode.Limits{Bytes: 1 << 16, Depth: 6, Items: 1 << 14}
)

// parse reads one datagram and checks what does not depend on who sent it. It
// returns passes, or why the datagram must not go on. What it keeps aliases b.
func (m *message) parse(b []byte, lim bencode.Limits) Reason {
	*m = message{reply: reply{peers4: m.reply.peers4[:0], peers6: m.reply.peers6[:0]}}
	if len(b) > lim.Bytes {
		return TooLarge
	}
	if len(b) < 2 || b[0] != 'd' || b[len(b)-1] != 'e' {
		return Malformed
	}
	if n, err := bencode.Scan(b, lim); err != nil || n != len(b) {
		return Malformed
	}
	var a, q, r, e []byte
	c := bencode.NewCursor(b)
	for c.Enter(); more(&c); {
		switch key, _ := c.String(); string(key) {
		case "y":
			if y, ok := c.String(); ok && len(y) == 1 {
				m.kind = y[0]
			}
		case "t":
			m.t, _ = c.String()
		case "ro":
			n, _ := c.Int()
			m.ro = n == 1
		case "ip":
			if ip, ok := c.String(); ok && (len(ip) == peer4Len || len(ip) == peer6Len) {
				m.ip = ip
			}
		case "q":
			q, _ = c.String()
		case "a":
			a = c.Skip()
		case "r":
			r = c.Skip()
		case "e":
			e = c.Skip()
		default:
			c.Skip()
		}
	}
	if len(m.t) == 0 || len(m.t) > maxT {
		return BadMessage
	}
	switch m.kind {
	case 'q':
		return m.parseQuery(string(q), a)
	case 'r':
		return m.parseReply(r)
	case 'e':
		return m.parseError(e)
	}
	return BadMessage
}

func (m *message) parseQuery(q string, a []byte) Reason {
	for i, name := range methodNames {
		if q == name {
			m.method = method(i)
		}
	}
	if len(a) == 0 || a[0] != 'd' {
		return BadMessage
	}
	c := bencode.NewCursor(a)
	for c.Enter(); more(&c); {
		key, _ := c.String()
		if !m.argument(string(key), &c) {
			return BadMessage
		}
	}
	if m.id == nil || q == "" {
		return BadMessage
	}
	return m.checkArgs()
}

// argument reads one argument and reports whether it may stay. The number
// arguments that we do not need may be anything.
func (m *message) argument(key string, c *bencode.Cursor) (ok bool) {
	g := &m.args
	switch key {
	case "id":
		m.id, ok = fixed(c, idLen)
		return ok
	case "info_hash":
		g.infoHash, ok = fixed(c, idLen)
		return ok
	case "target":
		g.target, ok = fixed(c, idLen)
		return ok
	case "token":
		g.token, ok = c.String()
		return ok
	case "port":
		// 0 means absent; what is no port becomes one that is out of range.
		if g.port, ok = c.Int(); !ok || g.port == 0 {
			g.port = -1
		}
	case "implied_port":
		g.implied = flag(c)
	case "noseed":
		g.noseed = flag(c)
	case "scrape":
		g.scrape = flag(c)
	case "want":
		g.wants(c)
	default:
		c.Skip()
	}
	return true
}

// wants reads the families of BEP 32; others are reserved and ignored.
func (g *args) wants(c *bencode.Cursor) {
	if c.Kind() != 'l' {
		c.Skip()
		return
	}
	for c.Enter(); more(c); {
		w, _ := c.String()
		g.want4 = g.want4 || string(w) == "n4"
		g.want6 = g.want6 || string(w) == "n6"
	}
}

// checkArgs demands what each query needs, and drops the rest.
func (m *message) checkArgs() Reason {
	g := m.args
	m.args = args{want4: g.want4, want6: g.want6}
	switch m.method {
	case ping:
		m.args = args{}
	case findNode:
		if m.args.target = g.target; g.target == nil {
			return BadMessage
		}
	case getPeers:
		m.args.noseed, m.args.scrape = g.noseed, g.scrape
		if m.args.infoHash = g.infoHash; g.infoHash == nil {
			return BadMessage
		}
	case announcePeer:
		m.args = args{infoHash: g.infoHash, token: g.token, implied: g.implied, port: g.port}
		switch {
		case g.infoHash == nil, len(g.token) == 0, len(g.token) > maxToken:
			return BadMessage
		case g.implied:
			m.args.port = 0 // the source port counts
		case g.port < 1 || g.port > 65535:
			return BadPort
		}
	}
	return passes
}

func (m *message) parseReply(r []byte) Reason {
	if len(r) == 0 || r[0] != 'd' {
		return BadMessage
	}
	c := bencode.NewCursor(r)
	for c.Enter(); more(&c); {
		key, _ := c.String()
		if !m.result(string(key), &c) {
			return BadMessage
		}
	}
	if m.id == nil {
		return BadMessage
	}
	return passes
}

// result reads one value of a reply and reports whether the reply may stay.
func (m *message) result(key string, c *bencode.Cursor) (ok bool) {
	p := &m.reply
	switch key {
	case "id":
		m.id, ok = fixed(c, idLen)
		return ok
	case "nodes":
		p.nodes, ok = c.String()
		p.hasNodes = true
		return ok && len(p.nodes)%node4Len == 0
	case "nodes6":
		p.nodes6, ok = c.String()
		p.hasNodes6 = true
		return ok && len(p.nodes6)%node6Len == 0
	case "values":
		return p.values(c)
	case "token":
		// A longer one would not come back to its issuer, so it is no token.
		if p.token, ok = c.String(); len(p.token) == 0 || len(p.token) > maxToken {
			p.token = nil
		}
	case "BFpe":
		p.bfpe, _ = fixed(c, filterLen)
	case "BFsd":
		p.bfsd, _ = fixed(c, filterLen)
	default:
		c.Skip()
	}
	return true
}

// values reads compact peers of both families, as BEP 32 demands.
func (p *reply) values(c *bencode.Cursor) bool {
	if c.Kind() != 'l' {
		c.Skip()
		return false
	}
	for c.Enter(); more(c); {
		v, _ := c.String()
		switch len(v) {
		case peer4Len:
			p.peers4 = append(p.peers4, v...)
		case peer6Len:
			p.peers6 = append(p.peers6, v...)
		default:
			return false
		}
	}
	return true
}

// parseError takes a list of code and text, a text alone, or nothing of use; an
// error remains an error.
func (m *message) parseError(e []byte) Reason {
	const generic = 201
	m.code = generic
	c := bencode.NewCursor(e)
	switch c.Kind() {
	case 's':
		m.text, _ = c.String()
	case 'l':
		c.Enter()
		if c.Kind() == 'i' {
			if n, ok := c.Int(); ok && n > 0 && n < 1000 {
				m.code = n
			}
		}
		if c.Kind() == 's' {
			m.text, _ = c.String()
		}
	case 0:
		return BadMessage
	}
	m.text = m.text[:min(len(m.text), maxText)]
	return passes
}

// more reports whether the list or dictionary goes on, and steps out of it when not. It
// ends with the bytes, too, whatever they are.
func more(c *bencode.Cursor) bool { return !c.Leave() && c.Kind() != 0 }

// fixed reads a string of exactly n bytes.
func fixed(c *bencode.Cursor, n int) ([]byte, bool) {
	s, ok := c.String()
	if !ok || len(s) != n {
		return nil, false
	}
	return s, true
}

// flag reads a number as yes or no; what is no number is no.
func flag(c *bencode.Cursor) bool {
	n, ok := c.Int()
	return ok && n != 0
}
