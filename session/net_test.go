package session

import (
	"net"
	"net/netip"
	"testing"
)

// TestListenPacketFrom: with a host to leave from packets leave from there, and the
// other family is refused.
func TestListenPacketFrom(t *testing.T) {
	n := SystemNet{From: netip.MustParseAddr("127.0.0.1")}
	for _, address := range []string{":0", "0.0.0.0:0", "127.0.0.1:0"} {
		for _, network := range []string{"udp", "udp4"} {
			c, err := n.ListenPacket(t.Context(), network, address)
			if err != nil {
				t.Errorf("%s %s: %v", network, address, err)
				continue
			}
			if got := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(); got != n.From {
				t.Errorf("%s %s leaves from %v", network, address, got)
			}
			c.Close()
		}
	}
	for _, x := range [][2]string{{"udp6", ":0"}, {"udp", "[::1]:0"}, {"udp4", "127.0.0.2:0"}} {
		if c, err := n.ListenPacket(t.Context(), x[0], x[1]); err == nil {
			t.Errorf("%v was opened on %v", x, c.LocalAddr())
			c.Close()
		}
	}
	if c, err := (SystemNet{}).ListenPacket(t.Context(), "udp4", ":0"); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

// TestDialFrom: connections to the other family than From's fail in words.
func TestDialFrom(t *testing.T) {
	n := SystemNet{From: netip.MustParseAddr("127.0.0.1")}
	if _, err := n.Dial(t.Context(), "tcp", "[::1]:1"); err == nil {
		t.Error("an IPv6 address was reached from an IPv4 one")
	}
}
