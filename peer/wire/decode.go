package wire

import (
	"encoding/binary"
	"fmt"

	"shoal/internal/block"
	"shoal/metainfo"
)

// Largest lengths in bytes that a frame of each kind may announce, id
// included. They are checked before anything is allocated.
const (
	// MaxFrame holds for unknown frames, which are skipped without being kept.
	MaxFrame = 1 << 20
	// MaxExtended holds for Extended frames; the largest that anyone sends are
	// handshakes and blocks of metadata with a few words before them.
	MaxExtended = 128 << 10
	// maxBitfield is the bitfield of the largest torrent.
	maxBitfield = 1 + metainfo.MaxPieces/8
	// maxHashes holds for the hash messages of BEP 52: 512 hashes and a proof
	// of 64 are asked for at most.
	maxHashes = 1 + 48 + 32*(512+64)
	// maxExtHandshake is the largest extended handshake, both ids included.
	maxExtHandshake = 2 + MaxExtHandshake
)

// fixed is the length of the frames that have only one, id included.
var fixed = [256]uint8{
	Choke: 1, Unchoke: 1, Interested: 1, NotInterested: 1, HaveAll: 1, HaveNone: 1,
	Have: 5, Suggest: 5, AllowedFast: 5, Port: 3, Request: 13, Cancel: 13, Reject: 13,
}

// decode appends what buf holds to dst until dst has the length end or the
// batch has its Blocks. It stops early when a frame is incomplete.
func (d *Reader) decode(dst []Message, end int) ([]Message, error) {
	for len(dst) < end && d.blocks < maxBlocks {
		if d.open {
			if !d.take() {
				break
			}
			dst = d.emit(dst)
			continue
		}
		b := d.buf[d.r:d.w]
		if len(b) < 4 {
			break
		}
		n := binary.BigEndian.Uint32(b)
		if n == 0 {
			d.r += 4
			d.idle++
			d.run = 0
			continue
		}
		if n > d.max {
			return dst, fmt.Errorf("%w: frame of %d bytes, at most %d are allowed", ErrProtocol, n, d.max)
		}
		if len(b) < 5 {
			break
		}
		k := Kind(b[4])
		if size := fixed[k]; size != 0 {
			if n != uint32(size) {
				return dst, fmt.Errorf("%w: %v of %d bytes, %d are right", ErrProtocol, k, n, size)
			}
			if uint32(len(b)) < 4+n {
				break
			}
			d.r += int(4 + n)
			d.idle, d.run = 0, 0
			dst = append(dst, small(k, b[5:4+n]))
			continue
		}
		if ok, err := d.begin(k, n, b); err != nil || !ok {
			return dst, err
		}
	}
	return dst, nil
}

// small decodes a frame of fixed length from the bytes after the id.
func small(k Kind, p []byte) Message {
	m := Message{Kind: k}
	switch len(p) {
	case 2:
		m.Index = uint32(binary.BigEndian.Uint16(p))
	case 4:
		m.Index = binary.BigEndian.Uint32(p)
	case 12:
		m.Index = binary.BigEndian.Uint32(p)
		m.Begin = binary.BigEndian.Uint32(p[4:])
		m.Length = binary.BigEndian.Uint32(p[8:])
	}
	return m
}

// begin opens a frame of variable length n whose first bytes are b. It
// reports false when more of the head is needed.
func (d *Reader) begin(k Kind, n uint32, b []byte) (bool, error) {
	least, most, head := uint32(1), d.max, 5
	switch k {
	case Piece:
		least, most, head = 10, 9+block.Size, PieceHeader
	case Bitfield:
		most = maxBitfield
	case HashRequest, HashReject:
		least, most = 49, 49
	case Hashes:
		least, most = 49, maxHashes
	case Extended:
		least, most, head = 2, MaxExtended, 6
	default:
		k = Unknown
	}
	if n < least || n > min(most, d.max) {
		return false, fmt.Errorf("%w: %v of %d bytes, %d to %d are allowed", ErrProtocol, k, n, least, most)
	}
	if len(b) < head {
		return false, nil
	}
	m := Message{Kind: k}
	switch k {
	case Piece:
		m.Index = binary.BigEndian.Uint32(b[5:])
		m.Begin = binary.BigEndian.Uint32(b[9:])
		m.Block = d.pool.Get()
		m.Block.Resize(int(n) - 9)
	case Extended:
		m.Index = uint32(b[5])
		if m.Index == ExtHandshakeID && n > maxExtHandshake {
			return false, fmt.Errorf("%w: extended handshake of %d bytes, at most %d are allowed", ErrProtocol, n, maxExtHandshake)
		}
	}
	d.open, d.part, d.got, d.left = true, m, 0, int(n)+4-head
	d.r += head
	return true, nil
}

// take moves bytes from buf to the open frame and reports whether it is complete.
func (d *Reader) take() bool {
	n := min(d.left, d.w-d.r)
	p := d.buf[d.r : d.r+n]
	switch d.part.Kind {
	case Piece:
		copy(d.part.Block.Bytes()[d.got:], p)
	case Unknown:
	default:
		if d.part.Data == nil && n == d.left {
			d.part.Data = make([]byte, 0, n)
		}
		d.part.Data = append(d.part.Data, p...)
	}
	d.r += n
	d.got += n
	d.left -= n
	return d.left == 0
}

// emit appends the open frame, which is complete, to dst.
func (d *Reader) emit(dst []Message) []Message {
	m := d.part
	d.open, d.part = false, Message{}
	if d.run++; m.Kind != Piece || len(m.Block.Bytes()) != block.Size {
		d.run = 0
	}
	if m.Kind == Unknown {
		d.idle++
		return dst
	}
	if m.Kind == Piece {
		d.blocks++
	}
	d.idle = 0
	return append(dst, m)
}
