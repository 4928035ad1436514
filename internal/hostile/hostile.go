// Package hostile owns datagrams that a DHT node must survive: valid KRPC messages
// (BEP 5, 32, 33, 42, 43), the packets that are known to end the library, and a
// mutator that knows the structure of bencode and so gets past the first check. It
// is for tests only. Its functions keep no state; a *rand.Rand belongs to one goroutine.
package hostile

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

const (
	id     = "20:abcdefghij0123456789"
	target = "20:mnopqrstuvwxyz123456"
)

func str(s string) string { return strconv.Itoa(len(s)) + ":" + s }

// nodes returns n compact nodes of 26 bytes (38 for IPv6) in n networks.
func nodes(n int, v6 bool) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("nodeid-nodeid-nodei" + string(rune('a'+i)))
		if v6 {
			b.WriteString("\x2a\x01\x00" + string(rune(i+1)) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01")
		} else {
			b.WriteString(string(rune(i+50)) + "\x01\x02\x03")
		}
		b.WriteString("\x1a\xe1")
	}
	return b.String()
}

// Queries returns one valid query of each kind that a node serves, and variations.
func Queries() [][]byte {
	return all(
		"d1:ad2:id"+id+"e1:q4:ping1:t2:aa1:y1:qe",
		"d1:ad2:id"+id+"6:target"+target+"e1:q9:find_node1:t2:ab1:y1:qe",
		"d1:ad2:id"+id+"6:target"+target+"4:wantl2:n42:n6ee1:q9:find_node2:roi1e1:t4:abcd1:v4:LT\x01\x021:y1:qe",
		"d1:ad2:id"+id+"9:info_hash"+target+"6:noseedi1e6:scrapei1ee1:q9:get_peers1:t1:x1:y1:qe",
		"d1:ad2:id"+id+"9:info_hash"+target+"4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:ac1:y1:qe",
		"d1:ad2:id"+id+"12:implied_porti1e9:info_hash"+target+"4:porti0e4:seedi1e5:token4:aoeue1:q13:announce_peer1:t2:ad1:y1:qe",
	)
}

// Replies returns valid replies and errors; their t is "aa".
func Replies() [][]byte {
	ip4, ip6 := "2:ip6:\x01\x02\x03\x04\x1a\xe1", "2:ip18:\x2a\x01"+strings.Repeat("\x00", 13)+"\x01\x1a\xe1"
	end := "1:t2:aa1:y1:re"
	return all(
		"d"+ip4+"1:rd2:id"+id+"e"+end,
		"d"+ip4+"1:rd2:id"+id+"5:nodes"+str(nodes(8, false))+"5:token8:aoeusnthe"+end,
		"d1:rd2:id"+id+"5:nodes"+str(nodes(12, false))+"6:nodes6"+str(nodes(4, true))+"e"+end,
		"d"+ip6+"1:rd2:id"+id+"6:nodes6"+str(nodes(8, true))+"5:token4:aoeue"+end,
		"d1:rd2:id"+id+"5:token4:aoeu6:valuesl6:\x01\x02\x03\x04\x1a\xe16:\x05\x06\x07\x08\x1a\xe118:\x2a\x01"+strings.Repeat("\x00", 13)+"\x02\x1a\xe1ee"+end,
		"d1:rd4:BFpe256:"+strings.Repeat("\x11", 256)+"4:BFsd256:"+strings.Repeat("\x22", 256)+"2:id"+id+"e"+end,
		"d1:eli201e13:Generic Errore1:t2:aa1:y1:ee",
		"d1:e5:plain1:t2:aa1:y1:ee",
	)
}

// Killers returns packets that end or burden anacrolix/dht v2.23.0 when it reads them itself,
// and queries that we do not serve.
func Killers() [][]byte {
	return all(
		"d1:q13:announce_peer1:t2:aa1:y1:qe",
		"d1:q3:put1:t2:aa1:y1:qe",
		"d2:ip0:1:t2:aa1:y1:re",
		"d2:ip1:x1:t2:aa1:y1:re",
		"d1:ad2:id"+id+"e2:ip0:1:q4:ping1:t2:aa1:y1:qe",
		"d1:rd2:id"+id+"6:valuesl0:ee1:t2:aa1:y1:re",
		"d1:t134217726:",
		strings.Repeat("l", 60000),
		strings.Repeat("l", 1400),
		"d1:ad2:id"+id+"9:info_hash"+target+"4:porti-5e5:token4:aoeue1:q13:announce_peer1:t2:aa1:y1:qe",
		"d1:ad2:id"+id+"6:target"+target+"e1:q17:sample_infohashes1:t2:aa1:y1:qe",
		"d1:ad2:id"+id+"6:target"+target+"e1:q3:get1:t2:aa1:y1:qe",
		"d1:ad2:id"+id+"5:token4:aoeu1:v5:helloe1:q3:put1:t2:aa1:y1:qe",
		"d1:rd2:id"+id+"5:nodes27:"+strings.Repeat("n", 27)+"e1:t2:aa1:y1:re",
		"d1:elei1ee1:t2:aa1:y1:ee",
	)
}

// Seeds returns all of these, the queries twice: they need no luck to get through.
func Seeds() [][]byte { return slices.Concat(Queries(), Queries(), Replies(), Killers()) }

func all(s ...string) (b [][]byte) {
	for _, x := range s {
		b = append(b, []byte(x))
	}
	return b
}

// Mutate returns a new datagram made from one of the seeds, often with parts of
// another. About one in three is only put together anew and stays as it was; a few
// are no bencoding at all. The same rnd and seeds give the same bytes. seeds must
// not be empty and is not written to.
func Mutate(rnd *rand.Rand, seeds [][]byte) []byte {
	seed := seeds[rnd.IntN(len(seeds))]
	v, ok := parse(seed)
	if !ok {
		return damage(rnd, append([]byte(nil), seed...))
	}
	for range rnd.IntN(3) {
		other, ok := parse(seeds[rnd.IntN(len(seeds))])
		if !ok {
			other = v
		}
		change(rnd, v, other)
	}
	b := v.append(nil)
	if rnd.IntN(12) == 0 {
		b = damage(rnd, b)
	}
	return b
}

// damage breaks raw bytes.
func damage(rnd *rand.Rand, b []byte) []byte {
	switch i := rnd.IntN(len(b) + 1); rnd.IntN(4) {
	case 0:
		return b[:i]
	case 1:
		return append(b, b[:i]...)
	case 2:
		return append(b[:i:i], append([]byte{"deli0123456789:-"[rnd.IntN(16)]}, b[i:]...)...)
	default:
		b[min(i, len(b)-1)] ^= 1 << rnd.IntN(8)
		return b
	}
}
