package rpc

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
)

// probe is a server over an engine of memory, and somebody who calls it.
type probe struct {
	t      *testing.T
	engine *fakeengine.Engine
	server *Server
}

func newProbe(t *testing.T, torrents int, opt Options) *probe {
	opt.Version = "0.1.0"
	e := fakeengine.New(torrents)
	return &probe{t, e, NewServer(e, opt)}
}

// request is a POST of body with the session id, from loopback; with is applied to it.
func (p *probe) request(body string, with ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:9091/transmission/rpc", strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	r.Header.Set(headerID, p.server.ids.current(p.server.now()))
	for _, f := range with {
		f(r)
	}
	return r
}

func (p *probe) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	return w
}

// call sends body and returns the answer, which must be 200 and JSON.
func (p *probe) call(body string, with ...func(*http.Request)) any {
	p.t.Helper()
	w := p.do(p.request(body, with...))
	if w.Code != http.StatusOK {
		p.t.Fatalf("%s\nis answered with %d: %s", body, w.Code, w.Body)
	}
	return unjson(p.t, w.Body.String())
}

func unjson(t *testing.T, s string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

// expect compares an answer with JSON that is written in the test.
func (p *probe) expect(body, want string) {
	p.t.Helper()
	want = strings.ReplaceAll(want, "HASH1", fakeengine.Torrent(1).ID.String())
	want = strings.ReplaceAll(want, "HASH2", fakeengine.Torrent(2).ID.String())
	body = strings.ReplaceAll(body, "HASH1", fakeengine.Torrent(1).ID.String())
	body = strings.ReplaceAll(body, "HASH2", fakeengine.Torrent(2).ID.String())
	if got := p.call(body); !reflect.DeepEqual(got, unjson(p.t, want)) {
		b, _ := json.Marshal(got)
		p.t.Errorf("%s\nis answered with %s\nwant             %s", body, b, want)
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func at(p string) func(*http.Request) { return func(r *http.Request) { r.URL.Path = p } }

func from(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }

func verb(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }

func noID(r *http.Request) { r.Header.Del(headerID) }
