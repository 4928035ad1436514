package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
	"shoal/status"
)

// TestSeekAndBegin: pieces of the dictionary come from several peers at once, the connections stay, and the core knows of each what
// it said before.
func TestSeekAndBegin(t *testing.T) {
	raw := infoOf(8000, false) // 10 pieces
	h := newHunt(t, raw, nil)
	for id := piece.PeerID(1); id <= 3; id++ {
		h.claim(id, int64(len(raw)))
	}
	h.says(1, wire.Message{Kind: wire.HaveAll}, wire.Message{Kind: wire.Unchoke})
	h.says(2, wire.Message{Kind: wire.HaveNone}, wire.Message{Kind: wire.Interested}, wire.Message{Kind: wire.AllowedFast, Index: 7999})
	h.says(3, wire.Message{Kind: wire.Have, Index: 7999}, wire.Message{Kind: wire.Have, Index: 7})
	h.join(4, "10.0.9.9:1000", func(e *Hello) { e.Fast, e.Extended = false, false })
	bits := make([]byte, 1000)
	bits[1] = 0x80
	h.says(4, wire.Message{Kind: wire.Bitfield, Data: bits}, wire.Message{Kind: wire.Unchoke}, wire.Message{Kind: wire.Choke})
	if sn := h.s.snapshot(); sn.Phase != status.Metadata || sn.Name != "dn" || sn.Asked != 4 || sn.Peers != 4 {
		t.Errorf("%+v", sn)
	}
	var given []int
	for id := piece.PeerID(1); id <= 3; id++ {
		list := h.asked(id)
		for _, i := range list[:1] { // the first is slow to give the rest
			h.says(id, part(raw, i))
		}
		if id > 1 {
			for _, i := range list[1:] {
				h.says(id, part(raw, i))
			}
		}
		given = append(given, len(list))
	}
	if slices.Contains(given, 0) {
		t.Fatalf("asked of the three: %v", given)
	}
	if sn := h.s.snapshot(); sn.Metadata != 10 || sn.MetadataHave < 3 {
		t.Errorf("%+v", sn)
	}
	for n := 0; h.s.found == nil && n < 10; n++ {
		h.pass(4 * time.Second)
		h.serve(2, raw)
		h.serve(3, raw)
	}
	got := h.take(acMetadata)
	if len(got) != 1 || !bytes.Equal(got[0].torrent.InfoBytes, raw) || got[0].torrent.Info.NumPieces() != 8000 || got[0].torrent.ID.V1 != h.cfg.ID.V1 {
		t.Fatalf("%+v", got)
	}
	h.pass(time.Hour) // while the files are being looked at
	s := h.become(nil)
	c := s.c
	if len(c.peers) != 4 || c.phase != status.Leeching {
		t.Fatalf("%d peers, %v", len(c.peers), c.phase)
	}
	one, two, three, four := c.byID[1], c.byID[2], c.byID[3], c.byID[4]
	if !one.has.All() || one.down.choked || one.down.asked.len() == 0 || !one.down.interested {
		t.Errorf("the first: %+v", one.down)
	}
	if two.has.Count() != 0 || !two.up.interested || !two.down.isFast(7999) || !two.down.choked || two.told != toldBitfield {
		t.Errorf("the second: %+v", two)
	}
	if three.has.Count() != 2 || !three.has.Has(7999) || !three.has.Has(7) || three.told != toldHave {
		t.Errorf("the third: %+v", three)
	}
	if four.has.Count() != 1 || !four.has.Has(8) || !four.down.choked || four.told != toldBitfield {
		t.Errorf("the fourth: %+v", four)
	}
	if text := s.talk(); !strings.Contains(text, fmt.Sprintf("metadata_sizei%de", len(raw))) || strings.Contains(text, "have-none") || strings.Contains(text, "close") {
		t.Errorf("told at the begin: %s", text)
	}
	if s.says(2, wire.Message{Kind: wire.HaveNone}); !s.closed(2) {
		t.Error("a second opening was accepted")
	}
	if s.says(3, wire.Message{Kind: wire.Have, Index: 8000}); !s.closed(3) {
		t.Error("a piece after the last was accepted")
	}
}

