package metainfo

import (
	"encoding/binary"
	"math/bits"
)

// Bitfield is a set of piece indexes in the order of BEP 3: bit 7 of byte 0
// is piece 0. The zero value is an empty set of length 0. It is not safe for
// use by several goroutines while one of them writes.
type Bitfield struct {
	bits []byte
	n    int
	set  int
}

// NewBitfield returns an empty set for n pieces.
func NewBitfield(n int) Bitfield { return Bitfield{bits: make([]byte, (n+7)/8), n: n} }

// ParseBitfield copies the wire form b into a set for n pieces. It reports
// false when the length is not exactly right or a spare bit is set.
func ParseBitfield(b []byte, n int) (Bitfield, bool) {
	if len(b) != (n+7)/8 {
		return Bitfield{}, false
	}
	if n%8 != 0 && b[len(b)-1]<<(n%8) != 0 {
		return Bitfield{}, false
	}
	f := Bitfield{bits: append([]byte(nil), b...), n: n}
	for _, c := range b {
		f.set += bits.OnesCount8(c)
	}
	return f, true
}

// Len returns the number of pieces the set is for.
func (f *Bitfield) Len() int { return f.n }

// Count returns how many pieces are in the set. It costs nothing.
func (f *Bitfield) Count() int { return f.set }

// All reports whether every piece is in the set.
func (f *Bitfield) All() bool { return f.set == f.n }

// Has reports whether piece i is in the set; false when i is out of range.
func (f *Bitfield) Has(i int) bool {
	return i >= 0 && i < f.n && f.bits[i>>3]&(0x80>>(i&7)) != 0
}

// Set puts piece i into the set and reports whether that changed it. An i
// out of range changes nothing.
func (f *Bitfield) Set(i int) bool {
	if i < 0 || i >= f.n || f.Has(i) {
		return false
	}
	f.bits[i>>3] |= 0x80 >> (i & 7)
	f.set++
	return true
}

// Clear takes piece i out of the set and reports whether that changed it.
func (f *Bitfield) Clear(i int) bool {
	if !f.Has(i) {
		return false
	}
	f.bits[i>>3] &^= 0x80 >> (i & 7)
	f.set--
	return true
}

// SetAll puts every piece into the set.
func (f *Bitfield) SetAll() {
	for i := range f.bits {
		f.bits[i] = 0xff
	}
	if f.n%8 != 0 {
		f.bits[len(f.bits)-1] = 0xff << (8 - f.n%8)
	}
	f.set = f.n
}

// And returns the pieces that are in f and in other, as a set of f's length. A shorter other has nothing beyond its end.
func (f *Bitfield) And(other *Bitfield) Bitfield {
	return f.combine(other, func(a, b byte) byte { return a & b })
}

// Without returns the pieces that are in f but not in other, as a set of f's length.
func (f *Bitfield) Without(other *Bitfield) Bitfield {
	return f.combine(other, func(a, b byte) byte { return a &^ b })
}

func (f *Bitfield) combine(other *Bitfield, op func(a, b byte) byte) Bitfield {
	out := NewBitfield(f.n)
	for i, a := range f.bits {
		var b byte
		if i < len(other.bits) {
			b = other.bits[i]
		}
		out.bits[i] = op(a, b)
		out.set += bits.OnesCount8(out.bits[i])
	}
	return out
}

// AnyBeyond reports whether some piece is in f and not in other, a set of the same length.
func (f *Bitfield) AnyBeyond(other *Bitfield) bool {
	a, b := f.bits, other.bits[:len(f.bits)]
	for ; len(a) >= 8; a, b = a[8:], b[8:] {
		if binary.NativeEndian.Uint64(a)&^binary.NativeEndian.Uint64(b) != 0 {
			return true
		}
	}
	for i := range a {
		if a[i]&^b[i] != 0 {
			return true
		}
	}
	return false
}

// Bytes returns the wire form. The caller must not write to it, and must copy
// it if the set may change meanwhile.
func (f *Bitfield) Bytes() []byte { return f.bits }

// Clone returns an independent copy.
func (f *Bitfield) Clone() Bitfield {
	return Bitfield{bits: append([]byte(nil), f.bits...), n: f.n, set: f.set}
}
