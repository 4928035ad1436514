package piece

import (
	"slices"

	"shoal/internal/block"
	"shoal/metainfo"
)

// maxAskers is how many peers may be asked for one block at the same time in
// the end game.
const maxAskers = 3

// maxSpare and maxSpareSlots bound what is kept of closed pieces for reuse: 2 MiB.
const (
	maxSpare      = 64
	maxSpareSlots = 1024
)

// nobody is the PeerID that no peer has.
const nobody = ^PeerID(0)

type slotState uint8

const (
	slotFree    slotState = iota // to be asked for
	slotAsked                    // asked of at least one peer
	slotWriting                  // arrived, on its way to the disk
	slotHere                     // arrived, in memory or on the disk
)

// slot is one block of an open piece. who[:n] are the peers that it was asked of; bit
// k of live says that who[k] is still expected to send it. The others gave
// up, or were told to cancel, and may deliver late. A slot is asked exactly
// when it is neither writing nor here and live is not 0.
type slot struct {
	data  *block.Block // while here and in memory
	from  PeerID       // who sent it, once writing or here
	turn  uint32       // when it was last asked for, in Manager.turn
	who   [maxAskers]PeerID
	n     uint8
	live  uint8
	state slotState
}

// find returns the place of id in who, or -1.
func (s *slot) find(id PeerID) int {
	for k := range s.n {
		if s.who[k] == id {
			return int(k)
		}
	}
	return -1
}

// askers returns how many peers are expected to send the block.
func (s *slot) askers() int {
	n := 0
	for l := s.live; l != 0; l &= l - 1 {
		n++
	}
	return n
}

// add notes that id is asked; there are fewer than maxAskers live ones.
func (s *slot) add(id PeerID) {
	k := s.find(id)
	switch {
	case k >= 0:
	case s.n < maxAskers:
		k = int(s.n)
		s.n++
	default:
		for k = 0; s.live&(1<<k) != 0; k++ {
		}
	}
	s.who[k] = id
	s.live |= 1 << k
}

// drop forgets entry k, which must not be live.
func (s *slot) drop(k int) {
	s.n--
	last := s.n
	s.who[k] = s.who[last]
	if s.live&(1<<last) != 0 {
		s.live = s.live&^(1<<last) | 1<<k
	}
}

// openPiece is a piece of which blocks are asked or here. It stays open in this sense
// until its hash is known. count[st] is the number of slots in state st; next is at
// most the index of the first free one.
type openPiece struct {
	index int
	slots []slot
	count [4]int
	asked bits // the slots in state slotAsked
	next  int
	seq   uint32 // Manager.turn when it was opened
	// direct pieces go to the disk block by block, and keep no data here.
	direct bool
	// dead pieces failed on the disk and only wait for writes that are under way.
	dead bool
	// unwanted pieces are kept for a while in case they are wanted again.
	unwanted bool
	// taken says that the hash is being made, by a job that owns the blocks.
	taken bool
	// trial is set when the piece came wrong before.
	trial *trial
	// solo, unless nobody, is the peer that fetches the piece alone: strictly when on trial, else as long as others
	// find something else to do.
	solo PeerID
	// strict says that nothing is taken from anybody but solo.
	strict bool
	at     int // place in shelf.all
	ready  int // place in shelf.ready, or -1
}

// move puts slot k into state st.
func (p *openPiece) move(k int, st slotState) {
	s := &p.slots[k]
	p.count[s.state]--
	p.count[st]++
	if s.state == slotAsked {
		p.asked.clear(k)
	}
	s.state = st
	switch st {
	case slotFree:
		p.next = min(p.next, k)
	case slotAsked:
		p.asked.set(k)
	}
}

// drop makes slot k, which is here, free again.
func (p *openPiece) drop(k int) {
	if d := p.slots[k].data; d != nil {
		d.Release()
		p.slots[k].data = nil
	}
	p.move(k, slotFree)
}

// leave lets others have p, which was left to one peer.
func (p *openPiece) leave() { p.solo, p.strict = nobody, false }

