package fakepeer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/peer/wire"
)

// silence is how long a Peer that serves or fetches waits for the next message.
const silence = 10 * time.Minute

// Content makes size bytes that depend on seed only, and the Info of one file with them.
func Content(name string, size, pieceLength int, seed uint64) (*metainfo.Info, []byte) {
	data := make([]byte, size)
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	rand.NewChaCha8(key).Read(data)
	var hashes []byte
	for off := 0; off < size; off += pieceLength {
		h := sha1.Sum(data[off:min(off+pieceLength, size)])
		hashes = append(hashes, h[:]...)
	}
	info, err := metainfo.NewInfo(name, int64(pieceLength), hashes, []metainfo.File{
		{Path: name, Raw: []string{name}, Length: int64(size)},
	}, false, false)
	if err != nil {
		panic(err) // the test's own numbers
	}
	return info, data
}

// InfoBytes returns the info dictionary of what Content made.
func InfoBytes(info *metainfo.Info) []byte {
	b := fmt.Appendf(nil, "d6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:", info.Size(), len(info.Name()), info.Name(), info.PieceLength(), 20*info.NumPieces())
	for i := range info.NumPieces() {
		h := info.PieceHash(i)
		b = append(b, h[:]...)
	}
	return append(b, 'e')
}

// Seed is a remote that has everything. Its hooks may be nil.
type Seed struct {
	Info *metainfo.Info
	Data []byte
	// Has, when set, is what it has instead of everything.
	Has *metainfo.Bitfield
	// Metadata, when set, is the info dictionary that it gives away (BEP 9).
	Metadata []byte
	// Lie may change the payload of a block before it leaves.
	Lie func(b metainfo.Block, payload []byte)
	// Hold is called before a block leaves; it may sleep. False drops the request silently.
	Hold func(b metainfo.Block) bool
	// Other gets every message but requests and interest.
	Other func(m wire.Message)
}

// Serve plays s until the connection or ctx ends: it tells what it has, unchokes
// whoever is interested and answers requests. It returns the payload bytes sent.
func (p *Peer) Serve(ctx context.Context, s Seed) (sent int64, err error) {
	defer context.AfterFunc(ctx, func() { p.Conn.Close() })()
	has := metainfo.NewBitfield(s.Info.NumPieces())
	if has.SetAll(); s.Has != nil {
		has = s.Has.Clone()
	}
	first := wire.Message{Kind: wire.Bitfield, Data: has.Bytes()}
	if p.Fast && has.All() {
		first = wire.Message{Kind: wire.HaveAll}
	}
	if err := p.Send(first); err != nil {
		return 0, err
	}
	theirs := wire.ExtHandshake{}
	if s.Metadata != nil {
		h := wire.ExtHandshake{M: []wire.ExtID{{Name: wire.UTMetadata, ID: 1}}, MetadataSize: int64(len(s.Metadata))}
		if err := p.Send(wire.Message{Kind: wire.Extended, Data: wire.AppendExtHandshake(nil, &h)}); err != nil {
			return 0, err
		}
	}
	for {
		m, err := p.Next(silence)
		if err != nil {
			return sent, err
		}
		switch m.Kind {
		case wire.Interested:
			err = p.Send(wire.Message{Kind: wire.Unchoke})
		case wire.Request:
			var n int
			n, err = p.answer(s, &has, m)
			sent += int64(n)
		default:
			if m.Kind == wire.Extended && s.Metadata != nil {
				err = p.inform(s.Metadata, &theirs, m)
			}
			if s.Other != nil {
				s.Other(m)
			}
		}
		if err != nil {
			return sent, err
		}
	}
}

