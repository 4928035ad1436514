package swarm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/netip"
	"slices"
	"time"
)

const (
	// proveTime is how long a new connection has to become useful before a better one may take its place.
	proveTime = 30 * time.Second
	// silentTime is how long it may take to say its first word.
	silentTime = 10 * time.Second
	// busyRate in bytes a second keeps a connection from being replaced.
	busyRate = 1000
	// maxVotes bounds the list of addresses under which peers say they see us.
	maxVotes = 8
	// maxVoters is how many of those that named one are remembered.
	maxVoters = 64
)

var errReplaced = errors.New("another peer took its place (BEP 40)")

// canonical returns the priority of a connection between two peers (BEP 40): the same number on both
// sides, and nothing that either side can choose. If all keep the connections with the highest ones, the swarm is well connected.
// It is 0 when the addresses cannot be compared.
func canonical(a, b netip.AddrPort) uint32 {
	x, y := a.Addr().Unmap(), b.Addr().Unmap()
	if !x.IsValid() || x.Is4() != y.Is4() || !y.IsValid() {
		return 0
	}
	var buf [32]byte
	if x == y {
		lo, hi := min(a.Port(), b.Port()), max(a.Port(), b.Port())
		binary.BigEndian.PutUint16(buf[:], lo)
		binary.BigEndian.PutUint16(buf[2:], hi)
		return crc32.Checksum(buf[:4], castagnoli())
	}
	if y.Less(x) {
		x, y = y, x
	}
	// Prefixes: within the near one all bits count, within the far one a few more than at large.
	far, near, masked := 2, 3, 4
	if !x.Is4() {
		far, near, masked = 4, 6, 8
	}
	s, t := x.AsSlice(), y.AsSlice()
	full := far
	switch {
	case bytes.Equal(s[:near], t[:near]):
		full = masked
	case bytes.Equal(s[:far], t[:far]):
		full = near
	}
	for i := full; i < masked; i++ {
		s[i] &= 0x55
		t[i] &= 0x55
	}
	n := copy(buf[:], s)
	n += copy(buf[n:], t)
	return crc32.Checksum(buf[:n], castagnoli())
}

// castagnoli returns the table of CRC32-C, which the standard library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// selfAddr is our own address as peers see it, one of each family.
type selfAddr struct {
	v4, v6 netip.Addr
	sure   [2]bool // v4, v6 are from the session
	votes  []vote
	voters []netip.Addr // the last ones; who is among them has no second vote
	next   int
}

type vote struct {
	addr netip.Addr
	n    int
}

// add counts that a peer sees us at a, and reports whether that changes where we think we are: at the
// address that most peers name. When the list is full, names that nobody seconded make room.
func (s *selfAddr) add(a, by netip.Addr) bool {
	switch {
	case slices.Contains(s.voters, by):
		return false
	case len(s.voters) < maxVoters:
		s.voters = append(s.voters, by)
	default:
		s.voters[s.next] = by
		s.next = (s.next + 1) % maxVoters
	}
	for i := range s.votes {
		if s.votes[i].addr == a {
			s.votes[i].n++
			return s.elect(s.votes[i])
		}
	}
	v := vote{a, 1}
	if len(s.votes) < maxVotes {
		s.votes = append(s.votes, v)
		return s.elect(v)
	}
	for i := range s.votes {
		if s.votes[i].n == 1 && s.votes[i].addr != s.v4 && s.votes[i].addr != s.v6 {
			s.votes[i] = v
			break
		}
	}
	return false
}

func (s *selfAddr) elect(v vote) bool {
	now, sure := &s.v6, s.sure[1]
	if v.addr.Is4() {
		now, sure = &s.v4, s.sure[0]
	}
	if sure {
		return false
	}
	for _, o := range s.votes {
		if o.addr == *now && o.n >= v.n {
			return false
		}
	}
	*now = v.addr
	return true
}

