// Package block owns the pooled 16 KiB buffers that carry block payloads from
// a socket to the disk. Any goroutine may use a Pool; a Block itself has one
// owner at a time, handed along: reader, event, manager, disk job, pool.
package block

import "sync"

// Size is the capacity of a Block in bytes, the block size of BEP 3.
const Size = 16 << 10

// Block is one pooled buffer. Its owner may read and write it; Release ends
// the ownership.
type Block struct {
	pool *Pool
	n    int
	buf  [Size]byte
}

// Bytes returns the payload. The slice dies with Release.
func (b *Block) Bytes() []byte { return b.buf[:b.n] }

// Resize sets the length of the payload to n bytes, 0 <= n <= Size, and
// returns it for writing; the bytes are whatever the buffer held before.
func (b *Block) Resize(n int) []byte {
	b.n = n
	return b.buf[:n]
}

// Release gives the buffer back to its pool. The caller must not use the
// Block afterwards.
func (b *Block) Release() { b.pool.free.Put(b) }

// Pool hands out Blocks. The zero value is ready. One pool belongs to one
// session; there is no pool at package level, so that tests in a bubble
// share nothing.
type Pool struct{ free sync.Pool }

// Get returns a Block with payload length 0.
func (p *Pool) Get() *Block {
	if b, ok := p.free.Get().(*Block); ok {
		b.n = 0
		return b
	}
	return &Block{pool: p}
}
