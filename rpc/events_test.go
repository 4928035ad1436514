package rpc

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakeengine"
	"shoal/status"
)

// listener reads a stream of events.
type listener struct {
	t    *testing.T
	c    interface{ Close() error }
	code int
	in   *bufio.Reader
}

func listen(t *testing.T, l *pipes, more string) *listener {
	t.Helper()
	c := l.dial()
	fmt.Fprint(c, "GET /events HTTP/1.1\r\nHost: localhost\r\n"+more+"\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{t, c, resp.StatusCode, bufio.NewReader(resp.Body)}
}

// next returns the next event that is none of the figures: its kind, number and data.
func (l *listener) next() (kind string, id int64, data map[string]any) {
	l.t.Helper()
	for {
		line, err := l.in.ReadString('\n')
		if err != nil {
			l.t.Fatal(err)
		}
		line = strings.TrimSuffix(line, "\n")
		switch name, value, _ := strings.Cut(line, ": "); name {
		case "event":
			kind = value
		case "id":
			id, _ = strconv.ParseInt(value, 10, 64)
		case "data":
			data = unjson(l.t, value).(map[string]any)
		case "":
			if kind != "" && kind != "stats" {
				return kind, id, data
			}
			kind = ""
		}
	}
}

// TestEvents: what changes is told, and of a torrent only what has; who comes back with the number of the last event misses nothing, or is
// told to begin anew.
func TestEvents(t *testing.T) {
	one, two := fakeengine.Torrent(1).ID, fakeengine.Torrent(2).ID
	serving(t, Options{}, 2, func(p *probe, l *pipes) {
		a := listen(t, l, "")
		synctest.Wait()
		p.engine.Edit(one, func(e *status.Entry) { e.Down = 7 })
		kind, first, data := a.next()
		if kind != "changed" || len(data) != 3 || data["id"] != 1.0 || data["rate_download"] != 7.0 || data["hash_string"] != one.String() {
			t.Errorf("%s %v", kind, data)
		}
		if err := p.engine.Stop(t.Context(), two); err != nil {
			t.Error(err)
		}
		if kind, _, data := a.next(); kind != "changed" || data["shoal_phase"] != "paused" || data["status"] != 0.0 || data["name"] != nil {
			t.Errorf("%s %v", kind, data)
		}
		if _, _, err := p.engine.Add(t.Context(), status.NewTorrent{Source: strings.Repeat("f", 40)}); err != nil {
			t.Error(err)
		}
		if kind, _, data := a.next(); kind != "added" || data["id"] != 3.0 || len(data) != len(eventFields)+2 {
			t.Errorf("%s %v", kind, data)
		}
		if err := p.engine.Remove(t.Context(), one, status.Removal{}); err != nil {
			t.Error(err)
		}
		kind, last, data := a.next()
		if kind != "removed" || data["id"] != 1.0 || last < first+3 {
			t.Errorf("%s %d %v", kind, last, data)
		}
		b := listen(t, l, "Last-Event-ID: "+fmt.Sprint(first)+"\r\n") // while a listens
		var kinds []string
		for id := first; id < last; {
			kind, id, _ = b.next()
			kinds = append(kinds, kind)
		}
		if got := fmt.Sprint(kinds); got != "[changed added removed]" {
			t.Errorf("resumed with %s", got)
		}
		for _, number := range []string{"1", "9999999999999999"} {
			c := listen(t, l, "Last-Event-ID: "+number+"\r\n")
			if kind, _, _ := c.next(); kind != "reset" {
				t.Errorf("after %s: %s", number, kind)
			}
			c.c.Close()
		}
		a.c.Close()
		b.c.Close()
		time.Sleep(30 * time.Second) // the server notices at the next sign of life
		synctest.Wait()
		if n := p.server.events.listeners; n != 0 {
			t.Errorf("%d listeners are left", n)
		}
	})
}

// TestEventsAreBounded: listeners, and what is kept for those who read slowly.
func TestEventsAreBounded(t *testing.T) {
	serving(t, Options{}, 1, func(p *probe, l *pipes) {
		var open []*listener
		for range maxListeners {
			open = append(open, listen(t, l, ""))
		}
		if one := listen(t, l, ""); one.code != 503 {
			t.Errorf("one too many: %d", one.code)
		}
		synctest.Wait() // all wait for news
		slow := open[0]
		for i := range 2 * maxRing {
			p.server.events.put(t.Context(), "changed", fmt.Appendf(nil, `{"id":%d}`, i))
		}
		if n := len(p.server.events.ring); n > maxRing {
			t.Errorf("%d events are kept", n)
		}
		for range 2 {
			p.server.events.put(t.Context(), "changed", []byte(strings.Repeat(" ", maxRingBytes*2/3)))
		}
		if n := p.server.events.bytes; n > maxRingBytes {
			t.Errorf("%d bytes are kept", n)
		}
		for _, one := range open[1:] {
			one.c.Close()
		}
		p.server.events.tell()
		if kind, _, _ := slow.next(); kind != "reset" {
			t.Errorf("who missed events hears %s", kind)
		}
		slow.c.Close()
	})
}

func TestEventsSince(t *testing.T) {
	for _, c := range []struct {
		url, header string
		want        int64
		ok          bool
	}{{"/events?since=4", "", 5, true}, {"/events?since=4", "8", 9, true}, {"/events", "", 0, false}, {"/events?since=x", "", 0, false}, {"/events?since=-3", "", 0, false}} {
		r := httptest.NewRequest("GET", c.url, nil)
		if c.header != "" {
			r.Header.Set("Last-Event-ID", c.header)
		}
		if n, ok := lastEvent(r); ok != c.ok || ok && n != c.want {
			t.Errorf("%s %q: %d %t", c.url, c.header, n, ok)
		}
	}
}

// TestMetrics: the figures, by torrent while there are few, and 503 of /healthz while the engine does not answer.
func TestMetrics(t *testing.T) {
	get := func(p *probe, route string) (int, string) {
		w := p.do(p.request("", at(route), verb("GET")))
		return w.Code, w.Body.String()
	}
	p := newProbe(t, 3, Options{})
	code, text := get(p, "/metrics")
	for _, line := range []string{`shoal_info{version="0.1.0"} 1`, "shoal_up 1", "shoal_received_bytes_total 5.36870912e+09", "shoal_receive_bytes_per_second 750000", "shoal_peers 27",
		`shoal_torrents{state="downloading"} 3`, `shoal_torrents{state="failed"} 0`, `shoal_dht_nodes{family="ipv4"} 123`, "shoal_dht_announce_interval_seconds 1200", "shoal_reachable 1",
		`shoal_torrent_peers{hash="` + fakeengine.Torrent(1).ID.String() + `",name="torrent 1"} 9`, "go_goroutines"} {
		if code != 200 || !strings.Contains(text, line) {
			t.Errorf("%d, without %s", code, line)
		}
	}
	if _, text := get(newProbe(t, maxSeries+1, Options{}), "/metrics"); strings.Contains(text, "shoal_torrent_peers{") || !strings.Contains(text, `shoal_torrents{state="downloading"} 51`) {
		t.Error("many torrents have figures of their own")
	}
	if code, _ := get(p, "/healthz"); code != 200 {
		t.Errorf("healthz: %d", code)
	}
	p.engine.Fault = func(string) error { return status.ErrNotOffered }
	if code, _ := get(p, "/healthz"); code != 503 {
		t.Errorf("healthz of an engine that fails: %d", code)
	}
	if _, text := get(p, "/metrics"); !strings.Contains(text, "shoal_up 0") {
		t.Error("the engine is not said to be down")
	}
}
