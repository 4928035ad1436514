package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
)

// TestC03SlowWhereNobodyReads: a body that trickles in does not hold a connection open on a route that reads none, or before
// the password was asked for.
func TestC03SlowWhereNobodyReads(t *testing.T) {
	for _, what := range []string{"GET /healthz", "POST /transmission/rpc", "OPTIONS /", "GET /events"} {
		t.Run(strings.ReplaceAll(what, "/", "_"), func(t *testing.T) {
			serving(t, Options{Password: "p"}, 1, func(p *probe, l *pipes) {
				c := l.dial()
				start := time.Now()
				go func() { _, _ = io.Copy(io.Discard, c) }()
				fmt.Fprint(c, what+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n")
				for time.Since(start) < time.Hour {
					if _, err := io.WriteString(c, "x"); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
				if took := time.Since(start); took > time.Minute {
					t.Errorf("held for %v", took)
				}
				c.Close()
			})
		})
	}
}

// TestC03SlowReader: who asks and does not read is let go of, whatever the route.
func TestC03SlowReader(t *testing.T) {
	for _, route := range []string{"GET /healthz", "GET /metrics", "GET /", "POST /transmission/rpc"} {
		t.Run(strings.ReplaceAll(route, "/", "_"), func(t *testing.T) {
			serving(t, Options{}, 1, func(p *probe, l *pipes) {
				c := l.dial()
				start := time.Now()
				go func() { fmt.Fprint(c, route+" HTTP/1.1\r\nHost: localhost\r\n\r\n") }()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				_ = c.SetReadDeadline(time.Now().Add(time.Second))
				if b, err := io.ReadAll(c); err != nil || len(b) > 0 {
					t.Errorf("after %v: %d bytes, %v", time.Since(start), len(b), err)
				}
				c.Close()
			})
		})
	}
}

// TestC03Answer: one field under many spellings is no way to all of the memory.
func TestC03Answer(t *testing.T) {
	p := newProbe(t, 1, Options{})
	p.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Comment = strings.Repeat("x", 4<<20) })
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("%q", "comment"+strings.Repeat("_", i)))
	}
	w := p.do(p.request(`{"method":"torrent-get","arguments":{"fields":[` + strings.Join(names, ",") + `]}}`))
	if w.Body.Len() > maxAnswer || !strings.Contains(w.Body.String(), "too large") {
		t.Errorf("%d bytes: %.100s", w.Body.Len(), w.Body)
	}
}

// TestTrackerNumbers: the numbers of trackers in one call are those that the caller knows.
func TestTrackerNumbers(t *testing.T) {
	p := newProbe(t, 1, Options{})
	id := fakeengine.Torrent(1).ID
	p.engine.Edit(id, func(e *status.Entry) {
		e.Trackers = [][]string{{"udp://a.example:1"}, {"udp://b.example:1"}, {"udp://c.example:1"}}
	})
	p.expect(`{"method":"torrent-set","arguments":{"ids":1,"trackerRemove":[0],"trackerReplace":[1,"udp://new.example:1"]}}`, `{"result":"success","arguments":{}}`)
	if e, _ := p.engine.Entry(t.Context(), id); fmt.Sprint(e.Trackers) != "[[udp://new.example:1] [udp://c.example:1]]" {
		t.Errorf("trackers: %v", e.Trackers)
	}
}

