// Package block owns the pooled 16 KiB buffers that carry block payloads from
// a socket to the disk. Any goroutine may use a Pool; a Block itself has one
// owner at a time, handed along: reader, event, manager, disk job, pool.
package block

// Size is the capacity of a Block in bytes, the block size of BEP 3.
const Size = 16 << 10

// Block is one pooled buffer. Its owner may read and write it; Release ends
// the ownership.
type Block struct {
	slab *slab
	n    int
	buf  *[Size]byte
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
func (b *Block) Release() {
	p := b.slab.pool
	p.mu.Lock()
	p.put(b)
	p.mu.Unlock()
}

// Release gives all blocks of list back, which is much cheaper than one by one. The caller must not use them
// afterwards; the list is as it was.
func Release(list []*Block) {
	for len(list) > 0 {
		p, n := list[0].slab.pool, 0
		p.mu.Lock()
		for ; n < len(list) && list[n].slab.pool == p; n++ {
			p.put(list[n])
		}
		p.mu.Unlock()
		list = list[n:]
	}
}
