package guard

import (
	"hash/crc32"
	"net/netip"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SecureID returns the node id that BEP 42 allows at ip, made of the random bytes
// rnd: its first 21 bits follow from ip and the last byte of rnd, the rest is rnd.
func SecureID(ip netip.Addr, rnd [20]byte) [20]byte {
	crc := idPrefix(ip, rnd[19])
	rnd[0], rnd[1] = byte(crc>>24), byte(crc>>16)
	rnd[2] = byte(crc>>8)&0xf8 | rnd[2]&7
	return rnd
}

// IsSecureID reports whether id may be the id of the node at ip (BEP 42). Addresses
// of less than global scope may have any id.
func IsSecureID(id [20]byte, ip netip.Addr) bool {
	return !Global(ip) || SecureID(ip, id) == id
}

// idPrefix returns the hash whose first 21 bits an id at ip begins with.
func idPrefix(ip netip.Addr, r byte) uint32 {
	mask := []byte{0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff}
	if ip = ip.Unmap(); ip.Is4() {
		mask = []byte{0x03, 0x0f, 0x3f, 0xff}
	}
	b := ip.AsSlice()
	if b == nil {
		return 0
	}
	b = b[:len(mask)]
	for i := range b {
		b[i] &= mask[i]
	}
	b[0] |= r & 7 << 5
	return crc32.Checksum(b, castagnoli)
}
