package guard

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// BenchmarkDropped is the price of datagrams that go no further. D04 (1000/s of
// bombs below 1 % of a core) allows 10 microseconds each, D05 as many; the aim is 3.
func BenchmarkDropped(b *testing.B) {
	for _, bm := range []struct{ name, data string }{
		{"bomb", "d1:t134217726:"},
		{"depth", strings.Repeat("l", 60000)},
		{"depthInLimit", strings.Repeat("l", 1400)},
		{"depthInDict", "d1:a" + strings.Repeat("l", 700) + strings.Repeat("e", 701)},
		{"noArguments", "d1:q13:announce_peer1:t2:aa1:y1:qe"},
		{"forgedReply", string(replyOf([]byte("aaaaaaaa"), "5:nodes"+compact(b, "1.2.3.4:6881", "1.2.3.5:6881")))},
	} {
		b.Run(bm.name, func(b *testing.B) {
			c, _ := open(b, Config{})
			data := []byte(bm.data)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, why := c.inbound(data, ap("1.2.3.4:5678"), int64(i)*1000); why == passes {
					b.Fatal("passes")
				}
			}
		})
	}
	b.Run("flood", func(b *testing.B) {
		c, _ := open(b, Config{})
		data := []byte(pingQ)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			var ip [4]byte
			binary.BigEndian.PutUint32(ip[:], 1<<28+uint32(i)*2654435761>>4)
			c.inbound(data, netip.AddrPortFrom(netip.AddrFrom4(ip), 6881), int64(i)*10_000)
		}
	})
}

// BenchmarkPassed is the price of those that do.
func BenchmarkPassed(b *testing.B) {
	c, _ := open(b, Config{Rates: Rates{Off: true}})
	b.Run("query", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, why := c.inbound([]byte(findQ), ap("1.2.3.4:5678"), second); why != passes {
				b.Fatal(why)
			}
		}
	})
	b.Run("reply", func(b *testing.B) {
		b.ReportAllocs()
		nodes := compact(b, "1.2.3.4:6881", "1.3.3.4:6881", "1.4.3.4:6881", "1.5.3.4:6881", "1.6.3.4:6881", "1.7.3.4:6881", "1.8.3.4:6881", "1.9.3.4:6881")
		for b.Loop() {
			wire := asks(b, c, "x", "1.2.3.4:5678", int64(time.Second))
			if _, why := c.inbound(replyOf(wire, "5:nodes"+nodes), ap("1.2.3.4:5678"), second); why != passes {
				b.Fatal(why)
			}
		}
	})
}
