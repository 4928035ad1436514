package wire

import (
	"errors"
	"fmt"

	"shoal/metainfo"
)

// Protocol is what every handshake begins with (BEP 3).
const Protocol = "\x13BitTorrent protocol"

// Sizes in bytes within a handshake.
const (
	HandshakeLen = 68
	// HashEnd is how much of a handshake must be there to know the info hash.
	HashEnd = 48
)

// ErrProtocol is wrapped by every error about a remote that breaks the peer
// protocol; the message says what it sent. The connection cannot go on.
var ErrProtocol = errors.New("peer broke the protocol")

// Handshake is the first 68 bytes that each side sends (BEP 3).
type Handshake struct {
	Reserved Reserved
	InfoHash metainfo.Hash // metainfo.ID.Wire
	PeerID   [20]byte
}

// Reserved are the eight bytes of capability bits in a handshake.
type Reserved [8]byte

// Capability bits, as byte and mask.
const (
	extByte, extBit   = 5, 0x10 // BEP 10
	dhtByte, dhtBit   = 7, 0x01 // BEP 5
	fastByte, fastBit = 7, 0x04 // BEP 6
	v2Byte, v2Bit     = 7, 0x10 // BEP 52
)

// Extended reports whether the side that sent the bits speaks BEP 10.
func (r Reserved) Extended() bool { return r[extByte]&extBit != 0 }

// DHT reports whether the side that sent the bits runs a DHT node (BEP 5).
func (r Reserved) DHT() bool { return r[dhtByte]&dhtBit != 0 }

// Fast reports whether the side that sent the bits speaks BEP 6.
func (r Reserved) Fast() bool { return r[fastByte]&fastBit != 0 }

// V2 reports whether the side that sent the bits could switch a hybrid torrent to v2 (BEP 52).
func (r Reserved) V2() bool { return r[v2Byte]&v2Bit != 0 }

// WithExtended returns r with the bit of BEP 10 set.
func (r Reserved) WithExtended() Reserved { r[extByte] |= extBit; return r }

// WithDHT returns r with the bit of BEP 5 set.
func (r Reserved) WithDHT() Reserved { r[dhtByte] |= dhtBit; return r }

// WithFast returns r with the bit of BEP 6 set.
func (r Reserved) WithFast() Reserved { r[fastByte] |= fastBit; return r }

// WithV2 returns r with the bit of BEP 52 set.
func (r Reserved) WithV2() Reserved { r[v2Byte] |= v2Bit; return r }

// AppendHandshake appends the 68 bytes of h to dst.
func AppendHandshake(dst []byte, h *Handshake) []byte {
	dst = append(dst, Protocol...)
	dst = append(dst, h.Reserved[:]...)
	dst = append(dst, h.InfoHash[:]...)
	return append(dst, h.PeerID[:]...)
}

// CheckHandshake looks at the first bytes of a handshake, as many as there
// are, and fails as soon as they cannot be one. With HashEnd bytes or more it
// also returns the info hash; before that ok is false.
func CheckHandshake(b []byte) (ih metainfo.Hash, ok bool, err error) {
	n := min(len(b), len(Protocol))
	if string(b[:n]) != Protocol[:n] {
		return ih, false, fmt.Errorf("%w: handshake begins with %q", ErrProtocol, b[:n])
	}
	if len(b) < HashEnd {
		return ih, false, nil
	}
	return metainfo.Hash(b[28:HashEnd]), true, nil
}

// ParseHandshake reads a whole handshake from the first HandshakeLen bytes of b.
func ParseHandshake(b []byte) (Handshake, error) {
	if len(b) < HandshakeLen {
		return Handshake{}, fmt.Errorf("%w: handshake of %d bytes, %d are needed", ErrProtocol, len(b), HandshakeLen)
	}
	ih, _, err := CheckHandshake(b)
	if err != nil {
		return Handshake{}, err
	}
	return Handshake{
		Reserved: Reserved(b[20:28]),
		InfoHash: ih,
		PeerID:   [20]byte(b[HashEnd:HandshakeLen]),
	}, nil
}
