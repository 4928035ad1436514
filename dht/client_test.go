package dht

import (
	"net"
	"net/netip"
	"time"

	"shoal/internal/bencode"
)

// client is a socket that asks by hand.
type client struct {
	conn net.PacketConn
	id   string // 20 bytes
}

func newClient(w *world, i int) *client {
	a := w.address(i)
	conn, err := w.net.Host(a, w.link).ListenPacket(w.ctx, "udp", netip.AddrPortFrom(a, testPort).String())
	if err != nil {
		w.t.Fatal(err)
	}
	return &client{conn, "abcdefghij0123456789"}
}

// ask sends a query and returns the answer within a second; a zero one for silence. Queries of the
// other side are passed over.
func (c *client) ask(to netip.AddrPort, packet string) (m answeredMessage, r krpcResult) {
	c.conn.WriteTo([]byte(packet), net.UDPAddrFromAddrPort(to))
	c.conn.SetReadDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 2048)
	for {
		n, _, err := c.conn.ReadFrom(buf)
		if err != nil {
			return answeredMessage{}, krpcResult{}
		}
		m, r = answeredMessage{}, krpcResult{}
		if bencode.Unmarshal(buf[:n], bencode.Limits{}, &m) == nil && m.Y != "q" {
			if m.Y == "r" {
				bencode.Unmarshal(m.R, bencode.Limits{}, &r)
			}
			return m, r
		}
	}
}
