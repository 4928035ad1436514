package main

import (
	"net/netip"
	"testing"

	"shoal/status"
)

// TestReachWords: what is said about who can connect to us.
func TestReachWords(t *testing.T) {
	for _, c := range []struct {
		r    status.Reach
		want string
	}{
		{status.Reach{}, ""},
		{status.Reach{Incoming: true}, "reachable from outside: a peer has connected from there"},
		{status.Reach{Mapped: true, Method: "UPnP", External: netip.MustParseAddrPort("1.2.3.4:6881")},
			"peers outside can connect to 1.2.3.4:6881: the router lets them through to us (UPnP)"},
		{status.Reach{Mapped: true, Method: "UPnP", External: netip.MustParseAddrPort("1.2.3.4:6881"), Incoming: true},
			"reachable from outside: a peer has connected from there"},
		{status.Reach{Mapped: true, Method: "NAT-PMP", External: netip.MustParseAddrPort("100.64.1.2:7000")},
			"the router lets connections through to us (NAT-PMP), but its own address 100.64.1.2 is not public: peers outside can hardly connect"},
		{status.Reach{Mapped: true, Method: "UPnP", External: netip.AddrPortFrom(netip.Addr{}, 7000)},
			"the router lets connections to its port 7000 through to us (UPnP)"},
	} {
		if got := reachWords(c.r); got != c.want {
			t.Errorf("%+v: %q", c.r, got)
		}
	}
}