// here returns how many blocks have arrived and are where they belong.
func (p *openPiece) here() int { return p.count[slotHere] }

// full reports whether all blocks are here.
func (p *openPiece) full() bool { return p.here() == len(p.slots) }

// shelf holds the open pieces. ready are those with free blocks that any peer may be asked for.
type shelf struct {
	index map[int]*openPiece
	all   []*openPiece
	ready []*openPiece
	spare []*openPiece // closed ones for reuse
}

// open makes piece i of n blocks open.
func (s *shelf) open(i, n int) *openPiece {
	var p *openPiece
	if k := len(s.spare) - 1; k >= 0 {
		p, s.spare = s.spare[k], s.spare[:k]
		*p = openPiece{slots: p.slots[:0], asked: p.asked[:0]}
	} else {
		p = &openPiece{}
	}
	p.slots = slices.Grow(p.slots, n)[:n]
	clear(p.slots)
	p.asked = slices.Grow(p.asked, len(newBits(n)))[:len(newBits(n))]
	clear(p.asked)
	p.index, p.solo, p.ready, p.at = i, nobody, -1, len(s.all)
	p.count[slotFree] = n
	s.all = append(s.all, p)
	s.index[i] = p
	return p
}

// close releases what p holds in memory and forgets it.
func (s *shelf) close(p *openPiece) {
	for k := range p.slots {
		if d := p.slots[k].data; d != nil {
			d.Release()
			p.slots[k].data = nil
		}
	}
	s.unready(p)
	last := len(s.all) - 1
	s.all[p.at] = s.all[last]
	s.all[p.at].at = p.at
	s.all[last] = nil
	s.all = s.all[:last]
	delete(s.index, p.index)
	if len(s.spare) < maxSpare && cap(p.slots) <= maxSpareSlots {
		s.spare = append(s.spare, p)
	}
}

// settle puts p on the ready list or takes it off, as its counts ask for.
func (s *shelf) settle(p *openPiece) {
	want := p.count[slotFree] > 0 && p.trial == nil && !p.dead && !p.unwanted
	switch {
	case want && p.ready < 0:
		p.ready = len(s.ready)
		s.ready = append(s.ready, p)
	case !want:
		s.unready(p)
	}
}

func (s *shelf) unready(p *openPiece) {
	if p.ready < 0 {
		return
	}
	last := len(s.ready) - 1
	s.ready[p.ready] = s.ready[last]
	s.ready[p.ready].ready = p.ready
	s.ready[last] = nil
	s.ready = s.ready[:last]
	p.ready = -1
}

// slotOf returns the index of the slot that b addresses, and false when b is not one whole block.
func (m *Manager) slotOf(p *openPiece, b metainfo.Block) (int, bool) {
	k := b.Begin / metainfo.BlockSize
	if b.Begin < 0 || k >= len(p.slots) || m.info.BlockAt(p.index, k) != b {
		return 0, false
	}
	return k, true
}

// ask notes that slot k of p is asked of peer and returns its address.
func (m *Manager) ask(p *openPiece, k int, peer PeerID) metainfo.Block {
	s := &p.slots[k]
	s.add(peer)
	s.turn = m.turn
	m.turn++
	m.peers[peer]++
	if s.state == slotFree {
		p.move(k, slotAsked)
	}
	return m.info.BlockAt(p.index, k)
}

// unask notes that entry e of slot k will not deliver; the block becomes free when it was the last.
func (m *Manager) unask(p *openPiece, k, e int) {
	s := &p.slots[k]
	if s.live&(1<<e) == 0 {
		return
	}
	s.live &^= 1 << e
	m.peers[s.who[e]]--
	if s.live == 0 && s.state == slotAsked {
		p.move(k, slotFree)
	}
}

// unaskAll forgets everybody asked for slot k.
func (m *Manager) unaskAll(p *openPiece, k int) {
	for e := range int(p.slots[k].n) {
		m.unask(p, k, e)
	}
}