// TestBeginWithPieces: who was greeted without pieces hears of those that turned out to be there.
func TestBeginWithPieces(t *testing.T) {
	raw := infoOf(9, false)
	h := newHunt(t, raw, func(c *Config) { c.Paused = true })
	if h.claim(1, int64(len(raw))); !h.closed(1) {
		t.Error("a connection while paused")
	}
	h.step(event{kind: evResume})
	h.step(event{kind: evSlots, n: 3})
	h.claim(2, int64(len(raw)))
	h.says(2, wire.Message{Kind: wire.HaveNone})
	h.serve(2, raw)
	s := h.become(func(c *Config) { c.Paused, c.Have = false, set(9, "0,1,2,3") })
	if text := s.talk(); !strings.Contains(text, "have 0 1 2 3") {
		t.Errorf("told: %s", text)
	}
	if s.c.choke.fixed != 3 || s.c.now == 0 && h.now != s.c.epoch {
		t.Errorf("%d slots", s.c.choke.fixed)
	}

	h = newHunt(t, raw, nil)
	h.claim(1, int64(len(raw)))
	h.serve(1, raw)
	h.step(event{kind: evPause})
	if s := h.become(nil); s.c.phase != status.Paused {
		t.Errorf("paused before: %v", s.c.phase)
	}
}

// TestEarlyBits: what a peer said that the torrent does not allow ends its connection when that is known, and only its.
func TestEarlyBits(t *testing.T) {
	raw := infoOf(9, false)
	bitfield := func(b ...byte) wire.Message { return wire.Message{Kind: wire.Bitfield, Data: b} }
	have := func(i uint32) wire.Message { return wire.Message{Kind: wire.Have, Index: i} }
	dont := func(i uint32) wire.Message { return ext(wire.DontHaveID, wire.AppendDontHave(nil, i)) }
	for name, tt := range map[string]struct {
		says []wire.Message
		now  bool // it is known to be wrong at once
		ok   bool
		n    int
	}{
		"right":                 {says: []wire.Message{bitfield(0xff, 0x80)}, ok: true, n: 9},
		"spare bits":            {says: []wire.Message{bitfield(0xff, 0xc0)}},
		"short":                 {says: []wire.Message{bitfield(0xff)}},
		"empty":                 {says: []wire.Message{bitfield()}},
		"long":                  {says: []wire.Message{bitfield(0xff, 0x80, 0)}},
		"bits and have":         {says: []wire.Message{bitfield(0x80, 0), have(8)}, ok: true, n: 2},
		"bits and have spare":   {says: []wire.Message{bitfield(0x80, 0), have(9)}},
		"bits and have outside": {says: []wire.Message{bitfield(0x80, 0), have(16)}, now: true},
		"have":                  {says: []wire.Message{have(8)}, ok: true, n: 1},
		"have the next":         {says: []wire.Message{have(9)}},
		"have far off":          {says: []wire.Message{have(100_000)}},
		"have of no torrent":    {says: []wire.Message{have(metainfo.MaxPieces)}, now: true},
		"have, bits":            {says: []wire.Message{have(1), bitfield(0xff, 0x80)}, now: true},
		"bits twice":            {says: []wire.Message{bitfield(0xff, 0x80), bitfield(0xff, 0x80)}, now: true},
		"all, none":             {says: []wire.Message{{Kind: wire.HaveAll}, {Kind: wire.HaveNone}}, now: true},
		"all, have":             {says: []wire.Message{{Kind: wire.HaveAll}, have(3)}, ok: true, n: 9},
		"all but one":           {says: []wire.Message{{Kind: wire.HaveAll}, dont(3)}, ok: true},
		"one and not":           {says: []wire.Message{have(3), have(4), dont(3), dont(8000)}, ok: true, n: 1},
		"allowed far off":       {says: []wire.Message{{Kind: wire.AllowedFast, Index: 9}}},
		"allowed never":         {says: []wire.Message{{Kind: wire.AllowedFast, Index: metainfo.MaxPieces}}, now: true},
		"nothing":               {ok: true},
	} {
		h := newHunt(t, raw, nil)
		h.claim(1, int64(len(raw)))
		h.claim(2, 0)
		h.says(2, tt.says...)
		if h.closed(2) != tt.now {
			t.Errorf("%s: closed at once: %v", name, h.closed(2))
			continue
		}
		h.serve(1, raw)
		s := h.become(nil)
		if s.closed(2) == tt.ok || s.closed(1) {
			t.Errorf("%s: closed: %v, and the other: %v", name, s.closed(2), s.closed(1))
		}
		if p := s.c.byID[2]; p != nil && p.has.Count() != tt.n {
			t.Errorf("%s: has %d pieces", name, p.has.Count())
		}
	}
	for name, m := range map[string]wire.Message{
		"have-all": {Kind: wire.HaveAll}, "have-none": {Kind: wire.HaveNone}, "suggest": {Kind: wire.Suggest}, "allowed-fast": {Kind: wire.AllowedFast},
	} {
		h := newHunt(t, raw, nil)
		h.join(1, "10.0.0.1:1", func(e *Hello) { e.Fast = false })
		if h.says(1, m); !h.closed(1) {
			t.Errorf("%s without the fast extension", name)
		}
	}
	h := newHunt(t, raw, nil)
	h.join(1, "10.0.0.1:1", func(e *Hello) { e.Extended = false })
	if h.says(1, claims(5)); !h.closed(1) {
		t.Error("extended message without the bit")
	}
	// aria2 sends its bitfield again.
	h = newHunt(t, raw, nil)
	h.join(1, "10.0.0.1:1000", func(e *Hello) { copy(e.PeerID[:], "A2-1-37-0-") })
	h.says(1, bitfield(0x80, 0), have(3), bitfield(0x91, 0))
	if p := h.s.byID[1]; p == nil || p.early.bits[0] != 0x91 {
		t.Error("aria2's second bitfield")
	}
	if h.says(1, bitfield(0x80, 0)); !h.closed(1) {
		t.Error("a bitfield with less")
	}
}

