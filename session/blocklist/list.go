// Package blocklist reads lists of address ranges that nobody is to be connected with, and looks addresses up in them. A List is
// immutable: any goroutine may ask it. Parse is a function of its reader and may be called by any goroutine.
package blocklist

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// List is a set of addresses. The zero value and nil are empty. A range of IPv4 takes 8 bytes, one of IPv6 32.
type List struct {
	v4 []span[uint32]
	v6 []span[wide]
}

// span is a range of addresses, both ends included.
type span[T any] struct{ from, to T }

// wide is an IPv6 address: its upper and its lower half.
type wide struct{ hi, lo uint64 }

// Blocks says whether the address is in the list. IPv4 addresses in IPv6 clothing count as what they are, and zones do not count.
// It allocates nothing.
func (l *List) Blocks(a netip.Addr) bool {
	if l == nil {
		return false
	}
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return within(l.v4, binary.BigEndian.Uint32(b[:]), compare4)
	}
	return a.Is6() && within(l.v6, widen(a), compare6)
}

// Ranges returns how many ranges there are after those that touch were joined.
func (l *List) Ranges() int {
	if l == nil {
		return 0
	}
	return len(l.v4) + len(l.v6)
}

func within[T any](spans []span[T], a T, compare func(a, b T) int) bool {
	low, high := 0, len(spans) // the ranges before low begin at or before a, those from high on behind it
	for low < high {
		if mid := int(uint(low+high) >> 1); compare(spans[mid].from, a) <= 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low > 0 && compare(a, spans[low-1].to) <= 0
}

func compare4(a, b uint32) int { return cmp.Compare(a, b) }

func compare6(a, b wide) int {
	if a.hi != b.hi {
		return cmp.Compare(a.hi, b.hi)
	}
	return cmp.Compare(a.lo, b.lo)
}

func next4(a uint32) (uint32, bool) { return a + 1, a+1 != 0 }

func next6(a wide) (wide, bool) {
	if a.lo++; a.lo == 0 {
		a.hi++
	}
	return a, a != wide{}
}

func widen(a netip.Addr) wide {
	b := a.As16()
	return wide{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// merged sorts the ranges and joins those that overlap or touch. The result holds no more memory than it needs. next returns the
// address behind one, false behind the last.
func merged[T any](spans []span[T], compare func(a, b T) int, next func(T) (T, bool)) []span[T] {
	slices.SortFunc(spans, func(a, b span[T]) int { return compare(a.from, b.from) })
	kept := spans[:0]
	for _, s := range spans {
		if n := len(kept); n > 0 {
			last := &kept[n-1]
			if behind, ok := next(last.to); !ok || compare(s.from, behind) <= 0 {
				if compare(s.to, last.to) > 0 {
					last.to = s.to
				}
				continue
			}
		}
		kept = append(kept, s)
	}
	return append(make([]span[T], 0, len(kept)), kept...)
}
