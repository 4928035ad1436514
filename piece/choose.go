package piece

import (
	mathbits "math/bits"

	"shoal/metainfo"
)

const (
	// walkLimit is how many pieces choose looks at in order of rarity before it
	// compares bitfields instead: enough for a peer that has one piece in a
	// hundred, and a few microseconds.
	walkLimit = 1024
	// soleLimit is how many pieces chooseSole looks at.
	soleLimit = 64
	// scanLimit is how many matching pieces the comparison of bitfields ranks.
	scanLimit = 4096
)

// filter says which pieces a peer may be asked for.
type filter struct {
	has  *metainfo.Bitfield
	only func(i int) bool // nil: any
	sole bool             // only pieces that no other peer has
	prio uint8            // only pieces of this priority; 0: any
}

// ok reports whether f allows piece i.
func (r *rarity) ok(f *filter, i int) bool {
	return f.has.Has(i) && (f.prio == 0 || r.prio[i] == f.prio) && (!f.sole || r.peers(i) == 1) && (f.only == nil || f.only(i))
}

// choose returns the rarest listed piece that f allows, or with random any
// one, or in order the first one; -1 when there is none. A peer with few of the listed pieces may get a
// piece that is only the rarest of scanLimit.
func (r *rarity) choose(f *filter, random bool) int {
	if r.inOrder {
		return r.earliest(f)
	}
	r.sortIfDue()
	r.chosen++
	lo, n := 0, len(r.list)
	if r.seeds == 0 && !r.stale {
		lo = int(r.first[1]) // nobody has those before
	}
	if lo == n {
		return -1
	}
	k := lo
	if random {
		k += r.rnd.IntN(n - lo)
	}
	for range min(n-lo, walkLimit) {
		if i := int(r.list[k]); r.ok(f, i) {
			return i
		}
		if k++; k == n {
			k = lo
		}
	}
	if n-lo <= walkLimit {
		return -1
	}
	return r.scan(f)
}

// earliest returns the first listed piece that f allows; -1 when there is none.
func (r *rarity) earliest(f *filter) int {
	for r.low < len(r.listed) && r.listed[r.low] == 0 {
		r.low++
	}
	raw, set := f.has.Bytes(), r.among(f)
	for w := r.low; w < len(set); w++ {
		for x := set[w] & wordOf(raw, w); x != 0; {
			k := mathbits.LeadingZeros64(x)
			x &^= 1 << 63 >> k
			if i := w*64 + k; r.ok(f, i) {
				return i
			}
		}
	}
	return -1
}

// chooseSole returns a listed piece that f allows and no other peer has; -1 when there is
// none at hand. It looks at a few only, so that it costs nothing to ask in vain.
func (r *rarity) chooseSole(f *filter) int {
	r.sortIfDue()
	a := 1 - r.seeds // the avail of a piece that one peer has
	if r.stale || a < 0 || a+1 >= len(r.first) {
		return -1
	}
	for _, i := range r.list[r.first[a]:min(r.first[a+1], r.first[a]+soleLimit)] {
		if r.ok(f, int(i)) {
			r.chosen++
			return int(i)
		}
	}
	return -1
}

// sortIfDue sorts a stale list if enough pieces were chosen since the last time.
func (r *rarity) sortIfDue() {
	if r.stale && r.chosen >= len(r.avail)>>sortEvery {
		r.sort()
	}
}

// scan compares the bitfields from a random place on and returns the rarest of
// the pieces it finds, -1 when there is none. With a list of allowed pieces it
// looks at all of them, else at scanLimit.
func (r *rarity) scan(f *filter) int {
	raw, best, seen := f.has.Bytes(), -1, 0
	set := r.among(f)
	w := r.rnd.IntN(len(set))
	for range set {
		for x := set[w] & wordOf(raw, w); x != 0; {
			k := mathbits.LeadingZeros64(x)
			x &^= 1 << 63 >> k
			i := w*64 + k
			seen++
			if r.ok(f, i) && (best < 0 || r.pos[i] < r.pos[best]) {
				best = i
			}
		}
		if seen >= scanLimit && f.only == nil {
			break
		}
		if w++; w == len(set) {
			w = 0
		}
	}
	return best
}
