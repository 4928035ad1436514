package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestPex(t *testing.T) {
	at := netip.MustParseAddrPort
	p := Pex{
		Added:   []PexPeer{{at("192.0.2.1:6881"), PexSeed | PexReachable}, {at("192.0.2.2:65535"), 0}, {at("[2001:db8::1]:6881"), PexUTP | PexEncrypted}},
		Dropped: []netip.AddrPort{at("192.0.2.9:1"), at("[2001:db8::9]:2")},
	}
	b := AppendPex(nil, &p)
	got, err := ParsePex(b)
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v", got, err)
	}
	for cut := range b {
		if _, err := ParsePex(b[:cut]); !errors.Is(err, ErrProtocol) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if _, err := ParsePex(append(b, 'x')); !errors.Is(err, ErrProtocol) {
		t.Errorf("more behind it: %v", err)
	}
	if got, err := ParsePex(AppendPex(nil, &Pex{})); err != nil || !reflect.DeepEqual(got, Pex{}) {
		t.Errorf("empty: %+v, %v", got, err)
	}
	if got, err := ParsePex([]byte("d5:added12:\x01\x02\x03\x04\x1a\xe1\x01\x02\x03\x05\x1a\xe17:added.f1:\x02e")); err != nil || len(got.Added) != 2 || got.Added[0].Flags != PexSeed || got.Added[1].Flags != 0 {
		t.Errorf("few flags: %+v, %v", got, err)
	}
}

func TestP01HostilePex(t *testing.T) {
	for name, in := range map[string]string{
		"added not x6": "d5:added5:abcdee", "added6 not x18": "d6:added617:abcdefghijklmnopqe", "dropped not x6": "d7:dropped7:abcdefge", "dropped6 not x18": "d8:dropped61:ae",
		"a number": "d5:addedi5ee", "flags a list": "d7:added.flee", "no dictionary": "le", "twice": "d5:added0:5:added0:e", "deep": "d1:alllllee5:added0:e",
	} {
		if p, err := ParsePex([]byte(in)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, tt := range [][3]int{{10_000, 0, 50}, {0, 5000, 50}, {10_000, 3000, 50}, {49, 1, 50}, {10, 10, 20}, {60, 10, 50}} {
		in := fmt.Sprintf("d5:added%d:%s6:added6%d:%se", tt[0]*6, strings.Repeat("abcdef", tt[0]), tt[1]*18, strings.Repeat("abcdefghijklmnopqr", tt[1]))
		p, err := ParsePex([]byte(in))
		six := 0
		for _, a := range p.Added {
			if a.Addr.Addr().Is6() {
				six++
			}
		}
		if err != nil || len(p.Added) != tt[2] || p.Excess != tt[0]+tt[1]-tt[2] || six < min(tt[1], 10) {
			t.Errorf("%v: %d taken, %d of them IPv6, %d left out, %v", tt, len(p.Added), six, p.Excess, err)
		}
	}
	p, err := ParsePex(fmt.Appendf(nil, "d7:dropped%d:%se", 600, strings.Repeat("abcdef", 100)))
	if err != nil || len(p.Dropped) != MaxPex || p.Excess != 50 {
		t.Errorf("%d dropped, %d left out, %v", len(p.Dropped), p.Excess, err)
	}
}

// FuzzPex: nothing panics, what is accepted is within bounds and comes through encoding unchanged.
func FuzzPex(f *testing.F) {
	f.Add([]byte("d5:added6:\x01\x02\x03\x04\x1a\xe17:added.f1:\x12e"))
	f.Add([]byte("d6:added618:\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x1a\xe18:added6.f1:\x02e"))
	f.Add([]byte("d7:dropped6:abcdef8:dropped60:e"))
	f.Add([]byte("d5:added5:abcdee"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ParsePex(in)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		if len(p.Added) > MaxPex || len(p.Dropped) > MaxPex || p.Excess < 0 {
			t.Fatalf("out of bounds: %+v", p)
		}
		p.Excess = 0
		again, err := ParsePex(AppendPex(nil, &p))
		if err != nil || len(again.Added) != len(p.Added) || len(again.Dropped) != len(p.Dropped) || again.Excess != 0 {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
		has := map[PexPeer]int{}
		for i := range p.Added {
			has[p.Added[i]]++
			has[again.Added[i]]--
		}
		for a, n := range has {
			if n != 0 {
				t.Fatalf("%v was lost or made up", a)
			}
		}
	})
}
