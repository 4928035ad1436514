package piece

import "shoal/metainfo"

// endgameDepth is how many blocks may be asked of a peer while it is given
// twins, blocks that others are asked for too: enough to use the round trip,
// few enough not to fetch the rest of the torrent twice.
const endgameDepth = 4

// Query asks for blocks to request from one peer.
type Query struct {
	// Peer is who will be asked.
	Peer PeerID
	// Has are the pieces it has.
	Has *metainfo.Bitfield
	// N is how many blocks are wanted at most.
	N int
	// Only restricts the answer to some pieces, for a peer that chokes us but
	// allows those (BEP 6); nil allows all. It must be cheap.
	Only func(i int) bool
	// Slow marks a peer that failed to deliver in time, while another does: it opens no piece
	// that others have, is asked no second time for a block that it failed at while others have it,
	// and gets no twins.
	Slow bool
	// Open is asked before a piece is opened whether the budget has room for
	// that many bytes, and takes them if so. nil always agrees.
	Open func(bytes int64) bool
	// Later says of a block and a peer that is asked for it that it will come so much later than from this one that a
	// twin is worth its cost; nil says so of all. It must say no of what was asked for a moment ago.
	Later func(id PeerID, b metainfo.Block) bool

	top uint8 // the highest priority of a piece that is listed
}

// Pick appends up to q.N blocks to ask of q.Peer to dst and notes them as asked. The order is:
//
//   - pieces that came wrong, which are fetched from one peer alone (see Spoiled);
//   - pieces of the highest priority that only this peer has, open ones before new ones;
//   - open pieces, those of the highest priority and nearest to completion ahead;
//   - new pieces, those of the highest priority first: at random until Options.RandomFirst are verified, then the
//     rarest; with SetSequential the first;
//   - pieces that came wrong and that a slow peer fetches alone (see pickSeized);
//   - when all that connected peers could give is asked (end game), the blocks with
//     the fewest askers that were asked the longest ago, of a second and third peer, if q.Later says so of those asked before.
//
// What others are not to send any more because of it is told by Revoked. A piece is opened only if q.Open agrees; once it refuses there is nothing but blocks of open pieces.
func (m *Manager) Pick(dst []metainfo.Block, q Query) []metainfo.Block {
	if _, ok := m.peers[q.Peer]; !ok || q.N <= 0 || q.Has == nil {
		return dst
	}
	end := len(dst) + q.N
	m.revoked = m.revoked[:0]
	dst, room := m.pickTrials(dst, end, &q, false)
	prios := m.order.priorities()
	rarest := !m.order.inOrder
	if rarest {
		if len(prios) > 0 {
			q.top = prios[0]
		}
		dst = m.pickReady(dst, end, &q, onlySole)
		if room && !m.fresh() && len(prios) > 0 {
			dst, room = m.pickSole(dst, end, &q, prios[0])
		}
	}
	dst = m.pickReady(dst, end, &q, notTaken)
	for k, prio := range prios {
		if room && k > 0 && rarest && !m.fresh() {
			dst, room = m.pickSole(dst, end, &q, prio)
		}
		if room {
			dst, room = m.pickNew(dst, end, &q, prio)
		}
	}
	if !q.Slow {
		dst = m.pickReady(dst, end, &q, anyPiece)
	}
	if room && len(dst) < end {
		dst, room = m.pickTrials(dst, end, &q, true)
	}
	if q.Slow {
		return dst
	}
	dst = m.pickSeized(dst, end, &q)
	if room && len(dst) < end && m.Endgame() {
		dst = m.pickTwins(dst, end, &q)
	}
	return dst
}

// fresh reports whether we have so little that any piece is as good as another.
func (m *Manager) fresh() bool { return m.have.Count() < m.opt.RandomFirst }

// Endgame reports whether every block that connected peers could give is asked, except those of pieces
// that are fetched from one peer alone.
func (m *Manager) Endgame() bool {
	if m.lacking == 0 || m.order.reachable() > 0 {
		return false
	}
	for _, p := range m.shelf.ready {
		if m.order.peers(p.index) > 0 {
			return false
		}
	}
	return true
}

// may reports whether the peer of q can be asked for piece i.
func (q *Query) may(i int) bool { return q.Has.Has(i) && (q.Only == nil || q.Only(i)) }

