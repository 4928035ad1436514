package piece

import (
	"slices"

	"shoal/internal/block"
	"shoal/metainfo"
)

// Kind says what became of a block that arrived.
type Kind uint8

const (
	// Unasked: it was never asked of this peer, or is not one whole block.
	Unasked Kind = iota
	// Duplicate: it is here already, from this or another peer. Late twins of the end
	// game and blocks that had been cancelled end here too.
	Duplicate
	// Stored: it is kept in memory.
	Stored
	// WriteNow: the caller must submit a Write job for it and then call Written or Failed.
	WriteNow
	// Full: it was kept, and all blocks of the piece are here: call Take.
	Full
)

// Outcome is what Received returns.
type Outcome struct {
	Kind Kind
	// Twins are other peers that the block is asked of; they are to be sent a Cancel, and Manager.Cancelled
	// need not be called for them. Valid until the next call of Received.
	Twins []PeerID
}

// Received takes in a block from a peer. After Unasked and Duplicate data
// still belongs to the caller, after WriteNow to the caller's Write job, and after Stored and Full to the Manager. A
// block that was cancelled but comes all the same is taken if it is still lacking.
func (m *Manager) Received(peer PeerID, b metainfo.Block, data *block.Block) Outcome {
	p := m.shelf.index[b.Piece]
	if p == nil {
		return m.stray(b)
	}
	k, ok := m.slotOf(p, b)
	if !ok || len(data.Bytes()) != b.Length {
		return Outcome{}
	}
	s := &p.slots[k]
	e := s.find(peer)
	if e < 0 {
		return Outcome{}
	}
	m.unask(p, k, e)
	s.drop(e)
	if s.state >= slotWriting || p.dead || p.strict && p.solo != peer {
		m.shelf.settle(p)
		return Outcome{Kind: Duplicate}
	}
	m.twins = m.twins[:0]
	for e := range int(s.n) {
		if s.live&(1<<e) != 0 {
			m.twins = append(m.twins, s.who[e])
			m.unask(p, k, e)
		}
	}
	if m.window(p) == 0 { // a late block for which there is no room at the disk
		m.shelf.settle(p)
		return Outcome{Kind: Duplicate}
	}
	s.from = peer
	out := Outcome{Kind: Stored, Twins: m.twins}
	if p.direct {
		p.move(k, slotWriting)
		out.Kind = WriteNow
	} else {
		s.data = data
		p.move(k, slotHere)
		if p.full() {
			m.state[p.index] = full
			out.Kind = Full
		}
	}
	m.shelf.settle(p)
	return out
}

// stray judges a block of a piece that is not open.
func (m *Manager) stray(b metainfo.Block) Outcome {
	if m.have.Has(b.Piece) && b.Begin >= 0 && b.Begin%metainfo.BlockSize == 0 {
		return Outcome{Kind: Duplicate}
	}
	return Outcome{}
}

// Written notes that a Write job for the block at begin of piece i has
// succeeded, and reports whether the piece is now full: call Take then.
func (m *Manager) Written(i, begin int) bool {
	p := m.shelf.index[i]
	k := begin / metainfo.BlockSize
	switch {
	case p == nil:
		return false
	case p.dead:
		m.writeEnded(p)
		return false
	case begin < 0 || k >= len(p.slots) || p.slots[k].state != slotWriting:
		return false
	}
	p.move(k, slotHere)
	if !p.full() {
		return false
	}
	m.state[i] = full
	return true
}

// Take returns the job that finds out whether full piece i is right: Commit
// with its blocks, which belong to the job from now on, or Verify for a piece that is on the disk
// already. Store and Done are left to the caller, who calls Verified, Spoiled or Failed when the job has
// ended. It returns nil for a piece that is not full or was taken.
func (m *Manager) Take(i int) *Job {
	if !m.valid(i) || m.state[i] != full {
		return nil
	}
	p := m.shelf.index[i]
	if p.taken {
		return nil
	}
	p.taken = true
	j := &Job{Kind: Verify, Piece: i, Digests: p.trial != nil}
	if !p.direct {
		j.Kind = Commit
		j.Blocks = make([]*block.Block, len(p.slots))
		for k := range p.slots {
			j.Blocks[k], p.slots[k].data = p.slots[k].data, nil
		}
	}
	return j
}

