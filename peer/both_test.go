package peer

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/block"
	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// trader is a Handler that serves all of data and fetches all of it too,
// changing its mind about some requests on the way.
type trader struct {
	t    *testing.T
	c    *Conn
	info *metainfo.Info
	data []byte
	rnd  *rand.Rand

	todo     []metainfo.Block
	got      []byte
	left     int
	rejected int
	done     chan struct{} // closed when got is complete

	mu       sync.Mutex
	uploaded int // blocks
	queued   int // blocks
}

func newTrader(t *testing.T, c *Conn, info *metainfo.Info, data []byte, seed uint64) *trader {
	tr := &trader{t: t, c: c, info: info, data: data, rnd: rand.New(rand.NewPCG(seed, 0)), got: make([]byte, len(data)), done: make(chan struct{})}
	for i := range info.NumPieces() {
		for n := range info.NumBlocks(i) {
			tr.todo = append(tr.todo, info.BlockAt(i, n))
		}
	}
	tr.left = len(tr.todo)
	tr.ask(50)
	return tr
}

func (tr *trader) ask(n int) {
	for range min(n, len(tr.todo)) {
		b := tr.todo[0]
		tr.todo = tr.todo[1:]
		m := wire.Message{Kind: wire.Request, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)}
		tr.c.Send(m)
		if tr.rnd.IntN(10) == 0 {
			m.Kind = wire.Cancel
			tr.c.Send(m)
		}
	}
}

func (tr *trader) Messages(batch []wire.Message) []wire.Message {
	for _, m := range batch {
		n := m.Length
		if m.Block != nil {
			n = uint32(len(m.Block.Bytes()))
		}
		b, err := tr.info.Block(m.Index, m.Begin, n)
		if err != nil {
			tr.t.Error(err)
			return nil
		}
		switch m.Kind {
		case wire.Request:
			tr.c.Upload(b)
			tr.count(&tr.queued, 1)
		case wire.Cancel:
			if tr.c.CancelUpload(b) {
				tr.count(&tr.queued, -1)
				m.Kind = wire.Reject
				tr.c.Send(m)
			}
		case wire.Reject:
			tr.rejected++
			tr.todo = append(tr.todo, b)
			tr.ask(1)
		case wire.Piece:
			copy(tr.got[tr.info.PieceOffset(b.Piece)+int64(b.Begin):], m.Block.Bytes())
			m.Block.Release()
			if tr.left--; tr.left == 0 {
				close(tr.done)
			}
			tr.ask(1)
		}
	}
	return batch[:0]
}

func (tr *trader) count(n *int, by int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	*n += by
}

func (tr *trader) Uploaded(blocks, _ int) { tr.count(&tr.uploaded, blocks) }
func (tr *trader) Closed(error)           {}

// Both sides send and fetch at once, with cancels; every block comes exactly once.
func TestTradeBothWays(t *testing.T) {
	info, data := fakepeer.Content("x", 6<<20+5, 256<<10, 9)
	for name, tc := range map[string]struct {
		link simnet.Link
		open Opening
	}{
		"fast":      {simnet.Link{Latency: time.Millisecond}, OpenPlain},
		"slow":      {simnet.Link{Up: 300e3, Down: 1e6, Latency: 80 * time.Millisecond}, OpenPlain},
		"encrypted": {simnet.Link{Latency: time.Millisecond}, OpenRC4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var traders []*trader
				var wg sync.WaitGroup
				for i, c := range shaken(t, tc.link, tc.open) {
					if c.Encrypted() != (tc.open == OpenRC4) {
						t.Errorf("side %d: encrypted %v", i, c.Encrypted())
					}
					tr := newTrader(t, c, info, data, uint64(i)) // queues before Run
					traders = append(traders, tr)
					wg.Go(func() { c.Run(context.Background(), tr, &pieces{info, data}) })
				}
				for _, tr := range traders {
					<-tr.done
				}
				synctest.Wait()
				for i, tr := range traders {
					if !bytes.Equal(tr.got, data) {
						t.Errorf("side %d got other bytes", i)
					}
					if tr.uploaded != tr.queued || tr.uploaded != blocksOf(info) {
						t.Errorf("side %d: %d blocks queued, %d reported, %d exist", i, tr.queued, tr.uploaded, blocksOf(info))
					}
					if name == "slow" && tr.rejected == 0 {
						t.Errorf("side %d: no cancel came in time", i)
					}
				}
				traders[0].c.Close(nil)
				wg.Wait()
			})
		})
	}
}

// shaken returns both ends of a connection after their handshake.
func shaken(t *testing.T, link simnet.Link, o Opening) (conns [2]*Conn) {
	t.Helper()
	x, y := sockets(t, link, link)
	cfg := &Config{Pool: new(block.Pool)}
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		if conns[1], _, err = Accept(t.Context(), y, cfg, known); err != nil {
			t.Error(err)
		}
	})
	var err error
	conns[0], _, err = Dial(t.Context(), x, cfg, ih, o)
	if wg.Wait(); err != nil || t.Failed() {
		t.Fatal(err)
	}
	return conns
}

func blocksOf(info *metainfo.Info) (n int) {
	for i := range info.NumPieces() {
		n += info.NumBlocks(i)
	}
	return n
}

// pieces is a Source over the content of a torrent.
type pieces struct {
	info *metainfo.Info
	data []byte
}

func (p *pieces) Offset(b metainfo.Block) int64 {
	return p.info.PieceOffset(b.Piece) + int64(b.Begin)
}

func (p *pieces) ReadAt(b []byte, off int64) (int, error) { return copy(b, p.data[off:]), nil }