// TestW08EarlyHaves: ten million Haves before the info dictionary is there cost 256 KiB.
func TestW08EarlyHaves(t *testing.T) {
	h := newHunt(t, infoOf(9, false), nil)
	h.claim(1, 0)
	before := heapNow()
	h.claim(2, 0)
	batch := make([]wire.Message, 1000)
	for k := range 10_000 {
		for i := range batch {
			batch[i] = wire.Message{Kind: wire.Have, Index: uint32((k*1000+i)*7) % metainfo.MaxPieces}
		}
		h.s.step(h.now, &event{kind: evMessages, peer: 2, batch: batch})
		h.s.settle(h.now)
		h.s.acts, h.s.out = h.s.acts[:0], h.s.out[:0]
	}
	if grown := heapNow() - before; grown > 256<<10+128<<10 { // the rest is the batch and the peer
		t.Errorf("%d bytes more after 10 M Haves", grown)
	}
	p := h.s.byID[2]
	if p == nil || len(p.early.bits) > 256<<10 || cap(p.early.bits) > 256<<10 {
		t.Fatal("W08: not bounded")
	}
	for range 1000 {
		h.says(2, wire.Message{Kind: wire.AllowedFast, Index: uint32(len(batch))}, wire.Message{Kind: wire.AllowedFast, Index: 1 << 20})
		batch = batch[1:]
	}
	if len(p.early.fast) > maxAllowedFast {
		t.Errorf("%d allowed-fast pieces are remembered", len(p.early.fast))
	}
}

// TestSeekUseless: without room, those that have no dictionary give way after a minute; one that may has its place.
func TestSeekUseless(t *testing.T) {
	h := newHunt(t, infoOf(9, false), func(c *Config) { c.MaxPeers = 3 })
	h.claim(1, 0)
	h.claim(2, 100)
	h.claim(3, 0)
	h.pass(2 * time.Minute)
	h.claim(4, 0)
	h.claim(5, 0)
	if h.closed(2) || h.closed(5) || len(h.s.peers) > 3 {
		t.Errorf("%d peers", len(h.s.peers))
	}
	h.pass(2 * time.Minute)
	h.step(event{kind: evMaxPeers, n: 1})
	if len(h.s.peers) != 1 || h.closed(2) {
		t.Error("the wrong one stayed")
	}
}

