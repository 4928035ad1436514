package guard

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestSecureID holds BEP 42 against its own table.
func TestSecureID(t *testing.T) {
	for _, tc := range []struct {
		ip string
		id string
	}{
		{"124.31.75.21", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"},
		{"21.75.31.124", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"},
		{"65.23.51.170", "a5d43220bc8f112a3d426c84764f8c2a1150e616"},
		{"84.124.73.14", "1b0321dd1bb1fe518101ceef99462b947a01ff41"},
		{"43.213.53.83", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"},
	} {
		b, err := hex.DecodeString(tc.id)
		if err != nil {
			t.Fatal(err)
		}
		id, ip := [20]byte(b), netip.MustParseAddr(tc.ip)
		if !IsSecureID(id, ip) {
			t.Errorf("%s may not have %s", tc.ip, tc.id)
		}
		rnd := id
		rnd[0], rnd[1], rnd[2] = 0, 0, id[2]&7
		if got := SecureID(ip, rnd); got != id {
			t.Errorf("%s has %x, want %s", tc.ip, got, tc.id)
		}
		if got := SecureID(netip.MustParseAddr("::ffff:"+tc.ip), rnd); got != id {
			t.Errorf("mapped %s has %x", tc.ip, got)
		}
		for bit := range 21 {
			bad := id
			bad[bit/8] ^= 0x80 >> (bit % 8)
			if IsSecureID(bad, ip) {
				t.Errorf("bit %d of the id of %s does not count", bit, tc.ip)
			}
		}
	}
	var rnd [20]byte
	a, b := netip.MustParseAddr("2a01:123:4567:89ab::1"), netip.MustParseAddr("2a01:123:4567:89ab:ffff::2")
	if id := SecureID(a, rnd); !IsSecureID(id, a) || !IsSecureID(id, b) || IsSecureID(id, netip.MustParseAddr("2a01:123:4567:89ac::1")) {
		t.Error("the first 64 bits of an IPv6 address decide")
	}
	for _, local := range []string{"10.0.0.1", "127.0.0.1", "192.168.1.1", "169.254.1.1", "100.64.1.1", "::1", "fe80::1", "fd00::1"} {
		if !IsSecureID(rnd, netip.MustParseAddr(local)) {
			t.Errorf("%s is bound to an id", local)
		}
	}
	if SecureID(netip.Addr{}, rnd) != rnd {
		t.Error("no address, and an id of one")
	}
}

// TestExternal: ten networks decide, and no single one of them more than once.
func TestExternal(t *testing.T) {
	c, _ := open(t, Config{})
	now := second
	vote := func(from, ip string) {
		now += second
		b := append(append([]byte("d2:ip"), str(nil, append(netip.MustParseAddr(ip).AsSlice(), 0x1a, 0xe1))...), replyOf(asks(t, c, "x", from, now), "")[1:]...)
		if _, why := c.inbound(b, ap(from), now); why != passes {
			t.Fatal(why)
		}
	}
	expect := func(want string) {
		t.Helper()
		got, ok := c.External()
		if (want != "") != ok || ok && got.String() != want {
			t.Fatalf("%v, %v; want %q", got, ok, want)
		}
	}
	for i := range 50 { // one network has one vote, whatever it says
		vote(fmt.Sprintf("66.1.%d.1:2000", i), "6.6.6.6")
	}
	for i := range 20 {
		vote(fmt.Sprintf("67.%d.1.1:2000", i), []string{"10.0.0.1", "127.0.0.1", "224.0.0.1", "2a01::1"}[i%4])
		vote(fmt.Sprintf("10.%d.1.1:2000", i), "7.7.7.7") // who is local does not know
	}
	expect("")
	for i := range 9 {
		vote(fmt.Sprintf("68.%d.1.1:2000", i), "5.5.5.5")
	}
	expect("")
	vote("69.1.1.1:2000", "5.5.5.5")
	expect("5.5.5.5")
	for i := range 9 { // liars that are fewer
		vote(fmt.Sprintf("70.%d.1.1:2000", i), "6.6.6.6")
	}
	expect("")
	for i := range 10 {
		vote(fmt.Sprintf("71.%d.1.1:2000", i), "5.5.5.5")
	}
	expect("5.5.5.5")
	for i := range 32 { // our address changes
		vote(fmt.Sprintf("72.%d.1.1:2000", i), "8.8.4.4")
	}
	expect("8.8.4.4")
	if n := len(c.votes.latest); n != maxVotes {
		t.Errorf("%d votes are kept", n)
	}
	// What nobody asked for is no vote.
	for i := range 40 {
		c.inbound([]byte(strings.Replace(string(replyOf([]byte("aaaaaa"), "")), "d1:r", "d2:ip6:\x06\x06\x06\x06\x1a\xe11:r", 1)), ap(fmt.Sprintf("73.%d.1.1:2000", i)), now)
	}
	expect("8.8.4.4")
}