// rank returns the canonical priority of the connection to addr, 0 while our own address is unknown.
func (c *common) rank(addr netip.AddrPort) uint32 {
	self := c.cands.self.v6
	if addr.Addr().Is4() {
		self = c.cands.self.v4
	}
	return canonical(netip.AddrPortFrom(self, c.cfg.Port), addr)
}

// seenAs notes under which address a peer sees us.
func (c *common) seenAs(a netip.Addr, p *peer) {
	by := p.hello.Addr.Addr()
	if p.site.IsValid() {
		by = p.site
	}
	if c.cands.self.add(a, by) {
		c.rankAgain()
	}
}

// rankAgain follows a change of our own address.
func (c *common) rankAgain() {
	s := &c.cands
	for i := range s.list {
		s.list[i].rank = c.rank(s.list[i].addr)
	}
}

// setExternal takes our address from the session.
func (c *common) setExternal(a netip.Addr) {
	s := &c.cands.self
	if a.Is4() {
		s.v4, s.sure[0] = a, true
	} else {
		s.v6, s.sure[1] = a, true
	}
	c.rankAgain()
}

// complete reports whether p has everything.
func (p *peer) complete() bool { return p.has.Len() > 0 && p.has.All() }

// address returns where p can be reached, as far as known.
func (p *peer) address() netip.AddrPort {
	if p.listen.IsValid() {
		return p.listen
	}
	return p.hello.Addr
}

// useless reports whether neither side wants anything of the other, and has not for a while. Who says that it does, and
// asks for nothing when it may, wants nothing; who has not said a word since its handshake has less time to show it.
func (c *common) useless(p *peer) bool {
	u := &p.up
	if p.early != nil && p.early.useful() {
		return false
	}
	if p.told == toldNothing && p.extSeen == 0 && !u.interested && c.now-p.since > silentTime {
		return true
	}
	wants := u.interested && !u.shirked && !(p.idle(c.now) && c.now-max(u.busy, u.since) > time.Minute)
	return !p.down.interested && !wants && c.now-p.since > time.Minute
}

// replaceable returns the connection that a new one with this rank may replace: a useless one, else the one with
// the lowest lower rank among those over which nothing flows; nil when there is none.
func (c *common) replaceable(rank uint32) *peer {
	var worst *peer
	var least uint32
	for _, p := range c.peers {
		if c.useless(p) {
			return p
		}
		if c.now-p.since < proveTime || p.down.meter.smooth >= busyRate || p.up.meter.smooth >= busyRate {
			continue
		}
		if r := c.rank(p.address()); r < rank && (worst == nil || r < least) {
			worst, least = p, r
		}
	}
	return worst
}

// upgrade dials one candidate that would be better to be connected to than a peer that is there. It is called
// once a choke round while there is no room, so that the swarm's graph settles without haste.
func (c *common) upgrade() {
	s := &c.cands
	if !c.dials() || len(c.peers) < s.maxPeers || s.dialing > 0 || s.maxDials < 1 {
		return
	}
	var best *candidate
	for i := range s.list {
		k := &s.list[i]
		if k.state == candIdle && k.fails == 0 && k.next <= c.now && !(k.seed && c.sated()) && (best == nil || k.rank > best.rank) {
			best = k
		}
	}
	if best != nil && c.mayDial(best) && c.replaceable(best.rank) != nil {
		s.enter(best, candDialing)
		c.act(action{kind: acDial, addr: best.addr})
	}
}

// surplus returns the connection to end when there are too many, else nil: a useless one, or the one with the lowest rank.
func (c *common) surplus() *peer {
	if len(c.peers) <= c.cands.maxPeers {
		return nil
	}
	worst := c.peers[0]
	for _, p := range c.peers[1:] {
		u, w := c.useless(p), c.useless(worst)
		if u && !w || u == w && c.rank(p.address()) < c.rank(worst.address()) {
			worst = p
		}
	}
	return worst
}
