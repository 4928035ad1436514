package session

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

// TestC04Fetch: a URL that came from elsewhere leads into the internet only, and no redirect leads nearer than the server that sent it is.
func TestC04Fetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(1)
		link := simnet.Link{Latency: time.Millisecond}
		us := n.Host(netip.MustParseAddr("10.0.0.1"), link)
		var asked []string
		var servers []*http.Server
		defer func() {
			for _, s := range servers {
				s.Close()
			}
		}()
		serve := func(addr string) *simnet.Host {
			h := n.Host(netip.MustParseAddr(addr), link)
			l, err := h.Listen(context.Background(), "tcp4", "0.0.0.0:80")
			if err != nil {
				t.Fatal(err)
			}
			srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Host+" "+r.Header.Get("Cookie"))
				if to, ok := strings.CutPrefix(r.URL.Path, "/to/"); ok {
					http.Redirect(w, r, "http://"+to, http.StatusFound)
					return
				}
				w.Write([]byte("content"))
			})}
			go srv.Serve(l)
			servers = append(servers, srv)
			return h
		}
		serve("10.0.0.2")
		serve("9.9.9.9")
		serve("9.9.9.8")
		n.Name("inside.example", netip.MustParseAddr("10.0.0.2"))
		n.Name("both.example", netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("9.9.9.9"))
		for _, c := range []struct {
			url    string
			global bool
			ok     bool
		}{
			{"http://9.9.9.9/x", true, true},
			{"http://9.9.9.9/to/9.9.9.8/x", true, true},
			{"http://both.example/x", true, true},
			{"http://10.0.0.2/x", true, false},
			{"http://inside.example/x", true, false},
			{"http://127.0.0.1/x", true, false},
			{"http://[::1]/x", true, false},
			{"http://0.0.0.0/x", false, false},
			{"http://169.254.169.254/latest", true, false},
			{"http://10.0.0.2/x", false, true},
			{"http://10.0.0.2/to/9.9.9.9/x", false, true},
			{"http://9.9.9.9/to/10.0.0.2/x", false, false},
			{"http://9.9.9.9/to/inside.example/x", false, false},
			{"http://10.0.0.2/to/9.9.9.9/to/10.0.0.2/x", false, false},
			{"http://10.0.0.2/to/127.0.0.1/x", false, false},
			{"ftp://9.9.9.9/x", false, false},
			{"http:///x", false, false},
		} {
			b, err := Fetch{Global: c.global, Limit: 100}.Get(context.Background(), us, c.url)
			if c.ok != (err == nil && string(b) == "content") {
				t.Errorf("%+v: %q %v", c, b, err)
			}
			if !c.ok && strings.Contains(c.url, "10.0.0.2/x") && !errors.Is(err, ErrScope) {
				t.Errorf("%s: %v", c.url, err)
			}
		}
		if b, err := (Fetch{Limit: 3}).Get(context.Background(), us, "http://9.9.9.9/x"); string(b) != "cont" || err != nil {
			t.Errorf("%q %v", b, err)
		}
		asked = nil
		if _, err := (Fetch{Limit: 100, Cookies: "a=b"}).Get(context.Background(), us, "http://9.9.9.9/to/9.9.9.8/x"); err != nil {
			t.Error(err)
		}
		if strings.Join(asked, ";") != "9.9.9.9 a=b;9.9.9.8 " {
			t.Error(asked)
		}
		loop := "http://9.9.9.9" + strings.Repeat("/to/9.9.9.9", 12) + "/x"
		if _, err := (Fetch{Limit: 100}).Get(context.Background(), us, loop); err == nil {
			t.Error("endless redirects")
		}
	})
}
