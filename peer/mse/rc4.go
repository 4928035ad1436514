package mse

import "encoding/binary"

// arc4 is the cipher RC4. It is all that an encrypted connection costs, and crypto/rc4 goes a byte at a time. Here
// eight bytes of the key stream are made before the data is touched, so that no store into it stands in the
// way of the next look into the table; on amd64 the looks of four bytes overlap as well (BenchmarkStream).
type arc4 struct {
	s    [256]uint32 // a byte each, in words: stores to them are told apart sooner
	i, j uint8
}

// newARC4 returns the cipher at the start of the stream of key, which is not empty.
func newARC4(key []byte) *arc4 {
	c := new(arc4)
	for i := range c.s {
		c.s[i] = uint32(i)
	}
	j := uint8(0)
	for i := range c.s {
		j += uint8(c.s[i]) + key[i%len(key)]
		c.s[i], c.s[j] = c.s[j], c.s[i]
	}
	return c
}

// xor turns p into itself xor the next bytes of the key stream.
func (c *arc4) xor(p []byte) {
	// Words begin where i+1 is a multiple of eight, so that the index does not wrap within one.
	head := min(int(7-c.i%8), len(p))
	c.bytes(p[:head])
	p = p[head:]
	whole := len(p) &^ 7
	c.words(p[:whole])
	c.bytes(p[whole:])
}

// bytes is xor, a byte at a time.
func (c *arc4) bytes(p []byte) {
	j, k := c.j, uint32(0)
	for n := range p {
		c.i++
		j, k = next(&c.s, c.i, j)
		p[n] ^= uint8(k)
	}
	c.j = j
}

// goWords is xor for whole words of eight bytes, on any processor.
func (c *arc4) goWords(p []byte) {
	s, i, j, k := &c.s, c.i, c.j, uint32(0)
	for len(p) >= 8 {
		j, k = next(s, i+1, j)
		word := uint64(k)
		j, k = next(s, i+2, j)
		word |= uint64(k) << 8
		j, k = next(s, i+3, j)
		word |= uint64(k) << 16
		j, k = next(s, i+4, j)
		word |= uint64(k) << 24
		j, k = next(s, i+5, j)
		word |= uint64(k) << 32
		j, k = next(s, i+6, j)
		word |= uint64(k) << 40
		j, k = next(s, i+7, j)
		word |= uint64(k) << 48
		i += 8
		j, k = next(s, i, j)
		word |= uint64(k) << 56
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^word)
		p = p[8:]
	}
	c.i, c.j = i, j
}

// next makes one byte of the key stream: i was moved on already, j is moved and returned. It is small enough to be inlined.
func next(s *[256]uint32, i, j uint8) (uint8, uint32) {
	x := s[i]
	j += uint8(x)
	y := s[j]
	s[i], s[j] = y, x
	return j, s[uint8(x+y)]
}
