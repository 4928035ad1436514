package piece

import (
	mathbits "math/bits"
	"math/rand/v2"
	"slices"

	"shoal/metainfo"
)

const (
	// sortEvery spaces full sorts: one for each n>>sortEvery pieces chosen, so that
	// sorting 2^21 pieces is paid for by 1024 of them, and where peers come and go all the time a block
	// costs a microsecond more.
	sortEvery = 11
	// fewPieces is the size of a bitfield up to which pieces are moved one by one.
	fewPieces = 64
)

// rarity knows how many connected peers have each piece, and keeps the listed
// pieces (those that may be opened) sorted by that number, ties in random
// order.
//
// Peers with every piece are counted once, in seeds. Which complete peer stands in
// seeds and which in avail does not matter: only avail[i]+seeds is ever
// looked at, so a complete peer may leave through either.
//
// Unless stale, list[first[a]:first[a+1]] are the listed pieces with avail a.
// When stale, list holds the right pieces in an order that used to be right.
type rarity struct {
	rnd     *rand.Rand
	avail   []uint16
	seeds   int
	pos     []int32 // place in list, or -1
	list    []int32
	first   []int32
	listed  bits // the same pieces as list
	reach   int  // listed pieces with avail > 0
	stale   bool
	chosen  int  // since the last sort
	inOrder bool // choose goes by index, not by rarity
	low     int  // no listed piece is in a word of listed before it
	// prio is the priority of each piece, nil while all have the same; tiers and present serve it.
	prio    []uint8
	tiers   [High + 1]tier
	present [High]uint8
}

func newRarity(n int, rnd *rand.Rand) rarity {
	r := rarity{rnd: rnd, avail: make([]uint16, n), pos: make([]int32, n), listed: newBits(n), first: []int32{0, 0}}
	for i := range r.pos {
		r.pos[i] = -1
	}
	return r
}

// fill lists every piece for which want is true, in random order. It is called on an empty list.
func (r *rarity) fill(want func(i int) bool) {
	r.list = slices.Grow(r.list[:0], len(r.avail))
	r.reach = 0
	for i := range r.avail {
		if !want(i) {
			continue
		}
		r.list = append(r.list, int32(i))
		r.mark(i)
		if r.avail[i] > 0 {
			r.reach++
		}
	}
	r.rnd.Shuffle(len(r.list), func(a, b int) { r.list[a], r.list[b] = r.list[b], r.list[a] })
	r.sort()
}

// clear takes every piece off the list.
func (r *rarity) clear() {
	for _, i := range r.list {
		r.pos[i] = -1
		r.unmark(int(i))
	}
	r.list, r.reach, r.stale = r.list[:0], 0, true
}

// peers returns how many connected peers have piece i.
func (r *rarity) peers(i int) int { return int(r.avail[i]) + r.seeds }

// reachable returns how many listed pieces at least one connected peer has.
func (r *rarity) reachable() int {
	if r.seeds > 0 {
		return len(r.list)
	}
	return r.reach
}

// put writes piece i to place k of the list.
func (r *rarity) put(i int32, k int32) {
	r.list[k] = i
	r.pos[i] = k
}

// grow makes sure that there is a bucket for availability a.
func (r *rarity) grow(a int) {
	for len(r.first) < a+2 {
		r.first = append(r.first, int32(len(r.list)))
	}
}

// mix exchanges piece i with a random one of its bucket.
func (r *rarity) mix(i int) {
	a := r.avail[i]
	lo, hi := r.first[a], r.first[a+1]
	k, j := r.pos[i], lo+r.rnd.Int32N(hi-lo)
	other := r.list[j]
	r.put(other, k)
	r.put(int32(i), j)
}

// shift moves the piece at place from into the hole and returns the new hole. In
// an empty bucket the two are one place, which holds nothing worth moving.
func (r *rarity) shift(from, hole int32) int32 {
	if from != hole {
		r.put(r.list[from], hole)
	}
	return from
}

// insert lists piece i, which is not listed.
func (r *rarity) insert(i int) {
	a := int(r.avail[i])
	r.mark(i)
	if a > 0 {
		r.reach++
	}
	hole := int32(len(r.list))
	if !r.stale {
		r.grow(a)
	}
	r.list = append(r.list, int32(i))
	if r.stale {
		r.pos[i] = hole
		return
	}
	// The bucket boundaries above a move up by one: the first of each bucket goes behind its last.
	top := len(r.first) - 1
	r.first[top] = hole + 1
	for b := top - 1; b > a; b-- {
		r.first[b]++
		hole = r.shift(r.first[b]-1, hole)
	}
	r.put(int32(i), hole)
	r.mix(i)
}

