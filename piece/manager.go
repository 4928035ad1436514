package piece

import (
	"math"
	"math/rand/v2"
	"slices"

	"shoal/metainfo"
)

// PeerID names a source of blocks. The swarm chooses it and does not use it
// again while the torrent runs, so that a peer which has left can still be named as a
// liar. 2^32-1 is not a PeerID.
type PeerID uint32

// PerPiece is about how many bytes a Manager, and what is saved and served of its torrent, hold for each piece, open or not.
const PerPiece = 13

// Options are the knobs of a Manager. A zero field means the default.
type Options struct {
	// InMemory is the size in bytes up to which a piece is held in memory until its
	// hash is known; larger ones are written block by block. Default 8 MiB.
	InMemory int64
	// RandomFirst is how many pieces are picked at random before the rarest go
	// first, so that a new peer soon has something to give. Default 4; negative: none.
	RandomFirst int
}

// pieceState is the one state that a piece is in.
type pieceState uint8

const (
	// absent: nothing of it is here. It is listed in Manager.order if it is
	// wanted and not on trial.
	absent pieceState = iota
	// open: some of its blocks are asked or here; it is on the shelf.
	open
	// full: all of its blocks are here, its hash is not known; still on the shelf.
	full
	// have: verified and written.
	have
)

// Manager knows what a torrent has, what it lacks, what was asked of whom and
// what is held in memory. It decides which blocks to ask of which peer
// and, when a piece has the wrong hash, who lied.
//
// It is not safe for concurrent use: one swarm's loop owns it. It reads no
// clock and walks no map, so equal calls with an equal random source give
// equal answers. Calls that do not fit (a peer that was never added, a piece that is not
// open) change nothing.
type Manager struct {
	info  *metainfo.Info
	opt   Options
	state []pieceState
	have  metainfo.Bitfield
	// wanted are the pieces to fetch; missing those of them that we lack.
	wanted  bits
	missing bits
	left    int64 // bytes in missing
	lacking int   // pieces in missing
	order   rarity
	shelf   shelf
	memory  int64            // Cost of all open pieces
	peers   map[PeerID]int32 // blocks asked of each peer that is here
	turn    uint32           // counts asked blocks and opened pieces
	looks   uint32           // says where the next search for twins begins
	trials  trials
	twins   []PeerID // backs Outcome.Twins
	revoked []Ask    // backs Revoked
}

// NewManager returns a Manager for a torrent of which the pieces in have are
// verified and written; the zero Bitfield means none. All pieces are wanted, with equal priority. rnd is
// the only source of chance and belongs to the Manager from now on.
func NewManager(info *metainfo.Info, haveNow metainfo.Bitfield, rnd *rand.Rand, opt Options) *Manager {
	n := info.NumPieces()
	if opt.InMemory <= 0 {
		opt.InMemory = 8 << 20
	}
	if opt.RandomFirst == 0 {
		opt.RandomFirst = 4
	}
	m := &Manager{
		info: info, opt: opt,
		state: make([]pieceState, n), have: metainfo.NewBitfield(n),
		wanted: newBits(n), missing: newBits(n),
		order: newRarity(n, rnd),
		shelf: shelf{index: map[int]*openPiece{}},
		peers: map[PeerID]int32{},
	}
	for i := range n {
		m.wanted.set(i)
		if haveNow.Has(i) {
			m.state[i] = have
			m.have.Set(i)
		} else {
			m.miss(i)
		}
	}
	m.order.fill(m.listable)
	return m
}

// AddPeer makes id known, as a peer that has nothing yet.
func (m *Manager) AddPeer(id PeerID) {
	if _, ok := m.peers[id]; !ok && id != nobody {
		m.peers[id] = 0
	}
}

// RemovePeer forgets a peer: blocks asked of it alone become free, and the pieces in has,
// which must be what PeerBitfield, PeerHas and PeerLost told of it, count as less
// available. What it has sent stays, and so does the memory of who sent it.
func (m *Manager) RemovePeer(id PeerID, has *metainfo.Bitfield) {
	if _, ok := m.peers[id]; !ok {
		return
	}
	for _, p := range m.shelf.all {
		for k := range p.slots {
			if e := p.slots[k].find(id); e >= 0 {
				m.unask(p, k, e)
			}
		}
		if p.solo == id {
			p.leave()
		}
		m.shelf.settle(p)
	}
	delete(m.peers, id)
	if has != nil {
		m.order.loseAll(has)
	}
}

// PeerBitfield counts the pieces of a peer of which nothing was counted yet. A peer with all pieces costs nothing.
func (m *Manager) PeerBitfield(has *metainfo.Bitfield) { m.order.gainAll(has) }

// PeerHas counts one more piece of a peer that did not have it.
func (m *Manager) PeerHas(i int) {
	if m.valid(i) {
		m.order.gain(i)
	}
}

// PeerLost takes back one piece of a peer that had it.
func (m *Manager) PeerLost(i int) {
	if m.valid(i) {
		m.order.lose(i)
	}
}

