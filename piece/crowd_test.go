package piece

import (
	"slices"
	"testing"

	"shoal/internal/block"
	"shoal/metainfo"
)

// crowd is a torrent with many peers: in each step one of them delivers a block and is asked for another.
type crowd struct {
	m     *Manager
	peers []crowdPeer
	byID  map[PeerID]*crowdPeer
	data  *block.Block
	dst   []metainfo.Block
	open  func(int64) bool
	later func(PeerID, metainfo.Block) bool
	depth int
	asked int // picks that had an answer
	idle  int // picks that had none
}

type crowdPeer struct {
	id    PeerID
	has   metainfo.Bitfield
	asked []metainfo.Block
}

// crowdState is a moment of a download: how many pieces, of so many blocks, are lacking, and the budget of open ones.
type crowdState struct {
	name            string
	lacking, blocks int
	room            int64
}

// newCrowd makes peers of which every tenth is a seed and the others have a random share of the pieces.
func newCrowd(t testing.TB, peers, pieces int, s crowdState) *crowd {
	t.Helper()
	rnd := testRand(5)
	length := int64(s.blocks * metainfo.BlockSize)
	info := testInfo(t, int64(pieces)*length, length)
	have := metainfo.NewBitfield(pieces)
	for have.Count() < pieces-s.lacking {
		have.Set(rnd.IntN(pieces))
	}
	c := &crowd{m: NewManager(info, have, testRand(1), Options{}), byID: map[PeerID]*crowdPeer{}, depth: 5, peers: make([]crowdPeer, peers)}
	c.open = func(n int64) bool { return c.m.Memory()+n <= s.room }
	c.later = func(PeerID, metainfo.Block) bool { return false }
	var pool block.Pool
	c.data = pool.Get()
	c.data.Resize(metainfo.BlockSize)
	for k := range c.peers {
		p := &c.peers[k]
		p.id, p.has, p.asked = PeerID(k), metainfo.NewBitfield(pieces), make([]metainfo.Block, 0, c.depth+1)
		share := 1 + rnd.IntN(99)
		for i := range pieces {
			if k%10 == 0 || rnd.IntN(100) < share {
				p.has.Set(i)
			}
		}
		c.byID[p.id] = p
		c.m.AddPeer(p.id)
		c.m.PeerBitfield(&p.has)
	}
	for range 2 * c.depth { // until all are asked
		for k := range c.peers {
			c.ask(&c.peers[k], 1)
		}
	}
	return c
}

// step lets a peer deliver what it was asked for first, and asks it for more. What is verified is lost again, so that
// the torrent stays as full as it is.
func (c *crowd) step(k int) {
	p := &c.peers[k%len(c.peers)]
	if len(p.asked) > 0 {
		b := p.asked[0]
		p.asked = p.asked[:copy(p.asked, p.asked[1:])]
		o := c.m.Received(p.id, b, c.data)
		for _, id := range o.Twins {
			c.byID[id].forget(b)
		}
		if o.Kind == Full {
			c.m.Take(b.Piece)
			c.m.Verified(b.Piece, nil)
			c.m.Lost(b.Piece)
		}
	}
	c.ask(p, c.depth-len(p.asked))
}

func (c *crowd) ask(p *crowdPeer, n int) {
	c.dst = c.m.Pick(c.dst[:0], Query{Peer: p.id, Has: &p.has, N: n, Open: c.open, Later: c.later})
	if len(c.dst) == 0 {
		c.idle++
		return
	}
	c.asked += len(c.dst)
	p.asked = append(p.asked, c.dst...)
	for _, r := range c.m.Revoked() {
		c.byID[r.Peer].forget(r.Block)
	}
}

func (p *crowdPeer) forget(b metainfo.Block) {
	for k := range p.asked {
		if p.asked[k] == b {
			p.asked = append(p.asked[:k], p.asked[k+1:]...)
			return
		}
	}
}

// churn lets peer k leave and come again.
func (c *crowd) churn(k int) {
	p := &c.peers[k%len(c.peers)]
	c.m.RemovePeer(p.id, &p.has)
	p.asked = p.asked[:0]
	c.m.AddPeer(p.id)
	c.m.PeerBitfield(&p.has)
}

