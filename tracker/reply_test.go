package tracker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func str(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }

func addrs(s ...string) []netip.AddrPort {
	var out []netip.AddrPort
	for _, a := range s {
		out = append(out, netip.MustParseAddrPort(a))
	}
	return out
}

func mustParse(t *testing.T, body string) Reply {
	t.Helper()
	r, err := parseReply([]byte(body))
	if err != nil {
		t.Fatalf("parseReply(%q): %v", body, err)
	}
	return r
}

func TestReply(t *testing.T) {
	peers := "\x0a\x00\x00\x01\x1a\xe1" + "\x0a\x00\x00\x02\x00\x00" + "\xff\xff\xff\xff\x00\x01" + "\xcb\x00\x71\x07\x00\x50"
	peers6 := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01\x1a\xe1" + strings.Repeat("\x00", 16) + "\x1a\xe1"
	r := mustParse(t, "d8:completei5e11:external ip4:\x01\x02\x03\x0410:incompletei7e8:intervali1800e12:min intervali300e"+
		"5:peers"+str(peers)+"6:peers6"+str(peers6)+"10:tracker id3:abc15:warning message4:slowe")
	want := Reply{Interval: 30 * time.Minute, MinInterval: 5 * time.Minute, Complete: 5, Incomplete: 7, TrackerID: "abc",
		ExternalIP: netip.MustParseAddr("1.2.3.4"), Warning: "slow",
		Peers: addrs("10.0.0.1:6881", "203.0.113.7:80", "[2001:db8::1]:6881")}
	if !slices.Equal(r.Peers, want.Peers) {
		t.Errorf("peers %v, want %v", r.Peers, want.Peers)
	}
	r.Peers, want.Peers = nil, nil
	if fmt.Sprint(r) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", r, want)
	}
	if r := mustParse(t, "de\r\n"); r.Interval != defaultInterval || r.MinInterval != 0 || r.Complete != -1 || r.Incomplete != -1 || r.ExternalIP.IsValid() {
		t.Errorf("an empty dictionary gives %+v", r)
	}
}

func TestH02NonsenseReplies(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "html": "<!DOCTYPE html><title>\x1b[2Jlogin</title>", "text": "hello", "binary": "\x00\x1b]52;c;x\x07\xff",
		"list": "le", "integer": "i5e", "string": "4:spam", "cut": "d8:intervali18", "deep": strings.Repeat("l", 100_000),
		"huge length": "d5:peers2147483647:x",
	} {
		_, err := parseReply([]byte(body))
		if !errors.Is(err, ErrReply) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if msg := err.Error(); len(msg) > 400 || strings.ContainsFunc(msg, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("%s: unsafe or long message %q", name, msg)
		}
	}
	_, err := parseReply([]byte("d14:failure reason" + str("banned\x1b]52;c;x\x07\n"+strings.Repeat("y", 100_000)) + "5:peersi1ee"))
	f, ok := errors.AsType[*Failure](err)
	if !ok || len(f.Reason) != maxText {
		t.Fatalf("failure: %T %v", err, err)
	}
	if msg := err.Error(); !strings.Contains(msg, "banned␛]52;c;x␇ y") || len(msg) > 400 {
		t.Errorf("failure reads %q", msg)
	}
}

func TestFailureRetry(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"i5e": 5 * time.Minute, "2:15": 15 * time.Minute, "5:never": -1, "i-1e": 0, "4:soon": 0, "i99999999999999e": 24 * time.Hour, "le": 0,
	} {
		for _, body := range []string{"d14:failure reason2:no8:retry in" + in + "e", "d8:retry in" + in + "14:failure reasoni1ee"} {
			_, err := parseReply([]byte(body))
			if f, ok := errors.AsType[*Failure](err); !ok || f.Retry != want {
				t.Errorf("%q: %#v, want %v", body, err, want)
			}
		}
	}
}