// remove takes piece i off the list if it is listed.
func (r *rarity) remove(i int) {
	hole := r.pos[i]
	if hole < 0 {
		return
	}
	last := int32(len(r.list) - 1)
	if r.stale {
		r.put(r.list[last], hole)
	} else {
		for b := int(r.avail[i]) + 1; b < len(r.first); b++ {
			r.first[b]--
			hole = r.shift(r.first[b], hole)
		}
	}
	r.list = r.list[:last]
	r.pos[i] = -1
	r.unmark(i)
	if r.avail[i] > 0 {
		r.reach--
	}
}

// gain counts one more peer for piece i.
func (r *rarity) gain(i int) {
	a := int(r.avail[i])
	r.avail[i]++
	k := r.pos[i]
	if k < 0 {
		return
	}
	if a == 0 {
		r.reach++
	}
	if r.stale {
		return
	}
	r.grow(a + 1)
	r.first[a+1]--
	edge := r.first[a+1]
	r.put(r.list[edge], k)
	r.put(int32(i), edge)
	r.mix(i)
}

// lose counts one peer less for piece i.
func (r *rarity) lose(i int) {
	if r.avail[i] == 0 {
		if r.seeds == 0 {
			return // a peer that was never counted; nothing to take back
		}
		r.unseed()
	}
	a := int(r.avail[i])
	r.avail[i]--
	k := r.pos[i]
	if k < 0 {
		return
	}
	if a == 1 {
		r.reach--
	}
	if r.stale {
		return
	}
	edge := r.first[a]
	r.put(r.list[edge], k)
	r.put(int32(i), edge)
	r.first[a]++
	r.mix(i)
}

// unseed counts one complete peer piece by piece from now on.
func (r *rarity) unseed() {
	r.seeds--
	for i := range r.avail {
		r.avail[i]++
	}
	r.reach, r.stale = len(r.list), true
}

// gainAll counts a peer with these pieces.
func (r *rarity) gainAll(has *metainfo.Bitfield) {
	switch {
	case has.All():
		r.seeds++
	case has.Count() <= fewPieces:
		eachOf(has, r.gain)
	default:
		r.stale = true
		eachOf(has, func(i int) {
			if r.avail[i]++; r.avail[i] == 1 && r.listed.has(i) {
				r.reach++
			}
		})
	}
}

// loseAll takes back what gainAll and gain counted for a peer.
func (r *rarity) loseAll(has *metainfo.Bitfield) {
	switch {
	case has.All() && r.seeds > 0:
		r.seeds--
	case has.Count() <= fewPieces:
		eachOf(has, r.lose)
	default:
		r.stale = true
		eachOf(has, func(i int) {
			if r.avail[i] < 2 { // it matters to reach, or is counted in seeds
				r.lose(i)
			} else {
				r.avail[i]--
			}
		})
	}
}

// eachOf calls f for every piece of has.
func eachOf(has *metainfo.Bitfield, f func(i int)) {
	raw := has.Bytes()
	for w := range (has.Len() + 63) / 64 {
		for x := wordOf(raw, w); x != 0; {
			k := mathbits.LeadingZeros64(x)
			x &^= 1 << 63 >> k
			f(w*64 + k)
		}
	}
}

// sort brings list back into order, keeping that of ties. No second list is needed: the places say it all.
func (r *rarity) sort() {
	r.first = append(r.first[:0], 0, 0)
	for _, i := range r.list {
		a := int(r.avail[i])
		for len(r.first) < a+2 {
			r.first = append(r.first, 0)
		}
		r.first[a+1]++
	}
	for a := 1; a < len(r.first); a++ {
		r.first[a] += r.first[a-1]
	}
	// first[a] runs ahead to the end of bucket a while places are given, and is shifted back afterwards.
	for _, i := range r.list {
		a := r.avail[i]
		r.pos[i] = r.first[a]
		r.first[a]++
	}
	copy(r.first[1:], r.first)
	r.first[0] = 0
	for i, k := range r.pos {
		if k >= 0 {
			r.list[k] = int32(i)
		}
	}
	r.stale, r.chosen = false, 0
}
