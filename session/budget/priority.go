package budget

import "math"

// Priority is that of a torrent against others: -1, 0 or 1. Of what does not suffice for all it gets twice as much as the one below.
type Priority int8

// heaviest is the weight of the highest priority.
const heaviest = 4

// weight returns 1, 2 or 4.
func (p Priority) weight() int64 { return heaviest >> (1 - max(-1, min(p, 1))) }

// portion returns the part of a whole that a weight of so many has.
func portion(whole, weight, of int64) int64 {
	if whole > math.MaxInt64/heaviest { // no limit
		return whole / of * weight
	}
	return whole * weight / of
}
