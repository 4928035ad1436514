package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// reads parses what was sent and checks that it is canonical.
func reads(t *testing.T, b []byte) *message {
	t.Helper()
	canonical(t, b)
	var m message
	if why := m.parse(b, foreign); why != passes {
		t.Fatalf("%q: %v", b, why)
	}
	return &m
}

// TestQueriesOut: which queries of ours leave, and how.
func TestQueriesOut(t *testing.T) {
	for _, tc := range []struct {
		name, q, to string
		why         Reason
	}{
		{"a node", peersQ, "1.2.3.4:5678", passes},
		{"a low port that we chose", peersQ, "1.2.3.4:53", passes},
		{"get", strings.Replace(pingQ, "4:ping", "3:get", 1), "1.2.3.4:5678", Unknown},
		{"put", strings.Replace(pingQ, "4:ping", "3:put", 1), "1.2.3.4:5678", Unknown},
		{"long t", strings.Replace(pingQ, "2:aa", "11:aaaaaaaaaaa", 1), "1.2.3.4:5678", BadMessage},
		{"no query", "d1:t2:aa1:y1:qe", "1.2.3.4:5678", BadMessage},
		{"port 0", peersQ, "1.2.3.4:0", BadAddress},
		{"other family", peersQ, "[2a01::1]:5678", BadAddress},
		{"mapped", peersQ, "[::ffff:1.2.3.4]:5678", passes},
		{"multicast", peersQ, "224.0.0.1:5678", BadAddress},
		{"broadcast", peersQ, "255.255.255.255:5678", BadAddress},
		{"unspecified", peersQ, "0.0.0.0:5678", BadAddress},
		{"refused by the rule", peersQ, "10.9.9.9:5678", NotAllowed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := open(t, Config{Allow: func(a netip.AddrPort, by netip.Addr) bool {
				return !by.IsValid() && a.Addr() != netip.MustParseAddr("10.9.9.9")
			}})
			n, err := c.WriteTo([]byte(tc.q), udp(tc.to))
			b, sent := s.last()
			if tc.why != passes {
				if !errors.Is(err, ErrRefused) || n != 0 || sent != 0 || c.Counts().Refused[tc.why] != 1 {
					t.Fatalf("%d, %v, %d sent, %+v", n, err, sent, c.Counts())
				}
				return
			}
			if n != len(tc.q) || err != nil || sent != 1 || c.Counts().Sent != 1 {
				t.Fatalf("%d, %v, %d sent", n, err, sent)
			}
			if m := reads(t, b); m.ro || len(m.t) != 2+tagLen || string(m.t[:2]) != "aa" {
				t.Errorf("sent %q", b)
			}
		})
	}
	c, s := open(t, Config{ReadOnly: true})
	c.WriteTo([]byte(peersQ), udp("1.2.3.4:5678"))
	if b, _ := s.last(); !reads(t, b).ro {
		t.Errorf("read-only, and sends %q", b)
	}
	if n, err := c.WriteTo(replyOf([]byte("aa"), ""), udp("1.2.3.4:5678")); n == 0 || err != nil || c.Counts().Refused[WeReadOnly] != 1 {
		t.Errorf("read-only, and replies: %d, %v", n, err)
	}
}

// TestD07Crowd: victims that liars name again and again among thousands of other nodes get no third packet in a
// minute because we forgot the first two. A busy session asks a hundred nodes a second.
func TestD07Crowd(t *testing.T) {
	c, _ := open(t, Config{})
	asks := func(i int, now int64) bool {
		var m message
		m.parse([]byte(peersQ), ours)
		return c.ask(&m, netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 9}), 6881), now) == passes
	}
	const victims = 200
	third := 0
	for i := range 5500 {
		now := second + int64(i)*second/100
		if asks(i, now) && i < victims {
			asks(i, now)
		}
	}
	for i := range victims {
		if asks(i, 57*second) {
			third++
		}
	}
	if third > victims/10 {
		t.Errorf("%d of %d victims got a third packet", third, victims)
	}
}

