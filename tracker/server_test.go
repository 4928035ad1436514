package tracker

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// announceTo announces to s from an address and returns what it was told.
func announceTo(t *testing.T, s *Server, from string, a Announce) (Reply, error) {
	t.Helper()
	u, err := url.Parse("http://tracker.test/announce")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", a.withQuery(u).String(), nil)
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return parseReply(w.Body.Bytes())
}

func visitor(n int, left int64, ev Event) Announce {
	a := request("")
	a.PeerID = [20]byte([]byte(fmt.Sprintf("-SH0001-%012d", n)))
	a.Port, a.Left, a.Event, a.NumWant = uint16(1000+n), left, ev, -1
	return a
}

func TestServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(time.Minute)
		tell := func(from string, a Announce) Reply {
			r, err := announceTo(t, s, from, a)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		if r := tell("10.0.0.1:5", visitor(1, 0, Started)); len(r.Peers) != 0 || r.Complete != 1 || r.Interval != time.Minute {
			t.Errorf("first seed: %+v", r)
		}
		if r := tell("10.0.0.2:5", visitor(2, 0, Started)); len(r.Peers) != 0 || r.Complete != 2 {
			t.Errorf("a seed was told of seeds: %+v", r)
		}
		r := tell("[2001:db8::3]:5", visitor(3, 7, Started))
		if fmt.Sprint(r.Peers) != "[10.0.0.1:1001 10.0.0.2:1002]" || r.Complete != 2 || r.Incomplete != 1 {
			t.Errorf("leecher: %+v", r)
		}
		if r := tell("10.0.0.1:5", visitor(1, 0, None)); fmt.Sprint(r.Peers) != "[[2001:db8::3]:1003]" {
			t.Errorf("seed again: %+v", r)
		}
		if r := tell("10.0.0.2:5", visitor(2, 0, Stopped)); r.Complete != 1 || len(r.Peers) != 0 {
			t.Errorf("stopped: %+v", r)
		}
		time.Sleep(121 * time.Second) // virtual: two intervals
		if r := tell("10.0.0.4:5", visitor(4, 7, Started)); len(r.Peers) != 0 || r.Complete != 0 || r.Incomplete != 1 {
			t.Errorf("those who stayed away are still there: %+v", r)
		}
		tell("10.0.0.4:5", visitor(4, 7, Stopped))
		if len(s.torrents) != 0 {
			t.Errorf("%d torrents without peers are kept", len(s.torrents))
		}
	})
}

func TestServerIsBounded(t *testing.T) {
	s := NewServer(time.Hour)
	for i := range serverPeers + 100 {
		r, err := announceTo(t, s, "10.0.0.1:5", visitor(i, 7, Started))
		if err != nil || len(r.Peers) > serverWant {
			t.Fatal(len(r.Peers), err)
		}
	}
	for _, c := range s.torrents {
		if len(c.peers) != serverPeers {
			t.Errorf("%d peers kept", len(c.peers))
		}
	}
	a := visitor(1, 7, None)
	a.NumWant = 5000
	named := make(map[netip.AddrPort]bool)
	for range 6 {
		r, err := announceTo(t, s, "10.0.0.1:5", a)
		if err != nil || len(r.Peers) != serverMost {
			t.Fatal(len(r.Peers), err)
		}
		for _, p := range r.Peers {
			named[p] = true
		}
	}
	if len(named) != serverPeers-1 {
		t.Errorf("%d of %d peers were named in turn", len(named), serverPeers-1)
	}
	for i := range serverTorrents - 1 {
		a.ID.V1[0], a.ID.V1[1], a.ID.V1[2] = byte(i), byte(i>>8), 1
		if _, err := announceTo(t, s, "10.0.0.1:5", a); err != nil {
			t.Fatal(err)
		}
	}
	a.ID.V1[2] = 2
	if _, err := announceTo(t, s, "10.0.0.1:5", a); err == nil || len(s.torrents) != serverTorrents {
		t.Errorf("torrent %d: %v", len(s.torrents), err)
	}
}

func TestServerRefusesBadRequests(t *testing.T) {
	s := NewServer(time.Hour)
	for query, want := range map[string]string{
		"": "port", "port=0": "port", "port=70000": "port", "port=1": "left", "port=1&left=-1": "left", "port=1&left=1&info_hash=abc": "20 bytes",
	} {
		r := httptest.NewRequest("GET", "/announce?"+query, nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if _, err := parseReply(w.Body.Bytes()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", query, err)
		}
	}
	if len(s.torrents) != 0 {
		t.Error("bad requests left torrents behind")
	}
}

// TestServerAndClient: the two halves understand each other over HTTP.
func TestServerAndClient(t *testing.T) {
	s := NewServer(time.Minute)
	if _, err := announceTo(t, s, "10.0.0.9:5", visitor(9, 0, Started)); err != nil {
		t.Fatal(err)
	}
	inBubble(t, handle(s), func(t *testing.T, m *memory, c *Client) {
		r, err := c.Announce(t.Context(), request("http://tracker.test/announce"))
		if err != nil || r.Complete != 1 || r.Incomplete != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		a := request("http://tracker.test/announce")
		a.Port = 0
		_, err = c.Announce(t.Context(), a)
		if f, ok := errors.AsType[*Failure](err); !ok || !strings.Contains(f.Reason, "port") {
			t.Errorf("port 0: %v", err)
		}
	})
}