// Availability returns how many connected peers have piece i.
func (m *Manager) Availability(i int) int {
	if !m.valid(i) {
		return 0
	}
	return m.order.peers(i)
}

// Available returns how many of the bytes of Left connected peers have, about: the last piece counts as a full one, and blocks of open
// pieces that are here as missing.
func (m *Manager) Available() int64 {
	if m.order.seeds > 0 {
		return m.left
	}
	n := m.order.reach
	for _, p := range m.shelf.all {
		if m.order.avail[p.index] > 0 && !p.unwanted {
			n++
		}
	}
	return min(int64(n)*m.info.PieceLength(), m.left)
}

// Availabilities returns Availability of every piece.
func (m *Manager) Availabilities() []uint16 {
	out := slices.Clone(m.order.avail)
	for i := range out {
		out[i] = uint16(min(m.order.peers(i), math.MaxUint16))
	}
	return out
}

// Asked returns how many blocks are asked of a peer and have neither arrived nor been cancelled.
func (m *Manager) Asked(id PeerID) int { return int(m.peers[id]) }

// Have returns the verified pieces. The caller must not change the set, which follows the Manager.
func (m *Manager) Have() *metainfo.Bitfield { return &m.have }

// Left returns how many bytes of wanted pieces are not verified.
func (m *Manager) Left() int64 { return m.left }

// Complete reports whether every wanted piece is verified.
func (m *Manager) Complete() bool { return m.lacking == 0 }

// Interesting returns how many pieces a peer has that are wanted and lacking
// here. It compares 64 pieces at a time; between calls InterestGained keeps the number right.
func (m *Manager) Interesting(has *metainfo.Bitfield) int { return m.missing.common(has) }

// InterestGained reports whether piece i is wanted and lacking, so that a peer
// which now has it has become more interesting (or less so, just before Verified).
func (m *Manager) InterestGained(i int) bool { return m.valid(i) && m.missing.has(i) }

// Memory returns the bytes of the budget that open pieces hold now: the sum of
// their Cost.
func (m *Manager) Memory() int64 { return m.memory }

// Cost returns what piece i takes from the memory budget while it is open: its
// size, but for a piece that is written block by block only what may be asked or on its way to
// the disk at a time. It is what Query.Open is asked for. It is given back when Verified, Spoiled,
// Failed, GiveUp or Release close the piece; Memory before and after tells.
func (m *Manager) Cost(i int) int64 {
	if !m.valid(i) {
		return 0
	}
	return min(int64(m.info.PieceSize(i)), m.opt.InMemory)
}

// OpenPiece is what OpenPieces tells about one piece.
type OpenPiece struct {
	Piece  int // index
	Blocks int // how many it has
	Here   int // arrived
	Asked  int // asked and not arrived
	Peers  int // connected peers that have it
}

// OpenPieces appends the pieces that are neither absent nor verified to dst. One with
// Here < Blocks that nobody is asked for, over a long time, is one to give up.
func (m *Manager) OpenPieces(dst []OpenPiece) []OpenPiece {
	for _, p := range m.shelf.all {
		dst = append(dst, OpenPiece{
			Piece: p.index, Blocks: len(p.slots), Here: p.here() + p.count[slotWriting],
			Asked: p.count[slotAsked], Peers: m.order.peers(p.index),
		})
	}
	return dst
}

func (m *Manager) valid(i int) bool { return i >= 0 && i < len(m.state) }

// miss counts wanted piece i as lacking.
func (m *Manager) miss(i int) {
	m.missing.set(i)
	m.lacking++
	m.left += int64(m.info.PieceSize(i))
}

// listable says whether piece i belongs into the order.
func (m *Manager) listable(i int) bool {
	return m.state[i] == absent && m.wanted.has(i) && m.trials.of(i) == nil
}

// toHave marks piece i, which is absent and not listed, as verified.
func (m *Manager) toHave(i int) {
	m.state[i] = have
	m.have.Set(i)
	if m.missing.has(i) {
		m.missing.clear(i)
		m.lacking--
		m.left -= int64(m.info.PieceSize(i))
	}
}

// openUp takes absent piece i off the order and opens it.
func (m *Manager) openUp(i int) *openPiece {
	m.order.remove(i)
	m.state[i] = open
	p := m.shelf.open(i, m.info.NumBlocks(i))
	p.direct = int64(m.info.PieceSize(i)) > m.opt.InMemory
	p.trial = m.trials.of(i)
	p.seq = m.turn
	m.turn++
	m.memory += m.Cost(i)
	m.shelf.settle(p)
	return p
}

// closeUp makes an open or full piece absent, as shut does, and lists it again if it is to be fetched.
func (m *Manager) closeUp(p *openPiece) {
	i := p.index
	m.shut(p)
	if m.listable(i) {
		m.order.insert(i)
	}
}

// shut makes an open or full piece absent and unlisted, and releases its blocks and its memory.
func (m *Manager) shut(p *openPiece) {
	i := p.index
	for k := range p.slots {
		m.unaskAll(p, k)
	}
	m.shelf.close(p)
	m.memory -= m.Cost(i)
	m.state[i] = absent
}
