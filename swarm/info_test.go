package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// TestX02Sizes: who claims an impossible size, or changes it, is not asked.
func TestX02Sizes(t *testing.T) {
	for name, size := range map[string]string{"zero": "0", "negative": "-1", "2^62": "4611686018427387904", "32 MiB + 1": "33554433"} {
		h := newHunt(t, infoOf(9, false), nil)
		h.join(1, "10.0.0.1:6881", nil)
		h.says(1, ext(0, fmt.Appendf(nil, "d1:md11:ut_metadatai9ee13:metadata_sizei%see", size)))
		if n := len(h.asked(1)); n != 0 || h.closed(1) || len(h.s.attempts) != 0 {
			t.Errorf("X02 %s: %d pieces were asked for", name, n)
		}
	}
	h := newHunt(t, infoOf(9, false), nil)
	h.claim(1, 100)
	if h.asked(1) == nil {
		t.Fatal("not asked")
	}
	h.says(1, claims(200))
	h.pass(time.Hour)
	if n := len(h.asked(1)); n != 0 || len(h.s.attempts) != 0 || h.held() != 0 {
		t.Errorf("X02 changed: %d pieces were asked for", n)
	}
	h.claim(2, 200) // another one may well say so
	if h.asked(2) == nil {
		t.Error("not asked")
	}
}

// TestX03HostileData: of a peer that sends anything else than what it was asked for, nothing is taken.
func TestX03HostileData(t *testing.T) {
	raw := infoOf(1500, false) // 2 pieces
	long := bytes.Repeat([]byte("x"), wire.MetadataPiece)
	data := func(piece, total int64, b []byte) wire.Message {
		return ext(wire.UTMetadataID, wire.AppendMetadata(nil, &wire.Metadata{Type: wire.MetadataData, Piece: piece, Total: total, Data: b}))
	}
	size := int64(len(raw))
	for name, m := range map[string]wire.Message{
		"short": data(0, size, long[:100]), "empty": data(0, size, nil), "wrong total": data(0, size+1, long), "the last too long": data(1, size, long),
		"out of range": data(2, size, long), "32-bit wrap": data(262144, size, long), "64-bit": data(math.MaxInt64, size, long),
		"malformed": ext(wire.UTMetadataID, []byte("d5:piece")), "no type": ext(wire.UTMetadataID, []byte("d5:piecei0ee")), "reject of nothing": ext(wire.UTMetadataID, []byte("d8:msg_typei2e5:piecei9ee")),
	} {
		h := newHunt(t, raw, nil)
		h.claim(1, size)
		h.says(1, m)
		if h.held() != 0 {
			t.Errorf("X03 %s: %d bytes were kept", name, h.held())
		}
		h.pass(metaPatience + time.Second)
		h.claim(2, size)
		h.pass(metaSoon)
		if h.serve(2, raw); h.s.found == nil {
			t.Errorf("X03 %s: kept an honest peer from giving", name)
		}
	}
	h := newHunt(t, raw, nil)
	h.claim(1, size)
	n := 0
	for ; n < 10_000 && !h.closed(1); n++ {
		h.says(1, data(7, size, long))
	}
	if n > maxStrikes+1 {
		t.Errorf("X03: %d pieces that nobody asked for were borne", n)
	}
}

