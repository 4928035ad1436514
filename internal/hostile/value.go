package hostile

import (
	"bytes"
	"math/rand/v2"
	"strconv"
)

// value is one bencoded value as a tree, with nothing in the way of breaking it.
type value struct {
	kind byte     // 's', 'i', 'l' or 'd'
	s    []byte   // a string, or the digits of a number
	in   []*value // elements; keys and values by turns
}

// deepest bounds the tree; such seeds are mutated as bytes.
const deepest = 50

func parse(b []byte) (*value, bool) {
	v, rest, ok := parseAt(b, 0)
	return v, ok && len(rest) == 0
}

func parseAt(b []byte, depth int) (*value, []byte, bool) {
	if len(b) == 0 || depth > deepest {
		return nil, nil, false
	}
	switch b[0] {
	case 'i':
		digits, rest, ok := bytes.Cut(b[1:], []byte("e"))
		return &value{kind: 'i', s: digits}, rest, ok
	case 'l', 'd':
		v := &value{kind: b[0]}
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			x, rest, ok := parseAt(b, depth+1)
			if !ok {
				return nil, nil, false
			}
			v.in, b = append(v.in, x), rest
		}
		if len(b) == 0 {
			return nil, nil, false
		}
		return v, b[1:], true
	}
	length, rest, ok := bytes.Cut(b, []byte(":"))
	n, err := strconv.Atoi(string(length))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return nil, nil, false
	}
	return &value{kind: 's', s: rest[:n:n]}, rest[n:], true
}

func (v *value) append(dst []byte) []byte {
	switch v.kind {
	case 's':
		dst = append(strconv.AppendInt(dst, int64(len(v.s)), 10), ':')
		return append(dst, v.s...)
	case 'i':
		return append(append(append(dst, 'i'), v.s...), 'e')
	}
	dst = append(dst, v.kind)
	for _, x := range v.in {
		dst = x.append(dst)
	}
	return append(dst, 'e')
}

// clone returns a copy that shares no part of the tree: a tree that shares parts may end up inside itself.
func (v *value) clone() *value {
	c := &value{kind: v.kind, s: v.s}
	for _, x := range v.in {
		c.in = append(c.in, x.clone())
	}
	return c
}

// walk calls f for v and everything below.
func (v *value) walk(f func(*value)) {
	f(v)
	for _, x := range v.in {
		x.walk(f)
	}
}

// pick returns v or something below it.
func (v *value) pick(rnd *rand.Rand) *value {
	n := 0
	v.walk(func(*value) { n++ })
	k, got := rnd.IntN(n), v
	v.walk(func(x *value) {
		if k == 0 {
			got = x
		}
		k--
	})
	return got
}

// Lengths and numbers around which something usually breaks.
var (
	lengths = []int{0, 1, 2, 4, 5, 6, 7, 17, 18, 19, 20, 21, 25, 26, 27, 32, 33, 38, 52, 208, 255, 256, 257, 1000}
	numbers = []string{"0", "1", "-1", "-5", "80", "1023", "1024", "65535", "65536", "70000", "2147483648", "-0", "007",
		"9223372036854775807", "9223372036854775808", "99999999999999999999999"}
)

// change makes one change somewhere in v, with parts of other.
func change(rnd *rand.Rand, v, other *value) {
	x := v.pick(rnd)
	switch x.kind {
	case 's':
		x.changeString(rnd)
	case 'i':
		x.s = []byte(numbers[rnd.IntN(len(numbers))])
	case 'd', 'l':
		x.changeList(rnd, other)
	}
	if rnd.IntN(6) == 0 {
		*v.pick(rnd) = *other.pick(rnd).clone()
	}
}

func (v *value) changeString(rnd *rand.Rand) {
	s := append([]byte(nil), v.s...)
	switch rnd.IntN(3) {
	case 0:
		n := lengths[rnd.IntN(len(lengths))]
		for len(s) < n {
			s = append(s, byte(rnd.Uint32()))
		}
		v.s = s[:n]
	case 1:
		for range 1 + rnd.IntN(4) {
			if len(s) > 0 {
				s[rnd.IntN(len(s))] = byte(rnd.Uint32())
			}
		}
		v.s = s
	default:
		words := []string{"ping", "find_node", "get_peers", "announce_peer", "put", "get", "q", "r", "e", "a", "id", "t", "ip",
			"values", "nodes", "nodes6", "token", "want", "info_hash", "target", "port", "implied_port", "ro", "n4", "n6"}
		v.s = []byte(words[rnd.IntN(len(words))])
	}
}

// changeList takes out, doubles, swaps or takes over entries; in a dictionary mostly whole pairs.
func (v *value) changeList(rnd *rand.Rand, other *value) {
	step := 1
	if v.kind == 'd' && rnd.IntN(10) > 0 {
		step = 2
	}
	n := len(v.in) / step
	switch rnd.IntN(5) {
	case 0:
		if n > 0 {
			i := rnd.IntN(n) * step
			v.in = append(v.in[:i:i], v.in[i+step:]...)
		}
	case 1:
		if n > 0 {
			i := rnd.IntN(n) * step
			for _, x := range v.in[i : i+step] {
				v.in = append(v.in, x.clone())
			}
		}
	case 2:
		if n > 1 {
			i, j := rnd.IntN(n)*step, rnd.IntN(n)*step
			for k := range step {
				v.in[i+k], v.in[j+k] = v.in[j+k], v.in[i+k]
			}
		}
	case 3:
		v.in = append(v.in, other.pick(rnd).clone().in...)
	default:
		inner := *v
		v.in = []*value{{kind: 's', s: []byte("a")}, &inner}
	}
}
