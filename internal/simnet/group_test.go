package simnet

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestGroups: what is sent to a group reaches everyone who joined it, the sender too, and nobody else.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		six := netip.MustParseAddr("fd00::1")
		link := Link{Latency: time.Millisecond}
		a, b := n.Host(addrA, link, six), n.Host(addrB, link)
		group, other := netip.MustParseAddrPort("239.1.2.3:6771"), netip.MustParseAddrPort("239.1.2.3:1900")
		join := func(h *Host, network string, g netip.AddrPort) net.PacketConn {
			t.Helper()
			cs, err := h.ListenMulticast(t.Context(), network, g)
			if err != nil || len(cs) != 1 {
				t.Fatal(len(cs), err)
			}
			t.Cleanup(func() { cs[0].Close() })
			return cs[0]
		}
		a1, a2, b1 := join(a, "udp4", group), join(a, "udp4", group), join(b, "udp4", group) // one port, several sockets
		b2 := join(b, "udp4", other)
		plain, err := b.ListenPacket(t.Context(), "udp4", ":0")
		if err != nil {
			t.Fatal(err)
		}
		defer plain.Close()
		send := func(c net.PacketConn, word string) {
			t.Helper()
			if _, err := c.WriteTo([]byte(word), net.UDPAddrFromAddrPort(group)); err != nil {
				t.Fatal(err)
			}
		}
		hears := func(c net.PacketConn, word string, from netip.Addr) {
			t.Helper()
			buf := make([]byte, 100)
			c.SetReadDeadline(time.Now().Add(time.Second))
			k, at, err := c.ReadFrom(buf)
			switch {
			case word == "" && err == nil:
				t.Errorf("heard %q", buf[:k])
			case word != "" && (err != nil || string(buf[:k]) != word || at.(*net.UDPAddr).AddrPort().Addr() != from):
				t.Errorf("heard %q from %v, %v", buf[:k], at, err)
			}
		}
		send(a1, "one")
		for _, c := range []net.PacketConn{a1, a2, b1} {
			hears(c, "one", addrA)
		}
		hears(b2, "", addrA)
		send(plain, "two")
		for _, c := range []net.PacketConn{a1, a2, b1} {
			hears(c, "two", addrB)
		}
		b1.Close()
		send(a2, "three")
		hears(a2, "three", addrA)
		if _, _, err := b1.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
		for _, x := range []struct {
			h       *Host
			network string
			group   string
		}{{b, "udp6", "[ff15::1]:6771"}, {a, "udp4", "[ff15::1]:6771"}, {a, "udp4", "10.0.0.9:6771"}} {
			if cs, err := x.h.ListenMulticast(t.Context(), x.network, netip.MustParseAddrPort(x.group)); err == nil {
				t.Errorf("%s %s was joined: %v", x.network, x.group, cs)
			}
		}
		join(a, "udp6", netip.MustParseAddrPort("[ff15::1]:6771"))
	})
}
