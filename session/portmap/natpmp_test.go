package portmap

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"
)

// TestNATPMPCodec: the packets of RFC 6886, sections 3.2 and 3.3.
func TestNATPMPCodec(t *testing.T) {
	if got, want := appendMapping(nil, opTCP, 6881, 7000, time.Hour), []byte{0, 2, 0, 0, 0x1a, 0xe1, 0x1b, 0x58, 0, 0, 0x0e, 0x10}; !bytes.Equal(got, want) {
		t.Errorf("request % x", got)
	}
	address := []byte{0, 128, 0, 0, 0, 0, 0, 9, 198, 51, 100, 7}
	mapping := []byte{0, 130, 0, 0, 0, 0, 0, 9, 0x1a, 0xe1, 0x1b, 0x58, 0, 0, 0x0e, 0x10}
	if r, err := parseReply(address, opAddress); err != nil || r.address != netip.MustParseAddr("198.51.100.7") {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := parseReply(mapping, opTCP); err != nil || r != (pmpReply{internal: 6881, external: 7000, lifetime: time.Hour}) {
		t.Errorf("%+v, %v", r, err)
	}
	for op, full := range map[byte][]byte{opAddress: address, opTCP: mapping} {
		for n := range full {
			if _, err := parseReply(full[:n:n], op); !errors.Is(err, errReply) {
				t.Errorf("cut at %d: %v", n, err)
			}
		}
	}
	for name, b := range map[string][]byte{
		"version 2": {2, 130, 0, 0}, "a request": {0, 2, 0, 0}, "for UDP": append([]byte{0, 129}, mapping[2:]...),
	} {
		if _, err := parseReply(b, opTCP); !errors.Is(err, errReply) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, code := range []byte{1, 2, 3, 4, 5, 99} {
		var said pmpError
		if _, err := parseReply([]byte{0, 130, 0, code}, opTCP); !errors.As(err, &said) || said != pmpError(code) || said.Error() == "" {
			t.Errorf("code %d: %v", code, err)
		}
	}
}

// TestN02Impostor: only the gateway answers, and only what was asked.
func TestN02Impostor(t *testing.T) {
	inScene(t, func(s *scene) {
		other := s.net.Host(netip.MustParseAddr("10.0.0.66"), linkOf)
		c, err := other.ListenPacket(s.t.Context(), "udp4", ":5351")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wrong, err := s.router.host.ListenPacket(s.t.Context(), "udp4", ":5352")
		if err != nil {
			t.Fatal(err)
		}
		defer wrong.Close()
		gateway, err := s.router.host.ListenPacket(s.t.Context(), "udp4", ":5351")
		if err != nil {
			t.Fatal(err)
		}
		defer gateway.Close()
		go func() {
			b := make([]byte, 100)
			for {
				n, from, err := gateway.ReadFrom(b)
				if err != nil {
					return
				}
				good := (&fakeRouter{maps: map[string]fakeMapping{}}).answer(b[:n], from)
				c.WriteTo(good, from)
				wrong.WriteTo(good, from)
				gateway.WriteTo(good[:3], from)
				if len(good) == mappingLen {
					good[9]++ // another internal port
					gateway.WriteTo(good, from)
				}
			}
		}()
		p := &pmp{s.us, netip.AddrPortFrom(routerAddr, pmpPort)}
		began := time.Now()
		if g, err := p.add(s.t.Context(), tcp, 6881, 6881, time.Hour); err == nil || time.Since(began) != 1750*time.Millisecond {
			t.Errorf("%+v, %v after %v", g, err, time.Since(began))
		}
	})
}

// FuzzNATPMP: no packet is read beyond its end.
func FuzzNATPMP(f *testing.F) {
	f.Add([]byte{0, 130, 0, 0, 0, 0, 0, 9, 0x1a, 0xe1, 0x1b, 0x58, 0, 0, 0x0e, 0x10}, byte(2))
	f.Add([]byte{0, 128, 0, 0, 0, 0, 0, 9, 198, 51, 100, 7}, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, op byte) {
		if r, err := parseReply(b, op); err == nil && op == opAddress && !r.address.Is4() {
			t.Fatalf("%+v", r)
		}
	})
}
