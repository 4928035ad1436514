package guard

import (
	"net/netip"
	"time"
)

const (
	// provenFor is how long an answer proves that somebody is at an address.
	provenFor = int64(30 * time.Minute)
	// ownedFor is how long an address stays with a node that is silent.
	ownedFor = int64(30 * time.Minute)
	// queryLife is how long the size of a query is kept for its reply.
	queryLife = int64(10 * time.Second)
)

// peers is what is known of other nodes, in tables of fixed size.
type peers struct {
	asked   table[asked] // by address; only what we send gets in, and a busy minute of that has room
	queries table[int]   // by address and t: the size of a query whose reply is due
	owners  table[owner] // by what counts as one host
}

// asked is an address that we sent queries to.
type asked struct {
	bucket
	answered int64 // when it last did; 0 for never
	due      int   // answers that may still come
}

// owner is the one node that may stand in the routing table for its host.
type owner struct {
	node   uint64 // hash of id and port
	proven bool   // it answered a query of ours
}

func newPeers() peers {
	return peers{newTable[asked](16384), newTable[int](512), newTable[owner](2048)}
}

// ask charges a query of ours to the address with that hash.
func (p *peers) ask(hash uint64, trusted bool, r Rates, now int64) bool {
	s, found := p.asked.place(hash, now)
	rate := r.First
	if trusted || found && s.val.proven(now) {
		rate = r.Known
	}
	if !found {
		s.val.tokens = rate.Burst
	}
	elapsed := now - s.at
	s.at = now
	if elapsed > 2*tagSlot {
		s.val.due = 0 // a later answer has a tag that is too old
	}
	if !r.Off && !s.val.take(rate, elapsed) {
		return false
	}
	s.val.due++
	return true
}

func (a *asked) proven(now int64) bool { return a.answered != 0 && now-a.answered < provenFor }

// answered notes that the address with that hash sent an answer, and reports whether
// one was due: each query has one, so that nobody floods us with copies of a good one.
func (p *peers) answered(hash uint64, r Rates, now int64) bool {
	s := p.asked.find(hash)
	if s == nil || s.val.due == 0 {
		return false
	}
	if !s.val.proven(now) {
		s.val.tokens = r.Known.Burst
	}
	s.val.due--
	s.val.answered = now
	return true
}

// proven reports whether the address with that hash answered lately.
func (p *peers) proven(hash uint64, now int64) bool {
	s := p.asked.find(hash)
	return s != nil && s.val.proven(now)
}

// queried notes the size of a query that the library will reply to.
func (p *peers) queried(hash uint64, size int, now int64) {
	s, _ := p.queries.place(hash, now)
	s.at, s.val = now, size
}

// replied returns the size of the query with that hash, once; 0 when unknown.
func (p *peers) replied(hash uint64, now int64) int {
	s := p.queries.find(hash)
	if s == nil {
		return 0
	}
	size, at := s.val, s.at
	*s = slot[int]{}
	if now-at > queryLife {
		return 0
	}
	return size
}

// claim reports whether the node may enter the routing table: it is the only one
// of its host (BEP 42's threat: many ids from one address). Who has answered a query
// of ours takes the place of somebody who has not; everybody else waits until the
// owner was silent for half an hour. So a flood of forged queries removes nobody proven.
func (p *peers) claim(host, node uint64, proven bool, now int64) bool {
	s := p.owners.find(host)
	if s == nil {
		if s = p.vacancy(host, now); s == nil && !proven {
			return false
		} else if s == nil {
			s, _ = p.owners.place(host, now)
		}
		*s = slot[owner]{host, now, owner{node, proven}}
		return true
	}
	switch {
	case s.val.node == node:
		s.val.proven = s.val.proven || proven
	case proven && !s.val.proven, now-s.at > ownedFor:
		s.val = owner{node, proven}
	default:
		return false
	}
	s.at = now
	return true
}

// vacancy returns the slot that a newcomer may have: empty, given up or, the
// oldest of them, unproven. nil when all are proven and alive.
func (p *peers) vacancy(host uint64, now int64) (free *slot[owner]) {
	set := p.owners.set(host)
	for i := range set {
		if s := &set[i]; s.at == 0 || now-s.at > ownedFor || !s.val.proven {
			if free == nil || s.at < free.at {
				free = s
			}
		}
	}
	return free
}

// host and node name what claim compares.
func (k sipKey) host(a netip.AddrPort) uint64 { return k.source(useOwner, a) }

func (k sipKey) node(id []byte, port uint16) uint64 {
	a, b := pack(id[:16])
	c, _ := pack(id[16:])
	return k.hash(a, b, c, useID<<16|uint64(port))
}

// query names a query by its sender and t, which has at most maxT bytes.
func (k sipKey) query(a netip.AddrPort, t []byte) uint64 {
	hi, lo, rest := words(useQuery, a.Addr(), a.Port())
	t0, t1 := pack(t)
	var t2, t3 uint64
	if len(t) > 16 {
		t2, t3 = pack(t[16:])
	}
	return k.hash(hi, lo, rest|uint64(len(t))<<32, t0, t1, t2, t3)
}
