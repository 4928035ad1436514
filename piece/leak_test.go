package piece

import (
	"testing"

	"shoal/internal/block"
	"shoal/metainfo"
)

// fetched delivers the blocks of piece 0 but for the last one from one peer, and returns the buffers.
func fetched(t *testing.T, m *Manager, pool *block.Pool) map[*block.Block]bool {
	t.Helper()
	m.AddPeer(1)
	has := setOf(m.info.NumPieces())
	m.PeerBitfield(has)
	held := map[*block.Block]bool{}
	bs := m.Pick(nil, Query{Peer: 1, Has: has, N: m.info.NumBlocks(0)})
	for _, b := range bs[:len(bs)-1] {
		data := pool.Get()
		data.Resize(b.Length)
		if out := m.Received(1, b, data); out.Kind != Stored {
			t.Fatalf("%v: %v", b, out.Kind)
		}
		held[data] = true
	}
	return held
}

// TestBlocksComeBackOnce: whatever ends a piece in memory gives each of its blocks back, and none twice. The
// pool may drop a few.
func TestBlocksComeBackOnce(t *testing.T) {
	for name, end := range map[string]func(m *Manager){
		"given up":          func(m *Manager) { m.GiveUp(0) },
		"shut down":         func(m *Manager) { m.Release() },
		"found on the disk": func(m *Manager) { m.Verified(0, nil) },
		"sent by a liar":    func(m *Manager) { m.distrust([]PeerID{1}) },
		"all of it":         func(m *Manager) { m.distrust([]PeerID{1}); m.GiveUp(0); m.Release(); m.Release() },
	} {
		t.Run(name, func(t *testing.T) {
			var pool block.Pool
			m := NewManager(testInfo(t, 4<<20, 4<<20), metainfo.Bitfield{}, testRand(1), Options{})
			held := fetched(t, m, &pool)
			end(m)
			back, seen := 0, map[*block.Block]bool{}
			for range 2 * len(held) {
				b := pool.Get()
				if seen[b] {
					t.Fatal("a block came back twice")
				}
				seen[b] = true
				if held[b] {
					back++
				}
			}
			if back < len(held)/4 {
				t.Errorf("%d of %d blocks came back", back, len(held))
			}
		})
	}
}

// A handle on its way out is not taken into use again.
func TestHandleIsNotRevived(t *testing.T) {
	h := &handle{}
	if h.acquire() {
		t.Error("a closed handle was taken")
	}
	h.refs.Store(1)
	if !h.acquire() || h.refs.Load() != 2 {
		t.Error("an open handle was refused")
	}
}
