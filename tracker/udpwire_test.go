package tracker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
)

func TestPathAndQuery(t *testing.T) {
	for in, want := range map[string]string{
		"udp://t.test:80": "", "udp://t.test:80/": "/", "udp://t.test:80/announce": "/announce", "udp://t.test:80?a=b": "/?a=b",
		"udp://t.test:80/x%20y/announce?passkey=1#f": "/x%20y/announce?passkey=1",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := pathAndQuery(u); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestUDPEvents(t *testing.T) {
	for ev, want := range map[Event]uint32{None: 0, Completed: 1, Started: 2, Stopped: 3} {
		a := Announce{Event: ev, NumWant: -5, ID: metainfo.ID{V2: metainfo.Hash2{1: 2}}}
		b := a.appendUDP(nil, "")
		if len(b) != 98-16 || binary.BigEndian.Uint32(b[64:]) != want || int32(binary.BigEndian.Uint32(b[76:])) != -1 || b[1] != 2 {
			t.Errorf("%s: % x", ev, b)
		}
	}
}

func TestUDPReplies(t *testing.T) {
	base := make([]byte, udpHeader)
	minus := func(n int32) uint32 { return uint32(-n) }
	four := "\x0a\x00\x00\x01\x1a\xe1" + "\x0a\x00\x00\x02\x00\x00" + "\xe0\x00\x00\x01\x00\x01" + "\x01\x02\x03"
	for name, c := range map[string]struct {
		body []byte
		v6   bool
		want Reply
	}{
		"plain":    {append(words(base, 1800, 1, 2), four...), false, Reply{Interval: 30 * time.Minute, Incomplete: 1, Complete: 2, Peers: addrs("10.0.0.1:6881")}},
		"no peers": {words(base, 60, 0, 0), false, Reply{Interval: time.Minute}},
		"H04 zero": {words(base, 0, 0, 0), false, Reply{Interval: time.Minute}},
		"H04 -1":   {words(base, math.MaxUint32, minus(1), minus(9)), true, Reply{Interval: time.Minute, Incomplete: -1, Complete: -1}},
		"H04 2^31": {words(base, math.MaxInt32, math.MaxInt32, 1<<31), true, Reply{Interval: 24 * time.Hour, Incomplete: math.MaxInt32, Complete: -1}},
		"six": {append(append(words(base, 1800, 1, 2), us6.AsSlice()...), 0x1a, 0xe1, 1, 2), true,
			Reply{Interval: 30 * time.Minute, Incomplete: 1, Complete: 2, Peers: addrs("[2001:db8:7::7]:6881")}},
	} {
		if got := parseUDPAnnounce(c.body, c.v6); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v\nwant %+v", name, got, c.want)
		}
	}
	big := append(words(base, 1800, 1, 2), bytes.Repeat([]byte{1, 2, 3, 4, 5, 6}, 5000)...)
	if got := parseUDPAnnounce(big, false); len(got.Peers) != maxPeers {
		t.Errorf("H03: %d peers taken", len(got.Peers))
	}
	if got := fmt.Sprint(parseUDPScrape(append(words(base, 1, 2, 3, minus(1), 5, 6), 1, 2, 3), 3)); got != "[{1 3 2} {-1 6 5} {-1 -1 -1}]" {
		t.Errorf("scrape %s", got)
	}
}

// FuzzUDPReply hands any packet to calls of all three kinds that await it.
func FuzzUDPReply(f *testing.F) {
	for _, action := range []uint32{actConnect, actAnnounce, actScrape, actError, 7} {
		head := words(nil, action, 1)
		f.Add(head, true)
		f.Add(words(head, 1800, 2, 3), false)
		f.Add(append(words(head, 0, 1<<31, 3), strings.Repeat("\x20\x01", 45)...), true)
	}
	f.Add([]byte("\x00\x00\x00\x03\x00\x00\x00\x01not here\x1b[2J"), false)
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		from := netip.AddrPortFrom(them4, 80)
		for _, action := range []uint32{actConnect, actAnnounce, actScrape} {
			p := newPackets(v6, nil)
			c := &call{tid: 1, to: from, action: action, done: make(chan struct{})}
			if action == actConnect {
				c.point = &point{connect: c}
			}
			p.calls[1] = c
			before := bytes.Clone(b)
			p.deliver(b, netip.AddrPortFrom(liar4, 80))
			if len(p.calls) != 1 {
				t.Fatal("a foreign packet was taken")
			}
			p.deliver(b, from)
			if !bytes.Equal(b, before) {
				t.Fatal("the packet was changed")
			}
			if len(p.calls) == 1 {
				continue // ignored
			}
			<-c.done
			got, tid, _ := udpReplyHead(b)
			if tid != 1 || got != action && got != actError || (c.err == nil) != (got == action) {
				t.Fatalf("call %d took % x: %v", action, b, c.err)
			}
			if c.err != nil {
				if strings.ContainsFunc(c.err.Error(), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
					t.Fatalf("unsafe message %q", c.err)
				}
				continue
			}
			checkUDPReply(t, action, c.reply, v6)
		}
	})
}

func checkUDPReply(t *testing.T, action uint32, b []byte, v6 bool) {
	t.Helper()
	switch action {
	case actAnnounce:
		r := parseUDPAnnounce(b, v6)
		if len(r.Peers) > maxPeers || r.Interval < minInterval || r.Interval > maxInterval || r.Complete < -1 || r.Incomplete < -1 {
			t.Fatalf("unbounded reply %+v", r)
		}
		for _, p := range r.Peers {
			if !p.IsValid() || p.Port() == 0 || p.Addr().Is4In6() {
				t.Fatalf("unusable peer %v", p)
			}
		}
	case actScrape:
		for _, n := range parseUDPScrape(b, udpScrapeMost) {
			if n.Complete < -1 || n.Incomplete < -1 || n.Downloaded < -1 {
				t.Fatalf("counts %+v", n)
			}
		}
	}
}

// TestUDPLoopback announces over real sockets of both families.
func TestUDPLoopback(t *testing.T) {
	var lc net.ListenConfig
	c := NewClient((&net.Dialer{}).DialContext, Options{ListenPacket: lc.ListenPacket})
	defer c.Close()
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		conn, err := lc.ListenPacket(t.Context(), "udp", at)
		if err != nil {
			t.Logf("%s is not to be had here: %v", at, err)
			continue
		}
		defer conn.Close()
		go (&udpServer{conn: conn}).run()
		base := "udp://" + conn.LocalAddr().String()
		r, err := c.Announce(t.Context(), request(base+"/announce"))
		if err != nil || len(r.Peers) != 1 || r.Complete != 7 {
			t.Errorf("%s: %+v, %v", at, r, err)
		}
		if got, err := c.Scrape(t.Context(), base, []metainfo.ID{testID}); err != nil || got[0] != (Counts{0, 7, 100}) {
			t.Errorf("%s: %v, %v", at, got, err)
		}
	}
}
