package guard

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"

	"shoal/internal/hostile"
)

// FuzzGuard holds the promise to the library: what passes is canonical, within the
// caps, holds nothing that we do not know, and stays as it is when it comes again.
func FuzzGuard(f *testing.F) {
	for _, b := range hostile.Seeds() {
		f.Add(b, false)
	}
	rnd := rand.New(rand.NewPCG(4, 4))
	for i := range 200 {
		f.Add(hostile.Mutate(rnd, hostile.Seeds()), i%2 == 0)
	}
	c := bare()
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) { checkGuard(t, c, b, v6) })
}

// TestHostile does the same for what only a mutator that knows the structure finds, and
// sees to it that much of that gets through.
func TestHostile(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 5))
	passed := map[byte]int{}
	c, seeds, n := bare(), hostile.Seeds(), 60_000
	if raceEnabled {
		n /= 10
	}
	for i := range n {
		passed[checkGuard(t, c, hostile.Mutate(rnd, seeds), i%4 == 0)]++
	}
	for _, kind := range []byte("qre") {
		if passed[kind] < n/100 {
			t.Errorf("of %d datagrams %d of kind %c passed", n, passed[kind], kind)
		}
	}
}

var ownAddr = ap("99.9.9.9:6881")

// bare returns a Conn without rates and with tables small enough to be made anew for each input.
func bare() *Conn {
	return &Conn{
		cfg: Config{Conn: newSocket(), Allow: scope, Own: func() netip.AddrPort { return ownAddr },
			Trusted: func(netip.AddrPort) bool { return false }},
		rates: newLimits(Rates{Off: true}),
	}
}

// checkGuard sends b through a bare Conn to which every reply is due, and returns the kind of
// message that passed, or 0.
func checkGuard(t *testing.T, c *Conn, b []byte, v6 bool) byte {
	from := "5.5.5.5:5555"
	if v6 {
		from = "[2a01:5::5]:5555"
	}
	c.cfg.IPv6 = v6
	c.peers = peers{newTable[asked](ways), newTable[int](ways), newTable[owner](ways)}
	c.cfg.Conn.(*socket).sent = nil
	once := func(b []byte) ([]byte, Reason) {
		m := &c.in.m
		if why := m.parse(b, foreign); why != passes {
			return nil, why
		}
		if m.kind != 'q' && len(m.t) <= maxOwnT { // give it the tag that a true reply has
			c.peers.ask(c.key.addr(usePeer, ap(from).Addr(), ap(from).Port()), true, c.rates.Rates, second)
			wire := *m
			wire.t = c.key.tagged(nil, m.t, ap(from), second)
			b = wire.append(nil)
		}
		out, why := c.inbound(b, ap(from), second)
		return append([]byte(nil), out...), why
	}
	out, why := once(b)
	if why != passes {
		return 0
	}
	canonical(t, out)
	var m message
	if why := m.parse(out, foreign); why != passes {
		t.Fatalf("%q passes as %q, which is %v", b, out, why)
	}
	m.args.infoHash = or(m.args.infoHash, m.args.target) // what find_node has twice is read once
	if again := m.append(nil); !bytes.Equal(again, out) {
		t.Fatalf("%q is read as %q", out, again)
	}
	if again, why := once(out); why != passes || !bytes.Equal(again, out) {
		t.Fatalf("%q passes as %q the second time, %v", out, again, why)
	}
	checkCaps(t, &m, v6)
	return m.kind
}

func or(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}

func checkCaps(t *testing.T, m *message, v6 bool) {
	p := &m.reply
	var nodes []netip.AddrPort
	for l := p.nodes; len(l) > 0; l = l[node4Len:] {
		nodes = append(nodes, compactAddr(l[idLen:node4Len]))
	}
	for l := p.nodes6; len(l) > 0; l = l[node6Len:] {
		nodes = append(nodes, compactAddr(l[idLen:node6Len]))
	}
	networks := map[netip.Addr]int{}
	for _, a := range nodes {
		if a.Addr().Is6() != v6 || a.Addr().Is4In6() || a.Port() < lowestPort || a == ownAddr || !scope(a, netip.MustParseAddr("5.5.5.5")) {
			t.Fatalf("node %v passes", a)
		}
		if networks[Network(a.Addr())]++; networks[Network(a.Addr())] > perNetwork {
			t.Fatalf("%d nodes of the network of %v", networks[Network(a.Addr())], a)
		}
	}
	if len(nodes) > maxNodes || len(p.peers4)/peer4Len+len(p.peers6)/peer6Len > maxPeers || m.ip != nil {
		t.Fatalf("%d nodes, %d and %d bytes of peers, ip %x", len(nodes), len(p.peers4), len(p.peers6), m.ip)
	}
	if m.kind == 'q' && (m.method == otherMethod || len(m.id) != idLen) {
		t.Fatalf("query %d with id %q", m.method, m.id)
	}
}