// TestX04Liars: nine of ten give a wrong dictionary, of the same size or another. Those who alone gave one are not asked again, the right one is
// found, and never more is held than the limit.
func TestX04Liars(t *testing.T) {
	raw := infoOf(6000, false) // 8 pieces
	for _, tt := range []struct {
		name string
		lie  func(k int) []byte
	}{
		{"the same size", func(k int) []byte { return infoNamed(fmt.Sprintf("tes%d", k), 6000, false) }},
		{"one lie", func(int) []byte { return infoNamed("lies", 6000, false) }},
		{"other sizes", func(k int) []byte { return infoNamed("another", 5000+k, false) }},
		{"one piece is wrong", func(k int) []byte {
			b := bytes.Clone(raw)
			b[k%8*wire.MetadataPiece+99] ^= 1
			return b
		}},
	} {
		t.Run("X04 "+tt.name, func(t *testing.T) {
			h := newHunt(t, raw, nil)
			gives := map[piece.PeerID][]byte{}
			for id := piece.PeerID(1); id <= 10; id++ {
				gives[id] = raw
				if id != 7 {
					gives[id] = tt.lie(int(id))
				}
				h.claim(id, int64(len(gives[id])))
			}
			begun := h.now
			for h.s.found == nil && h.now.Sub(begun) < 10*time.Minute {
				for id := piece.PeerID(1); id <= 10; id++ {
					for _, i := range h.asked(id) { // one answer a turn, so that all take part
						h.says(id, part(gives[id], i))
					}
				}
				if n := h.held() + int64(h.s.asked)*wire.MetadataPiece; n > metaMemory {
					t.Fatalf("%d bytes are held", n)
				}
				h.pass(100 * time.Millisecond)
			}
			if h.s.found == nil || h.closed(7) || !bytes.Equal(h.s.found.InfoBytes, raw) {
				t.Fatalf("found %v, the honest one is gone: %v; %d liars are known", h.s.found != nil, h.closed(7), len(h.s.liars))
			}
			for id := piece.PeerID(1); id <= 10; id++ {
				if h.closed(id) {
					h.join(id+100, h.addr(id), nil)
					h.says(id+100, claims(5))
					if !h.closed(id + 100) {
						t.Errorf("liar %d came back", id)
					}
				}
			}
			t.Logf("after %v; %d liars are known", h.now.Sub(begun), len(h.s.liars))
		})
	}
}

// addr is where claim had peer id listen.
func (h *hunt) addr(id piece.PeerID) string {
	return fmt.Sprintf("10.0.%d.%d:6881", id/250, id%250+1)
}

// TestX04LiarIsNotAskedAgain: a lone liar is not asked again, whatever port it comes from.
func TestX04LiarIsNotAskedAgain(t *testing.T) {
	raw := infoOf(9, false)
	wrong := bytes.Clone(raw)
	wrong[50] ^= 1
	h := newHunt(t, raw, nil)
	for k := range piece.PeerID(5) {
		h.join(k+1, fmt.Sprintf("9.9.9.9:%d", 2000+k), nil)
		h.says(k+1, claims(int64(len(raw))))
		if n := h.serve(k+1, wrong); (n > 0) != (k == 0) || !h.closed(k+1) {
			t.Errorf("X04: time %d: gave %d pieces, closed %v", k, n, h.closed(k+1))
		}
	}
	h.claim(9, int64(len(raw)))
	if h.serve(9, raw); h.s.found == nil {
		t.Error("X04: not found")
	}
}

// TestX04Memory: attempts of 32 MiB that come slowly, or hardly at all, do not keep one out that comes.
func TestX04Memory(t *testing.T) {
	h := newHunt(t, infoOf(100_000, false), nil) // 2 MB
	junk := make([]byte, wire.MaxMetadata)
	for id := piece.PeerID(1); id <= 12; id++ { // each gives most of its claim
		size := int64(wire.MaxMetadata) - int64(id)*wire.MetadataPiece
		h.claim(id, size)
	}
	most := int64(0)
	for range 200 {
		for id := piece.PeerID(1); id <= 12; id++ {
			for _, i := range h.asked(id) {
				if i != 3 { // one is never given
					h.says(id, part(junk[:wire.MaxMetadata-int(id)*wire.MetadataPiece], i))
				}
			}
		}
		n := h.held() + int64(h.s.asked)*wire.MetadataPiece
		if most = max(most, n); n > metaMemory {
			t.Fatalf("X04: %d bytes are held", n)
		}
		h.pass(100 * time.Millisecond)
	}
	if most < metaMemory*9/10 {
		t.Fatalf("X04: only %d bytes were held at most, the test shows nothing", most)
	}
	h.pass(10 * time.Minute)
	h.claim(99, int64(len(h.raw)))
	if h.serve(99, h.raw); h.s.found == nil {
		t.Error("X04: the right one found no room")
	}
	if h.held() != 0 {
		t.Error("X04: what was not needed is still held")
	}
}