// TestD07PacketsPerAddress: an address that never answered gets two packets in any
// minute, one that did one a second.
func TestD07PacketsPerAddress(t *testing.T) {
	sentTo := func(c *Conn, to string, from, until, step int64) (times []int64) {
		var m message
		for now := from; now < until; now += step {
			m.parse([]byte(peersQ), ours)
			if c.ask(&m, ap(to), now) == passes {
				times = append(times, now)
			}
		}
		return times
	}
	c, _ := open(t, Config{Trusted: func(a netip.AddrPort) bool { return a.Port() == 7 }})
	times := sentTo(c, "1.2.3.4:5678", second, 600*second, second/2)
	for i := 2; i < len(times); i++ {
		if times[i]-times[i-2] < 60*second {
			t.Errorf("three packets within %v", time.Duration(times[i]-times[i-2]))
		}
	}
	if len(times) < 10 || len(times) > 12 {
		t.Errorf("%d packets in ten minutes", len(times))
	}
	if n := len(sentTo(c, "1.2.3.4:7", second, 61*second, second/10)); n < 60 || n > 70 {
		t.Errorf("%d to a node that the user named", n)
	}
	wire := asks(t, c, "x", "1.2.3.5:5678", second)
	if _, why := c.inbound(replyOf(wire, ""), ap("1.2.3.5:5678"), second); why != passes {
		t.Fatal(why)
	}
	if n := len(sentTo(c, "1.2.3.5:5678", second, 61*second, second/10)); n < 60 || n > 70 {
		t.Errorf("%d to a node that answered", n)
	}
	c, _ = open(t, Config{Rates: Rates{Off: true}})
	if n := len(sentTo(c, "1.2.3.4:5678", second, 61*second, second/10)); n != 600 {
		t.Errorf("rates off: %d of 600", n)
	}
}

// TestRepliesOut: an address that has not proven to be there gets no more than 300
// bytes or twice its query, others 1024.
func TestRepliesOut(t *testing.T) {
	var addrs []string
	values := "6:valuesl"
	for i := range 8 {
		addrs = append(addrs, fmt.Sprintf("66.%d.3.4:6881", i))
	}
	for i := range 200 {
		values += "6:\x05\x06" + string([]byte{byte(i), 1}) + "\x1a\xe1"
	}
	values += "e"
	nodes, token := "5:nodes"+compact(t, addrs...), "5:token20:tttttttttttttttttttt"
	for _, tc := range []struct {
		name, body   string
		query        string
		proven       bool
		most         int
		nodes, peers int // that must remain
	}{
		{"nodes", nodes, findQ, false, 300, 8, 0},
		{"nodes and token", nodes + token, peersQ, false, 300, 7, 0},
		{"nodes and token, proven", nodes + token, peersQ, true, 1024, 8, 0},
		{"values", token + values, peersQ, false, 300, 0, 20},
		{"values for a long query", token + values, strings.Replace(peersQ, "1:t", "1:s150:"+strings.Repeat("x", 150)+"1:t", 1), false, 2 * (len(peersQ) + 157), 0, 46},
		{"values, proven", token + values, peersQ, true, 1024, 0, 50},
		{"nodes and values", nodes + values, peersQ, false, 300, 8, 0},
		{"no query", nodes + token, "", false, 300, 7, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := open(t, Config{})
			to := "1.2.3.4:5678"
			if tc.proven {
				wire := asks(t, c, "x", to, c.since(time.Now()))
				if _, why := c.inbound(replyOf(wire, ""), ap(to), c.since(time.Now())); why != passes {
					t.Fatal(why)
				}
			}
			if tc.query != "" {
				if _, why := c.inbound([]byte(tc.query), ap(to), c.since(time.Now())); why != passes {
					t.Fatal(why)
				}
			}
			in := replyOf([]byte("aa"), tc.body)
			if n, err := c.WriteTo(in, udp(to)); n != len(in) || err != nil {
				t.Fatal(n, err)
			}
			b, _ := s.last()
			m := reads(t, b)
			if len(b) > tc.most || len(m.reply.nodes)/node4Len != tc.nodes || len(m.reply.peers4)/peer4Len < tc.peers || string(m.ip) != "\x01\x02\x03\x04\x16\x2e" {
				t.Errorf("%d bytes, %d nodes, %d peers, ip %x", len(b), len(m.reply.nodes)/node4Len, len(m.reply.peers4)/peer4Len, m.ip)
			}
			if string(m.t) != "aa" {
				t.Errorf("t %q", m.t)
			}
		})
	}
}