// Cancelled notes that a block asked of a peer is not expected any more:
// it was rejected, timed out, cancelled, or the peer choked us. It becomes free unless others are asked for
// it too. If it comes all the same it is welcome.
func (m *Manager) Cancelled(peer PeerID, b metainfo.Block) {
	p := m.shelf.index[b.Piece]
	if p == nil {
		return
	}
	k, ok := m.slotOf(p, b)
	if !ok {
		return
	}
	if e := p.slots[k].find(peer); e >= 0 {
		m.unask(p, k, e)
		if p.solo == peer {
			p.leave()
		}
		m.shelf.settle(p)
	}
}

// Rejected is Cancelled for a peer that said it will not send the block (BEP 6): it is not expected any more even late. A piece
// of which nothing is here or expected then is absent again, so that whoever opens pieces and delivers nothing
// does not decide what is fetched next.
func (m *Manager) Rejected(peer PeerID, b metainfo.Block) {
	m.Cancelled(peer, b)
	p := m.shelf.index[b.Piece]
	if p == nil {
		return
	}
	if k, ok := m.slotOf(p, b); ok {
		if e := p.slots[k].find(peer); e >= 0 {
			p.slots[k].drop(e)
		}
	}
	if m.state[p.index] == open && p.count[slotFree] == len(p.slots) && !p.dead &&
		!slices.ContainsFunc(p.slots, func(s slot) bool { return s.n > 0 }) {
		m.closeUp(p)
	}
}

// Failed notes that the disk failed at a job for piece i: it is absent
// again. Writes of the same piece that are still under way may end in Written or Failed.
func (m *Manager) Failed(i int) {
	if !m.valid(i) {
		return
	}
	p := m.shelf.index[i]
	switch {
	case p == nil:
	case p.taken:
		m.closeUp(p)
	case p.count[slotWriting] > 0:
		p.dead = true
		for k := range p.slots {
			m.unaskAll(p, k)
		}
		m.shelf.settle(p)
		m.writeEnded(p)
	}
}

// writeEnded notes that one of the writes of a dead piece has ended; which one does not matter. With the
// last one the piece is closed, not before, so that no old write can land in it after it was opened again.
func (m *Manager) writeEnded(p *openPiece) {
	k := slices.IndexFunc(p.slots, func(s slot) bool { return s.state == slotWriting })
	if k >= 0 {
		p.move(k, slotHere)
	}
	if p.count[slotWriting] == 0 {
		m.closeUp(p)
	}
}

// Lost notes that verified piece i can no longer be read as it was: it is absent again.
func (m *Manager) Lost(i int) {
	if !m.valid(i) || m.state[i] != have {
		return
	}
	m.state[i] = absent
	m.have.Clear(i)
	if m.wanted.has(i) {
		m.miss(i)
		m.order.insert(i)
	}
}

// GiveUp makes open piece i absent, releases its blocks and returns its Cost, the bytes
// given back to the budget. It does nothing and returns 0 while writes of the piece are under way, or when it
// is full or not open. Blocks asked of peers are forgotten: the caller has cancelled them.
func (m *Manager) GiveUp(i int) int64 {
	if !m.valid(i) || m.state[i] != open {
		return 0
	}
	p := m.shelf.index[i]
	if p.count[slotWriting] > 0 {
		return 0
	}
	m.closeUp(p)
	return m.Cost(i)
}

// Release drops all blocks held in memory, at shutdown. Pieces that a job has taken stay as they are; all others
// that were open are absent, except those that wait for a write.
func (m *Manager) Release() {
	for k := len(m.shelf.all) - 1; k >= 0; k-- {
		if p := m.shelf.all[k]; !p.taken && p.count[slotWriting] == 0 {
			m.closeUp(p)
		}
	}
}
