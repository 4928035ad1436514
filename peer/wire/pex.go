package wire

import (
	"fmt"
	"net/netip"

	"shoal/internal/bencode"
)

// MaxPex is how many addresses of a peer exchange are taken, added and dropped ones each (BEP 11).
const MaxPex = 50

// PexFlags says what the sender of an address knows of the peer there (BEP 11).
type PexFlags uint8

// Flags of an added peer.
const (
	PexEncrypted PexFlags = 0x01 // prefers encryption
	PexSeed      PexFlags = 0x02 // has everything, or only uploads
	PexUTP       PexFlags = 0x04 // speaks uTP
	PexReachable PexFlags = 0x10 // was connected to from outside
)

// PexPeer is one peer that is told of.
type PexPeer struct {
	Addr  netip.AddrPort
	Flags PexFlags
}

// Pex is the payload of a ut_pex message: what has changed in the sender's connections.
type Pex struct {
	Added   []PexPeer
	Dropped []netip.AddrPort
	// Excess is how many addresses were there beyond MaxPex added and MaxPex dropped ones; these are left out.
	Excess int
}

// Lengths of an address with its port.
const (
	pexLen4 = 6
	pexLen6 = 18
)

// AppendPex appends the payload of p to dst. Addresses of both families may come in any order.
func AppendPex(dst []byte, p *Pex) []byte {
	var four, four6, flags, flags6, gone, gone6 []byte
	for _, a := range p.Added {
		if addr := a.Addr.Addr().Unmap(); addr.Is4() {
			four, flags = appendCompact(four, a.Addr), append(flags, byte(a.Flags))
		} else {
			four6, flags6 = appendCompact(four6, a.Addr), append(flags6, byte(a.Flags))
		}
	}
	for _, a := range p.Dropped {
		if a.Addr().Unmap().Is4() {
			gone = appendCompact(gone, a)
		} else {
			gone6 = appendCompact(gone6, a)
		}
	}
	dst = append(dst, 'd')
	for _, f := range []struct {
		key string
		val []byte
	}{{"added", four}, {"added.f", flags}, {"added6", four6}, {"added6.f", flags6}, {"dropped", gone}, {"dropped6", gone6}} {
		dst = appendString(appendString(dst, f.key), string(f.val))
	}
	return append(dst, 'e')
}

func appendCompact(dst []byte, a netip.AddrPort) []byte {
	dst = append(dst, a.Addr().Unmap().AsSlice()...)
	return append(dst, byte(a.Port()>>8), byte(a.Port()))
}

// ParsePex reads the payload of a ut_pex message. It fails, wrapping ErrProtocol, when that is not one well-formed dictionary, or a
// list of addresses is not made of whole ones. Missing flags are zero. The result does not alias b.
func ParsePex(b []byte) (Pex, error) {
	var p Pex
	n, err := bencode.Scan(b, bencode.Limits{Bytes: MaxExtended, Depth: 4, Items: 256, String: MaxExtended})
	if err == nil && (n != len(b) || b[0] != 'd') {
		err = fmt.Errorf("not one dictionary")
	}
	if err != nil {
		return p, fmt.Errorf("%w: ut_pex: %w", ErrProtocol, err)
	}
	lists := map[string][]byte{}
	for key, raw := range bencode.Dict(b) {
		switch key {
		case "added", "added.f", "added6", "added6.f", "dropped", "dropped6":
			s, ok := bencode.String(raw)
			if !ok {
				return p, fmt.Errorf("%w: ut_pex: %s is not a string", ErrProtocol, key)
			}
			lists[key] = s
		}
	}
	for _, key := range []string{"added", "added6", "dropped", "dropped6"} {
		if size := pexLen(key); len(lists[key])%size != 0 {
			return p, fmt.Errorf("%w: ut_pex: %s of %d bytes, each takes %d", ErrProtocol, key, len(lists[key]), size)
		}
	}
	add := func(a netip.AddrPort, f byte) { p.Added = append(p.Added, PexPeer{a, PexFlags(f)}) }
	drop := func(a netip.AddrPort, _ byte) { p.Dropped = append(p.Dropped, a) }
	p.take(lists["added"], lists["added6"], lists["added.f"], lists["added6.f"], add)
	p.take(lists["dropped"], lists["dropped6"], nil, nil, drop)
	return p, nil
}

// pexLen returns the length of one address of a list.
func pexLen(key string) int {
	if key[len(key)-1] == '6' {
		return pexLen6
	}
	return pexLen4
}

// take calls add for at most MaxPex addresses of both families. Of many, half are left to either.
func (p *Pex) take(four, six, flags4, flags6 []byte, add func(netip.AddrPort, byte)) {
	n4, n6 := len(four)/pexLen4, len(six)/pexLen6
	m4 := min(n4, max(MaxPex/2, MaxPex-n6))
	m6 := min(n6, MaxPex-m4)
	p.Excess += n4 + n6 - m4 - m6
	one := func(list []byte, i, size int, flags []byte) {
		e := list[i*size : (i+1)*size]
		ip, _ := netip.AddrFromSlice(e[:size-2])
		var f byte
		if i < len(flags) {
			f = flags[i]
		}
		add(netip.AddrPortFrom(ip.Unmap(), uint16(e[size-2])<<8|uint16(e[size-1])), f)
	}
	for i := range m4 {
		one(four, i, pexLen4, flags4)
	}
	for i := range m6 {
		one(six, i, pexLen6, flags6)
	}
}
