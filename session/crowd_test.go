package session

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// TestFigureFairCrowd: 500 connections that take from one seed with an upload limit get the same within 10 %. They are
// scripted, so that the seed does nearly all of the work, and ask again for what they have.
func TestFigureFairCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 16<<20, 256<<10)
		defer w.close()
		seed := w.node(simnet.Link{Up: 100 << 20, Down: 100 << 20, Latency: 20 * time.Millisecond})
		n := 500 / fewer
		seed.cfg.MaxPeers, seed.cfg.Limits.Slots, seed.cfg.Limits.Up, seed.cfg.NoPex = n, n, int64(n)*50<<10, true
		put(t, seed.disk, "file.bin", w.data)
		seed.start(Add{Seed: true, Trust: true, NoSuperSeed: true})
		got, sums := make([]atomic.Int64, n), make([]int64, n)
		for i := range got {
			id := [20]byte{'c', 'r', 'o', 'w', 'd', byte(i >> 8), byte(i)}
			// Few of them live in the same network, or they would be held for one flood.
			h := w.net.Host(netip.AddrFrom4([4]byte{10, 1, byte(i % 50), byte(i/50 + 1)}), simnet.Link{Down: 1 << 20, Latency: 20 * time.Millisecond})
			nc, err := h.Dial(t.Context(), "tcp", seed.addr())
			if err != nil {
				t.Fatal(err)
			}
			w.end = append(w.end, func() { nc.Close() })
			go func() {
				if p := fakepeer.New(nc); p.Dial(fakepeer.Hello{InfoHash: w.tor.ID.Wire(), PeerID: id}) == nil {
					take(p, w.tor.Info, i, &got[i])
				}
			}()
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		for i := range got {
			sums[i] = -got[i].Load()
		}
		time.Sleep(12 * time.Second)
		for i := range got {
			sums[i] += got[i].Load()
		}
		fair(t, "a crowd", sums)
	})
}

// take asks for piece after piece from one on, four blocks ahead, until the connection ends, and counts what comes.
func take(p *fakepeer.Peer, info *metainfo.Info, piece int, got *atomic.Int64) {
	blocks := info.NumBlocks(0)
	at := piece * blocks
	ask := func() error {
		b := info.BlockAt(at/blocks%info.NumPieces(), at%blocks)
		at++
		return p.Send(wire.Message{Kind: wire.Request, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)})
	}
	err := p.Send(wire.Message{Kind: wire.Interested})
	for err == nil {
		var m wire.Message
		if m, err = p.Next(time.Minute); err != nil {
			return
		}
		switch m.Kind {
		case wire.Unchoke:
			for range 4 {
				err = ask()
			}
		case wire.Piece:
			got.Add(int64(len(m.Block.Bytes())))
			m.Block.Release()
			err = ask()
		}
	}
}
