package piece

import "shoal/metainfo"

// Ask is a block that was asked of a peer.
type Ask struct {
	Peer  PeerID
	Block metainfo.Block
}

// Revoked returns what the last Pick took back from other peers: they are to be sent a Cancel, and
// Manager.Cancelled need not be called for it. Valid until the next call of Pick.
func (m *Manager) Revoked() []Ask { return m.revoked }

// pickSeized takes pieces on trial over from a peer that is much slower than this one, for which there is nothing else to
// do: the last pieces would else wait for the slowest liar. What came of them is dropped, for a trial needs one
// sender, and what comes late is not taken.
func (m *Manager) pickSeized(dst []metainfo.Block, end int, q *Query) []metainfo.Block {
	for _, t := range m.trials.list {
		if len(dst) >= end {
			break
		}
		p := m.shelf.index[t.piece]
		if p == nil || q.Later == nil || p.solo == nobody || p.solo == q.Peer || m.state[p.index] != open || p.dead || p.unwanted ||
			p.count[slotWriting] > 0 || t.suspect(q.Peer) || !q.may(p.index) || !m.slow(p, q) {
			continue
		}
		for k := range p.slots {
			m.revoke(p, k)
			if p.slots[k].state == slotHere {
				p.drop(k)
			}
		}
		p.solo, p.strict = q.Peer, true
		dst = m.pickFree(dst, end, p, q)
	}
	return dst
}

// slow reports whether what is asked of p will all come later than from the peer of q.
func (m *Manager) slow(p *openPiece, q *Query) bool {
	for k := range p.slots {
		if p.slots[k].state == slotAsked && !m.late(p, k, q) {
			return false
		}
	}
	return p.count[slotAsked] > 0
}

// revoke takes slot k back from everybody who is asked for it.
func (m *Manager) revoke(p *openPiece, k int) {
	for p.slots[k].live != 0 {
		m.revokeOne(p, k)
	}
}

// revokeOne takes slot k back from one of those who are asked for it.
func (m *Manager) revokeOne(p *openPiece, k int) {
	s := &p.slots[k]
	for e := range int(s.n) {
		if s.live&(1<<e) != 0 {
			m.revoked = append(m.revoked, Ask{s.who[e], m.info.BlockAt(p.index, k)})
			m.unask(p, k, e)
			return
		}
	}
}
