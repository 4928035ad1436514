package rpc

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const stopAll = `{"method":"torrent-stop"}`

// TestC01Gate: what a page of another site could send changes nothing.
func TestC01Gate(t *testing.T) {
	type with = []func(*http.Request)
	for name, c := range map[string]struct {
		with with
		code int
	}{
		"foreign host":              {with{host("evil.example")}, 421},
		"foreign host and port":     {with{host("evil.example:9091")}, 421},
		"no host":                   {with{host("")}, 421},
		"address in a name":         {with{host("127.0.0.1.evil.example")}, 421},
		"localhost in a name":       {with{host("localhost.evil.example")}, 421},
		"origin null":               {with{header("Origin", "null")}, 403},
		"foreign origin":            {with{header("Origin", "http://evil.example")}, 403},
		"origin of another port":    {with{header("Origin", "http://127.0.0.1:8080")}, 403},
		"no id":                     {with{noID}, 409},
		"no id, a form":             {with{noID, header("Content-Type", "application/x-www-form-urlencoded")}, 409},
		"no id, text":               {with{noID, header("Content-Type", "text/plain")}, 409},
		"no id, json":               {with{noID, header("Content-Type", "application/json")}, 409},
		"wrong id":                  {with{header(headerID, strings.Repeat("A", idLength))}, 409},
		"empty id":                  {with{header(headerID, "")}, 409},
		"GET that would change":     {with{verb("GET")}, 405},
		"GET without id":            {with{verb("GET"), noID}, 409},
		"HEAD without id":           {with{verb("HEAD"), noID}, 409},
		"OPTIONS":                   {with{verb("OPTIONS"), noID, header("Origin", "http://evil.example")}, 204},
		"localhost":                 {with{host("localhost:9091")}, 200},
		"address":                   {with{host("192.0.2.1:9091")}, 200},
		"IPv6 address":              {with{host("[::1]:9091")}, 200},
		"IPv6 address without port": {with{host("[::1]")}, 200},
		"configured name":           {with{host("nas.example:9091")}, 200},
		"configured origin":         {with{header("Origin", "moz-extension://1234")}, 200},
		"own origin":                {with{header("Origin", "http://127.0.0.1:9091")}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(t, 3, Options{Hosts: []string{"nas.example", "moz-extension://1234"}})
			w := p.do(p.request(stopAll, c.with...))
			if w.Code != c.code {
				t.Errorf("answered with %d, want %d: %s", w.Code, c.code, w.Body)
			}
			if calls := p.engine.Calls(); (len(calls) > 0) != (c.code == 200) {
				t.Errorf("%d, and the engine was told %v", w.Code, calls)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("other sites are let in")
			}
		})
	}
}

// TestC01HostWithPassword: who comes from elsewhere with the password may use any name; a browser on this machine may not.
func TestC01HostWithPassword(t *testing.T) {
	p := newProbe(t, 1, Options{User: "u", Password: "p"})
	auth := func(r *http.Request) { r.SetBasicAuth("u", "p") }
	if w := p.do(p.request(stopAll, auth, host("nas.example"), from("192.0.2.9:4000"))); w.Code != 200 {
		t.Errorf("from elsewhere: %d", w.Code)
	}
	if w := p.do(p.request(stopAll, auth, host("evil.example"))); w.Code != 421 {
		t.Errorf("from this machine: %d", w.Code)
	}
}