// TestSeekTimeouts: a peer that does not answer is left alone longer each time, and so is one that rejects; another is asked meanwhile.
func TestSeekTimeouts(t *testing.T) {
	raw := infoOf(9, false)
	for _, reject := range []bool{false, true} {
		h := newHunt(t, raw, nil)
		h.claim(1, int64(len(raw)))
		n := 0
		for end := h.now.Add(6 * time.Hour); h.now.Before(end); h.pass(time.Second) {
			for _, i := range h.asked(1) {
				if n++; reject {
					h.says(1, ext(wire.UTMetadataID, wire.AppendMetadata(nil, &wire.Metadata{Type: wire.MetadataReject, Piece: i})))
				}
			}
		}
		if n < 10 || n > 25 {
			t.Errorf("asked %d times in six hours", n)
		}
		h.claim(2, int64(len(raw)))
		h.pass(metaSoon + time.Second)
		if h.serve(2, raw); h.s.found == nil {
			t.Error("not found with another one")
		}
	}
}

// TestSeekFails: a dictionary with the right hash that is no torrent stops the search, and says why.
func TestSeekFails(t *testing.T) {
	raw := []byte("d4:name4:teste")
	h := newHunt(t, raw, nil)
	h.claim(1, int64(len(raw)))
	h.serve(1, raw)
	if got := h.take(acFailed); len(got) != 1 || !errors.Is(got[0].err, metainfo.ErrInvalid) || h.s.phase != status.Failed || h.s.snapshot().Err == "" || len(h.s.peers) != 0 {
		t.Errorf("%+v, %v", got, h.s.phase)
	}
	h.step(event{kind: evResume})
	if h.s.phase != status.Metadata || h.s.snapshot().Err != "" {
		t.Error("not resumed")
	}
	h.step(event{kind: evFail, err: errors.New("x")})
	if h.s.phase != status.Failed {
		t.Error("not failed")
	}
}

// infoSeed is a seed of a torrent whose dictionary has 3 pieces, and a peer that understands.
func infoSeed(t *testing.T, backlog func() int) (*script, []byte) {
	raw := infoOf(2000, false)
	h := newHunt(t, raw, nil)
	h.claim(1, int64(len(raw)))
	h.serve(1, raw)
	s := h.become(func(c *Config) { c.Have = set(2000, "all") })
	s.c.backlog = func(piece.PeerID) int { return backlog() }
	s.attach(2, true)
	s.says(2, claims(0))
	s.log.Reset()
	return s, raw
}