// BenchmarkCrowd is one block of a download of 50,000 pieces from a thousand peers: taken in, and another asked for. In the
// last one a peer leaves and another comes every hundred blocks.
func BenchmarkCrowd(b *testing.B) {
	const peers, pieces = 1000, 50_000
	for _, s := range []crowdState{
		{"start", pieces, 16, 64 << 20},
		{"middle", pieces / 2, 16, 64 << 20},
		{"middle, large pieces", pieces / 2, 64, 64 << 20},
		{"middle, little memory", pieces / 2, 64, 16 << 20},
		{"almost done", pieces / 100, 16, 64 << 20},
		{"end game begins", 64, 64, 64 << 20},
		{"end game", 20, 16, 64 << 20},
		{"churn", pieces / 2, 16, 64 << 20},
	} {
		b.Run(s.name, func(b *testing.B) {
			c := newCrowd(b, peers, pieces, s)
			for k := range 20_000 {
				c.step(k)
			}
			c.asked, c.idle = 0, 0
			b.ReportAllocs()
			k := 0
			for b.Loop() {
				c.step(k * 7919) // a prime: not in the order of the peers
				if k++; k%100 == 0 && s.name == "churn" {
					c.churn(k / 100)
				}
			}
			b.ReportMetric(float64(c.asked)/float64(b.N), "asked/op")
			b.ReportMetric(float64(c.idle)/float64(b.N), "invain/op")
		})
	}
}

// TestCrowdAllocs: in no moment of a download does asking a block of one of many peers allocate, nor what they say about
// their pieces.
func TestCrowdAllocs(t *testing.T) {
	const peers, pieces = 100, 2000
	for _, s := range []crowdState{
		{"start", pieces, 16, 8 << 20},
		{"middle", pieces / 2, 16, 8 << 20},
		{"almost done", pieces / 20, 16, 64 << 20},
		{"end game", 10, 16, 64 << 20},
	} {
		c := newCrowd(t, peers, pieces, s)
		for k := range 2000 {
			c.step(k)
		}
		c.asked = 0
		k := 0
		got := testing.AllocsPerRun(5, func() {
			for range 1000 {
				k += 7
				p := &c.peers[k%peers]
				if len(p.asked) > 0 {
					b := p.asked[0]
					p.forget(b)
					c.m.Cancelled(p.id, b)
				}
				c.m.PeerHas(k % pieces)
				c.ask(p, 1)
				c.m.PeerLost(k % pieces)
			}
		})
		if got != 0 || c.asked < 1000 {
			t.Errorf("%s: %.0f allocations for %d blocks", s.name, got, c.asked)
		}
	}
}

// TestW14TwinOfMany: when very much is asked of others and one of them is late, a peer that asks again and again finds
// each of the late blocks, though it looks at few at a time.
func TestW14TwinOfMany(t *testing.T) {
	const pieces, blocks = 40, 32
	w := newWorld(t, testInfo(t, pieces*blocks*metainfo.BlockSize, blocks*metainfo.BlockSize), 1, Options{})
	a, b, c := w.join(setOf(pieces)), w.join(setOf(pieces)), w.join(setOf(pieces))
	w.pick(a, 17)
	tardy := w.pick(c, 3)
	w.pick(a, pieces*blocks)
	if len(a.asked)+len(c.asked) != pieces*blocks || !w.m.Endgame() {
		t.Fatalf("asked %d and %d", len(a.asked), len(c.asked))
	}
	judged := 0
	late := func(id PeerID, _ metainfo.Block) bool { judged++; return id == c.id }
	for tries := 1; len(b.asked) < len(tardy); tries++ {
		w.pick(b, 1, func(q *Query) { q.Later = late })
		if tries > 20*pieces {
			t.Fatalf("found %v of %v", b.asked, tardy)
		}
		if judged > tries*twinLimit {
			t.Fatalf("%d questions in %d searches", judged, tries)
		}
	}
	if !slices.Equal(b.asked, tardy) {
		t.Errorf("asked %v, late were %v", b.asked, tardy)
	}
	w.check()
}

// TestW14TwinInALargePiece: late blocks are found too where they lie behind more than are looked at of the last piece.
func TestW14TwinInALargePiece(t *testing.T) {
	const blocks = 8 * twinLimit
	w := newWorld(t, testInfo(t, blocks*metainfo.BlockSize, blocks*metainfo.BlockSize), 1, Options{})
	a, b, c := w.join(setOf(1)), w.join(setOf(1)), w.join(setOf(1))
	w.pick(a, blocks-3)
	tardy := w.pick(c, 3)
	if len(a.asked)+len(tardy) != blocks {
		t.Fatalf("asked %d and %d", len(a.asked), len(tardy))
	}
	late := func(id PeerID, _ metainfo.Block) bool { return id == c.id }
	for range 10 * blocks / twinLimit {
		w.pick(b, 1, func(q *Query) { q.Later = late })
	}
	if len(b.asked) != len(tardy) {
		t.Errorf("asked %v, late were %v", b.asked, tardy)
	}
	w.check()
}
