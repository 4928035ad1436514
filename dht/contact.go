package dht

import (
	"bytes"
	"math/bits"
	"net/netip"

	"shoal/metainfo"
)

// contact is a node as others know it. A zero id means that only the address is known.
type contact struct {
	id   metainfo.Hash
	addr netip.AddrPort
}

// idLen is the number of bits of an id, and one more than the longest prefix two ids share.
const idLen = 8 * len(metainfo.Hash{})

// prefixLen is the number of leading bits that a and b have in common (BEP 5's XOR metric, as a logarithm).
func prefixLen(a, b metainfo.Hash) int {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return 8*i + bits.LeadingZeros8(x)
		}
	}
	return idLen
}

// compareDistance orders a and b by their distance to target: negative when a is nearer.
func compareDistance(target, a, b metainfo.Hash) int {
	for i := range target {
		if x, y := a[i]^target[i], b[i]^target[i]; x != y {
			return int(x) - int(y)
		}
	}
	return 0
}

// flipped returns an id that shares exactly prefix bits with own; the bits behind come from tail.
func flipped(own, tail metainfo.Hash, prefix int) metainfo.Hash {
	id := tail
	for i := range prefix {
		mask := byte(0x80 >> (i % 8))
		id[i/8] = id[i/8]&^mask | own[i/8]&mask
	}
	mask := byte(0x80 >> (prefix % 8))
	id[prefix/8] = id[prefix/8]&^mask | ^own[prefix/8]&mask
	return id
}

// compact writes an address as BEP 5 and BEP 32 do: 6 or 18 bytes.
func compact(a netip.AddrPort) []byte {
	return append(a.Addr().AsSlice(), byte(a.Port()>>8), byte(a.Port()))
}

// compactNodes writes nodes as BEP 5 and BEP 32 do: 26 or 38 bytes each.
func compactNodes(nodes []contact) []byte {
	var b bytes.Buffer
	for _, c := range nodes {
		b.Write(c.id[:])
		b.Write(compact(c.addr))
	}
	return b.Bytes()
}
