package dht

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"shoal/internal/simnet"
)

// TestD06Amplification: who forges an address gets no more than 300 bytes sent there for a query, or twice
// what it sent. The node knows many nodes and peers; each kind of query is as short as it can be, and once long.
func TestD06Amplification(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		inBubble(t, 5, simnet.Link{Latency: 10 * time.Millisecond}, func(w *world) {
			w.v6 = v6
			node := w.place(nil)
			ih, now := infoHash(1), time.Now()
			for i := range 200 {
				a := netip.AddrPortFrom(w.address(100+i), testPort)
				node.table.place(now, &entry{contact: contact{infoHash(1000 + i), a}, fits: i%2 == 0, replied: now})
				node.peers.add(now, ih, a)
			}
			node.start(w.ctx)
			time.Sleep(time.Second)
			const id = "2:id20:abcdefghij0123456789"
			hash, token := "20:"+string(ih[:]), "6:123456"
			filler := fmt.Sprintf("1:z100:%0100d", 0)
			worst := 0.0
			for i, q := range []string{
				"d1:ad" + id + "e1:q4:ping1:t1:a1:y1:qe",
				"d1:ad" + id + "6:target" + hash + "e1:q9:find_node1:t1:a1:y1:qe",
				"d1:ad" + id + "6:target" + hash + filler + "e1:q9:find_node1:t1:a1:y1:qe",
				"d1:ad" + id + "6:target" + hash + "4:wantl2:n42:n6ee1:q9:find_node1:t1:a1:y1:qe",
				"d1:ad" + id + "9:info_hash" + hash + "e1:q9:get_peers1:t1:a1:y1:qe",
				"d1:ad" + id + "9:info_hash" + hash + "6:scrapei1ee1:q9:get_peers1:t1:a1:y1:qe",
				"d1:ad" + id + "9:info_hash" + hash + filler + "e1:q9:get_peers1:t1:a1:y1:qe",
				"d1:ad" + id + "9:info_hash20:xxxxxxxxxxxxxxxxxxxxe1:q9:get_peers1:t1:a1:y1:qe",
				"d1:ad" + id + "9:info_hash" + hash + "4:porti7000e5:token" + token + "e1:q13:announce_peer1:t1:a1:y1:qe",
				"d1:ade1:q1:x1:t1:a1:y1:qe",
				"d1:ad" + id + "e1:q1:x1:t1:a1:y1:qe",
				"d1:ad" + id + "e1:q1:x1:t32:abcdefghijklmnopqrstuvwxyz1234561:y1:qe",
			} {
				a := netip.AddrPortFrom(w.address(3000+i), testPort)
				conn, err := w.net.Host(a.Addr(), w.link).ListenPacket(w.ctx, "udp", a.String())
				if err != nil {
					t.Fatal(err)
				}
				conn.WriteTo([]byte(q), net.UDPAddrFromAddrPort(node.addr))
				conn.SetReadDeadline(time.Now().Add(time.Second))
				got, most, buf := 0, max(300, 2*len(q)), make([]byte, 2048)
				for {
					n, _, err := conn.ReadFrom(buf)
					if err != nil {
						break
					}
					if buf[n-2] == 'r' || buf[n-2] == 'e' { // a ping of ours is no reply
						got += n
					}
				}
				conn.Close()
				worst = max(worst, float64(got)/float64(len(q)))
				t.Logf("v6=%t: %d bytes for %d, %.1f times: %.60q", v6, got, len(q), float64(got)/float64(len(q)), q)
				if got > most {
					t.Errorf("%d bytes for the %d of %q", got, len(q), q)
				}
			}
			t.Logf("v6=%t: at most %.1f times", v6, worst)
		})
	}
}
