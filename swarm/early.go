package swarm

import (
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
)

// early is what a peer has said before the info dictionary was known, and what was asked of it. The core hears it all again
// when it takes over (see seeker.become). It costs at most 256 KiB.
type early struct {
	bits  []byte // the pieces it has, as far as told
	exact bool   // bits was a Bitfield: it is as long as the torrent says
	all   bool
	fast  []uint32 // pieces that we may have while choked

	unchoked, interested bool

	size  int64 // of the info dictionary, as it claims; 0 nothing
	dead  bool  // it contradicted itself, and is not asked any more
	asked []metaAsk
	heard time.Duration // when it gave a piece last
	wait  time.Duration // not asked before
	fails int           // in a row
	slow  int           // how often it took too long
	// forgiven counts what it is not asked for any more and may answer all the same.
	forgiven int
}

// metaAsk is a piece of the info dictionary that a peer was asked for.
type metaAsk struct {
	piece int
	at    time.Duration
}

// useful reports whether p may give us the info dictionary.
func (e *early) useful() bool { return e.size > 0 && !e.dead }

// patience is how long a piece may take. It grows each time it did not suffice, or a slow line would never bring one.
func (e *early) patience() time.Duration {
	return min(metaPatience<<min(e.slow, 10), metaLongPatience)
}

// opening takes Bitfield, HaveAll or HaveNone.
func (e *early) opening(p *peer, m *wire.Message) error {
	switch {
	case m.Kind != wire.Bitfield && !p.hello.Fast:
		return protocolError("message %d without the fast extension", m.Kind)
	case p.told != toldNothing && p.aria2() && m.Kind == wire.Bitfield:
		return e.more(m.Data)
	case p.told != toldNothing:
		return protocolError("bitfield after a have or a bitfield")
	}
	p.told, e.all = toldBitfield, m.Kind == wire.HaveAll
	if m.Kind == wire.Bitfield {
		e.bits, e.exact = m.Data, true
	}
	return nil
}

// more takes a later bitfield, which can add pieces only (see peer.aria2).
func (e *early) more(bits []byte) error {
	if e.all {
		return nil
	}
	if e.exact && len(bits) != len(e.bits) {
		return protocolError("later bitfield of %d bytes, the first had %d", len(bits), len(e.bits))
	}
	for i := range e.bits {
		if i >= len(bits) || e.bits[i]&^bits[i] != 0 {
			return protocolError("later bitfield with fewer pieces")
		}
	}
	e.bits, e.exact = bits, true
	return nil
}

// have takes a Have. That it is in range can be known only in part.
func (e *early) have(p *peer, index uint32) error {
	at := int(index / 8)
	if index >= metainfo.MaxPieces || e.exact && at >= len(e.bits) {
		return protocolError("have for piece %d", index)
	}
	if p.told == toldNothing {
		p.told = toldHave
	}
	if e.all {
		return nil
	}
	if at >= cap(e.bits) { // doubled, but never beyond the most that a torrent can need
		e.bits = append(make([]byte, 0, min(max(2*cap(e.bits), at+1, 64), metainfo.MaxPieces/8)), e.bits...)
	}
	if at >= len(e.bits) {
		e.bits = e.bits[:at+1]
	}
	e.bits[at] |= 0x80 >> (index % 8)
	return nil
}

// lose takes a piece back (BEP 54). Of one that has everything nobody knows how much that is: what it has must be
// told anew.
func (e *early) lose(index uint32) {
	if at := int(index / 8); at < len(e.bits) {
		e.bits[at] &^= 0x80 >> (index % 8)
	}
	e.all = false
}

// allow takes an allowed-fast piece.
func (e *early) allow(index uint32) error {
	if index >= metainfo.MaxPieces {
		return protocolError("allowed-fast for piece %d", index)
	}
	if len(e.fast) < maxAllowedFast && !slices.Contains(e.fast, index) {
		e.fast = append(e.fast, index)
	}
	return nil
}

// message returns what e knows of the pieces as the message with which a connection to a torrent of n pieces would have
// opened. A have beyond the last piece is an error; so is a bitfield that is too long or short, which whoever takes the
// message finds.
func (e *early) message(n int) (wire.Message, error) {
	if e.all {
		return wire.Message{Kind: wire.HaveAll}, nil
	}
	bits, size := e.bits, (n+7)/8
	if !e.exact {
		if len(bits) > size {
			if slices.ContainsFunc(bits[size:], func(b byte) bool { return b != 0 }) {
				return wire.Message{}, protocolError("have for a piece after the last of %d", n)
			}
			bits = bits[:size]
		}
		bits = append(make([]byte, 0, size), bits...)[:size]
	}
	return wire.Message{Kind: wire.Bitfield, Data: bits}, nil
}
