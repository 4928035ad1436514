package blocklist

import (
	"bytes"
	"net/netip"
)

// rule is a range of either family.
type rule struct {
	v4  span[uint32]
	v6  span[wide]
	is6 bool
}

// parseLine reads one line that is neither empty nor a comment. blocks is false for a range that is let pass.
func parseLine(b []byte) (r rule, blocks, ok bool) {
	if first, rest, found := bytes.Cut(b, []byte{','}); found {
		field, _, _ := bytes.Cut(rest, []byte{','})
		if level, isLevel := parseLevel(bytes.TrimSpace(field)); isLevel {
			if r, ok = parseRange(first); ok {
				return r, level < 127, true
			}
		}
	}
	if r, ok = parseRule(b); ok {
		return r, true, true
	}
	if i := bytes.IndexAny(b, "#;"); i >= 0 { // a remark behind the rule
		r, ok = parseRule(bytes.TrimSpace(b[:i]))
	}
	return r, ok, ok
}

// parseLevel reads DAT's access level.
func parseLevel(b []byte) (level int, ok bool) {
	if len(b) == 0 || len(b) > 5 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		level = level*10 + int(c-'0')
	}
	return level, true
}

// parseRule reads a rule, with or without a name and a colon before it.
func parseRule(b []byte) (rule, bool) {
	last := bytes.LastIndexByte(b, ':')
	if last < 0 {
		return parseSpec(b)
	}
	if r, ok := parseRange(b[last+1:]); ok {
		return r, true
	}
	if bytes.IndexByte(b, '-') < 0 {
		if r, ok := parseSpec(b); ok {
			return r, true
		}
	}
	if r, ok := parseRange6(b, last); ok {
		return r, true
	}
	if r, ok := parseSpec(b[last+1:]); ok && !r.is6 {
		return r, true
	}
	return rule{}, false
}

// parseRange6 reads a range with colons, the last of them at last. A name before it may have colons too, and even end as an address
// begins: of all readings it is the one that blocks the least.
func parseRange6(b []byte, last int) (narrowest rule, found bool) {
	// A range has fourteen colons at most, and the name's own one comes before them.
	for i, n := last, 0; n < 16; n++ {
		i = bytes.LastIndexByte(b[:i], ':')
		r, ok := parseRange(b[i+1:])
		switch {
		case !ok:
		case !r.is6:
			return r, true
		case !found || compare6(r.v6.from, narrowest.v6.from) > 0:
			narrowest, found = r, true
		}
		if i < 0 {
			break
		}
	}
	return narrowest, found
}

// parseSpec reads a range, CIDR or a single address.
func parseSpec(b []byte) (rule, bool) {
	b = bytes.TrimSpace(b)
	if r, ok := parseRange(b); ok {
		return r, true
	}
	base, length, found := bytes.Cut(b, []byte{'/'})
	if !found {
		return between(b, b)
	}
	bits, ok := parseLevel(length)
	a, isAddr := parseAddr(base)
	if ok && isAddr && a.Is4() && bytes.IndexByte(base, ':') >= 0 { // in IPv6 clothing, whose 96 bits count
		bits -= 96
	}
	if !ok || !isAddr || bits < 0 || bits > a.BitLen() {
		return rule{}, false
	}
	return network(a, bits), true
}

func parseRange(b []byte) (rule, bool) {
	from, to, ok := bytes.Cut(b, []byte{'-'})
	if !ok {
		return rule{}, false
	}
	return between(bytes.TrimSpace(from), bytes.TrimSpace(to))
}

// between is the range from one address to another one of its family.
func between(from, to []byte) (r rule, ok bool) {
	if a, ok := parse4(from); ok {
		b, ok := parse4(to)
		return rule{v4: span[uint32]{a, b}}, ok && a <= b
	}
	a, aok := parseAddr(from)
	b, bok := parseAddr(to)
	if !aok || !bok || a.Is4() != b.Is4() || b.Less(a) {
		return r, false
	}
	if a.Is4() {
		return rule{v4: span[uint32]{narrow(a), narrow(b)}}, true
	}
	return rule{v6: span[wide]{widen(a), widen(b)}, is6: true}, true
}

// network is all that shares the first bits with an address.
func network(a netip.Addr, bits int) rule {
	if a.Is4() {
		host := uint32(1<<(32-bits) - 1)
		return rule{v4: span[uint32]{narrow(a) &^ host, narrow(a) | host}}
	}
	host := wide{1<<max(64-bits, 0) - 1, 1<<min(128-bits, 64) - 1}
	w := widen(a)
	return rule{v6: span[wide]{wide{w.hi &^ host.hi, w.lo &^ host.lo}, wide{w.hi | host.hi, w.lo | host.lo}}, is6: true}
}

func narrow(a netip.Addr) uint32 {
	b := a.As4()
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// parseAddr reads an address of either family; IPv4 in IPv6 clothing is IPv4.
func parseAddr(b []byte) (netip.Addr, bool) {
	if a, ok := parse4(b); ok {
		return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), true
	}
	if len(b) > 45 || bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(b))
	return a.Unmap(), err == nil && a.Zone() == ""
}

// parse4 reads four decimal numbers; zeros before them change nothing.
func parse4(b []byte) (a uint32, ok bool) {
	n, digits, dots := uint32(0), 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			n = n*10 + uint32(c-'0')
			digits++
		case c == '.' && digits > 0 && n <= 255 && dots < 3:
			a, n, digits = a<<8|n, 0, 0
			dots++
		default:
			return 0, false
		}
	}
	return a<<8 | n, dots == 3 && digits > 0 && n <= 255
}
