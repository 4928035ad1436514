package piece

import "shoal/metainfo"

// Priorities of files and of their pieces.
const (
	Unwanted uint8 = iota // not fetched
	Low
	Normal
	High
)

// SetPriorities chooses what to fetch: one priority a file, in the order of Info.Files; nil means Normal for
// all, as does one that is missing or has no meaning. A piece has the highest priority of the files in it, so that the neighbours of
// a wanted file come along at its ends. Padding goes with the file before it.
//
// Open pieces that are not wanted any more are picked no longer, but keep their blocks: the
// caller takes back what is asked (Cancelled), and gives them up when it will (GiveUp).
func (m *Manager) SetPriorities(files []uint8) { m.selectPieces(m.piecePriorities(files)) }

// SetWanted chooses single pieces to fetch, all with equal priority; nil means all.
func (m *Manager) SetWanted(want *metainfo.Bitfield) {
	if want == nil {
		m.selectPieces(nil)
		return
	}
	prio := make([]uint8, len(m.state))
	for i := range prio {
		if want.Has(i) {
			prio[i] = Normal
		}
	}
	m.selectPieces(prio)
}

// SetSequential lets new pieces be opened in their order, within a priority, instead of the rarest first.
func (m *Manager) SetSequential(on bool) { m.order.inOrder = on }

// Wanted reports whether piece i is to be fetched.
func (m *Manager) Wanted(i int) bool { return m.valid(i) && m.wanted.has(i) }

// piecePriorities returns the priority of each piece; nil when all are equal.
func (m *Manager) piecePriorities(files []uint8) []uint8 {
	if files == nil {
		return nil
	}
	prio, own := make([]uint8, len(m.state)), Normal
	for k, f := range m.info.Files() {
		if f.Length == 0 {
			continue
		}
		if !f.Pad {
			if own = Normal; k < len(files) && files[k] <= High {
				own = files[k]
			}
		}
		first, last := f.Offset/m.info.PieceLength(), (f.Offset+f.Length-1)/m.info.PieceLength()
		for i := first; i <= last; i++ {
			prio[i] = max(prio[i], own)
		}
	}
	return prio
}

// selectPieces counts and lists anew what is to be fetched.
func (m *Manager) selectPieces(prio []uint8) {
	m.left, m.lacking = 0, 0
	mixed, first := false, Unwanted
	for i := range m.state {
		m.wanted.clear(i)
		m.missing.clear(i)
		if prio != nil && prio[i] == Unwanted {
			continue
		}
		if prio != nil && first == Unwanted {
			first = prio[i]
		}
		mixed = mixed || prio != nil && prio[i] != first
		m.wanted.set(i)
		if m.state[i] != have {
			m.miss(i)
		}
	}
	m.order.clear()
	if !mixed {
		prio = nil
	}
	m.order.setPriorities(prio)
	m.order.fill(m.listable)
	for _, p := range m.shelf.all {
		p.unwanted = !m.wanted.has(p.index)
		m.shelf.settle(p)
	}
}

// tier is the pieces of one priority that are listed.
type tier struct {
	set bits
	n   int
}

// setPriorities tells an empty list what priority each piece has; nil: all the same.
func (r *rarity) setPriorities(prio []uint8) {
	r.prio, r.tiers = prio, [High + 1]tier{}
	if prio == nil {
		return
	}
	for p := Low; p <= High; p++ {
		r.tiers[p].set = newBits(len(prio))
	}
}

// mark notes that piece i is listed.
func (r *rarity) mark(i int) {
	r.listed.set(i)
	r.low = min(r.low, i>>6)
	if r.prio != nil {
		t := &r.tiers[r.prio[i]]
		t.set.set(i)
		t.n++
	}
}

// unmark notes that piece i, which was, is listed no more.
func (r *rarity) unmark(i int) {
	r.listed.clear(i)
	if r.prio != nil {
		t := &r.tiers[r.prio[i]]
		t.set.clear(i)
		t.n--
	}
}

// priorities returns those that listed pieces have, the highest first; just 0, which stands for any, when all pieces have the
// same. The slice lives until the next call.
func (r *rarity) priorities() []uint8 {
	out := r.present[:0]
	if r.prio == nil {
		return append(out, 0)
	}
	for p := High; p > Unwanted; p-- {
		if r.tiers[p].n > 0 {
			out = append(out, p)
		}
	}
	return out
}

// priority returns that of piece i, 0 when all pieces have the same.
func (r *rarity) priority(i int) uint8 {
	if r.prio == nil {
		return 0
	}
	return r.prio[i]
}

// among returns the listed pieces that f is about.
func (r *rarity) among(f *filter) bits {
	if f.prio == 0 {
		return r.listed
	}
	return r.tiers[f.prio].set
}
