package tracker

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
)

// memory is a network of pipes: every dialled connection goes to serve, and
// claims the dialled address as its remote end.
type memory struct {
	serve func(nc net.Conn, address string)
	dials atomic.Int64
	sent  atomic.Int64 // bytes the servers got rid of
}

type memoryConn struct {
	net.Conn
	remote net.Addr
	sent   *atomic.Int64
}

func (c memoryConn) RemoteAddr() net.Addr { return c.remote }

func (c memoryConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func (m *memory) dial(ctx context.Context, network, address string) (net.Conn, error) {
	m.dials.Add(1)
	remote := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
	here, there := net.Pipe()
	go m.serve(memoryConn{there, remote, &m.sent}, address)
	return memoryConn{here, remote, new(atomic.Int64)}, nil
}

// lookup knows tracker.test (global) and lan.test (private).
func (m *memory) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	switch host {
	case "tracker.test":
		return []netip.Addr{netip.MustParseAddr("203.0.113.1")}, nil
	case "lan.test":
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}
	return nil, fmt.Errorf("no such host")
}

// oneConn is a listener of one connection, for http.Server.
type oneConn struct {
	conn chan net.Conn
	addr net.Addr
}

func (l oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l oneConn) Close() error   { return nil }
func (l oneConn) Addr() net.Addr { return l.addr }

// handle answers each connection with an HTTP server.
func handle(h http.Handler) func(net.Conn, string) {
	return func(nc net.Conn, address string) {
		l := oneConn{make(chan net.Conn, 1), nc.LocalAddr()}
		l.conn <- nc
		close(l.conn)
		_ = (&http.Server{Handler: h}).Serve(l)
	}
}

// raw answers a request, once read, with f and hangs up.
func raw(f func(w io.Writer)) func(net.Conn, string) {
	return func(nc net.Conn, address string) {
		defer nc.Close()
		if _, err := http.ReadRequest(bufio.NewReader(nc)); err == nil {
			f(nc)
		}
	}
}

var testID = metainfo.ID{V1: metainfo.Hash([]byte("\x00\x01 +&%~zABCDEFGHIJK\xff"))}

func request(url string) Announce {
	return Announce{URL: url, ID: testID, PeerID: [20]byte([]byte("-SH0001-abcdefghijkl")), Port: 6881, Left: 10, Event: Started, NumWant: 80, Key: 0xBEEF}
}

// inBubble runs f in a bubble with a client on m.
func inBubble(t *testing.T, serve func(net.Conn, string), f func(t *testing.T, m *memory, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{serve: serve}
		c := NewClient(m.dial, Options{Lookup: m.lookup})
		f(t, m, c)
		c.Close()
		time.Sleep(time.Minute) // virtual: the servers' own pauses end
	})
}

const good = "d8:intervali1800e5:peers6:\x0a\x00\x00\x01\x1a\xe1e"

func TestAnnounce(t *testing.T) {
	var seen *http.Request
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		z := gzip.NewWriter(w)
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(z, good)
		z.Close()
	})
	inBubble(t, handle(h), func(t *testing.T, m *memory, c *Client) {
		for range 3 {
			a := request("http://me:secret@tracker.test:8080/key/announce?auth=a%2Bb#frag")
			a.TrackerID = "t id"
			r, err := c.Announce(t.Context(), a)
			if err != nil || len(r.Peers) != 1 {
				t.Fatal(r, err)
			}
		}
		want := "auth=a%2Bb&info_hash=%00%01%20%2B%26%25~zABCDEFGHIJK%FF&peer_id=-SH0001-abcdefghijkl&port=6881&uploaded=0&downloaded=0&left=10" +
			"&compact=1&no_peer_id=1&key=0000BEEF&numwant=80&event=started&trackerid=t%20id"
		user, password, _ := seen.BasicAuth()
		if seen.URL.RawQuery != want || seen.URL.Path != "/key/announce" || user != "me" || password != "secret" || seen.UserAgent() != "shoal" || seen.Host != "tracker.test:8080" {
			t.Errorf("asked %v\nwant  %s", seen.URL, want)
		}
		if m.dials.Load() != 1 {
			t.Errorf("%d connections for three announces", m.dials.Load())
		}
	})
}

