package tracker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// redirector sends to ?to=, or n hops on, and else is a tracker.
func redirector(w http.ResponseWriter, r *http.Request) {
	if to := r.URL.Query().Get("to"); to != "" {
		http.Redirect(w, r, to, http.StatusFound)
		return
	}
	var n int
	if _, err := fmt.Sscanf(r.URL.Path, "/hops/%d/announce", &n); err == nil && n > 0 {
		http.Redirect(w, r, fmt.Sprintf("/hops/%d/announce", n-1), http.StatusMovedPermanently)
		return
	}
	io.WriteString(w, good)
}

func TestH05Redirects(t *testing.T) {
	for name, c := range map[string]struct {
		url   string
		want  error // nil: the announce succeeds
		dials int64
	}{
		"none":                    {"http://tracker.test/announce", nil, 1},
		"5 hops":                  {"http://tracker.test/hops/5/announce", nil, 2},
		"11 hops":                 {"http://tracker.test/hops/11/announce", ErrReply, 2},
		"to another host":         {"http://tracker.test/?to=http://203.0.113.9/x", nil, 2},
		"to file":                 {"http://tracker.test/?to=file:///etc/passwd", ErrRefused, 1},
		"to gopher":               {"http://tracker.test/?to=gopher://203.0.113.9/", ErrRefused, 1},
		"to nowhere":              {"http://tracker.test/?to=http://", ErrRefused, 1},
		"to loopback":             {"http://tracker.test/?to=http://127.0.0.1/announce", ErrRefused, 1},
		"to loopback in disguise": {"http://tracker.test/?to=http://[::ffff:127.0.0.1]/announce", ErrRefused, 1},
		"to IPv6 loopback":        {"http://tracker.test/?to=http://[::1]/announce", ErrRefused, 1},
		"to any":                  {"http://tracker.test/?to=http://0.0.0.0/announce", ErrRefused, 1},
		"to metadata":             {"http://tracker.test/?to=http://169.254.169.254/announce", ErrRefused, 1},
		"to private by name":      {"http://tracker.test/?to=http://lan.test/announce", ErrRefused, 1},
		"private to global":       {"http://lan.test/?to=http://203.0.113.9/announce", nil, 2},
		"private to private":      {"http://lan.test/?to=http://192.168.1.1/announce", nil, 2},
		"private to loopback":     {"http://lan.test/?to=http://127.0.0.1/announce", ErrRefused, 1},
		"private metadata":        {"http://169.254.169.254/announce", ErrRefused, 0},
		"loopback":                {"http://127.0.0.1/announce.php", nil, 1},
		"loopback elsewhere":      {"http://127.0.0.1/shutdown", ErrRefused, 0},
		"loopback to its button":  {"http://127.0.0.1/announce?to=/shutdown", ErrRefused, 1},
		"not allowed":             {"http://198.51.100.1/announce", ErrRefused, 0},
		"to not allowed":          {"http://tracker.test/?to=http://198.51.100.1/announce", ErrRefused, 1},
	} {
		t.Run("H05 "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{serve: handle(http.HandlerFunc(redirector))}
				cl := NewClient(m.dial, Options{Lookup: m.lookup, Allow: func(ip netip.Addr) bool {
					return ip != netip.MustParseAddr("198.51.100.1")
				}})
				defer cl.Close()
				// A connection to the private tracker that is kept open must not
				// open the way for a redirect.
				if _, err := cl.Announce(t.Context(), request("http://lan.test/announce")); err != nil {
					t.Fatal(err)
				}
				m.dials.Store(0)
				_, err := cl.Announce(t.Context(), request(c.url))
				if (err == nil) != (c.want == nil) || !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
				if got := m.dials.Load(); got > c.dials {
					t.Errorf("%d connections were opened, want %d", got, c.dials)
				}
			})
		})
	}
}

// TestH05NamesThatFlip: without a lookup of its own the client looks at where the connection went.
func TestH05NamesThatFlip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got atomic.Int64
		m := &memory{serve: func(nc net.Conn, _ string) {
			n, _ := io.Copy(io.Discard, nc)
			got.Add(n)
		}}
		cl := NewClient(func(ctx context.Context, network, address string) (net.Conn, error) {
			return m.dial(ctx, network, "10.0.0.1:80")
		}, Options{Allow: func(ip netip.Addr) bool { return !ip.IsPrivate() }})
		defer cl.Close()
		_, err := cl.Announce(t.Context(), request("http://flips.test/announce"))
		if synctest.Wait(); !errors.Is(err, ErrRefused) || got.Load() != 0 {
			t.Errorf("error %v, %d bytes sent", err, got.Load())
		}
	})
}
