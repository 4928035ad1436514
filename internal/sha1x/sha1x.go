// Package sha1x computes SHA-1 (FIPS 180-4) of up to four messages of equal length side by side. One message is a
// chain of steps in which each waits for the one before, and the SHA instructions of a processor wait with it; steps of
// other messages fit into these gaps, so that four cost little more than one. Where there are no such
// instructions, and for one message, it is crypto/sha1. Anybody may use it; a Hasher belongs to one
// goroutine at a time.
package sha1x

import (
	"crypto/sha1"
	"encoding/binary"
	"hash"
)

const (
	// Lanes is how many messages go side by side at most.
	Lanes = 4
	// Size of a digest in bytes.
	Size = sha1.Size
	// BlockSize is the step in bytes in which messages are hashed.
	BlockSize = sha1.BlockSize
)

// Hasher hashes some messages of equal length. The zero value is ready for Reset. It keeps its
// memory: nothing is allocated after each lane was used once.
type Hasher struct {
	n      int
	length uint64 // bytes of each message so far
	inStep bool   // the lanes go side by side; else each has its own of alone

	state [Lanes][5]uint32
	rest  int                        // bytes of tail after the last whole block
	tail  [Lanes][2 * BlockSize]byte // what is left of each message, and then its padding
	sums  [Lanes][Size]byte
	ended bool // sums are right

	alone [Lanes]hash.Hash
}

// Reset begins n new messages, 1 <= n <= Lanes.
func (h *Hasher) Reset(n int) {
	h.n, h.length, h.rest, h.ended = n, 0, 0, false
	h.inStep = n > 1 && fast
	if h.inStep {
		for i := range n {
			h.state[i] = [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
		}
		return
	}
	for i := range n {
		if h.alone[i] == nil {
			h.alone[i] = sha1.New()
		}
		h.alone[i].Reset()
	}
}

// Write continues each message with its chunk. There is one chunk a message, and all are equally long. With more
// than one message the length is a multiple of BlockSize in every Write but the last.
func (h *Hasher) Write(chunks [][]byte) {
	if !h.inStep {
		for i, c := range chunks {
			h.alone[i].Write(c)
		}
		return
	}
	var p [Lanes]*byte
	size := len(chunks[0])
	h.length += uint64(size)
	h.rest = size % BlockSize
	whole := size - h.rest
	for i, c := range chunks {
		copy(h.tail[i][:], c[whole:size])
		if whole > 0 {
			p[i] = &c[0]
		}
	}
	if whole > 0 {
		blocks(&h.state, &p, h.n, whole/BlockSize)
	}
}

// Sum returns the digest of message i. No Write may follow.
func (h *Hasher) Sum(i int) [Size]byte {
	if !h.ended {
		h.end()
		h.ended = true
	}
	return h.sums[i]
}

// end hashes the padding of every message.
func (h *Hasher) end() {
	if !h.inStep {
		for i := range h.n {
			h.alone[i].Sum(h.sums[i][:0])
		}
		return
	}
	size := BlockSize
	if h.rest > BlockSize-9 { // no room for the mark and the length
		size *= 2
	}
	var p [Lanes]*byte
	for i := range h.n {
		t := h.tail[i][:size]
		clear(t[h.rest:])
		t[h.rest] = 0x80
		binary.BigEndian.PutUint64(t[size-8:], h.length*8)
		p[i] = &t[0]
	}
	blocks(&h.state, &p, h.n, size/BlockSize)
	for i := range h.n {
		for k, word := range h.state[i] {
			binary.BigEndian.PutUint32(h.sums[i][4*k:], word)
		}
	}
}