// inform gives a piece of an info dictionary to who asks for it.
func (p *Peer) inform(raw []byte, theirs *wire.ExtHandshake, m wire.Message) error {
	if m.Index == wire.ExtHandshakeID {
		h, err := wire.ParseExtHandshake(m.Data)
		theirs.Update(&h)
		return err
	}
	q, err := wire.ParseMetadata(m.Data)
	if err != nil || m.Index != 1 || q.Type != wire.MetadataRequest {
		return nil // something else
	}
	q.Type, q.Total = wire.MetadataData, int64(len(raw))
	off, n, ok := q.Span(q.Total)
	if !ok {
		return fmt.Errorf("asked for piece %d of %d bytes", q.Piece, len(raw))
	}
	q.Data = raw[off : off+n]
	return p.Send(wire.Message{Kind: wire.Extended, Index: uint32(theirs.ID(wire.UTMetadata)), Data: wire.AppendMetadata(nil, &q)})
}

// answer sends one block, or rejects a request that it cannot serve.
func (p *Peer) answer(s Seed, has *metainfo.Bitfield, m wire.Message) (int, error) {
	b, err := s.Info.Block(m.Index, m.Begin, m.Length)
	if err != nil || !has.Has(b.Piece) {
		if !p.Fast {
			return 0, nil
		}
		return 0, p.Send(wire.Message{Kind: wire.Reject, Index: m.Index, Begin: m.Begin, Length: m.Length})
	}
	if s.Hold != nil && !s.Hold(b) {
		return 0, nil
	}
	off := s.Info.PieceOffset(b.Piece) + int64(b.Begin)
	payload := s.Data[off : off+int64(b.Length)]
	if s.Lie != nil {
		payload = bytes.Clone(payload)
		s.Lie(b, payload)
	}
	p.out = append(wire.AppendPieceHeader(p.out[:0], m.Index, m.Begin, len(payload)), payload...)
	return len(payload), p.Raw(p.out)
}

// Fetch downloads everything from the other side, with up to depth requests
// outstanding, and returns the bytes without checking their hashes. It waits for the
// other side to have all pieces and to unchoke.
func (p *Peer) Fetch(ctx context.Context, info *metainfo.Info, depth int) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { p.Conn.Close() })()
	if err := p.Send(wire.Message{Kind: wire.Interested}); err != nil {
		return nil, err
	}
	var todo []metainfo.Block
	for i := range info.NumPieces() {
		for n := range info.NumBlocks(i) {
			todo = append(todo, info.BlockAt(i, n))
		}
	}
	data := make([]byte, info.Size())
	asked, choked := map[metainfo.Block]bool{}, true
	for len(todo) > 0 || len(asked) > 0 {
		for !choked && len(todo) > 0 && len(asked) < depth {
			b := todo[0]
			todo, asked[b] = todo[1:], true
			if err := p.Send(wire.Message{Kind: wire.Request, Index: uint32(b.Piece), Begin: uint32(b.Begin), Length: uint32(b.Length)}); err != nil {
				return nil, err
			}
		}
		m, err := p.Next(silence)
		if err != nil {
			return nil, err
		}
		switch m.Kind {
		case wire.Choke:
			choked = true
			if !p.Fast {
				todo = giveBack(todo, asked)
			}
		case wire.Unchoke:
			choked = false
		case wire.Reject:
			if b, err := info.Block(m.Index, m.Begin, m.Length); err == nil && asked[b] {
				delete(asked, b)
				todo = append(todo, b)
			}
		case wire.Piece:
			if err := keep(info, data, asked, m.Index, m.Begin, m.Block); err != nil {
				return nil, err
			}
		}
	}
	return data, nil
}

func giveBack(todo []metainfo.Block, asked map[metainfo.Block]bool) []metainfo.Block {
	back := slices.SortedFunc(maps.Keys(asked), func(a, b metainfo.Block) int {
		return cmp.Or(a.Piece-b.Piece, a.Begin-b.Begin)
	})
	clear(asked)
	return append(todo, back...)
}

func keep(info *metainfo.Info, data []byte, asked map[metainfo.Block]bool, index, begin uint32, payload *block.Block) error {
	defer payload.Release()
	b, err := info.Block(index, begin, uint32(len(payload.Bytes())))
	if err != nil {
		return err
	}
	if !asked[b] {
		return fmt.Errorf("block at %d of piece %d came unasked", b.Begin, b.Piece)
	}
	delete(asked, b)
	copy(data[info.PieceOffset(b.Piece)+int64(b.Begin):], payload.Bytes())
	return nil
}
