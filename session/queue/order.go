package queue

import (
	"cmp"
	"slices"

	"shoal/status"
)

// An order is a slice of keys without repetitions: the position of a torrent is the index of its key. So positions are dense
// by construction. The functions below change the order in place and return it; keys that it does not have, and
// repetitions, are passed over. They take time in proportion to the lengths of both lists.

// Dense makes an order of keys that have positions from elsewhere, with gaps and repetitions: by position, and among
// equals as they stand in keys.
func Dense[K comparable](keys []K, position func(K) int) []K {
	type placed struct {
		key K
		at  int
	}
	all := make([]placed, len(keys))
	for i, k := range keys {
		all[i] = placed{k, position(k)}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	order, seen := make([]K, 0, len(keys)), make(map[K]bool, len(keys))
	for _, p := range all {
		if !seen[p.key] {
			seen[p.key] = true
			order = append(order, p.key)
		}
	}
	return order
}

// Move moves keys one step or all the way, keeping the order that they have among themselves. Up and down are steps past the
// next one that does not move; those that have arrived stay.
func Move[K comparable](order, keys []K, to status.QueueMove) []K {
	moving := set(keys)
	switch to {
	case status.QueueTop:
		return Place(order, keys, 0)
	case status.QueueBottom:
		return Place(order, keys, len(order))
	case status.QueueUp:
		for i := 1; i < len(order); i++ {
			if moving[order[i]] && !moving[order[i-1]] {
				order[i-1], order[i] = order[i], order[i-1]
			}
		}
	case status.QueueDown:
		for i := len(order) - 2; i >= 0; i-- {
			if moving[order[i]] && !moving[order[i+1]] {
				order[i], order[i+1] = order[i+1], order[i]
			}
		}
	}
	return order
}

// Place moves keys so that the first of them has position at, or the nearest to it that there is, and the others follow it, in
// the order that they have among themselves.
func Place[K comparable](order, keys []K, at int) []K {
	moving := set(keys)
	var moved []K
	rest := order[:0]
	for _, k := range order {
		if moving[k] {
			moved = append(moved, k)
		} else {
			rest = append(rest, k)
		}
	}
	return slices.Insert(rest, min(max(at, 0), len(rest)), moved...)
}

// Insert puts new keys at a position, as Place does, in the order given. Keys that the order has already stay where they are.
func Insert[K comparable](order, keys []K, at int) []K {
	known := set(order)
	var fresh []K
	for _, k := range keys {
		if !known[k] {
			known[k] = true
			fresh = append(fresh, k)
		}
	}
	return slices.Insert(order, min(max(at, 0), len(order)), fresh...)
}

// Remove takes keys out of the order.
func Remove[K comparable](order, keys []K) []K {
	gone := set(keys)
	return slices.DeleteFunc(order, func(k K) bool { return gone[k] })
}

func set[K comparable](keys []K) map[K]bool {
	s := make(map[K]bool, len(keys))
	for _, k := range keys {
		s[k] = true
	}
	return s
}
