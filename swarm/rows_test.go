package swarm

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// drain forgets the actions of a turn and returns how many uploads and rejects were among them.
func (s *script) drain() (uploads, rejects int) {
	s.c.settle(s.now)
	var back []event
	for i := range s.c.acts {
		a := &s.c.acts[i]
		switch a.kind {
		case acUpload:
			uploads++
			s.links[a.peer] = append(s.links[a.peer], a.block)
		case acCancelUpload:
			if k := slices.Index(s.links[a.peer], a.block); k >= 0 {
				s.links[a.peer] = slices.Delete(s.links[a.peer], k, k+1)
				back = append(back, event{kind: evUploadCancelled, peer: a.peer, block: a.block})
			}
		case acSend:
			for _, m := range s.c.out[a.from:a.to] {
				if m.Kind == wire.Reject {
					rejects++
				}
			}
		}
	}
	s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	for _, e := range back {
		s.step(e)
	}
	if len(back) > 0 {
		u, r := s.drain()
		uploads, rejects = uploads+u, rejects+r
	}
	return uploads, rejects
}

// took lets n blocks leave for the socket of a peer.
func (s *script) took(id piece.PeerID, n int) {
	if n = min(n, len(s.links[id])); n > 0 {
		s.links[id] = s.links[id][n:]
		s.step(event{kind: evUploaded, peer: id, n: n, bytes: n * metainfo.BlockSize})
	}
}

func request(i, k int) wire.Message {
	return wire.Message{Kind: wire.Request, Index: uint32(i), Begin: uint32(k) * metainfo.BlockSize, Length: metainfo.BlockSize}
}

func cancel(i, k int) wire.Message {
	m := request(i, k)
	m.Kind = wire.Cancel
	return m
}

// TestW08Haves: ten million Haves cost a peer its bitfield and nothing else.
func TestW08Haves(t *testing.T) {
	const n = metainfo.MaxPieces
	info, err := metainfo.NewInfo("test", metainfo.BlockSize, make([]byte, 20*n), []metainfo.File{{Path: "test", Length: n * metainfo.BlockSize}}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, "pieces=1", "blocks=1")
	s.c = newCore(&Config{Host: scriptHost{s: s}, Info: info, Seed: 1})
	s.c.start(s.now)
	s.attach(1, true)
	s.drain()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	s.c.m.PeerHas(0) // what counting costs is there before
	s.c.m.PeerLost(0)
	before := heap()
	s.attach(2, true)
	s.drain()
	batch, many := make([]wire.Message, 1000), 10_000
	if raceEnabled {
		many = n/1000 + 1
	}
	for k := range many {
		for i := range batch {
			batch[i] = wire.Message{Kind: wire.Have, Index: uint32(k*1000+i) % n}
		}
		s.step(event{kind: evMessages, peer: 2, batch: batch})
		if k%100 == 0 {
			s.drain()
		}
	}
	if grown := heap() - before; grown > 256<<10+128<<10 { // the bitfield is 256 KiB; the rest is the batch and the peer
		t.Errorf("W08: %d bytes more after 10 M Haves", grown)
	}
	if p := s.c.byID[2]; p == nil || !p.has.All() {
		t.Error("W08: the Haves did not count")
	}
	runtime.KeepAlive(batch)
}

