package swarm

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/piece"
)

// infoOf makes an info dictionary of one file with so many pieces of one block, about 20 bytes each. The hashes of more than a
// hundred are made up.
func infoOf(pieces int, private bool) []byte {
	return infoNamed("test", pieces, private)
}

func infoNamed(name string, pieces int, private bool) []byte {
	var hashes bytes.Buffer
	block := make([]byte, metainfo.BlockSize)
	for i := range pieces {
		h := metainfo.Hash{byte(i), byte(i >> 8), byte(i >> 16)}
		if pieces <= 100 {
			fill(block, i, 0)
			h = sha1.Sum(block)
		}
		hashes.Write(h[:])
	}
	b := fmt.Appendf(nil, "d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%s", pieces*metainfo.BlockSize, len(name), name, metainfo.BlockSize, hashes.Len(), hashes.Bytes())
	if private {
		b = append(b, "7:privatei1e"...)
	}
	return append(b, 'e')
}

// hunt is a seeker with a world around it.
type hunt struct {
	t     *testing.T
	s     *seeker
	now   time.Time
	raw   []byte
	cfg   Config
	acts  []action       // since the last look
	said  []wire.Message // in the order of sending, with whom in to
	to    []piece.PeerID
	dials []netip.AddrPort
}

// newHunt looks for raw.
func newHunt(t *testing.T, raw []byte, change func(*Config)) *hunt {
	t.Helper()
	h := &hunt{t: t, raw: raw, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	h.cfg = Config{ID: metainfo.ID{V1: sha1.Sum(raw)}, Seed: 1, Port: 6881, Client: "shoal", Name: "dn", PeerID: [20]byte{'-', 'S', 'H'}}
	if change != nil {
		change(&h.cfg)
	}
	h.s = newSeeker(&h.cfg)
	h.s.start(h.now)
	h.settle()
	return h
}

// settle ends a turn and carries out what can be carried out here.
func (h *hunt) settle() {
	h.s.settle(h.now)
	c := &h.s.common
	var more []event
	for i := range c.acts {
		a := c.acts[i]
		switch a.kind {
		case acSend:
			for _, m := range c.out[a.from:a.to] {
				h.said, h.to = append(h.said, m), append(h.to, a.peer)
			}
		case acCheckInfo:
			t, err := checkInfo(h.s.cfg.ID, a.parts)
			more = append(more, event{kind: evInfo, err: err, more: &eventMore{torrent: t}})
		case acDial:
			h.dials = append(h.dials, a.addr)
		}
		h.acts = append(h.acts, a)
	}
	c.acts, c.out = nil, nil
	for i := range more {
		h.s.step(h.now, &more[i])
	}
	if len(more) > 0 {
		h.settle()
	}
}

// take returns the actions of a kind since the last call, and forgets all.
func (h *hunt) take(kind actionKind) (list []action) {
	for _, a := range h.acts {
		if a.kind == kind {
			list = append(list, a)
		}
	}
	h.acts = nil
	return list
}

func (h *hunt) step(e event) {
	h.s.step(h.now, &e)
	h.settle()
}

// pass lets time go by.
func (h *hunt) pass(d time.Duration) {
	for end := h.now.Add(d); ; {
		next := h.s.next()
		if next.IsZero() || next.After(end) {
			h.now = end
			return
		}
		h.now = next
		h.settle()
	}
}

// join attaches a peer that listens at addr.
func (h *hunt) join(id piece.PeerID, addr string, change func(*Hello)) {
	hello := Hello{Addr: netip.MustParseAddrPort(addr), Fast: true, Extended: true}
	copy(hello.PeerID[:], fmt.Sprintf("-XX0001-%012d", id))
	if change != nil {
		change(&hello)
	}
	h.step(event{kind: evAttached, peer: id, more: &eventMore{hello: hello}})
}

func (h *hunt) says(id piece.PeerID, ms ...wire.Message) {
	h.step(event{kind: evMessages, peer: id, batch: ms})
}

// ext makes an extended message.
func ext(id int, data []byte) wire.Message {
	return wire.Message{Kind: wire.Extended, Index: uint32(id), Data: data}
}

// claims has a peer say in its extended handshake that it has an info dictionary of so many bytes.
func claims(size int64) wire.Message {
	return ext(0, wire.AppendExtHandshake(nil, &wire.ExtHandshake{
		M: []wire.ExtID{{Name: wire.UTMetadata, ID: 9}, {Name: wire.UTPex, ID: 8}}, MetadataSize: size,
	}))
}

// claim attaches a peer that claims so much.
func (h *hunt) claim(id piece.PeerID, size int64) {
	h.join(id, fmt.Sprintf("10.0.%d.%d:6881", id/250, id%250+1), nil)
	h.says(id, claims(size))
}

// asked returns the pieces that a peer was asked for since the last call, and forgets what it was told.
func (h *hunt) asked(id piece.PeerID) (list []int64) {
	var said []wire.Message
	var to []piece.PeerID
	for i, m := range h.said {
		if h.to[i] != id {
			said, to = append(said, m), append(to, h.to[i])
			continue
		}
		if m.Kind == wire.Extended && m.Index == 9 {
			if q, err := wire.ParseMetadata(m.Data); err == nil && q.Type == wire.MetadataRequest {
				list = append(list, q.Piece)
			}
		}
	}
	h.said, h.to = said, to
	return list
}

// part is the ut_metadata message with a piece of raw.
func part(raw []byte, i int64) wire.Message {
	m := wire.Metadata{Type: wire.MetadataData, Piece: i, Total: int64(len(raw))}
	off, n, _ := m.Span(m.Total)
	m.Data = raw[off : off+n]
	return ext(wire.UTMetadataID, wire.AppendMetadata(nil, &m))
}

// serve answers all that a peer is asked for out of raw, until it is asked for nothing more, and returns how much that was.
func (h *hunt) serve(id piece.PeerID, raw []byte) (n int) {
	for list := h.asked(id); len(list) > 0; list = h.asked(id) {
		for _, i := range list {
			h.says(id, part(raw, i))
			n++
		}
	}
	return n
}

func (h *hunt) closed(id piece.PeerID) bool { return h.s.byID[id] == nil }

// held is what the attempts hold of unchecked bytes.
func (h *hunt) held() (n int64) {
	sum := 0
	for _, a := range h.s.attempts {
		n += a.held
		have := int64(0)
		for _, b := range a.parts {
			have += int64(cap(b))
		}
		if have < a.held || have > a.held+512 { // of the last, shorter one
			h.t.Fatalf("an attempt that counts %d bytes has %d", a.held, have)
		}
		for _, k := range a.askers {
			sum += int(k)
		}
	}
	for _, p := range h.s.peers {
		sum -= len(p.early.asked)
	}
	if sum != 0 {
		h.t.Fatalf("requests are counted wrong by %d", sum)
	}
	return n
}

// become is what Swarm.Begin does.
func (h *hunt) become(change func(*Config)) *script {
	h.t.Helper()
	if h.s.found == nil {
		h.t.Fatal("no info dictionary was found")
	}
	s := &script{now: h.now, mem: 64 << 20, mute: map[string]bool{}, links: map[piece.PeerID][]metainfo.Block{}, info: h.s.found.Info}
	cfg := h.cfg
	cfg.Info, cfg.Metadata, cfg.Host = h.s.found.Info, h.s.found.InfoBytes, scriptHost{s: s}
	if change != nil {
		change(&cfg)
	}
	s.c = h.s.become(&cfg)
	s.settle()
	return s
}

// heapNow is the heap after a collection.
func heapNow() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// talk is what a script has logged, without the client's name.
func (s *script) talk() string { return strings.TrimSpace(s.log.String()) }
