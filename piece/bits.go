package piece

import (
	"encoding/binary"
	mathbits "math/bits"

	"shoal/metainfo"
)

// bits is a set of piece indexes in words of 64, piece 0 at the top of word
// 0. That is the bit order of the wire form, so that a peer's bitfield can be
// compared with it a word at a time.
type bits []uint64

func newBits(n int) bits { return make(bits, (n+63)/64) }

func (b bits) has(i int) bool { return b[i>>6]&(1<<63>>(i&63)) != 0 }
func (b bits) set(i int)      { b[i>>6] |= 1 << 63 >> (i & 63) }
func (b bits) clear(i int)    { b[i>>6] &^= 1 << 63 >> (i & 63) }

// all yields the indexes in b, in order.
func (b bits) all(yield func(i int) bool) {
	for w, x := range b {
		for x != 0 {
			k := mathbits.LeadingZeros64(x)
			x &^= 1 << 63 >> k
			if !yield(w*64 + k) {
				return
			}
		}
	}
}

// common returns how many pieces are in both b and has.
func (b bits) common(has *metainfo.Bitfield) int {
	raw, n := has.Bytes(), 0
	for w := range b {
		n += mathbits.OnesCount64(b[w] & wordOf(raw, w))
	}
	return n
}

// wordOf returns word w of a bitfield in wire form; what lies beyond its end
// counts as zeros.
func wordOf(raw []byte, w int) uint64 {
	off := w * 8
	if off+8 <= len(raw) {
		return binary.BigEndian.Uint64(raw[off:])
	}
	var tail [8]byte
	if off < len(raw) {
		copy(tail[:], raw[off:])
	}
	return binary.BigEndian.Uint64(tail[:])
}
