package mse

// words is xor for whole words of eight bytes; i+1 is a multiple of eight.
func (c *arc4) words(p []byte) {
	if len(p) > 0 {
		c.j = uint8(xorWords(&c.s, uint64(c.i+1), uint64(c.j), &p[0], len(p)/8))
		c.i += uint8(len(p))
	}
}

// xorWords turns n > 0 words of eight bytes at p into themselves xor the key stream and returns the new j. i is the index of the
// first look into s and a multiple of eight.
//
//go:noescape
func xorWords(s *[256]uint32, i, j uint64, p *byte, n int) uint64
