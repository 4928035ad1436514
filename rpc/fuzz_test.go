package rpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
)

// fixedID stands for the session id in requests that are fuzzed.
const fixedID = "0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh"

// FuzzRequest sends whole requests: nothing panics, every answer to a call is JSON, and without the secret nothing changes.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{stopAll, fullList, `[{"jsonrpc":"2.0","method":"torrent_get","params":{"fields":["files"],"ids":"recently_active"},"id":1}]`,
		`{"method":"torrent-set","arguments":{"ids":1,"trackerReplace":[0,"http://x/announce"],"files-wanted":[],"priority-high":[0]}}`,
		`{"method":"session-set","arguments":{"speed-limit-down":0.9,"speed-limit-down-enabled":true,"encryption":"required","shoal_alt_schedule":[{"days":1,"from":0,"to":1}]}}`,
		`{"method":"torrent-add","arguments":{"metainfo":"ZGU=","filename":"x","labels":["a"]}}`, `{"method":"torrent-remove","arguments":{"ids":[1,"2"],"delete-local-data":1}}`} {
		for _, id := range []string{fixedID, "x"} {
			f.Add(fmt.Appendf(nil, "POST /transmission/rpc HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\nContent-Length: %d\r\n\r\n%s", headerID, id, len(body), body))
		}
	}
	f.Add([]byte("GET /events?since=3 HTTP/1.1\r\nHost: [::1]:9091\r\n\r\n"))
	f.Add([]byte("OPTIONS * HTTP/1.0\r\n\r\n"))
	f.Add([]byte("GET http://evil/transmission/rpc/ HTTP/1.1\r\nHost: evil\r\nOrigin: null\r\nAuthorization: Basic eDp5\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 64<<10 {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		r.RemoteAddr = "127.0.0.1:1"
		if strings.HasPrefix(r.URL.Path, "/events") || r.URL.Path == "/metrics" {
			r.Method = http.MethodPut // else it goes on for ever, or says what has nothing to do with the request
		}
		e := fakeengine.New(2)
		s := NewServer(e, Options{})
		s.ids.now, s.ids.made = fixedID, s.now()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if r.Header.Get(headerID) != fixedID || r.Method != http.MethodPost {
			if calls := e.Calls(); len(calls) > 0 {
				t.Fatalf("without the secret the engine was told %v", calls)
			}
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && w.Header().Get("Content-Encoding") == "" && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("no JSON: %s", w.Body)
		}
		if s.bodies.used != 0 {
			t.Fatal("bytes of a request are counted that is over")
		}
	})
}

// FuzzValue compares the reader of JSON with encoding/json.
func FuzzValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,"x\u0041",{"b":null}],"c":-1.5e3 , "d" : true}`, `[[],{},""]`, `"\ud800"`, ` 7 `, `{"a":{"a":1},"a":2}`, "\"\xe5\xc7\"", `[5E555,-1e999,1e-999]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parse(b)
		if err != nil {
			return
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber() // JSON has numbers that no float64 holds
		if err := d.Decode(&want); err != nil || !json.Valid(b) {
			t.Fatalf("%q is taken: %v", b, err)
		}
		if got := build(t, v); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %#v, want %#v", b, got, want)
		}
	})
}

// build makes of a value what encoding/json makes of it, with numbers as they stand. A number has the value that encoding/json gives it, or none.
func build(t *testing.T, v value) any {
	switch c := v.kind(); {
	case c == '{':
		m := map[string]any{}
		v.members(func(name string, member value) { m[name] = build(t, member) })
		return m
	case c == '[':
		list := []any{}
		v.each(func(one value) bool { list = append(list, build(t, one)); return true })
		return list
	case c == '"':
		s, _ := v.str()
		return s
	case c == 't' || c == 'f':
		on, _ := v.boolean()
		return on
	case c == 'n':
		return nil
	}
	n := json.Number(v)
	want, err := n.Float64()
	if got, ok := v.float(); ok != (err == nil) || ok && got != want {
		t.Fatalf("the number %s is %v, %v; want %v, %v", n, got, ok, want, err)
	}
	return n
}

// FuzzAppendString: whatever is said comes out as JSON of the same text.
func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\x00\x7f\xff\u2028é")
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendString(nil, s), &back); err != nil || back != strings.ToValidUTF8(string([]rune(s)), "\uFFFD") {
			t.Fatalf("%q is %q: %v", s, back, err)
		}
	})
}