func TestH03Peers(t *testing.T) {
	compact := func(n int) string {
		var b []byte
		for i := range n {
			b = append(binary.BigEndian.AppendUint32(b, 0x0a000000+uint32(i)), 1, 2)
		}
		return str(string(b))
	}
	dict := func(ip, port string) string { return "d2:ip" + ip + "4:port" + port + "e" }
	for name, c := range map[string]struct {
		peers string
		want  []netip.AddrPort
	}{
		"integer":    {"i7e", nil},
		"7 bytes":    {"7:\x0a\x00\x00\x01\x1a\xe1\x00", addrs("10.0.0.1:6881")},
		"5 bytes":    {"5:\x0a\x00\x00\x01\x1a", nil},
		"dictionary": {"d1:ai1ee", nil},
		"mixed list": {"l" + dict(str("example.com"), "i80e") + dict(str("10.0.0.1"), "i80e") + "i5e" + dict(str("10.0.0.2"), "i0e") +
			dict(str("10.0.0.3"), "i65536e") + dict("i4e", "i80e") + dict(str("10.0.0.4"), "2:80") + dict(str("fe80::1%eth0"), "i81e") +
			dict(str("::ffff:10.0.0.5"), "i82e") + dict(str("224.0.0.1"), "i1e") + dict(str(strings.Repeat("1", 70_000)), "i1e") + "e",
			addrs("10.0.0.1:80", "[fe80::1]:81", "10.0.0.5:82")},
	} {
		if r := mustParse(t, "d8:intervali1800e5:peers"+c.peers+"e"); !slices.Equal(r.Peers, c.want) || r.Interval != 30*time.Minute {
			t.Errorf("%s: %v, want %v", name, r.Peers, c.want)
		}
	}
	list := "l" + strings.Repeat(dict(str("10.1.2.3"), "i80e"), 20_000) + "e"
	six := str(strings.Repeat(strings.Repeat("\x20", 16)+"\x00\x50", 5000))
	for name, body := range map[string]string{
		"compact": "d5:peers" + compact(150_000) + "e", "list": "d5:peers" + list + "e", "both": "d5:peers" + compact(900) + "6:peers6" + six + "e",
	} {
		if r := mustParse(t, body); len(r.Peers) != maxPeers {
			t.Errorf("%s: %d peers taken", name, len(r.Peers))
		}
	}
	// A million peers are 6 MB, past the limit of a body; peers twice is no dictionary.
	for _, body := range []string{"d5:peers" + compact(1_000_000) + "e", "d5:peers" + compact(1) + "5:peers" + compact(2) + "e"} {
		if _, err := parseReply([]byte(body)); !errors.Is(err, ErrReply) {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func TestH04Intervals(t *testing.T) {
	for in, want := range map[string][2]time.Duration{
		"8:intervali0e":                         {time.Minute, 0},
		"8:intervali-5e":                        {time.Minute, 0},
		"8:intervali1099511627776e":             {24 * time.Hour, 0},
		"8:intervali99999999999999999999999e":   {defaultInterval, 0},
		"8:interval4:1800":                      {defaultInterval, 0},
		"8:intervali59e":                        {time.Minute, 0},
		"8:intervali1800e12:min intervali3600e": {time.Hour, time.Hour},
		"8:intervali1800e12:min intervali0e":    {30 * time.Minute, time.Minute},
		"12:min intervali-9223372036854775808e": {30 * time.Minute, time.Minute},
		"8:intervali9223372036854775807e":       {24 * time.Hour, 0},
	} {
		if r := mustParse(t, "d"+in+"e"); r.Interval != want[0] || r.MinInterval != want[1] {
			t.Errorf("%s: interval %v, minimum %v, want %v", in, r.Interval, r.MinInterval, want)
		}
	}
	// The schedule holds the same bounds against any Reply.
	for in, want := range map[time.Duration]time.Duration{0: defaultInterval, -5: time.Minute, 1 << 62: 24 * time.Hour} {
		s, now := newSchedule("a"), epoch
		ask(t, s, &now, func(Request) (Reply, error) { return Reply{Interval: in}, nil })
		if got := s.Next().Sub(now); got != want {
			t.Errorf("interval %v: next announce after %v, want %v", in, got, want)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"", "de", "d8:intervali1800e5:peers6:\x0a\x00\x00\x01\x1a\xe1e", "d5:peersld2:ip8:10.0.0.14:porti80eeee", "d6:peers618:aaaaaaaaaaaaaaaabbe",
		"d14:failure reason2:no8:retry in5:nevere", "d5:peersi1e5:peers0:e", "d11:external ip4:aaaa12:min intervali-1ee", "d10:tracker id3:abc15:warning message1:\x1be",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		r, err := parseReply(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			if _, ok := errors.AsType[*Failure](err); !ok && !errors.Is(err, ErrReply) {
				t.Fatalf("untyped error %v", err)
			}
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
				t.Fatalf("unsafe message %q", err)
			}
			return
		}
		if len(r.Peers) > maxPeers || r.Interval < minInterval || r.Interval > maxInterval || r.MinInterval < 0 || r.MinInterval > r.Interval ||
			r.Complete < -1 || r.Incomplete < -1 || len(r.TrackerID) > maxTrackerID || len(r.Warning) > maxText {
			t.Fatalf("unbounded reply %+v", r)
		}
		for _, p := range r.Peers {
			if !p.IsValid() || p.Port() == 0 || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Fatalf("unusable peer %v", p)
			}
		}
	})
}
