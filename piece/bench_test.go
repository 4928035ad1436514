package piece

import (
	"fmt"
	"testing"

	"shoal/internal/block"
	"shoal/metainfo"
)

// TestBlockPathAllocs: asking for blocks and taking them in allocates nothing per block; one
// job and its list of blocks are made per piece.
func TestBlockPathAllocs(t *testing.T) {
	const blocks = 256
	length := int64(blocks * metainfo.BlockSize)
	info := testInfo(t, 4000*length, length)
	n := info.NumPieces()
	m := NewManager(info, metainfo.Bitfield{}, testRand(1), Options{})
	has := setOf(n)
	m.AddPeer(1)
	m.PeerBitfield(has)
	m.AddPeer(2)
	var data block.Pool
	block := data.Get()
	block.Resize(metainfo.BlockSize)
	dst := make([]metainfo.Block, 0, 64)
	open := func(int64) bool { return true }
	piece := func() {
		for range blocks / 64 {
			dst = m.Pick(dst[:0], Query{Peer: 1, Has: has, N: 64, Open: open})
			for _, b := range dst {
				switch out := m.Received(1, b, block); out.Kind {
				case Stored:
				case Full:
					m.Take(b.Piece)
					m.Verified(b.Piece, nil)
				default:
					t.Fatalf("%+v", out)
				}
			}
		}
	}
	piece()
	if got := testing.AllocsPerRun(200, piece); got > 2 {
		t.Errorf("%.0f allocations for the %d blocks of a piece, want the job and its list", got, blocks)
	}
	if got := testing.AllocsPerRun(1000, func() {
		dst = m.Pick(dst[:0], Query{Peer: 1, Has: has, N: 1, Open: open})
		m.Cancelled(1, dst[0])
	}); got != 0 {
		t.Errorf("%.1f allocations to pick and cancel a block", got)
	}
}

// The largest torrent there may be: 2^21 pieces, 2 TiB.
const manyPieces = metainfo.MaxPieces

func largeManager(b testing.TB) *Manager {
	info := testInfo(b, manyPieces<<20, 1<<20)
	return NewManager(info, metainfo.Bitfield{}, testRand(1), Options{})
}

// someOf returns a set with each piece for which f is true.
func someOf(f func(i int) bool) *metainfo.Bitfield {
	s := metainfo.NewBitfield(manyPieces)
	for i := range manyPieces {
		if f(i) {
			s.Set(i)
		}
	}
	return &s
}

// BenchmarkBlock is the cost of one block: asked for, taken in, and its share of opening and closing a piece.
func BenchmarkBlock(b *testing.B) {
	m := largeManager(b)
	has := setOf(manyPieces)
	m.AddPeer(1)
	m.PeerBitfield(has)
	var pool block.Pool
	data := pool.Get()
	data.Resize(metainfo.BlockSize)
	dst := make([]metainfo.Block, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		if len(dst) == 0 {
			dst = m.Pick(dst[:0], Query{Peer: 1, Has: has, N: cap(dst)})
		}
		x := dst[len(dst)-1]
		dst = dst[:len(dst)-1]
		if m.Received(1, x, data).Kind == Full {
			m.Take(x.Piece)
			m.Verified(x.Piece, nil)
			m.Lost(x.Piece)
		}
	}
}

func BenchmarkNewManager(b *testing.B) {
	for b.Loop() {
		largeManager(b)
	}
}

// BenchmarkPick opens pieces: one Pick is one piece of 64 blocks.
func BenchmarkPick(b *testing.B) {
	rnd := testRand(2)
	for _, c := range []struct {
		name string
		has  *metainfo.Bitfield
	}{
		{"everything", setOf(manyPieces)},
		{"half", someOf(func(int) bool { return rnd.IntN(2) == 0 })},
		{"one in a thousand", someOf(func(int) bool { return rnd.IntN(1000) == 0 })},
		{"one piece, the last", setOf(manyPieces, manyPieces-1)},
		{"nothing", someOf(func(int) bool { return false })},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := largeManager(b)
			other := someOf(func(int) bool { return rnd.IntN(3) == 0 })
			m.AddPeer(1)
			m.PeerBitfield(c.has)
			m.AddPeer(2)
			m.PeerBitfield(other)
			dst := make([]metainfo.Block, 0, 64)
			for b.Loop() {
				dst = m.Pick(dst[:0], Query{Peer: 1, Has: c.has, N: 64})
				for _, x := range dst {
					m.Cancelled(1, x)
				}
				if len(dst) > 0 {
					m.GiveUp(dst[0].Piece)
				}
			}
		})
	}
}

func BenchmarkPeer(b *testing.B) {
	rnd := testRand(2)
	for _, c := range []struct {
		name string
		has  *metainfo.Bitfield
	}{
		{"everything", setOf(manyPieces)},
		{"half", someOf(func(int) bool { return rnd.IntN(2) == 0 })},
		{"few", setOf(manyPieces, 1, 2, 3, 4000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := largeManager(b)
			for k := PeerID(0); b.Loop(); k++ {
				m.AddPeer(k)
				m.PeerBitfield(c.has)
				m.RemovePeer(k, c.has)
			}
		})
	}
	b.Run("have", func(b *testing.B) {
		m := largeManager(b)
		for k := 0; b.Loop(); k++ {
			m.PeerHas(k % manyPieces)
		}
	})
	b.Run("interest", func(b *testing.B) {
		m, has := largeManager(b), setOf(manyPieces)
		for b.Loop() {
			if m.Interesting(has) != manyPieces {
				b.Fatal(fmt.Sprint(m.Left()))
			}
		}
	})
}