// scope says which open pieces pickReady may use.
type scope uint8

const (
	onlySole scope = iota // those that no other peer has
	notTaken              // those that are not left to another peer
	anyPiece
)

// pickReady asks for free blocks of open pieces.
func (m *Manager) pickReady(dst []metainfo.Block, end int, q *Query, s scope) []metainfo.Block {
	for len(dst) < end {
		var best *openPiece
		for _, p := range m.shelf.ready {
			if s == onlySole && (m.order.peers(p.index) > 1 || m.order.priority(p.index) < q.top) || s != anyPiece && !m.openTo(p, q.Peer) {
				continue
			}
			if (best == nil || m.sooner(p, best)) && m.pickable(p, q) {
				best = p
			}
		}
		if best == nil {
			break
		}
		if best.solo != q.Peer {
			best.leave()
		}
		dst = m.pickFree(dst, end, best, q)
	}
	return dst
}

// openTo reports whether p is not left to another peer than this one. A peer that is asked for nothing at all has
// stopped serving us, and loses what was left to it.
func (m *Manager) openTo(p *openPiece, peer PeerID) bool {
	return p.solo == nobody || p.solo == peer || m.peers[p.solo] == 0
}

// sooner says whether p is to be finished before o: it has the higher priority, or comes first in order, or
// lacks fewer blocks, or is rarer, or older.
func (m *Manager) sooner(p, o *openPiece) bool {
	if a, b := m.order.priority(p.index), m.order.priority(o.index); a != b {
		return a > b
	}
	if m.order.inOrder {
		return p.index < o.index
	}
	lack, other := len(p.slots)-p.here(), len(o.slots)-o.here()
	if lack != other {
		return lack < other
	}
	if a, b := m.order.peers(p.index), m.order.peers(o.index); a != b {
		return a < b
	}
	return int32(p.seq-o.seq) < 0 // by difference, so that the counter may wrap
}

// pickable reports whether pickFree would find a block of p.
func (m *Manager) pickable(p *openPiece, q *Query) bool {
	if !q.may(p.index) || m.window(p) == 0 {
		return false
	}
	if !m.shuns(p, q) {
		return p.count[slotFree] > 0
	}
	for k := range p.slots {
		if s := &p.slots[k]; s.state == slotFree && s.find(q.Peer) < 0 {
			return true
		}
	}
	return false
}

// shuns says that blocks of p which the peer failed at are left to others.
func (m *Manager) shuns(p *openPiece, q *Query) bool { return q.Slow && m.order.peers(p.index) > 1 }

// window returns how many more blocks of p may be asked for: all, but of a piece that
// is written block by block only so many that those asked and on their way to the disk fit into its Cost.
func (m *Manager) window(p *openPiece) int {
	if !p.direct {
		return p.count[slotFree]
	}
	return max(0, max(1, int(m.opt.InMemory/metainfo.BlockSize))-p.count[slotAsked]-p.count[slotWriting])
}

// pickFree asks for free blocks of p, in order.
func (m *Manager) pickFree(dst []metainfo.Block, end int, p *openPiece, q *Query) []metainfo.Block {
	end = min(end, len(dst)+m.window(p))
	shun := m.shuns(p, q)
	for p.next < len(p.slots) && p.slots[p.next].state != slotFree {
		p.next++
	}
	for k := p.next; k < len(p.slots) && len(dst) < end; k++ {
		s := &p.slots[k]
		if s.state != slotFree || shun && s.find(q.Peer) >= 0 {
			continue
		}
		dst = append(dst, m.ask(p, k, q.Peer))
	}
	m.shelf.settle(p)
	return dst
}

// pickSole opens pieces that only this peer has. They go before blocks that others could give, so that
// a lone seed spends little on what the swarm has already. It reports false when memory was refused.
func (m *Manager) pickSole(dst []metainfo.Block, end int, q *Query, prio uint8) ([]metainfo.Block, bool) {
	for len(dst) < end {
		i := m.order.chooseSole(&filter{has: q.Has, only: q.Only, prio: prio})
		if i < 0 {
			return dst, true
		}
		var room bool
		if dst, room = m.pickOpened(dst, end, i, q); !room {
			return dst, false
		}
	}
	return dst, true
}