// TestW09Flood: a million requests of a peer that takes nothing: the queue is bounded, what is beyond it rejected, the connection
// closed, and another peer is served meanwhile.
func TestW09Flood(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=64", "have=all", "super-seed=off")
	for id := piece.PeerID(1); id <= 2; id++ {
		s.attach(id, true)
		s.says(id, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
	}
	most, rejects, served, sent := 0, 0, 0, 0
	for sent < 1_000_000 && !s.closed(1) {
		var batch []wire.Message
		for range 64 {
			batch = append(batch, request(sent/64%64, sent%64))
			sent++
		}
		s.step(event{kind: evMessages, peer: 1, batch: batch})
		s.step(event{kind: evMessages, peer: 2, batch: []wire.Message{request(sent/64%64, 5)}})
		_, r := s.drain()
		rejects += r
		if p := s.c.byID[1]; p != nil {
			most = max(most, p.up.queue.waiting()+p.up.queue.out())
		}
		if len(s.links[2]) == 1 {
			served++
			s.took(2, 1)
		}
		s.now = s.now.Add(time.Millisecond)
	}
	turns := sent / 64
	t.Logf("W09: closed after %d requests, at most %d queued, %d rejected; the other got %d of %d blocks", sent, most, rejects, served, turns)
	if !s.closed(1) || most > maxQueue+mostWindow || rejects < maxRefused/2 || sent > maxQueue+mostWindow+maxRefused+128 || served*10 < turns*9 {
		t.Error("W09: more than what the row allows")
	}
}

// TestW10Churn: requests and cancels, 100 000 a second: nothing is read that is not sent, and what cancels cost is bounded.
func TestW10Churn(t *testing.T) {
	t.Run("W10 at once", func(t *testing.T) {
		s := newScript(t, "pieces=64", "blocks=64", "have=all")
		s.attach(1, true)
		s.says(1, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
		handed, rejected, taken := 0, 0, 0
		for k := range 50_000 {
			s.step(event{kind: evMessages, peer: 1, batch: []wire.Message{request(k/64%64, k%64)}})
			u, r := s.drain()
			handed, rejected = handed+u, rejected+r
			s.step(event{kind: evMessages, peer: 1, batch: []wire.Message{cancel(k/64%64, k%64)}})
			_, r = s.drain()
			rejected += r
			if k%500 == 499 { // a second has 100 000 messages
				taken += len(s.links[1])
				s.took(1, len(s.links[1]))
				s.now = s.now.Add(10 * time.Millisecond)
			}
		}
		if handed != 50_000 || rejected+taken != handed {
			t.Errorf("%d handed to the writer, %d cancelled, %d sent", handed, rejected, taken)
		}
	})
	t.Run("W10 in a long queue", func(t *testing.T) {
		s := newScript(t, "pieces=64", "blocks=64", "have=all")
		s.attach(1, true)
		s.says(1, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested})
		var fill []wire.Message
		for k := range 1900 {
			fill = append(fill, request(k/64, k%64))
		}
		s.step(event{kind: evMessages, peer: 1, batch: fill})
		s.drain()
		p, begun := s.c.byID[1], time.Now()
		for range 100_000 { // always the last one, or one that is not there
			s.step(event{kind: evMessages, peer: 1, batch: []wire.Message{request(60, 1), cancel(60, 1), cancel(61, 1)}})
		}
		took := time.Since(begun)
		s.drain()
		if p.up.churn > maxChurn+2*maxQueue+100 {
			t.Errorf("%d entries were looked at within a second", p.up.churn)
		}
		t.Logf("W10: 300 000 messages in %v, %d queue entries looked at", took, p.up.churn)
		if !s.closed(1) && p.up.queue.waiting() > maxQueue {
			t.Errorf("%d requests queued", p.up.queue.waiting())
		}
	})
}

// TestW13Colluders: two peers that send the same wrong bytes in one piece are both found, and a third, honest one is not blamed.
func TestW13Colluders(t *testing.T) {
	for seed := range 20 {
		s := newScript(t, "pieces=1", "blocks=12")
		s.c.rnd.Uint64N(uint64(seed) + 1)
		liars := []piece.PeerID{1, 2}
		for id := piece.PeerID(1); id <= 4; id++ {
			s.attach(id, true)
			s.says(id, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
		}
		for turn := 0; s.c.phase == status.Leeching; turn++ {
			if turn > 1000 {
				t.Fatalf("W13: no end, %d rounds", s.c.tot.failed)
			}
			for id := piece.PeerID(1); id <= 4; id++ {
				p := s.c.byID[id]
				if p == nil || p.down.asked.len() == 0 {
					continue
				}
				var batch []wire.Message
				for _, a := range p.down.asked.all()[:min(1+(turn+seed)%3, p.down.asked.len())] {
					m := wire.Message{Kind: wire.Piece, Index: uint32(a.block.Piece), Begin: uint32(a.block.Begin), Block: s.pool.Get()}
					fill(m.Block.Resize(a.block.Length), a.block.Piece, a.block.Begin/metainfo.BlockSize)
					if slices.Contains(liars, id) {
						m.Block.Bytes()[7] ^= 0x55
					}
					batch = append(batch, m)
				}
				s.says(id, batch...)
				s.disk("")
				s.settle()
			}
			s.now = s.now.Add(50 * time.Millisecond)
			s.settle()
		}
		if s.c.tot.failed > 3 {
			t.Errorf("W13: %d wrong copies", s.c.tot.failed)
		}
		for i := range s.c.peers {
			if id := s.c.peers[i].id; slices.Contains(liars, id) && s.c.peers[i].down.total > 0 && s.c.tot.failed > 0 {
				t.Errorf("W13: liar %d is still connected", id)
			}
		}
		for _, id := range []byte{3, 4} {
			if s.c.cands.banned(netip.AddrFrom4([4]byte{10, 1, 0, id})) {
				t.Errorf("W13: honest peer %d was banned", id)
			}
		}
	}
}

// TestW16Unasked: suggestions change nothing; rejects of what was not asked are borne for a while.
func TestW16Unasked(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	before := slices.Clone(s.c.byID[1].down.asked.all())
	for i := range uint32(9) {
		s.says(1, wire.Message{Kind: wire.Suggest, Index: i})
	}
	if s.closed(1) || !slices.Equal(before, s.c.byID[1].down.asked.all()) {
		t.Error("W16: suggestions have an effect")
	}
	inspect(t, s)
	for k := range 200 {
		s.says(1, wire.Message{Kind: wire.Reject, Index: 8, Begin: 1, Length: 5})
		if s.closed(1) != (k >= maxStrikes) {
			t.Fatalf("W16: closed %v after %d rejects", s.closed(1), k+1)
		}
	}
}

// TestW18Hashes: hash messages on a v1 torrent are rejected and nothing in them is looked at.
func TestW18Hashes(t *testing.T) {
	s := newScript(t, "pieces=9", "blocks=1", "have=all")
	s.attach(1, true)
	for _, data := range [][]byte{nil, {1}, bytes.Repeat([]byte{0xff}, 48), make([]byte, 4096)} {
		s.step(event{kind: evMessages, peer: 1, batch: []wire.Message{{Kind: wire.HashRequest, Data: data}}})
		s.c.settle(s.now)
		if n := len(s.c.out); n == 0 || s.c.out[n-1].Kind != wire.HashReject || !bytes.Equal(s.c.out[n-1].Data, data) {
			t.Errorf("W18: answered with %v", s.c.out)
		}
		s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
		s.says(1, wire.Message{Kind: wire.Hashes, Data: data}, wire.Message{Kind: wire.HashReject, Data: data})
	}
	if s.closed(1) {
		t.Error("W18: closed")
	}
}

// TestX06Renegotiation: extended handshakes without end, with odd values.
func TestX06Renegotiation(t *testing.T) {
	s := newScript(t, "pieces=64", "blocks=16")
	s.attach(1, true)
	s.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	for k, data := range []string{"d4:reqqi0ee", "d4:reqqi2147483648ee", "d6:yourip3:abce", "d1:md11:lt_donthavei256eee", "d1:mi5ee", "d1:md11:lt_donthavei-1eee", "d6:yourip4:\x01\x02\x03\x04e"} {
		s.says(1, wire.Message{Kind: wire.Extended, Data: []byte(data)})
		p := s.c.byID[1]
		if p == nil || p.ext.Reqq < 0 || p.ext.Reqq > wire.MaxReqq || p.ext.ID(wire.DontHave) != 0 || p.down.asked.len() > maxDepth || p.down.target(p.ext.Reqq) < 1 {
			t.Fatalf("X06: handshake %d: %+v", k, p)
		}
	}
	n := 0
	for ; n < 1000 && !s.closed(1); n++ {
		s.says(1, wire.Message{Kind: wire.Extended, Data: fmt.Appendf(nil, "d1:md11:lt_donthavei%deee", n%256)})
	}
	if n > maxHandshakes {
		t.Errorf("X06: %d handshakes were borne", n)
	}
}
