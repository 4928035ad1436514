package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// TestWireNames: each name that a client reads is one of the table that the server writes from.
func TestWireNames(t *testing.T) {
	known := func(names map[string]bool, v any, what string) {
		t.Helper()
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("json")
			if name != "" && !names[name] {
				t.Errorf("%s: the server has no %s", what, name)
			}
		}
	}
	torrent := map[string]bool{}
	for _, f := range torrentFields {
		torrent[f.old] = true
	}
	for what, v := range map[string]any{"torrent": wireTorrent{}, "details": wireDetails{}, "files": wireFiles{}, "peers": wirePeers{}, "trackers": wireTrackers{}} {
		known(torrent, v, what)
	}
	session := map[string]bool{}
	for _, f := range settings {
		session[f.old] = true
	}
	known(session, wireSession{}, "session")
	known(session, ours{}, "session")
	stats, peers, trackers := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range statFields {
		stats[f.old] = true
	}
	for _, f := range peerFields {
		peers[f.old] = true
	}
	for _, f := range trackerStatFields {
		trackers[f.old] = true
	}
	known(stats, wireStats{}, "stats")
	known(peers, wirePeer{}, "peer")
	known(trackers, wireTrackerStat{}, "tracker")
}

// answering is a daemon that says the same to everything.
func answering(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := Dial(s.Listener.Addr().String(), Credentials{}, dialAny)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestClientHostileAnswers: whatever answers, the error says what is wrong with it, and nothing else happens.
func TestClientHostileAnswers(t *testing.T) {
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
	}
	code := func(n int, header, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set(header, value)
			}
			w.WriteHeader(n)
		}
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		cause  error
		says   string
	}{
		"nothing":         {text(""), ErrAnswer, "unexpected end"},
		"a web page":      {text("  <html>hello</html>"), ErrAnswer, "web page"},
		"no object":       {text("[1]"), ErrAnswer, "array"},
		"no result":       {text("{}"), ErrAnswer, "no result"},
		"no arguments":    {text(`{"result":"success"}`), ErrAnswer, "empty"},
		"no version":      {text(`{"result":"success","arguments":{}}`), ErrAnswer, "rpc-version"},
		"a wrong type":    {text(`{"result":"success","arguments":{"rpc-version":"x"}}`), ErrAnswer, "string"},
		"wrong arguments": {text(`{"result":"success","arguments":[]}`), ErrAnswer, "array"},
		"deep":            {text(strings.Repeat("[", 1<<20)), ErrAnswer, "max depth"},
		"a refusal":       {text(`{"result":"no \u001b[2J"}`), nil, "the daemon refuses: no ␛[2J"},
		"409 for ever":    {code(409, tokenHeader, "abc"), ErrAnswer, "session ids"},
		"409 and none":    {code(409, "", ""), ErrAnswer, "without a session id"},
		"409 and a bad":   {code(409, tokenHeader, strings.Repeat("x", 1000)), ErrAnswer, "without a session id"},
		"401":             {code(401, "", ""), ErrCredentials, "--user"},
		"403":             {code(403, "", ""), ErrCredentials, "not let this machine in"},
		"421":             {code(421, "", ""), ErrCredentials, "IP address"},
		"301":             {code(301, "Location", "http://192.0.2.1/x\u202e"), ErrAnswer, "points to http://192.0.2.1/x"},
		"400":             {code(400, "", ""), ErrAnswer, "name it as https://"},
		"500":             {code(500, "", ""), ErrAnswer, "HTTP 500"},
		"204":             {code(204, "", ""), ErrAnswer, "HTTP 204"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"result":`)
		}, ErrUnreachable, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, c.answer).Settings(t.Context())
			if err == nil || c.cause != nil && !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v with %q", err, c.cause, c.says)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// TestClientTooLarge: an answer without an end is given up at a limit, packed or not.
func TestClientTooLarge(t *testing.T) {
	var sent atomic.Int64
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		line := []byte(strings.Repeat(" ", 1<<20))
		for r.Context().Err() == nil {
			n, err := w.Write(line)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	if _, err := c.Stats(t.Context()); !errors.Is(err, ErrAnswer) || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
	if n := sent.Load(); n > maxReply+64<<20 {
		t.Errorf("%d bytes were taken", n)
	}
}

// TestClientTimeout: a daemon that does not answer is given up in time, whoever waits.
func TestClientTimeout(t *testing.T) {
	ended := make(chan struct{})
	c := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	})
	defer close(ended)
	c.Timeout = 50 * time.Millisecond
	began := time.Now()
	if _, err := c.Stats(t.Context()); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Stats(ctx); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "interrupted before") || strings.Contains(err.Error(), "Post") {
		t.Error(err)
	}
}

// TestClientSessionID: a new session id is taken up at once, and a broken connection of a question is made anew, of a change it is not.
func TestClientSessionID(t *testing.T) {
	var calls, breaks atomic.Int64
	token := atomic.Value{}
	token.Store("first")
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if breaks.Add(-1) >= 0 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
			return
		}
		if r.Header.Get(tokenHeader) != token.Load() {
			w.Header().Set(tokenHeader, token.Load().(string))
			w.WriteHeader(http.StatusConflict)
			return
		}
		_, _ = io.WriteString(w, `{"result":"success","arguments":{"rpc-version":16}}`)
	})
	ask := func(want int64) {
		t.Helper()
		calls.Store(0)
		if _, err := c.Stats(t.Context()); err != nil || calls.Load() != want {
			t.Errorf("%d calls, want %d, %v", calls.Load(), want, err)
		}
	}
	ask(2)
	ask(1)
	token.Store("second")
	ask(2)
	breaks.Store(1)
	ask(2)
	breaks.Store(1)
	if err := c.Shutdown(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a change over a broken connection: %v", err)
	}
}

func TestParseAddress(t *testing.T) {
	for address, want := range map[string][2]string{
		"unix:/run/shoal/rpc.sock":   {"http://localhost/transmission/rpc", "/run/shoal/rpc.sock"},
		"unix:///run/rpc.sock":       {"http://localhost/transmission/rpc", "/run/rpc.sock"},
		"unix:here":                  {"http://localhost/transmission/rpc", "here"},
		"nas:9091":                   {"http://nas:9091/transmission/rpc", ""},
		"[::1]:9091":                 {"http://[::1]:9091/transmission/rpc", ""},
		"http://nas:9091/":           {"http://nas:9091/transmission/rpc", ""},
		"https://nas.example/bt/rpc": {"https://nas.example/bt/rpc", ""},
		"unix:":                      {}, "nas": {}, "": {}, "ftp://nas": {}, "http://": {}, "http://a:b@nas": {}, "http://nas?x": {}, "http://nas#x": {}, "http://\x00": {},
	} {
		target, socket, err := parseAddress(address)
		if target != want[0] || socket != want[1] || (err == nil) != (want[0] != "") || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %q, %q, %v", address, target, socket, err)
		}
	}
}

// FuzzClientAnswer: no answer makes the client panic or hang, whatever it was asked; what is refused is no answer or the daemon's word.
func FuzzClientAnswer(f *testing.F) {
	for _, s := range []string{
		`{"result":"success","arguments":{"rpc-version":16,"download-queue-size":1e300}}`, `{"result":"no"}`, `<html>`,
		`{"result":"success","arguments":{"torrents":[{"id":1,"hashString":"0123456789abcdef0123456789abcdef01234567","labels":["b","a"],"trackers":[{"announce":"x","tier":-9e99}],` +
			`"pieces":"gA==","pieceCount":1,"files":[{"name":"a","length":-1}],"fileStats":[{"wanted":1,"priority":9}],"peers":[{"address":"::1","port":1}],` +
			`"trackerStats":[{"announce":"u"}],"shoal_time":{"all":{"choked":1e30}},"eta":-9999999999999}],"removed":[1,2.5],"shoal_now":true}}`,
		`{"result":"success","arguments":{"torrent-added":{"hashString":"x"},"size-bytes":-1,"shoal_dht":[{"id":""}],"lines":[{}]}}`,
	} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	id := metainfo.ID{V1: metainfo.Hash{1}}
	f.Fuzz(func(t *testing.T, body []byte, shoal bool) {
		c := &Client{url: "http://localhost/", http: &http.Client{Transport: canned(body)}, who: &daemon{shoal: shoal, kind: "x", version: 17}}
		ctx := t.Context()
		for _, ask := range []func() error{
			func() error { _, err := c.Settings(ctx); return err },
			func() error {
				list, _, err := c.Entries(ctx, time.Time{})
				for i := range list {
					list[i].State()
				}
				return err
			},
			func() error { _, _, err := c.Entries(ctx, time.Now().Add(-time.Second)); return err },
			func() error { _, err := c.Details(ctx, id); return err },
			func() error { _, err := c.Files(ctx, id); return err },
			func() error { _, err := c.Peers(ctx, id); return err },
			func() error { _, err := c.Trackers(ctx, id); return err },
			func() error { _, err := c.Stats(ctx); return err },
			func() error { _, err := c.Totals(ctx); return err },
			func() error { _, _, err := c.Space(ctx, "/"); return err },
			func() error { _, err := c.Log(ctx, 0); return err },
			func() error { _, _, err := c.Add(ctx, status.NewTorrent{Source: id.String()}); return err },
		} {
			c.mu.Lock()
			c.who = &daemon{shoal: shoal, kind: "x", version: 17}
			c.mu.Unlock()
			if err := ask(); err != nil && errors.Is(err, ErrUnreachable) {
				t.Errorf("%q: %v", body, err)
			}
		}
	})
}

// canned is a network that has the same answer for everything.
type canned []byte

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(c))), Request: r}, nil
}

// TestWireInt: what stands for a whole number is taken, and nothing else.
func TestWireInt(t *testing.T) {
	for in, want := range map[string]int64{"5": 5, "-5": -5, "5.9": 5, "1e3": 1000, "true": 1, "false": 0, "null": 0} {
		var n wireInt
		if err := json.Unmarshal([]byte(in), &n); err != nil || int64(n) != want {
			t.Errorf("%s: %d, %v", in, n, err)
		}
	}
	for _, in := range []string{`"5"`, "{}", "[]", "1e300", "-1e300"} {
		if err := json.Unmarshal([]byte(in), new(wireInt)); err == nil {
			t.Errorf("%s was taken", in)
		}
	}
	if got := fmt.Sprint(wireInt(1<<62).times(time.Hour) > 0, wireInt(-1<<62).times(time.Hour) < 0, wireInt(1<<62).unix().IsZero(), wireInt(1<<62).int()); got != "true true true 2147483647" {
		t.Error(got)
	}
}