// TestX03X05Serving: what we give is right, in bounds, each piece three times at most, 64 at a time, and only as fast as the link takes it.
func TestX03X05Serving(t *testing.T) {
	waiting := 0
	s, raw := infoSeed(t, func() int { return waiting })
	ask := func(ps ...int64) (data, rejects int) {
		var batch []wire.Message
		for _, p := range ps {
			batch = append(batch, ext(wire.UTMetadataID, wire.AppendMetadata(nil, &wire.Metadata{Piece: p})))
		}
		s.step(event{kind: evMessages, peer: 2, batch: batch})
		s.c.settle(s.now)
		for i := range s.c.out {
			m, err := wire.ParseMetadata(s.c.out[i].Data)
			if err != nil || s.c.out[i].Index != 9 {
				t.Fatalf("%d %v", s.c.out[i].Index, err)
			}
			if m.Type == wire.MetadataReject {
				rejects++
				continue
			}
			off, n, ok := m.Span(int64(len(raw)))
			if !ok || m.Type != wire.MetadataData || m.Total != int64(len(raw)) || !bytes.Equal(m.Data, raw[off:off+n]) {
				t.Fatalf("X03: wrong bytes for piece %d", m.Piece)
			}
			data++
		}
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
		return data, rejects
	}
	if d, r := ask(0, 1, 2); d != 3 || r != 0 {
		t.Errorf("%d pieces, %d rejects", d, r)
	}
	if d, r := ask(3, 262144, 1<<40, math.MaxInt64); d != 0 || r != 4 {
		t.Errorf("X03: out of range: %d pieces, %d rejects", d, r)
	}
	waiting = infoWindow
	if d, r := ask(0, 1); d != 0 || r != 0 {
		t.Errorf("X05: a full link: %d pieces, %d rejects", d, r)
	}
	waiting = infoWindow - 1
	if d, _ := ask(); d != 0 { // nothing has touched the peer
		t.Errorf("%d pieces", d)
	}
	s.now = s.now.Add(2 * time.Second)
	if d, _ := ask(); d != 1 {
		t.Errorf("X05: room for one: %d pieces", d)
	}
	waiting = 0
	s.now = s.now.Add(2 * time.Second)
	if d, _ := ask(); d != 1 {
		t.Errorf("X05: room again: %d pieces", d)
	}
	if d, r := ask(0, 0, 1, 1, 2, 2, 2); d != 4 || r != 3 {
		t.Errorf("X05: the fourth time: %d pieces, %d rejects", d, r)
	}
	n := 0
	for ; n < 10_000 && !s.closed(2); n++ {
		ask(0)
	}
	if n > maxRefused+1 || n < 1000 {
		t.Errorf("X05: %d requests in vain were borne", n)
	}
}

// TestX05Queue: no more than 64 pieces wait for a peer, and memory for them is not taken.
func TestX05Queue(t *testing.T) {
	raw := infoOf(60_000, false) // 74 pieces
	info, id, err := metainfo.ParseInfo(raw)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, "pieces=1", "blocks=1")
	s.c = newCore(&Config{Host: scriptHost{s: s}, Info: info, ID: id, Metadata: raw, Seed: 1})
	s.c.start(s.now)
	s.c.backlog = func(piece.PeerID) int { return infoWindow }
	s.attach(1, true)
	s.says(1, claims(0))
	rejects := 0
	for k := range 2000 {
		s.step(event{kind: evMessages, peer: 1, batch: []wire.Message{ext(wire.UTMetadataID, wire.AppendMetadata(nil, &wire.Metadata{Piece: int64(k % 74)}))}})
		s.c.settle(s.now)
		for i := range s.c.out {
			if m, err := wire.ParseMetadata(s.c.out[i].Data); err == nil && m.Type == wire.MetadataReject {
				rejects++
			}
		}
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	}
	if n := len(s.c.byID[1].info.waiting); n != maxInfoQueue || rejects != 2000-maxInfoQueue {
		t.Errorf("X05: %d wait, %d were rejected", n, rejects)
	}
}

// TestNoMetadata: who has no dictionary to give rejects, before and after it has begun, and does not claim one.
func TestNoMetadata(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1", "have=all")
	s.attach(1, true)
	s.says(1, claims(0))
	s.log.Reset()
	s.says(1, ext(wire.UTMetadataID, wire.AppendMetadata(nil, &wire.Metadata{})))
	if got := s.talk(); got != "send 1: ext-9 d8:msg_typei2e5:piecei0ee" {
		t.Error(got)
	}
	h := newHunt(t, infoOf(9, false), nil)
	h.claim(1, 0)
	for _, m := range h.said {
		if m.Kind == wire.Extended && bytes.Contains(m.Data, []byte("metadata_size")) {
			t.Errorf("claimed: %s", m.Data)
		}
	}
	h.said, h.to = nil, nil
	n := 0
	for ; n < 10_000 && !h.closed(1); n++ {
		h.says(1, ext(wire.UTMetadataID, wire.AppendMetadata(nil, &wire.Metadata{Piece: 5})))
	}
	if len(h.said) != n || !bytes.Equal(h.said[0].Data, []byte("d8:msg_typei2e5:piecei5ee")) || n > maxRefused+1 {
		t.Errorf("%d answers to %d requests", len(h.said), n)
	}
}
