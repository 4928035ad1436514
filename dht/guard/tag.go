package guard

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// A tag goes behind the transaction id of each query of ours and must come back in
// its reply: one byte that names the time slot, and four that only the key, the
// address, the slot and the id together yield. So exactly one of 2^32 values is
// right for a reply, and nothing of it can be guessed from earlier ones.
const (
	tagLen = 5
	// tagSlot is the length of a slot; a reply may be between one and two of them late.
	tagSlot = int64(8 * time.Second)
	// maxOwnT is the longest transaction id of the library that is tagged, in bytes.
	maxOwnT = 10
)

// tagged appends t and its tag to dst.
func (k sipKey) tagged(dst, t []byte, to netip.AddrPort, now int64) []byte {
	slot := now / tagSlot
	dst = append(append(dst, t...), byte(slot))
	return binary.BigEndian.AppendUint32(dst, k.tag(t, to, slot))
}

// untagged returns t without its tag; false when the tag is wrong or old.
func (k sipKey) untagged(t []byte, from netip.AddrPort, now int64) ([]byte, bool) {
	n := len(t) - tagLen
	if n < 1 || n > maxOwnT {
		return nil, false
	}
	slot := now / tagSlot
	if t[n] != byte(slot) {
		slot-- // if it is an older one, the tag is wrong
	}
	return t[:n:n], binary.BigEndian.Uint32(t[n+1:]) == k.tag(t[:n], from, slot)
}

func (k sipKey) tag(t []byte, a netip.AddrPort, slot int64) uint32 {
	hi, lo, rest := words(useTag, a.Addr(), a.Port())
	t0, t1 := pack(t)
	return uint32(k.hash(hi, lo, rest|uint64(len(t))<<32, uint64(slot), t0, t1))
}
