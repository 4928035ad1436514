package guard

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/internal/hostile"
)

// TestD01D02D03PacketsThatKill: what ends the library is not passed on. What can be
// answered is answered in its stead.
func TestD01D02D03PacketsThatKill(t *testing.T) {
	c, s := open(t, Config{})
	for _, b := range hostile.Killers() {
		out, why := c.inbound(b, ap("1.2.3.4:5678"), second)
		if why == passes && !bytes.Contains(b, []byte("2:ip0:")) {
			t.Errorf("%.80q passes", b)
		}
		if bytes.Contains(out, []byte("2:ip")) {
			t.Errorf("%.80q passes with an ip, as %q", b, out)
		}
	}
	// get, put and sample_infohashes with all they need; not the put without arguments.
	if b, n := s.last(); n != 3 || string(b) != "d1:eli204e14:Method Unknowne1:t2:aa1:y1:ee" {
		t.Fatalf("%d answers, the last is %q", n, b)
	}
}

// TestD04LengthBomb: the claim of 128 MiB takes no memory, and 1000 of them a second
// less than a hundredth of a core.
func TestD04LengthBomb(t *testing.T) {
	c, _ := open(t, Config{})
	b := []byte("d1:t134217726:")
	if n := testing.AllocsPerRun(100, func() { c.inbound(b, ap("1.2.3.4:5678"), second) }); n > 8 {
		t.Errorf("%v allocations", n)
	}
	if took := perPacket(c, b); took > slow {
		t.Errorf("a bomb takes %v", took)
	}
	// The same inside a message that is whole.
	b = []byte("d1:ad2:id" + anID + "6:target134217726:e1:q9:find_node1:t2:aa1:y1:qe")
	if _, why := c.inbound(b, ap("1.2.3.4:5678"), second); why != Malformed {
		t.Error(why)
	}
	if took := perPacket(c, b); took > slow {
		t.Errorf("a bomb inside takes %v", took)
	}
}

// TestD05Nesting: dropped by size, at once.
func TestD05Nesting(t *testing.T) {
	c, _ := open(t, Config{})
	b := bytes.Repeat([]byte("l"), 60000)
	if _, why := c.inbound(b, ap("1.2.3.4:5678"), second); why != TooLarge {
		t.Fatal(why)
	}
	if took := perPacket(c, b); took > slow {
		t.Errorf("takes %v", took)
	}
	if _, why := c.inbound([]byte("d1:a"+strings.Repeat("l", 700)+strings.Repeat("e", 701)), ap("1.2.3.4:5678"), second); why != Malformed {
		t.Error(why)
	}
}

// slow is what a dropped datagram may cost: a thousand of them a second take a hundredth
// of a core. Nothing is measured under the race detector.
var slow = 10 * time.Microsecond

func init() {
	if raceEnabled {
		slow = time.Second
	}
}

// perPacket returns what a datagram costs, the best of a few runs.
func perPacket(c *Conn, b []byte) time.Duration {
	const n = 2000
	best := time.Hour
	for range 5 {
		began := time.Now()
		for range n {
			c.inbound(b, ap("1.2.3.4:5678"), second)
		}
		best = min(best, time.Since(began)/n)
	}
	return best
}

// TestD06Flood: 100 000 queries a second from forged sources and of random names are
// cut to the rate of all, nothing grows, and our own lookups go on.
func TestD06Flood(t *testing.T) {
	c, _ := open(t, Config{})
	rnd := rand.New(rand.NewPCG(6, 6))
	seconds, rate := 4, 100_000
	if raceEnabled {
		rate = 20_000
	}
	passed, lookups := 0, 0
	send := func(from netip.AddrPort, now int64) {
		q := pingQ
		if rnd.IntN(2) == 0 {
			q = strings.Replace(pingQ, "4:ping", fmt.Sprintf("8:%08x", rnd.Uint32()), 1)
		}
		if _, why := c.inbound([]byte(q), from, now); why == passes {
			passed++
		}
	}
	sets := []int{len(c.rates.source.sets), len(c.rates.prefix.sets), len(c.peers.queries.sets), len(c.peers.owners.sets), len(c.peers.asked.sets)}
	for i := range seconds * rate {
		now := second + int64(i)*second/int64(rate)
		var ip [4]byte
		for k := range ip {
			ip[k] = byte(1 + rnd.IntN(200))
		}
		from := netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(1024+rnd.IntN(60000)))
		send(from, now)
		if i%(rate/10) == 0 { // ten queries a second of our own, answered 100 ms later by half
			wire := asks(t, c, "x", fmt.Sprintf("9.9.%d.9:6881", i/(rate/10)), now)
			if _, why := c.inbound(replyOf(wire, ""), ap(fmt.Sprintf("9.9.%d.9:6881", i/(rate/10))), now+second/10); why == passes {
				lookups++
			}
		}
	}
	if most := 400 + 200*seconds; passed > most || passed < most/4 {
		t.Errorf("%d queries passed in %d s", passed, seconds)
	}
	if lookups != 10*seconds {
		t.Errorf("%d of %d replies to us passed", lookups, 10*seconds)
	}
	after := []int{len(c.rates.source.sets), len(c.rates.prefix.sets), len(c.peers.queries.sets), len(c.peers.owners.sets), len(c.peers.asked.sets)}
	if !slices.Equal(sets, after) {
		t.Errorf("tables grew from %v to %v", sets, after)
	}
}