// TestOrderOfChecks: each check is answered before the ones after it are looked at.
func TestOrderOfChecks(t *testing.T) {
	p := newProbe(t, 1, Options{User: "u", Password: "p", Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	auth := func(r *http.Request) { r.SetBasicAuth("u", "p") }
	for _, c := range []struct {
		name string
		with []func(*http.Request)
		code int
	}{
		{"address before all", []func(*http.Request){from("192.0.2.1:1"), verb("OPTIONS"), host("evil"), noID, at("/x")}, 403},
		{"OPTIONS before the password", []func(*http.Request){verb("OPTIONS"), host("evil"), noID, at("/x")}, 204},
		{"password before the path", []func(*http.Request){host("evil"), noID, at("/x")}, 401},
		{"password before the id", []func(*http.Request){noID}, 401},
		{"path before the host", []func(*http.Request){auth, host("evil"), noID, at("/x")}, 404},
		{"root", []func(*http.Request){auth, at("/")}, 301},
		{"prefix", []func(*http.Request){auth, at("/transmission")}, 301},
		{"web root", []func(*http.Request){auth, at("/transmission/web/")}, 404},
		{"host before the id", []func(*http.Request){auth, host("evil"), noID}, 421},
		{"id before the method", []func(*http.Request){auth, noID, verb("PUT")}, 409},
		{"method", []func(*http.Request){auth, verb("PUT")}, 405},
		{"all well", []func(*http.Request){auth}, 200},
		{"slash", []func(*http.Request){auth, at("/transmission/rpc/")}, 200},
	} {
		w := p.do(p.request(stopAll, c.with...))
		if w.Code != c.code {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.code)
		}
		if got := w.Header().Get("WWW-Authenticate"); (c.code == 401) != strings.HasPrefix(got, `Basic realm="Transmission"`) {
			t.Errorf("%s: WWW-Authenticate is %q", c.name, got)
		}
	}
	if p.engine.Calls(); len(p.engine.Calls()) != 2 {
		t.Errorf("the engine was told %v", p.engine.Calls())
	}
}

func TestPrefix(t *testing.T) {
	p := newProbe(t, 1, Options{Prefix: "/x/y"})
	if w := p.do(p.request(stopAll, at("/x/y/rpc"))); w.Code != 200 {
		t.Error(w.Code)
	}
	if w := p.do(p.request(stopAll)); w.Code != 404 {
		t.Error(w.Code)
	}
}

// TestSessionID: the 409 tells the id in header and body, and the version; it changes hourly, and the one before is good for one
// hour more.
func TestSessionID(t *testing.T) {
	p := newProbe(t, 1, Options{})
	now := time.Now()
	p.server.now = func() time.Time { return now }
	w := p.do(p.request("", noID, verb("GET")))
	first := w.Header().Get(headerID)
	if w.Code != 409 || !regexp.MustCompile(`^[A-Za-z0-9]{48}$`).MatchString(first) || w.Header().Get(headerVersion) != "6.0.0" {
		t.Fatalf("%d, id %q, version %q", w.Code, first, w.Header().Get(headerVersion))
	}
	if m := regexp.MustCompile(`X-Transmission-Session-Id:\s*(\w+)`).FindStringSubmatch(w.Body.String()); m == nil || m[1] != first {
		t.Errorf("the body does not tell it: %s", w.Body)
	}
	try := func() int { return p.do(p.request(stopAll, header(headerID, first))).Code }
	for _, c := range []struct {
		after time.Duration
		code  int
	}{{59 * time.Minute, 200}, {61 * time.Minute, 200}, {119 * time.Minute, 200}, {122 * time.Minute, 409}} {
		p.server.now = func() time.Time { return now.Add(c.after) }
		if got := try(); got != c.code {
			t.Errorf("after %v: %d, want %d", c.after, got, c.code)
		}
	}
	if p.server.ids.current(now.Add(2*time.Hour)) == first {
		t.Error("it does not change")
	}
	if newProbe(t, 1, Options{}).server.ids.current(now) == first {
		t.Error("two starts have the same")
	}
}

// TestC02Password: only the whole secret opens, hashed or not.
func TestC02Password(t *testing.T) {
	hash, err := hashPassword("open sesame", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"open sesame", hash} {
		for _, c := range []struct {
			user, password string
			code           int
		}{
			{"ali", "open sesame", 200}, {"ali", "open sesam", 401}, {"ali", "open sesamee", 401}, {"ali", "", 401}, {"", "open sesame", 401},
			{"Ali", "open sesame", 401}, {"ali", hash, 401}, {"ali", "open sesame", 200},
		} {
			p := newProbe(t, 1, Options{User: "ali", Password: secret})
			if w := p.do(p.request(stopAll, func(r *http.Request) { r.SetBasicAuth(c.user, c.password) })); w.Code != c.code {
				t.Errorf("%q %q: %d, want %d", c.user, c.password, w.Code, c.code)
			}
			if w := p.do(p.request(stopAll)); w.Code != 401 {
				t.Errorf("nothing: %d", w.Code)
			}
			for _, route := range []string{"/metrics", "/events", "/debug/pprof/"} {
				if w := p.do(p.request("", at(route), verb("GET"))); w.Code != 401 {
					t.Errorf("%s without a password: %d", route, w.Code)
				}
			}
			if w := p.do(p.request("", at("/healthz"), verb("GET"))); w.Code != 200 {
				t.Errorf("/healthz: %d", w.Code)
			}
		}
	}
}

// TestC02Guessing: who guesses must wait longer and longer, is not told whether a guess in that time was right, fills no log, and is
// nobody else.
func TestC02Guessing(t *testing.T) {
	var log bytes.Buffer
	p := newProbe(t, 1, Options{User: "ali", Password: "sesame", Log: slog.New(slog.NewTextHandler(&log, nil))})
	now := time.Now()
	p.server.now = func() time.Time { return now }
	try := func(addr, password string) int {
		return p.do(p.request(stopAll, noID, from(addr), func(r *http.Request) { r.SetBasicAuth("ali", password) })).Code
	}
	tested := 0
	for range 1000 { // within one second
		now = now.Add(time.Millisecond)
		if try("192.0.2.1:1000", "secretguess") == 401 {
			tested++
		}
	}
	if tested != freeTries {
		t.Errorf("%d of 1000 guesses in a second were looked at, want %d", tested, freeTries)
	}
	if got := try("192.0.2.1:1001", "sesame"); got != 429 {
		t.Errorf("right after the guesses: %d", got)
	}
	if got := try("192.0.2.2:1000", "sesame"); got != 409 {
		t.Errorf("from another address: %d", got)
	}
	if n := strings.Count(log.String(), "wrong user name"); n > 4 || n == 0 {
		t.Errorf("%d lines in the log", n)
	}
	for _, secret := range []string{"secretguess", "sesame", "Basic"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	now = now.Add(2 * maxWait)
	if got := try("192.0.2.1:1000", "sesame"); got != 409 {
		t.Errorf("after the wait: %d", got)
	}
	for i := range 3 * maxGuesser {
		try(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()+":1", "x")
	}
	if n := len(p.server.guard.tries); n > maxGuesser {
		t.Errorf("%d addresses are remembered", n)
	}
	if a, b := network(netip.MustParseAddr("2001:db8::1")), network(netip.MustParseAddr("2001:db8::ffff:2")); a != b {
		t.Error("addresses of one /64 are told apart")
	}
}

// TestC02Loopback: programs on this machine share what wrong passwords cost, whichever of its addresses they come from: they are heard in turn, so
// that nobody guesses fast and a right password gets in. One who got in before does not wait, which helps nobody without the password.
func TestC02Loopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, 1, Options{User: "ali", Password: "sesame"})
		try := func(addr, password string, with ...func(*http.Request)) int {
			with = append(with, from(addr), func(r *http.Request) { r.SetBasicAuth("ali", password) })
			return p.do(p.request(stopAll, with...)).Code
		}
		begun, looked := time.Now(), 0
		for i := range 100 {
			if code := try(netip.AddrFrom4([4]byte{127, 0, byte(i), 1}).String()+":1000", "guess", noID); code == 401 {
				looked++
			}
		}
		took := time.Since(begun)
		if looked != 100 || took < (100-freeTries-1)*turnTime {
			t.Errorf("%d guesses were looked at in %v", looked, took)
		}
		begun = time.Now()
		if code := try("127.0.0.1:1001", "sesame", noID); code != 409 || time.Since(begun) > 2*turnTime {
			t.Errorf("the right password: %d after %v", code, time.Since(begun))
		}
		begun = time.Now()
		if code := try("127.0.0.1:1001", "sesame"); code != 200 || time.Since(begun) != 0 {
			t.Errorf("with a session id: %d after %v", code, time.Since(begun))
		}
		if code := try("127.0.0.1:1001", "guess"); code != 401 {
			t.Errorf("a session id and a wrong password: %d", code)
		}
		begun = time.Now()
		if code := try("[::1]:1001", "guess", noID); code != 401 || time.Since(begun) != turnTime {
			t.Errorf("a guess after a right password: %d after %v", code, time.Since(begun))
		}
		codes := make(chan int, 100)
		for range cap(codes) {
			go func() { codes <- try("127.0.0.1:1000", "guess", noID) }()
		}
		synctest.Wait()
		begun = time.Now()
		for range cap(codes) {
			<-codes
		}
		if took := time.Since(begun); took > maxTurn {
			t.Errorf("many at a time were held for %v", took)
		}
	})
}

// TestC06Debug: nothing of the default mux is served; profiles only on a unix socket and only when asked for.
func TestC06Debug(t *testing.T) {
	for _, opt := range []Options{{}, {Pprof: true}} {
		p := newProbe(t, 1, opt)
		for _, route := range []string{"/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/etc/passwd", "/../../etc/passwd",
			"/transmission/web/../../etc/passwd", "/transmission/rpc/x", "/metrics/x"} {
			if w := p.do(p.request("", at(route), verb("GET"))); w.Code != 404 {
				t.Errorf("pprof %t: %s is answered with %d", opt.Pprof, route, w.Code)
			}
		}
	}
}
