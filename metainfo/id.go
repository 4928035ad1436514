// Package metainfo owns the nouns that everyone shares: ID, Info, Torrent,
// Magnet, Bitfield and the address of a Block. It parses, checks, makes and writes
// torrents (BEP 3, 9, 12, 19, 27, 47, 52, 53) and maps foreign names to names
// that are safe on every system. Every other package may import it. Its functions
// keep no state and may be called from any goroutine; what they return is
// immutable, except a Bitfield, which belongs to one goroutine.
package metainfo

import "encoding/hex"

// Hash is a SHA-1 digest: a v1 info hash or the hash of a v1 piece (BEP 3).
type Hash [20]byte

// String returns the digest as 40 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Hash2 is a SHA-256 digest: a v2 info hash or a Merkle root (BEP 52).
type Hash2 [32]byte

// String returns the digest as 64 lower-case hex digits.
func (h Hash2) String() string { return hex.EncodeToString(h[:]) }

// ID names a torrent by its v1 info hash, its v2 info hash, or both (hybrid).
// A zero half means that the torrent has no such half. IDs are comparable
// and may be map keys; the zero ID names nothing.
type ID struct {
	V1 Hash
	V2 Hash2
}

// HasV1 reports whether the v1 half is known.
func (id ID) HasV1() bool { return id.V1 != Hash{} }

// HasV2 reports whether the v2 half is known.
func (id ID) HasV2() bool { return id.V2 != Hash2{} }

// Wire returns the 20 bytes that handshakes and trackers carry: the v1 info
// hash when there is one, else the v2 info hash cut to 20 bytes (BEP 52).
func (id ID) Wire() Hash {
	if id.HasV1() {
		return id.V1
	}
	return Hash(id.V2[:20])
}

// String returns the v1 info hash in hex, or the v2 one for a v2-only torrent.
func (id ID) String() string {
	if id.HasV1() {
		return id.V1.String()
	}
	return id.V2.String()
}