// TestTrackerNumbersStay: a tracker keeps its number when others are removed, added or come in another way, and no number is given twice.
func TestTrackerNumbersStay(t *testing.T) {
	p := newProbe(t, 2, Options{})
	id := fakeengine.Torrent(1).ID
	p.engine.Edit(id, func(e *status.Entry) {
		e.Trackers = [][]string{{"udp://a.example:1", "udp://b.example:1"}, {"udp://c.example:1"}}
	})
	set := func(args string) {
		t.Helper()
		p.expect(`{"method":"torrent-set","arguments":{"ids":1,`+args+`}}`, `{"result":"success","arguments":{}}`)
	}
	is := func(want string) {
		t.Helper()
		got := map[string]any{}
		list := p.call(`{"method":"torrent-get","arguments":{"ids":1,"fields":["trackers"]}}`).(map[string]any)["arguments"].(map[string]any)["torrents"].([]any)
		for _, one := range list[0].(map[string]any)["trackers"].([]any) {
			tr := one.(map[string]any)
			got[strings.TrimSuffix(strings.TrimPrefix(tr["announce"].(string), "udp://"), ".example:1")] = tr["id"]
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	}
	is("map[a:0 b:1 c:2]")
	set(`"trackerRemove":[0]`)
	is("map[b:1 c:2]")
	set(`"trackerAdd":["udp://d.example:1"]`)
	is("map[b:1 c:2 d:3]")
	set(`"trackerRemove":[3]`)
	set(`"trackerReplace":[2,"udp://e.example:1"],"trackerRemove":[1]`)
	is("map[e:4]")
	p.engine.Edit(id, func(e *status.Entry) { e.Trackers = append(e.Trackers, []string{"udp://f.example:1"}) })
	is("map[e:4 f:5]")
	for _, args := range []string{`"trackerRemove":[0]`, `"trackerRemove":[1e18]`, `"trackerRemove":["udp://a.example:1"]`, `"trackerReplace":[3,"udp://x.example:1"]`} {
		if got := p.call(`{"method":"torrent-set","arguments":{"ids":1,` + args + `}}`).(map[string]any)["result"]; got == "success" {
			t.Errorf("%s is taken", args)
		}
	}
	set(`"trackerList":"udp://g.example:1\nudp://f.example:1"`)
	is("map[f:5 g:6]")
	p.engine.Remove(t.Context(), id, status.Removal{})
	p.call(`{"method":"torrent-stop","arguments":{"ids":1}}`)
	if n := len(p.server.trackers.changed); n != 0 {
		t.Errorf("%d torrents are remembered that have gone", n)
	}
}

// TestTrackerNumbersOfKeys: a tracker whose address is shown without its key has its number all the same.
func TestTrackerNumbersOfKeys(t *testing.T) {
	ids := (*trackerIDs)(nil)
	e := &status.Entry{Trackers: [][]string{{"http://t.example/0123456789abcdef/announce", "http://t.example/fedcba9876543210/announce"}, {"udp://b.example:1"}}}
	list := []status.Tracker{{URL: "udp://b.example:1", Tier: 1}, {URL: "http://t.example/***/announce"}, {URL: "http://t.example/***/announce"}, {URL: "udp://settings.example:1"}}
	var got []struct{ ID int }
	if err := json.Unmarshal(writeTrackerStats(nil, &view{e: e, ids: ids, trackers: list}), &got); err != nil || fmt.Sprint(got) != "[{2} {0} {1} {-1}]" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSettingsOutOfRange: what the daemon could not start with, or keep, is refused.
func TestSettingsOutOfRange(t *testing.T) {
	for _, args := range []string{`"peer-port":70000`, `"peer_port":-1`, `"peer-limit-global":1e12`, `"peer-limit-per-torrent":1e12`, `"shoal_upload_slots":1e12`,
		`"default-trackers":"no URL"`, `"default-trackers":"http://` + strings.Repeat("a", 5000) + `/"`, `"blocklist-url":"` + strings.Repeat("a", 5000) + `"`,
		`"download-queue-size":1e12`} {
		p := newProbe(t, 0, Options{})
		if got := p.call(`{"method":"session-set","arguments":{` + args + `}}`).(map[string]any)["result"]; got == "success" || len(p.engine.Calls()) > 0 {
			t.Errorf("%.60s is taken", args)
		}
	}
}

// TestNoneIsNoLimit: 0 for a limit that counts is nothing at all for Transmission, and would be no limit here.
func TestNoneIsNoLimit(t *testing.T) {
	p := newProbe(t, 1, Options{})
	for _, args := range []string{`"speed-limit-down":0,"speed-limit-down-enabled":true`, `"seedRatioLimited":true,"seedRatioLimit":0`, `"download_queue_enabled":true,"download_queue_size":0.4`} {
		if got := p.call(`{"method":"session-set","arguments":{` + args + `}}`).(map[string]any)["result"]; got == "success" {
			t.Errorf("%s is taken", args)
		}
	}
	if got := p.call(`{"method":"torrent-set","arguments":{"ids":1,"downloadLimit":0,"downloadLimited":true}}`).(map[string]any)["result"]; got == "success" || len(p.engine.Calls()) > 0 {
		t.Errorf("%v: %v", got, p.engine.Calls())
	}
	for _, args := range []string{`"speed-limit-down":0,"speed-limit-down-enabled":false`, `"speed-limit-up":0`} {
		p.expect(`{"method":"session-set","arguments":{`+args+`}}`, `{"result":"success","arguments":{}}`)
	}
}

// TestC04BlocklistPath: a remote caller has no file of the daemon's machine read; what the configuration file names stays.
func TestC04BlocklistPath(t *testing.T) {
	p := newProbe(t, 0, Options{})
	s, _ := p.engine.Settings(t.Context())
	s.BlocklistURL = "/etc/shoal/list"
	if err := p.engine.Set(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"/etc/shadow", "file:///etc/shadow", "list.txt", "gopher://x/"} {
		if got := p.call(`{"method":"session-set","arguments":{"blocklist-url":"` + bad + `"}}`).(map[string]any)["result"]; got == "success" {
			t.Errorf("%s is taken", bad)
		}
	}
	for _, good := range []string{"/etc/shoal/list", "https://lists.example/level1.gz", ""} {
		p.expect(`{"method":"session-set","arguments":{"blocklist-url":"`+good+`"}}`, `{"result":"success","arguments":{}}`)
	}
}

// TestFoldersStay: a folder whose name is not UTF-8 is not changed by setting something else.
func TestFoldersStay(t *testing.T) {
	p := newProbe(t, 0, Options{})
	s, _ := p.engine.Settings(t.Context())
	s.Dir = "/data/caf\xe9"
	if err := p.engine.Set(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	p.expect(`{"method":"session-set","arguments":{"pex-enabled":false}}`, `{"result":"success","arguments":{}}`)
	if s, _ := p.engine.Settings(t.Context()); s.Dir != "/data/caf\xe9" || s.PEX {
		t.Errorf("settings: %q, %v", s.Dir, s.PEX)
	}
}

// TestFilePieces: files lie where the torrent has them, behind padding too.
func TestFilePieces(t *testing.T) {
	v := view{e: &status.Entry{}, files: []status.File{{Path: "a", Length: 5}, {Path: "empty", Offset: 10}, {Path: "b", Length: 11, Offset: 20}}}
	v.e.PieceLength = 10
	got := unjson(t, string(appendFiles(nil, &v, fileFields))).([]any)
	for i, want := range []string{"0 1", "1 2", "2 4"} {
		f := got[i].(map[string]any)
		if s := fmt.Sprint(f["begin_piece"], f["end_piece"]); s != want {
			t.Errorf("%v: %s, want %s", f["name"], s, want)
		}
	}
}

// TestC02BrokenHash: a hash that was cut short is no password.
func TestC02BrokenHash(t *testing.T) {
	hash, err := hashPassword("secret", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{hash[:len(hash)-4], hash + "x$", strings.Replace(hash, "$1000$", "$0$", 1)} {
		p := newProbe(t, 1, Options{User: "u", Password: bad})
		for _, try := range []string{bad, "secret", ""} {
			if w := p.do(p.request(stopAll, func(r *http.Request) { r.SetBasicAuth("u", try) })); w.Code != http.StatusUnauthorized {
				t.Errorf("%q opens %q: %d", try, bad, w.Code)
			}
		}
	}
}

// TestStopWhileWaiting: a call that waits for its turn when the server ends is told so, and not that it is done.
func TestStopWhileWaiting(t *testing.T) {
	p := newProbe(t, 1, Options{})
	for range maxRunning {
		p.server.room <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if w := p.do(p.request(stopAll).WithContext(ctx)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d: %q", w.Code, w.Body)
	}
}

// TestEventsOfBefore: who looked for those that listened before says nothing to those that listen now.
func TestEventsOfBefore(t *testing.T) {
	p := newProbe(t, 1, Options{})
	x := &p.server.events
	ctx, cancel := context.WithCancel(t.Context())
	x.put(ctx, "changed", []byte("{}"))
	cancel()
	x.put(ctx, "changed", []byte("{}"))
	if len(x.ring) != 1 {
		t.Errorf("%d events", len(x.ring))
	}
}

// TestEventsBeginWithTheList: a stream begins when the list was looked at, so that whoever reads the list after its first line misses
// nothing.
func TestEventsBeginWithTheList(t *testing.T) {
	serving(t, Options{}, 1, func(p *probe, l *pipes) {
		var broken atomic.Bool
		broken.Store(true)
		p.engine.Fault = func(verb string) error {
			if broken.Load() && verb == "entries" {
				p.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Down++ })
				return errors.New("not now")
			}
			return nil
		}
		if a := listen(t, l, ""); a.code != http.StatusServiceUnavailable {
			t.Errorf("without a list: %d", a.code)
		} else {
			a.c.Close()
		}
		broken.Store(false)
		a := listen(t, l, "")
		p.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Up = 77 })
		if kind, _, data := a.next(); kind != "changed" || data["rate_upload"] != 77.0 {
			t.Errorf("%s %v", kind, data)
		}
		a.c.Close()
	})
}

// TestWithPadding: for Transmission padding is files like others, so that its numbers are not ours.
func TestWithPadding(t *testing.T) {
	torrent := "d4:infod5:filesld6:lengthi1000e4:pathl1:aeed4:attr1:p6:lengthi15384e4:pathl4:.pad5:15384eed6:lengthi2000e4:pathl1:beee4:name1:n" +
		"12:piece lengthi16384e6:pieces40:" + strings.Repeat("h", 40) + "ee"
	for want, files := range map[string]map[int]uint8{"map[0:1 2:3]": {0: 1, 1: 3}, "map[2:0]": {1: 0}, "map[]": {7: 1}} {
		if got, err := withPadding([]byte(torrent), files); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%v: %v, %v", files, got, err)
		}
	}
	if _, err := withPadding([]byte("x"), map[int]uint8{0: 1}); !errors.Is(err, metainfo.ErrInvalid) {
		t.Errorf("no torrent: %v", err)
	}
}

// TestClientRefusedInWords: what a daemon says of a call that is too large is told in words.
func TestClientRefusedInWords(t *testing.T) {
	for code, want := range map[int]string{http.StatusRequestEntityTooLarge: "too large", http.StatusServiceUnavailable: "busy"} {
		c := &Client{}
		if _, err := c.refused(&http.Response{StatusCode: code, Header: http.Header{}}); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", code, err)
		}
	}
}