func TestH02ErrorStatus(t *testing.T) {
	for body, want := range map[string]string{
		"<html>\x1b[2J": "HTTP status 404 Not Found", "d14:failure reason7:no \x1b[2Je": "tracker refused: no ␛[2J", good: "HTTP status 404 Not Found",
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			io.WriteString(w, body)
		})
		inBubble(t, handle(h), func(t *testing.T, m *memory, c *Client) {
			_, err := c.Announce(t.Context(), request("http://tracker.test/0123456789abcdef0123/announce?passkey=hunter2"))
			if err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(err.Error(), "tracker http://tracker.test/***/announce?***: ") {
				t.Errorf("%q: %v", body, err)
			}
		})
	}
}

func TestH08StopIsQuick(t *testing.T) {
	for name, c := range map[string]struct {
		dialHangs bool
		stop      func(*Client, context.CancelFunc)
	}{
		"reply, context": {false, func(_ *Client, cancel context.CancelFunc) { cancel() }},
		"reply, close":   {false, func(c *Client, _ context.CancelFunc) { c.Close() }},
		"dial, context":  {true, func(_ *Client, cancel context.CancelFunc) { cancel() }},
		"dial, close":    {true, func(c *Client, _ context.CancelFunc) { c.Close() }},
	} {
		t.Run("H08 "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{serve: hang}
				cl := NewClient(func(ctx context.Context, network, address string) (net.Conn, error) {
					if c.dialHangs {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return m.dial(ctx, network, address)
				}, Options{})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				ended := make(chan error)
				go func() {
					_, err := cl.Announce(ctx, request("http://203.0.113.1/announce"))
					ended <- err
				}()
				time.Sleep(2 * time.Second)
				c.stop(cl, cancel)
				if err := <-ended; err == nil || time.Since(start) != 2*time.Second {
					t.Errorf("ended after %v with %v", time.Since(start), err)
				}
				cl.Close()
				if _, err := cl.Announce(t.Context(), request("http://203.0.113.1/announce")); !errors.Is(err, net.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
			})
		})
	}
	// The "stopped" announce gets three seconds, and not one more.
	inBubble(t, hang, func(t *testing.T, m *memory, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		a := request("http://tracker.test/announce")
		a.Event = Stopped
		if _, err := c.Announce(ctx, a); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("stopped ended after %v with %v", time.Since(start), err)
		}
	})
}

func TestDialTriesAllAddresses(t *testing.T) {
	ips := []netip.Addr{netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")}
	for name, c := range map[string]struct {
		broken func(ctx context.Context) error // of the first address
		takes  time.Duration
	}{
		"refused":    {func(context.Context) error { return errDown }, 0},
		"black hole": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, nextAfter},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{serve: handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, good) }))}
				cl := NewClient(func(ctx context.Context, network, address string) (net.Conn, error) {
					if strings.HasPrefix(address, "203.0.113.9:") {
						return nil, c.broken(ctx)
					}
					return m.dial(ctx, network, address)
				}, Options{Lookup: func(context.Context, string) ([]netip.Addr, error) { return ips, nil }})
				defer cl.Close()
				start := time.Now()
				if _, err := cl.Announce(t.Context(), request("http://many.test/announce")); err != nil || time.Since(start) != c.takes {
					t.Errorf("%v after %v, want %v", err, time.Since(start), c.takes)
				}
			})
		})
	}
}

func TestUnsupportedAddresses(t *testing.T) {
	c := NewClient(func(context.Context, string, string) (net.Conn, error) { panic("dialled") }, Options{})
	defer c.Close()
	for url, want := range map[string]string{
		"udp://tracker.test:6969/announce":        "tracker udp://tracker.test:6969/announce: udp trackers are not yet supported",
		"wss://tracker.test/":                     "WebRTC",
		"ftp://tracker.test/announce":             "http, https or udp",
		"udp://tracker.test/announce":             "not yet supported",
		"http:///announce":                        "no host",
		"http://%zz/?passkey=hunter2":             "not a URL",
		"":                                        "http, https or udp",
		"http://x/" + strings.Repeat("a", maxURL): "longer than",
	} {
		_, err := c.Announce(t.Context(), request(url))
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"http://tracker.test:8080/announce":                 "http://tracker.test:8080/announce",
		"https://u:p@t.test/0a1b2c3d4e/announce.php?pk=1#x": "https://t.test/***/announce.php?***",
		"http://t.test/ABCDEF/announce":                     "http://t.test/***/announce",
		"udp://t.test:1":                                    "udp://t.test:1",
		"http://t.test/\x1b[2J":                             "(unreadable tracker address)",
		"nonsense":                                          "(unreadable tracker address)",
	} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}