// TestG05NobodyHasIt: for a day peers come and go that do not have the dictionary. It is seen how many were asked, and nothing grows.
func TestG05NobodyHasIt(t *testing.T) {
	h := newHunt(t, infoOf(9, false), nil)
	var addrs []netip.AddrPort
	for i := range 500 {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 7, byte(i >> 8), byte(i)}), 6881))
	}
	h.step(event{kind: evAddresses, more: &eventMore{addrs: addrs, from: Source{Kind: FromTracker}}})
	id := piece.PeerID(0)
	live := []piece.PeerID{}
	hours := func(n int) {
		for end := h.now.Add(time.Duration(n) * time.Hour); h.now.Before(end); {
			list := h.dials
			h.dials = nil
			for _, a := range list {
				if id++; id%3 == 0 {
					h.step(event{kind: evDialFailed, err: errors.New("refused"), more: &eventMore{addr: a}})
					continue
				}
				h.join(id, a.String(), nil)
				h.says(id, claims(0), wire.Message{Kind: wire.HaveNone})
				if !h.closed(id) {
					live = append(live, id)
				}
			}
			h.said, h.to, h.acts = nil, nil, nil
			h.pass(10 * time.Second)
			for len(live) > 10 {
				h.step(event{kind: evClosed, peer: live[0]})
				live = live[1:]
			}
		}
	}
	hours(2)
	before := heapNow()
	hours(22)
	if grown := heapNow() - before; grown > 64<<10 {
		t.Errorf("%d bytes more after 22 hours", grown)
	}
	sn := h.s.snapshot()
	if sn.Phase != status.Metadata || sn.Asked < 300 || sn.Asked > 500 || sn.Metadata != 0 {
		t.Errorf("%+v", sn)
	}
	if len(h.s.attempts) != 0 || id < 2000 {
		t.Errorf("%d attempts after %d connections", len(h.s.attempts), id)
	}
}

// TestG06Private: a private torrent keeps whom a tracker or the user named, and whoever came by itself; no addresses are exchanged any more.
func TestG06Private(t *testing.T) {
	raw := infoOf(9, true)
	h := newHunt(t, raw, nil)
	all := map[SourceKind]string{FromUser: "10.0.1.1:2000", FromTracker: "10.0.1.2:2000", FromLocal: "10.0.1.3:2000", FromDHT: "10.0.1.4:2000", FromPeer: "10.0.1.5:2000"}
	for kind, a := range all {
		h.step(event{kind: evAddresses, more: &eventMore{addrs: []netip.AddrPort{netip.MustParseAddrPort(a), netip.MustParseAddrPort(a[:8] + ":3000")}, from: Source{Kind: kind}}})
		h.join(piece.PeerID(kind)+1, a, nil)
		h.says(piece.PeerID(kind)+1, claims(0))
	}
	h.join(10, "10.0.2.1:1234", func(e *Hello) { e.Incoming = true })
	h.says(10, claims(int64(len(raw))))
	h.serve(10, raw)
	for kind, want := range map[SourceKind]bool{FromUser: true, FromTracker: true} {
		if h.closed(piece.PeerID(kind)+1) == want {
			t.Errorf("source %d: closed %v", kind, !want)
		}
	}
	for _, kind := range []SourceKind{FromLocal, FromDHT, FromPeer} {
		if !h.closed(piece.PeerID(kind) + 1) {
			t.Errorf("source %d: not closed", kind)
		}
	}
	if h.closed(10) {
		t.Error("the peer that came by itself was closed")
	}
	for i := range h.s.cands.list {
		if k := &h.s.cands.list[i]; !k.kind.Trusted() && k.state == candIdle {
			t.Errorf("%v of source %d is still known", k.addr, k.kind)
		}
	}
	got := h.take(acMetadata)
	if len(got) != 1 || !got[0].torrent.Info.Private() || !h.s.snapshot().Private {
		t.Fatal("not told")
	}
	if h.join(11, "10.0.1.4:3000", nil); !h.closed(11) { // it was being dialled
		t.Error("a peer of the DHT came late, and was let in")
	}
	pex := ext(wire.UTPexID, wire.AppendPex(nil, &wire.Pex{Added: []wire.PexPeer{{Addr: netip.MustParseAddrPort("10.9.9.9:6881")}}}))
	h.says(10, pex)
	s := h.become(nil)
	if s.attach(12, true); !s.closed(12) {
		t.Error("a peer that nobody named was let in after the begin")
	}
	s.says(10, pex)
	if s.c.cands.find(netip.MustParseAddrPort("10.9.9.9:6881")) != nil {
		t.Error("an address of a peer was taken")
	}
	if text := s.talk(); !strings.Contains(text, "6:ut_pexi0e") {
		t.Errorf("the exchange was not taken back: %s", text)
	}
	s.log.Reset()
	s.pass(t, "5m")
	if strings.Contains(s.talk(), "ext-8") {
		t.Error("addresses were told")
	}
}