// pickNew opens pieces, random or rarest ones. It reports false when memory was refused.
func (m *Manager) pickNew(dst []metainfo.Block, end int, q *Query, prio uint8) ([]metainfo.Block, bool) {
	f := filter{has: q.Has, only: q.Only, sole: q.Slow, prio: prio}
	for len(dst) < end {
		i := m.order.choose(&f, m.fresh())
		if i < 0 {
			return dst, true
		}
		var room bool
		if dst, room = m.pickOpened(dst, end, i, q); !room {
			return dst, false
		}
	}
	return dst, true
}

// pickOpened opens piece i and asks for blocks of it, or reports false when memory is refused. While a
// piece is on trial there is a liar about, and each new piece is left to the peer that opens it, so
// that one who lies again spoils nobody else's work and is proven at once.
func (m *Manager) pickOpened(dst []metainfo.Block, end, i int, q *Query) ([]metainfo.Block, bool) {
	if q.Open != nil && !q.Open(m.Cost(i)) {
		return dst, false
	}
	p := m.openUp(i)
	if len(m.trials.list) > 0 {
		p.solo = q.Peer
	}
	return m.pickFree(dst, end, p, q), true
}

// twinLimit is how many asked blocks that a peer could send are looked at for a twin: in a large swarm thousands are on
// their way when the end game begins, most of them not late.
const twinLimit = 32

// lookStep is the golden ratio of 2^32: its multiples fall evenly everywhere, whoever comes to see every how many of them.
const lookStep = 2654435769

// pickTwins asks for blocks that others are asked for, those with the fewest askers and the longest wait first. Of
// more than twinLimit it looks at some, at others each time.
func (m *Manager) pickTwins(dst []metainfo.Block, end int, q *Query) []metainfo.Block {
	for len(dst) < end && m.peers[q.Peer] < endgameDepth {
		from, best := m.twin(q)
		if best < 0 {
			break
		}
		if from.slots[best].askers() == maxAskers { // all of them are late
			m.revokeOne(from, best)
		}
		dst = append(dst, m.ask(from, best, q.Peer))
	}
	return dst
}

// twin returns the slot to ask the peer of q for beside those who are asked for it already; -1 when there is none.
func (m *Manager) twin(q *Query) (from *openPiece, best int) {
	best, bestAskers, seen := -1, maxAskers, 0
	if q.Later != nil { // of one who is late the place may be taken
		bestAskers++
	}
	list := m.shelf.all
	if len(list) == 0 {
		return nil, best
	}
	m.looks += lookStep
	spot := uint64(m.looks) * uint64(len(list)) // a piece, and a place in it: what is before that comes last
	for n, at := 0, int(spot>>32); n <= len(list) && seen < twinLimit; n++ {
		p := list[at]
		if at++; at == len(list) {
			at = 0
		}
		if p.count[slotAsked] == 0 || p.trial != nil || !q.may(p.index) {
			continue
		}
		least, most := 0, len(p.slots)
		switch place := int(uint64(uint32(spot)) * uint64(len(p.slots)) >> 32); n {
		case 0:
			least = place
		case len(list):
			most = place
		}
		first := least &^ 63
		for k := range p.asked[first/64 : (most+63)/64].all {
			if k += first; k < least || k >= most {
				continue
			}
			s := &p.slots[k]
			if e := s.find(q.Peer); e >= 0 && s.live&(1<<e) != 0 {
				continue
			}
			// Turns are compared by difference, so that the counter may wrap.
			a := s.askers()
			if a < bestAskers || a == bestAskers && best >= 0 && int32(s.turn-from.slots[best].turn) < 0 {
				if m.late(p, k, q) {
					from, best, bestAskers = p, k, a
				}
			}
			if seen++; seen == twinLimit {
				break
			}
		}
	}
	return from, best
}

// late reports whether all who are asked for slot k will send it later than the peer of q.
func (m *Manager) late(p *openPiece, k int, q *Query) bool {
	if q.Later == nil {
		return true
	}
	s := &p.slots[k]
	for e := range int(s.n) {
		if s.live&(1<<e) != 0 && !q.Later(s.who[e], m.info.BlockAt(p.index, k)) {
			return false
		}
	}
	return true
}
