package piece

import (
	"slices"

	"shoal/metainfo"
)

const (
	// maxTrials and maxEvidence bound what is remembered of wrong pieces: how many
	// pieces, and how many block digests (24 bytes each with the sender).
	maxTrials   = 256
	maxEvidence = 1 << 16
	// maxRounds is how many wrong copies of one piece are remembered.
	maxRounds = 8
	// patience is how often a suspect is passed over for a piece on trial before it may
	// fetch it after all. A suspect that lies again is then the sole source.
	patience = 8
)

// trial is a piece whose blocks came from several peers and were wrong
// together. Until a right copy shows which blocks were wrong, all senders are
// suspects and nobody is blamed.
type trial struct {
	piece  int
	rounds []round
	passed int // suspects passed over since the last round
}

// round is one wrong copy of a piece: who sent each block, and its digest.
type round struct {
	from    []PeerID
	digests []metainfo.Hash
}

// trials are the pieces on trial, oldest first. A nil slice is ready.
type trials struct {
	list    []*trial
	digests int // held in all rounds
}

// of returns the trial of piece i, or nil.
func (ts *trials) of(i int) *trial {
	for _, t := range ts.list {
		if t.piece == i {
			return t
		}
	}
	return nil
}

// suspect reports whether id sent a block of the latest wrong copy.
func (t *trial) suspect(id PeerID) bool {
	return slices.Contains(t.rounds[len(t.rounds)-1].from, id)
}

// Verified notes that piece i is right and written: after its job, whose digests are handed in, or with
// nil because it was found on the disk while checking. A piece that is open then is closed, but for one with
// writes under way, which may yet spoil it: that one stays open and lacking. Verified returns the
// peers that are now proven to have sent wrong blocks of earlier copies of the piece, each
// once; some may have left.
func (m *Manager) Verified(i int, digests []metainfo.Hash) (liars []PeerID) {
	if !m.valid(i) || m.state[i] == have {
		return nil
	}
	p := m.shelf.index[i]
	if p != nil && p.count[slotWriting] > 0 {
		return nil
	}
	if t := m.trials.of(i); t != nil {
		liars = t.compare(digests)
		m.endTrial(i)
	}
	if p != nil {
		m.shut(p)
	}
	m.order.remove(i)
	m.toHave(i)
	m.distrust(liars)
	return liars
}

// Spoiled notes that full piece i has the wrong hash: it is absent again. Without
// digests its bytes were gone from the disk, and nobody is to blame. If
// one peer sent all of it, that peer is returned as proven. Otherwise digests,
// one a block, are remembered; the piece is fetched anew from one peer alone, not from one
// of its senders if that is possible, and when a right copy is there Verified names exactly
// those whose blocks differ. Nobody else is ever named.
func (m *Manager) Spoiled(i int, digests []metainfo.Hash) (liars []PeerID) {
	if !m.valid(i) || m.state[i] != full {
		return nil
	}
	p := m.shelf.index[i]
	first := p.slots[0].from
	sole := !slices.ContainsFunc(p.slots, func(s slot) bool { return s.from != first })
	switch {
	case len(digests) != len(p.slots): // the disk's fault
	case sole:
		liars = []PeerID{first}
	default:
		m.accuse(p, digests)
	}
	m.closeUp(p)
	m.distrust(liars)
	return liars
}

// accuse adds the wrong copy in p to the trial of its piece.
func (m *Manager) accuse(p *openPiece, digests []metainfo.Hash) {
	t := m.trials.of(p.index)
	if t == nil {
		t = &trial{piece: p.index}
		m.trials.list = append(m.trials.list, t)
		p.trial = t
	}
	r := round{from: make([]PeerID, len(p.slots)), digests: slices.Clone(digests)}
	for k := range p.slots {
		r.from[k] = p.slots[k].from
	}
	if len(t.rounds) == maxRounds {
		m.trials.digests -= len(digests)
		t.rounds = slices.Delete(t.rounds, 0, 1)
	}
	t.rounds = append(t.rounds, r)
	t.passed = 0
	m.trials.digests += len(digests)
	for len(m.trials.list) > maxTrials || m.trials.digests > maxEvidence && len(m.trials.list) > 1 {
		m.acquit(m.trials.list[0])
	}
}

// acquit drops a trial for want of room. Its piece is fetched like any other.
func (m *Manager) acquit(t *trial) {
	m.endTrial(t.piece)
	if p := m.shelf.index[t.piece]; p != nil {
		m.shelf.settle(p)
	} else if m.listable(t.piece) {
		m.order.insert(t.piece)
	}
}

// endTrial forgets the trial of piece i, if there is one.
func (m *Manager) endTrial(i int) {
	k := slices.IndexFunc(m.trials.list, func(t *trial) bool { return t.piece == i })
	if k < 0 {
		return
	}
	for _, r := range m.trials.list[k].rounds {
		m.trials.digests -= len(r.digests)
	}
	m.trials.list = slices.Delete(m.trials.list, k, k+1)
	if p := m.shelf.index[i]; p != nil {
		p.trial = nil
		p.leave()
	}
}

// compare returns the senders of all blocks that differ from the right digests.
func (t *trial) compare(right []metainfo.Hash) (liars []PeerID) {
	for _, r := range t.rounds {
		if len(right) != len(r.digests) {
			continue
		}
		for k, d := range r.digests {
			if d != right[k] && !slices.Contains(liars, r.from[k]) {
				liars = append(liars, r.from[k])
			}
		}
	}
	return liars
}

// distrust frees the blocks that proven liars sent of pieces that are not full yet, so that they spoil no more.
func (m *Manager) distrust(liars []PeerID) {
	if len(liars) == 0 {
		return
	}
	for _, p := range m.shelf.all {
		if m.state[p.index] != open || p.dead {
			continue
		}
		for k := range p.slots {
			if s := &p.slots[k]; s.state == slotHere && slices.Contains(liars, s.from) {
				p.drop(k)
			}
		}
		m.shelf.settle(p)
	}
}

// pickTrials asks for blocks of pieces that the peer fetches alone, and lets it begin on pieces that
// wait for such a peer. Suspects are passed over a few times unless last is set. It reports false when memory was refused.
func (m *Manager) pickTrials(dst []metainfo.Block, end int, q *Query, last bool) ([]metainfo.Block, bool) {
	for _, t := range m.trials.list {
		if len(dst) >= end {
			break
		}
		i := t.piece
		p, may := m.shelf.index[i], q.may(i)
		if p != nil && p.solo == q.Peer && (q.Slow || !may) {
			p.leave()
		}
		if m.state[i] > open || !m.wanted.has(i) || !may {
			continue
		}
		if p == nil || p.solo != q.Peer {
			if p != nil && (p.dead || p.count[slotFree] == 0 || !m.openTo(p, q.Peer)) || !m.mayTry(t, q, last) {
				continue
			}
			if p == nil {
				if q.Open != nil && !q.Open(m.Cost(i)) {
					return dst, false
				}
				p = m.openUp(i)
			}
			p.solo, p.strict = q.Peer, false
		}
		dst = m.pickFree(dst, end, p, q)
	}
	return dst, true
}

// mayTry reports whether the peer of q may fetch the piece of t alone now.
func (m *Manager) mayTry(t *trial, q *Query, last bool) bool {
	if q.Slow {
		return m.order.peers(t.piece) == 1
	}
	if last || t.passed >= patience || !t.suspect(q.Peer) {
		return true
	}
	t.passed++
	return false
}
