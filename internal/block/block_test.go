package block

import (
	"math/rand/v2"
	"sync"
	"testing"
)

// A Block comes back empty and keeps its room, whatever its last owner did with it.
func TestPool(t *testing.T) {
	var p, other Pool
	for n := range 100 {
		b := p.Get()
		if len(b.Bytes()) != 0 {
			t.Fatalf("a new block has %d bytes", len(b.Bytes()))
		}
		if got := b.Resize(Size - n); len(got) != Size-n || len(b.Bytes()) != Size-n || &got[0] != &b.Bytes()[0] {
			t.Fatalf("resized to %d: %d and %d bytes", Size-n, len(got), len(b.Bytes()))
		}
		b.Release()
		if again := p.Get(); again != b {
			t.Fatal("the block that came back last is not the next")
		} else {
			again.Release()
		}
		if o := other.Get(); o.slab.pool != &other {
			t.Fatal("a block went to another pool")
		}
	}
}

// No two owners share a byte, whoever takes and gives back in which order and at which moment.
func TestBlocksAreApart(t *testing.T) {
	var p Pool
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			var held []*Block
			for n := range 300 {
				switch k := rnd.IntN(4); {
				case k == 0:
					held = append(held, p.Get())
				case k == 1:
					more := make([]*Block, 1+rnd.IntN(20))
					p.Fill(more)
					held = append(held, more...)
				case k == 2 && n%8 == 0:
					p.Trim()
				default:
					cut := rnd.IntN(len(held) + 1)
					Release(held[cut:])
					held = held[:cut]
				}
				for i, b := range held {
					mark := b.Resize(Size)
					mark[0], mark[Size-1] = byte(g), byte(i)
				}
				for i, b := range held {
					if got := b.Bytes(); len(got) != Size || got[0] != byte(g) || got[Size-1] != byte(i) {
						t.Errorf("block %d of %d was written by somebody else", i, len(held))
						return
					}
				}
			}
			Release(held)
		})
	}
	wg.Wait()
	p.Trim()
	p.Trim()
	if p.Held() != 0 || len(p.free) != 0 {
		t.Errorf("%d bytes in %d blocks are held at the end", p.Held(), len(p.free))
	}
}

// Fill leaves alone what is there.
func TestFill(t *testing.T) {
	var p Pool
	first := p.Get()
	list := []*Block{nil, first, nil}
	p.Fill(list)
	if list[1] != first || list[0] == nil || list[2] == nil || list[0] == list[2] || list[0] == first {
		t.Errorf("%p became %p", first, list)
	}
}

// Memory follows what is in use, one Trim late, and what is in use is not touched.
func TestTrim(t *testing.T) {
	var p Pool
	list := make([]*Block, 20*slabBlocks)
	p.Fill(list)
	full := p.Held()
	if full != len(list)*Size {
		t.Fatalf("%d blocks hold %d bytes", len(list), full)
	}
	Release(list[slabBlocks:])
	p.Trim()
	if p.Held() != full {
		t.Error("blocks that were in use since the last Trim are gone")
	}
	busy := make([]*Block, 4*slabBlocks) // a part is needed meanwhile
	p.Fill(busy)
	Release(busy)
	p.Trim()
	if want := 5 * slabBlocks * Size; p.Held() != want {
		t.Errorf("%d bytes are held, %d were in use at once", p.Held(), want)
	}
	p.Trim()
	if want := slabBlocks * Size; p.Held() != want {
		t.Errorf("%d bytes are held for the %d in use", p.Held(), want)
	}
	Release(list[:slabBlocks])
	p.Trim()
	p.Trim()
	if p.Held() != 0 {
		t.Errorf("%d bytes are held for nothing", p.Held())
	}
}

// A pool in use makes nothing new.
func TestSteadyPoolAllocates(t *testing.T) {
	var p Pool
	list := make([]*Block, 40)
	if n := testing.AllocsPerRun(100, func() {
		clear(list)
		p.Fill(list)
		Release(list)
		p.Get().Release()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGetRelease(b *testing.B) {
	var p Pool
	b.ReportAllocs()
	for b.Loop() {
		p.Get().Release()
	}
}

// BenchmarkFill takes and gives back 16 blocks at a time, as a reader and a worker do. One op is one block.
func BenchmarkFill(b *testing.B) {
	var p Pool
	list := make([]*Block, 16)
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(list) {
		clear(list)
		p.Fill(list)
		Release(list)
	}
}
