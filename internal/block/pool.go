package block

import "sync"

// slabBlocks is how many blocks are made at a time: 512 KiB of payload, which the allocator gives without waste, and their
// heads apart from it, whose few bytes would make every buffer one size larger.
const slabBlocks = 32

// slab is what is made, and given back, at a time.
type slab struct {
	pool   *Pool
	free   int  // blocks in pool.free
	going  bool // Trim is giving it back
	blocks [slabBlocks]Block
}

// Pool hands out Blocks, the one that came back last first: it may still be in the processor's cache, and what is not needed
// gathers at the other end. The zero value is ready. One pool belongs to one
// session; there is no pool at package level, so that tests in a bubble share nothing.
//
// What came back is kept until Trim finds that it was not needed for a while.
type Pool struct {
	mu   sync.Mutex
	free []*Block
	low  int // fewest blocks that were free since the last Trim
	made int // blocks, free or not
}

// Get returns a Block with payload length 0.
func (p *Pool) Get() *Block {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take()
}

// Fill puts a Block with payload length 0 into every place of list that is nil. It costs little more than one Get.
func (p *Pool) Fill(list []*Block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range list {
		if list[i] == nil {
			list[i] = p.take()
		}
	}
}

// Trim gives the blocks to the garbage collector that were free ever since the last call. Called now and then, it lets a pool
// follow what is in use with that delay.
func (p *Pool) Trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	spare := p.low
	kept := p.free[:0]
	for _, b := range p.free {
		s := b.slab
		if !s.going && s.free == slabBlocks && spare >= slabBlocks {
			s.going = true
			spare -= slabBlocks
			p.made -= slabBlocks
		}
		if !s.going {
			kept = append(kept, b)
		}
	}
	clear(p.free[len(kept):])
	if p.free = kept; len(kept) == 0 {
		p.free = nil
	}
	p.low = len(kept)
}

// Held returns the bytes of all blocks, in use or kept for reuse.
func (p *Pool) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made * Size
}

// take is Get under the lock.
func (p *Pool) take() *Block {
	if len(p.free) == 0 {
		p.grow()
	}
	last := len(p.free) - 1
	b := p.free[last]
	p.free[last] = nil
	p.free = p.free[:last]
	p.low = min(p.low, last)
	b.slab.free--
	b.n = 0
	return b
}

// put is Release under the lock.
func (p *Pool) put(b *Block) {
	b.slab.free++
	p.free = append(p.free, b)
}

// grow makes a slab.
func (p *Pool) grow() {
	s := &slab{pool: p, free: slabBlocks}
	buf := make([]byte, slabBlocks*Size)
	for i := range s.blocks {
		b := &s.blocks[i]
		b.slab, b.buf = s, (*[Size]byte)(buf[i*Size:])
		p.free = append(p.free, b)
	}
	p.made += slabBlocks
}