// TestD06Source: one loud source is cut to its own rate and leaves the others theirs.
// TestD06Friends: while a flood from everywhere takes what there is for all, who has answered us is still served.
func TestD06Friends(t *testing.T) {
	c, _ := open(t, Config{})
	friend := "9.8.7.6:6881"
	wire := asks(t, c, "x", friend, second)
	if _, why := c.inbound(replyOf(wire, ""), ap(friend), second+1); why != passes {
		t.Fatal(why)
	}
	for i := range 20_000 {
		now := 2*second + int64(i)*second/10_000
		c.inbound([]byte(pingQ), netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 9}), 6881), now)
		if i%5000 == 4999 {
			if _, why := c.inbound([]byte(pingQ), ap(friend), now); why != passes {
				t.Errorf("the query of a friend: %v", why)
			}
			if _, why := c.inbound([]byte(pingQ), ap("99.8.7.6:6881"), now); why != OverTotal {
				t.Errorf("one of a stranger: %v", why)
			}
		}
	}
}

func TestD06Source(t *testing.T) {
	for _, tc := range []struct {
		name   string
		loud   func(i int) string
		other  string
		passed int // of 1000 in one second
		why    Reason
	}{
		{"global", func(i int) string { return fmt.Sprintf("1.2.3.4:%d", 1024+i) }, "1.2.4.4:1", 54, OverSource},
		{"a /24", func(i int) string { return fmt.Sprintf("1.2.3.%d:1024", i%250) }, "1.2.4.4:1", 124, OverPrefix},
		{"a /64", func(i int) string { return fmt.Sprintf("[2a01:1:2:3::%x]:1024", i) }, "[2a01:1:3::1]:1", 54, OverSource},
		{"a /48", func(i int) string { return fmt.Sprintf("[2a01:1:2:%x::1]:1024", i) }, "[2a01:1:3::1]:1", 124, OverPrefix},
		{"local nodes share an address", func(i int) string { return fmt.Sprintf("127.0.0.1:%d", 1024+i) }, "", 599, OverTotal},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := open(t, Config{IPv6: tc.loud(0)[0] == '['})
			passed, last := 0, passes
			for i := range 1000 {
				_, why := c.inbound([]byte(pingQ), ap(tc.loud(i)), second+int64(i)*second/1000)
				if why == passes {
					passed++
				} else {
					last = why
				}
			}
			if passed < tc.passed-1 || passed > tc.passed+1 || last != tc.why {
				t.Errorf("%d passed, then %v; want %d, %v", passed, last, tc.passed, tc.why)
			}
			if tc.other == "" {
				return
			}
			if _, why := c.inbound([]byte(pingQ), ap(tc.other), 2*second); why != passes {
				t.Errorf("another source: %v", why)
			}
		})
	}
	c, _ := open(t, Config{Rates: Rates{Off: true}})
	for range 2000 {
		if _, why := c.inbound([]byte(pingQ), ap("1.2.3.4:5678"), second); why != passes {
			t.Fatalf("rates off, and %v", why)
		}
	}
}

