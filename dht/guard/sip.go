package guard

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// sipKey is the secret of SipHash-2-4 (Aumasson, Bernstein), a keyed hash for
// short inputs: nobody without the key can forge a tag or aim at a slot of a table.
type sipKey struct{ k0, k1 uint64 }

// hash returns SipHash-2-4 of the words, taken as little-endian bytes.
func (k sipKey) hash(words ...uint64) uint64 {
	v0, v1 := k.k0^0x736f6d6570736575, k.k1^0x646f72616e646f6d
	v2, v3 := k.k0^0x6c7967656e657261, k.k1^0x7465646279746573
	round := func() {
		v0 += v1
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v3
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 += v3
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 += v1
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v2 = bits.RotateLeft64(v2, 32)
	}
	for _, w := range words {
		v3 ^= w
		round()
		round()
		v0 ^= w
	}
	last := uint64(len(words)*8) << 56
	v3 ^= last
	round()
	round()
	v0 ^= last
	v2 ^= 0xff
	for range 4 {
		round()
	}
	return v0 ^ v1 ^ v2 ^ v3
}

// What a hash is for; part of its input, so that no two uses share values.
const (
	useTag = iota + 1
	useSource
	usePrefix
	useReply
	usePeer
	useQuery
	useOwner
	useID
)

// words returns an address and what the hash is for as words, with room for extra
// bits above bit 32 of the third.
func words(use uint64, a netip.Addr, port uint16) (hi, lo, rest uint64) {
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), use<<16 | uint64(port)
}

func (k sipKey) addr(use uint64, a netip.Addr, port uint16) uint64 {
	hi, lo, rest := words(use, a, port)
	return k.hash(hi, lo, rest)
}

// pack turns up to 16 bytes into two words.
func pack(t []byte) (a, b uint64) {
	var p [16]byte
	copy(p[:], t)
	return binary.LittleEndian.Uint64(p[:8]), binary.LittleEndian.Uint64(p[8:])
}
