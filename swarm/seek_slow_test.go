package swarm

import (
	"testing"
	"time"

	"shoal/peer/wire"
	"shoal/piece"
)

// TestSeekSlow: a peer over a line of 900 bytes a second is the only one that has the dictionary, and gives it in the end.
func TestSeekSlow(t *testing.T) {
	raw := infoOf(6000, false) // 8 pieces
	for _, alone := range []bool{false, true} {
		h := newHunt(t, raw, nil)
		h.claim(1, int64(len(raw)))
		h.s.attempts[0].alone = alone
		if alone {
			h.s.attempts[0].only = h.s.byID[1]
		}
		var queue []int64
		for left := wire.MetadataPiece / 900; h.s.found == nil && h.now.Sub(h.s.epoch) < 30*time.Minute; left-- {
			if h.closed(1) {
				t.Fatal("closed")
			}
			queue = append(queue, h.asked(1)...)
			if len(queue) == 0 {
				left = wire.MetadataPiece / 900
			} else if left <= 0 {
				h.says(1, part(raw, queue[0]))
				queue, left = queue[1:], wire.MetadataPiece/900
			}
			h.pass(time.Second)
		}
		if h.s.found == nil {
			t.Errorf("alone %v: not found in half an hour", alone)
		} else {
			t.Logf("alone %v: found after %v", alone, h.now.Sub(h.s.epoch))
		}
	}
}

// TestX04Withdraws: a peer of which all is to come, since others gave what does not fit together, takes the extension back. Another gets
// its turn.
func TestX04Withdraws(t *testing.T) {
	raw := infoOf(6000, false)
	h := newHunt(t, raw, nil)
	h.claim(1, int64(len(raw)))
	h.claim(2, int64(len(raw)))
	wrong := append([]byte(nil), raw...)
	wrong[99] ^= 1
	for range 10 { // both give, one something wrong
		for k, b := range [][]byte{wrong, raw} {
			id := piece.PeerID(k + 1)
			for _, i := range h.asked(id) {
				h.says(id, part(b, i))
			}
		}
		if a := h.s.attempts; len(a) > 0 && a[0].alone {
			break
		}
	}
	if a := h.s.attempts; len(a) == 0 || a[0].only != h.s.byID[1] {
		t.Fatal("not asked alone")
	}
	h.says(1, ext(0, wire.AppendExtHandshake(nil, &wire.ExtHandshake{M: []wire.ExtID{{Name: wire.UTMetadata}}})))
	for _, i := range h.asked(1) {
		h.says(1, part(wrong, i))
	}
	for range 600 {
		h.serve(2, raw)
		h.pass(time.Second)
	}
	if h.s.found == nil {
		t.Error("X04: who was asked alone and fell silent keeps all others out")
	}
}