// TestD07NodesInReply: of what one reply names at most eight nodes are taken, two of a
// network, and none that its sender may not name.
func TestD07NodesInReply(t *testing.T) {
	var dead []string
	for i := range 50 {
		dead = append(dead, fmt.Sprintf("66.%d.3.4:6881", i))
	}
	for _, tc := range []struct {
		name  string
		nodes []string
		want  []string
	}{
		{"eight", dead, dead[:8]},
		{"a victim's network", []string{"66.1.1.1:2000", "66.1.1.2:2000", "66.1.1.3:2000", "66.1.1.2:2001", "66.1.2.1:2000"},
			[]string{"66.1.1.1:2000", "66.1.1.2:2000", "66.1.2.1:2000"}},
		{"twice", []string{"66.1.1.1:2000", "66.1.1.1:2000"}, []string{"66.1.1.1:2000"}},
		{"low ports", []string{"66.1.1.1:0", "66.1.1.1:53", "66.1.1.1:1023", "66.1.1.1:1024"}, []string{"66.1.1.1:1024"}},
		{"no nodes", []string{"0.0.0.0:2000", "0.1.2.3:2000", "224.0.0.1:2000", "255.255.255.255:2000"}, nil},
		{"not to be named", []string{"10.0.0.1:2000", "127.0.0.1:2000", "192.168.1.1:2000", "8.8.8.8:2000"}, []string{"8.8.8.8:2000"}},
		{"ourselves", []string{"99.9.9.9:6881", "99.9.9.9:6882"}, []string{"99.9.9.9:6882"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := open(t, Config{Own: func() netip.AddrPort { return ap("99.9.9.9:6881") }})
			wire := asks(t, c, "x", "5.5.5.5:5555", second)
			out, why := c.inbound(replyOf(wire, "5:nodes"+compact(t, tc.nodes...)), ap("5.5.5.5:5555"), second)
			if why != passes {
				t.Fatal(why)
			}
			canonical(t, out)
			var m message
			m.parse(out, foreign)
			if got := addrsIn(m.reply.nodes, node4Len); !slices.Equal(got, tc.want) {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// TestD07Local: a node of a local network may name as many of its network as it likes.
func TestD07Local(t *testing.T) {
	c, _ := open(t, Config{})
	wire := asks(t, c, "x", "10.0.0.2:5555", second)
	nodes := []string{"10.0.0.3:2000", "10.0.0.4:2000", "10.0.0.5:2000", "10.0.0.5:2001"}
	out, _ := c.inbound(replyOf(wire, "5:nodes"+compact(t, nodes...)), ap("10.0.0.2:5555"), second)
	var m message
	m.parse(out, foreign)
	if got := addrsIn(m.reply.nodes, node4Len); !slices.Equal(got, nodes) {
		t.Errorf("%v", got)
	}
}

// TestIPv6Nodes: the table of one family holds nodes of that family, none of them mapped.
func TestIPv6Nodes(t *testing.T) {
	nodes6 := compact(t, "[2a01:1:1::1]:2000", "[2a01:1:1::2]:2000", "[2a01:1:1:5::3]:2000", "[::ffff:1.2.3.4]:2000", "[ff02::1]:2000", "[fd00::1]:2000", "[2a01:1:2::1]:2000")
	body := "5:nodes" + compact(t, "66.1.1.1:2000") + "6:nodes6" + nodes6
	for _, v6 := range []bool{false, true} {
		c, _ := open(t, Config{IPv6: v6})
		from := map[bool]string{false: "5.5.5.5:5555", true: "[2a01:5::5]:5555"}[v6]
		out, why := c.inbound(replyOf(asks(t, c, "x", from, second), body), ap(from), second)
		if why != passes {
			t.Fatal(why)
		}
		var m message
		m.parse(out, foreign)
		got := append(addrsIn(m.reply.nodes, node4Len), addrsIn(m.reply.nodes6, node6Len)...)
		want := []string{"66.1.1.1:2000"}
		if v6 {
			want = []string{"[2a01:1:1::1]:2000", "[2a01:1:1::2]:2000", "[2a01:1:2::1]:2000"}
		}
		if !slices.Equal(got, want) || m.reply.hasNodes == v6 || m.reply.hasNodes6 != v6 {
			t.Errorf("IPv6 %v: %v", v6, got)
		}
	}
}

// TestValues: at most fifty peers that the sender may name.
func TestValues(t *testing.T) {
	c, _ := open(t, Config{})
	body := "6:valuesl6:\x0a\x00\x00\x01\x1a\xe16:\x05\x05\x05\x05\x00\x00"
	for i := range 60 {
		body += "6:\x05\x06\x07" + string([]byte{byte(i)}) + "\x1a\xe1"
	}
	body += "18:\x2a\x01" + strings.Repeat("\x01", 16) + "e"
	out, why := c.inbound(replyOf(asks(t, c, "x", "5.5.5.5:5555", second), body), ap("5.5.5.5:5555"), second)
	var m message
	if m.parse(out, foreign); why != passes || len(m.reply.peers4) != 50*peer4Len || len(m.reply.peers6) != 0 || m.reply.peers4[0] != 5 {
		t.Errorf("%v: %d and %d bytes", why, len(m.reply.peers4), len(m.reply.peers6))
	}
}

// TestD08OneIDPerHost: three hundred ids of one host, and one of them may enter the table. What
// stays out is marked as read-only, which the library heeds (BEP 43).
func TestD08OneIDPerHost(t *testing.T) {
	enters := func(c *Conn, id, from string, now int64) bool {
		out, why := c.inbound([]byte(strings.Replace(pingQ, "abcdefghij", id, 1)), ap(from), now)
		if why != passes {
			t.Fatal(why)
		}
		return !bytes.Contains(out, []byte("2:roi1e"))
	}
	answers := func(c *Conn, id, from string, now int64) bool {
		b := bytes.Replace(replyOf(asks(t, c, "x", from, now), ""), []byte("abcdefghij"), []byte(id), 1)
		out, why := c.inbound(b, ap(from), now)
		if why != passes {
			t.Fatal(why)
		}
		return !bytes.Contains(out, []byte("2:roi1e"))
	}
	c, _ := open(t, Config{Rates: Rates{Off: true}})
	in := 0
	for i := range 300 {
		if enters(c, fmt.Sprintf("%010d", i), fmt.Sprintf("1.2.3.4:%d", 2000+i%7), second) {
			in++
		}
	}
	for i := range 300 { // and as many on one port of a local address
		if enters(c, fmt.Sprintf("%010d", i), "10.0.0.1:2000", second) {
			in++
		}
	}
	if in != 2 {
		t.Errorf("%d ids of two hosts enter the table", in)
	}
	if !enters(c, "0000000001", "10.0.0.1:2001", second) {
		t.Error("a second node on a local address stays out")
	}
	if !enters(c, "0000000000", "1.2.3.4:2000", 2*second) {
		t.Error("the first one is out the second time")
	}
	// Whoever answers a query of ours replaces whoever did not.
	if !answers(c, "9999999999", "1.2.3.4:2001", 3*second) || enters(c, "0000000000", "1.2.3.4:2000", 4*second) {
		t.Error("a forged query holds the place of a node that answers")
	}
	if answers(c, "8888888888", "1.2.3.4:2002", 5*second) || !answers(c, "9999999999", "1.2.3.4:2001", 6*second) {
		t.Error("a second node that answers takes the place of the first")
	}
	if !enters(c, "7777777777", "1.2.3.4:2003", 6*second+ownedFor+1) {
		t.Error("the place is never free again")
	}
	// A flood of forged queries does not displace who has proven to be there.
	now := 10 * second
	if !answers(c, "9999999999", "7.7.7.7:7777", now) {
		t.Fatal("no room at first")
	}
	for i := range 20_000 {
		enters(c, "0000000001", fmt.Sprintf("%d.%d.%d.1:2000", 20+i%50, i/50%250, i/12500), now)
	}
	if enters(c, "5555555555", "7.7.7.7:7778", now) {
		t.Error("forged queries displaced a node that answers")
	}
}

// TestReadOnlySender: its queries pass, and it stays out of the table.
func TestReadOnlySender(t *testing.T) {
	c, _ := open(t, Config{})
	for _, q := range []string{strings.Replace(pingQ, "1:t", "2:roi1e1:t", 1), pingQ} {
		out, why := c.inbound([]byte(q), ap("1.2.3.4:5678"), second)
		if why != passes || string(out) != q {
			t.Errorf("%q becomes %q, %v", q, out, why)
		}
	}
	// Nor does one that may not be named to others.
	c, _ = open(t, Config{Allow: func(netip.AddrPort, netip.Addr) bool { return false }})
	if out, why := c.inbound([]byte(pingQ), ap("1.2.3.4:5678"), second); why != passes || !bytes.Contains(out, []byte("2:roi1e")) {
		t.Errorf("%q, %v", out, why)
	}
	// We drop queries while we are read-only ourselves.
	c, _ = open(t, Config{ReadOnly: true})
	if _, why := c.inbound([]byte(pingQ), ap("1.2.3.4:5678"), second); why != WeReadOnly {
		t.Error(why)
	}
}

// TestFindNode: the library looks for info_hash where it should look for target.
func TestFindNode(t *testing.T) {
	c, _ := open(t, Config{})
	out, why := c.inbound([]byte(findQ), ap("1.2.3.4:5678"), second)
	want := "d1:ad2:id" + anID + "9:info_hash" + aHash + "6:target" + aHash + "e1:q9:find_node1:t2:aa1:y1:qe"
	if string(out) != want || why != passes {
		t.Errorf("%q, %v", out, why)
	}
}
