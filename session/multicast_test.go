package session

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestMulticastLoopback: two programs of one machine that share a port hear each other and themselves, and
// leave from the host of --listen.
func TestMulticastLoopback(t *testing.T) {
	n, group := SystemNet{From: netip.MustParseAddr("127.0.0.1")}, netip.MustParseAddrPort("239.192.152.144:6779")
	var socks []net.PacketConn
	for range 2 {
		cs, err := n.ListenMulticast(t.Context(), "udp4", group)
		if err != nil || len(cs) != 1 {
			t.Fatalf("%d sockets, %v", len(cs), err)
		}
		defer cs[0].Close()
		socks = append(socks, cs[0])
	}
	if _, err := socks[0].WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(group)); err != nil {
		t.Fatal(err)
	}
	for i, c := range socks {
		b := make([]byte, 10)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		k, from, err := c.ReadFrom(b)
		if err != nil || string(b[:k]) != "hello" || addrOf(from) != netip.AddrPortFrom(n.From, group.Port()) {
			t.Errorf("socket %d heard %q from %v, %v", i, b[:k], from, err)
		}
	}
}

// TestMulticastRefused: a group of the wrong family, no group at all, and a host of another family.
func TestMulticastRefused(t *testing.T) {
	lo := netip.MustParseAddr("127.0.0.1")
	for _, x := range []struct {
		n              SystemNet
		network, group string
	}{
		{SystemNet{}, "udp4", "[ff15::1]:6779"}, {SystemNet{}, "udp6", "239.1.1.1:6779"}, {SystemNet{}, "udp4", "127.0.0.1:6779"},
		{SystemNet{From: lo}, "udp6", "[ff15::1]:6779"},
	} {
		if cs, err := x.n.ListenMulticast(t.Context(), x.network, netip.MustParseAddrPort(x.group)); err == nil {
			t.Errorf("%v was joined: %d sockets", x, len(cs))
		}
	}
}

// TestSegments: which interfaces a group is joined on.
func TestSegments(t *testing.T) {
	ifs, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	lo := SystemNet{From: netip.MustParseAddr("127.0.0.1")}.segments(ifs, true)
	if len(lo) != 1 || lo[0].ifi.Flags&net.FlagLoopback == 0 {
		t.Fatalf("the interface of 127.0.0.1 is %+v", lo)
	}
	only := SystemNet{}.segments([]net.Interface{lo[0].ifi}, true)
	if len(only) != 1 || only[0].from.IsValid() {
		t.Errorf("with nothing but loopback: %+v", only)
	}
	wide := lo[0].ifi
	wide.Flags = net.FlagUp | net.FlagMulticast
	if got := (SystemNet{}).segments([]net.Interface{lo[0].ifi, wide}, true); len(got) != 1 || got[0].ifi.Flags != wide.Flags {
		t.Errorf("with another interface: %+v", got)
	}
	many := make([]net.Interface, 100)
	for i := range many {
		many[i] = wide
	}
	if got := (SystemNet{}).segments(many, true); len(got) != maxInterfaces {
		t.Errorf("%d of 100 interfaces", len(got))
	}
	wide.Flags = net.FlagMulticast
	if got := (SystemNet{}).segments([]net.Interface{wide}, true); len(got) != 0 {
		t.Errorf("an interface that is down: %+v", got)
	}
	s := segment{ifi: net.Interface{Name: "eth0"}, on: []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24"), netip.MustParsePrefix("fe80::1/64")}}
	for a, want := range map[string]bool{
		"192.168.1.9": true, "192.168.2.9": false, "8.8.8.8": false, "fe80::9%eth0": true, "fe80::9%eth1": false, "2001:db8::1": false,
	} {
		if got := s.near(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is near: %v", a, got)
		}
	}
}