// TestRepliesIPv6 are cut as well, and hold nothing mapped and nothing of the other family.
func TestRepliesIPv6(t *testing.T) {
	c, s := open(t, Config{IPv6: true})
	addrs := []string{"[::ffff:1.2.3.4]:2000"}
	for i := range 8 {
		addrs = append(addrs, fmt.Sprintf("[2a01:%d::1]:2000", i+1))
	}
	in := replyOf([]byte("aa"), "5:nodes"+compact(t, "66.1.1.1:2000")+"6:nodes6"+compact(t, addrs...)+"6:valuesl6:\x01\x01\x01\x01\x1a\xe1e")
	c.WriteTo(in, udp("[2a01:5::5]:5555"))
	b, _ := s.last()
	m := reads(t, b)
	if got := addrsIn(m.reply.nodes6, node6Len); !slices.Equal(got, addrs[1:6]) || m.reply.hasNodes || len(m.reply.peers4) > 0 || len(m.ip) != 18 {
		t.Errorf("%v in %q", got, b)
	}
}

// TestDisclose: who is outside does not hear of nodes and peers inside.
func TestDisclose(t *testing.T) {
	for to, want := range map[string]int{"1.2.3.4:5678": 1, "192.168.0.9:5678": 3} {
		c, s := open(t, Config{})
		c.WriteTo(replyOf([]byte("aa"), "5:nodes"+compact(t, "10.0.0.1:2000", "66.1.1.1:2000", "100.64.0.1:2000")), udp(to))
		b, _ := s.last()
		if got := addrsIn(reads(t, b).reply.nodes, node4Len); len(got) != want {
			t.Errorf("%s hears of %v", to, got)
		}
	}
}

// TestReplyRate: ten a second to one network of global scope.
func TestReplyRate(t *testing.T) {
	for to, want := range map[string][2]int{"66.1.1.%d:2000": {118, 121}, "10.1.1.%d:2000": {1000, 1000}} {
		synctest.Test(t, func(t *testing.T) {
			c, s := open(t, Config{})
			defer c.Close()
			for i := range 1000 {
				in := replyOf([]byte("aa"), "")
				if n, err := c.WriteTo(in, udp(fmt.Sprintf(to, i%250))); n != len(in) || err != nil {
					t.Fatal(n, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
			if _, n := s.last(); n < want[0] || n > want[1] || int(c.Counts().Refused[OverPrefix]) != 1000-n {
				t.Errorf("%s: %d replies in 10 s, %+v", to, n, c.Counts())
			}
		})
	}
}

// TestD13WriteErrors: what the socket cannot send is lost, and not an error.
func TestD13WriteErrors(t *testing.T) {
	for _, err := range []error{syscall.ENETDOWN, syscall.EPERM, syscall.ECONNREFUSED, syscall.ENOBUFS} {
		c, s := open(t, Config{})
		s.fail = err
		if n, err := c.WriteTo([]byte(pingQ), udp("1.2.3.4:5678")); n != len(pingQ) || err != nil || c.Counts().Failed != 1 {
			t.Errorf("%d, %v, %+v", n, err, c.Counts())
		}
	}
}

// TestErrorsOut: error replies pass, what is no message does not.
func TestErrorsOut(t *testing.T) {
	c, s := open(t, Config{})
	in := "d1:eli203e7:invalide1:t2:aa1:y1:ee"
	c.WriteTo([]byte(in), udp("1.2.3.4:5678"))
	if b, _ := s.last(); string(b) != in {
		t.Errorf("%q", b)
	}
	if n, err := c.WriteTo([]byte("garbage"), udp("1.2.3.4:5678")); n != 7 || err != nil || c.Counts().Refused[Malformed] != 1 {
		t.Errorf("%d, %v", n, err)
	}
	long := replyOf([]byte("aa"), "4:BFpe256:"+strings.Repeat("x", 256)+"4:BFsd256:"+strings.Repeat("x", 256))
	c.WriteTo([]byte(strings.Replace(string(long), "2:id"+anID, "", 1)), udp("1.2.3.4:5678"))
	c.WriteTo(long, udp("1.2.3.4:5678"))
	if n := c.Counts(); n.Refused[BadMessage] != 1 || n.Refused[TooLarge] != 1 {
		t.Errorf("%+v", n)
	}
}
