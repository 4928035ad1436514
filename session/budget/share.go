package budget

import "slices"

// Share splits total into whole parts by demand: everyone gets what it demands as
// long as that is at most its share, and what is left over goes to the
// others. Shares are as the weights of prios, equal where that is nil. What cannot be split evenly goes, one each, to those from first on
// around the list; who moves first on now and then evens that out. The parts are
// appended to dst. Negative demands count as zero.
func Share(dst []int, total int, demands []int, prios []Priority, first int) []int {
	base, n := len(dst), len(demands)
	for range n {
		dst = append(dst, 0)
	}
	parts := dst[base:]
	weight := func(i int) int {
		if prios == nil {
			return 1
		}
		return int(prios[i].weight())
	}
	for total > 0 {
		open := 0
		for i, d := range demands {
			if parts[i] < d {
				open += weight(i)
			}
		}
		if open == 0 {
			break
		}
		whole := total
		for i := range n {
			i = (i + max(first, 0)) % n
			give := min(max(int(portion(int64(whole), int64(weight(i)), int64(open))), 1), demands[i]-parts[i], total)
			if give > 0 {
				parts[i] += give
				total -= give
			}
		}
	}
	return dst
}

// How slots are dealt when the user has not fixed their number.
const (
	slotsEach = 4    // what a torrent chooses at least for itself
	slotsMost = 64   // of all torrents together
	slotBytes = 5000 // of an upload limit that one slot needs to be worth it, in bytes a second
)

// Slots returns how many peers each torrent may upload to at once, in the order of
// interested, which has the number of peers that want something of each; -1 lets the torrent
// choose by its rate.
//
// fixed is the number that the user chose for all together; 0 leaves it to us: then
// torrents choose for themselves as long as slotsEach for each of them is no more than
// slotsMost, and no more than the upload limit up, in bytes a second, can feed. Slots that nobody can use
// lie ready for the next peer: with the only torrent that is busy, or one with each.
func Slots(dst []int, fixed int, up int64, interested []int, prios []Priority, first int) []int {
	base, busy, only := len(dst), 0, -1
	for i, n := range interested {
		if n > 0 {
			busy, only = busy+1, i
		}
	}
	total, each := fixed, fixed
	if fixed <= 0 {
		total, each = slotsMost, slotsEach
		if up > 0 {
			total = int(min(max(up/slotBytes, slotsEach), slotsMost))
		}
		if busy*slotsEach <= total {
			return append(dst, slices.Repeat([]int{-1}, len(interested))...)
		}
	}
	demands := make([]int, len(interested))
	for i, n := range interested {
		demands[i] = min(max(n, 0), each)
	}
	if busy == 0 && len(interested) == 1 {
		busy, only = 1, 0
	}
	if busy == 1 {
		demands[only] = total
	}
	dst = Share(dst, total, demands, prios, first)
	for i := range interested {
		total -= dst[base+i]
		demands[i] = 1
		if dst[base+i] > 0 {
			demands[i] = 0
		}
	}
	for i, n := range Share(nil, total, demands, prios, first) {
		dst[base+i] += n
	}
	return dst
}

// connSpare is how many connections a torrent may have beyond what it can use now, so that
// peers which come to us find a place.
const connSpare = 8

// Connections returns how many connections each torrent may have: want is what each could
// use now, most what each may have at most. Room that nobody wants is spread evenly as spare.
func Connections(dst []int, total, most int, want []int, prios []Priority, first int) []int {
	demands := make([]int, len(want))
	for i, n := range want {
		demands[i] = min(max(n, 0)+connSpare, most)
	}
	base := len(dst)
	dst = Share(dst, total, demands, prios, first)
	left := total
	for i := range want {
		left -= dst[base+i]
	}
	for i := range want {
		demands[i] = most - dst[base+i]
	}
	for i, n := range Share(nil, left, demands, prios, first) {
		dst[base+i] += n
	}
	return dst
}
