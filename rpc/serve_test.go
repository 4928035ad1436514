package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakeengine"
)

// pipes is a listener whose connections are pipes in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9091} }

// local makes a pipe look like a connection from this machine.
type local struct{ net.Conn }

func (local) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000} }

// dial connects; the end that is returned is the caller's.
func (l *pipes) dial() net.Conn {
	a, b := net.Pipe()
	l.conns <- local{a}
	return b
}

// serving runs f beside a server, in a bubble of time, and ends the server.
func serving(t *testing.T, opt Options, torrents int, f func(p *probe, l *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe(t, torrents, opt)
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.server.Serve(ctx, l, Door{}) }()
		f(p, l)
		cancel()
		start := time.Now()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("ended %v after its context", took)
		}
	})
}

// answer reads one response and its body.
func answer(t *testing.T, c net.Conn) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	return resp, string(b)
}

func head(p *probe, more string) string {
	return "POST /transmission/rpc HTTP/1.1\r\nHost: localhost\r\n" + headerID + ": " + p.server.ids.current(time.Now()) + "\r\n" + more + "\r\n"
}

// TestC03Large: a body that claims to be too large is refused before a byte of it is read, one that becomes so when it does.
func TestC03Large(t *testing.T) {
	serving(t, Options{}, 1, func(p *probe, l *pipes) {
		c := l.dial()
		fmt.Fprint(c, head(p, "Content-Length: 1073741824\r\n"))
		if resp, _ := answer(t, c); resp.StatusCode != 413 {
			t.Errorf("1 GiB: %d", resp.StatusCode)
		}
		c.Close()

		long := l.dial()
		go func() {
			fmt.Fprint(long, head(p, "Transfer-Encoding: chunked\r\n"))
			chunk := "100000\r\n" + strings.Repeat(" ", 1<<20) + "\r\n"
			for range 17 {
				if _, err := io.WriteString(long, chunk); err != nil {
					return
				}
			}
		}()
		if resp, _ := answer(t, long); resp.StatusCode != 413 {
			t.Errorf("17 MiB in chunks: %d", resp.StatusCode)
		}
		long.Close()
	})
}

// TestC03Slow: a byte a second ends with 408, a header that does not come with the connection.
func TestC03Slow(t *testing.T) {
	serving(t, Options{}, 1, func(p *probe, l *pipes) {
		slow := l.dial()
		start := time.Now()
		go func() {
			fmt.Fprint(slow, head(p, "Transfer-Encoding: chunked\r\n"))
			for {
				if _, err := io.WriteString(slow, "1\r\n \r\n"); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if resp, _ := answer(t, slow); resp.StatusCode != 408 || time.Since(start) > time.Minute {
			t.Errorf("a byte a second: %d after %v", resp.StatusCode, time.Since(start))
		}
		slow.Close()

		c := l.dial()
		start = time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil || time.Since(start) > 2*headerTime {
			t.Errorf("a silent connection: %v after %v", err, time.Since(start))
		}
		c.Close()
	})
}

// TestC03Depth: a million brackets are refused without following them.
func TestC03Depth(t *testing.T) {
	p := newProbe(t, 1, Options{})
	for _, body := range []string{strings.Repeat("[", 1e6), `{"method":"torrent-get","arguments":` + strings.Repeat(`{"a":`, 1e6), strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6)} {
		if got := p.call(body).(map[string]any); got["result"] != "no method name" {
			t.Errorf("%v", got)
		}
	}
	if v, err := parse([]byte(strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1))); err == nil {
		t.Errorf("%s is taken", v)
	}
}

// TestC03Connections: of many sockets 64 stay open, and each costs little; when they are gone others get in.
func TestC03Connections(t *testing.T) {
	serving(t, Options{}, 1, func(p *probe, l *pipes) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var open []net.Conn
		for range 1000 {
			open = append(open, l.dial())
		}
		synctest.Wait()
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse); grown > maxOpen<<20 {
			t.Errorf("%d bytes for %d connections", grown, maxOpen)
		}
		shut := 0
		for _, c := range open {
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
				shut++
			}
		}
		if shut != len(open)-maxOpen {
			t.Errorf("%d of %d were closed at once", shut, len(open))
		}
		for _, c := range open {
			c.Close()
		}
		synctest.Wait()
		c := l.dial()
		body := `{"method":"torrent-stop"}`
		fmt.Fprint(c, head(p, fmt.Sprintf("Content-Length: %d\r\n", len(body)))+body)
		if resp, _ := answer(t, c); resp.StatusCode != 200 {
			t.Errorf("after them: %d", resp.StatusCode)
		}
		c.Close()
	})
}

// TestLargeRequestsShareABudget: beyond it a large request is told to come again, a small one is not.
func TestLargeRequestsShareABudget(t *testing.T) {
	p := newProbe(t, 1, Options{})
	if !p.server.bodies.take(maxBodies - 1) {
		t.Fatal("no budget")
	}
	large := `{"method":"torrent-start","arguments":{"ids":"` + strings.Repeat("x", 4*smallBody) + `"}}`
	if w := p.do(p.request(large)); w.Code != 503 {
		t.Errorf("large: %d", w.Code)
	}
	if w := p.do(p.request(stopAll)); w.Code != 200 {
		t.Errorf("small: %d", w.Code)
	}
	p.server.bodies.give(maxBodies - 1)
	if w := p.do(p.request(large)); w.Code != 200 || p.server.bodies.used != 0 {
		t.Errorf("large, later: %d, %d bytes are still counted", w.Code, p.server.bodies.used)
	}
}

// TestT04Stop: the server ends while somebody is connected, listens to events, and sends nothing.
func TestT04Stop(t *testing.T) {
	serving(t, Options{}, 1, func(p *probe, l *pipes) {
		idle, listening := l.dial(), l.dial()
		fmt.Fprint(listening, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if resp, err := http.ReadResponse(bufio.NewReader(listening), nil); err != nil || resp.StatusCode != 200 {
			t.Errorf("events: %v", err)
		}
		fmt.Fprint(idle, "POST /transmission/rpc HTTP/1.1\r\n")
		synctest.Wait()
	})
}

// TestC07ManyCallers: a hundred callers add and remove one torrent at once; what comes of it is what one after the other makes.
func TestC07ManyCallers(t *testing.T) {
	p := newProbe(t, 0, Options{})
	hash := strings.Repeat("e", 40)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			bodies := []string{`{"method":"torrent-add","arguments":{"filename":"` + hash + `"}}`, `{"method":"torrent-remove","arguments":{"ids":["` + hash + `"]}}`,
				`{"method":"torrent-get","arguments":{"ids":["` + hash + `"],"fields":["id","files"]}}`, `{"method":"torrent-set","arguments":{"ids":["` + hash + `"],"labels":["x"]}}`}
			for n := range bodies {
				w := p.do(p.request(bodies[(n+i)%len(bodies)]))
				if w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"result":"success"`) {
					t.Errorf("%d: %s", w.Code, w.Body)
				}
			}
		})
	}
	wg.Wait()
	there, last := false, ""
	for _, call := range p.engine.Calls() {
		add, remove := strings.HasPrefix(call, "add"), strings.HasPrefix(call, "remove")
		if add && there || remove && !there {
			t.Fatalf("%s comes after %s", call, last)
		}
		there, last = there && !remove || add, call
	}
	list, _, _ := p.engine.Entries(t.Context(), time.Time{})
	if len(list) == 1 != there {
		t.Errorf("%d torrents are left after %s", len(list), last)
	}
	p.call(`{"method":"torrent-remove","arguments":{"ids":"` + hash + `"}}`)
	p.call(`{"method":"torrent-get","arguments":{"ids":"` + hash + `","fields":["id"]}}`)
	if n, h := len(p.server.index.numbers), len(p.server.index.hashes); n != 0 || h != 0 {
		t.Errorf("%d numbers and %d hashes of torrents that are gone are kept", n, h)
	}
}

func listenUnix(path string) (net.Listener, error) { return net.Listen("unix", path) }
func dialUnix(path string) (net.Conn, error)       { return net.DialTimeout("unix", path, time.Second) }

// TestC05Socket: what a killed daemon left is replaced, a living one is not, and nothing else is touched.
func TestC05Socket(t *testing.T) {
	dir, err := os.MkdirTemp("", "shoal") // short: the path of a socket has a limit
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "run", "rpc.sock")
	open := func() (net.Listener, error) { return ListenSocket(path, listenUnix, dialUnix) }
	ln, err := open()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{path: 0o600 | os.ModeSocket, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Lstat(name); err != nil || runtime.GOOS != "windows" && info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := open(); !errors.Is(err, ErrInUse) {
		t.Errorf("beside a living daemon: %v", err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // as kill -9 does
	ln.Close()
	if ln, err = open(); err != nil {
		t.Fatalf("after a kill: %v", err)
	}
	ln.Close()
	for name, prepare := range map[string]func(){
		"a file":            func() { _ = os.WriteFile(path, []byte("x"), 0o600) },
		"a folder":          func() { _ = os.Mkdir(path, 0o700) },
		"a link":            func() { _ = os.Symlink("/nowhere", path) },
		"a writable folder": func() { _ = os.Chmod(filepath.Dir(path), 0o777) },
		"a linked folder": func() {
			_ = os.Rename(filepath.Dir(path), filepath.Join(dir, "real"))
			_ = os.Symlink("real", filepath.Dir(path))
		},
	} {
		_ = os.RemoveAll(filepath.Dir(path))
		_ = os.RemoveAll(filepath.Join(dir, "real"))
		_ = os.Mkdir(filepath.Dir(path), 0o700)
		prepare()
		if ln, err := open(); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				ln.Close()
			}
		}
		if _, err := os.Lstat(path); err != nil && !strings.Contains(name, "folder") {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	info, err := os.Lstat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := safeFolder(dir, info, 1234, 1000); !errors.Is(err, ErrUnsafe) {
		t.Errorf("another's folder: %v", err)
	}
	if _, err := ListenSocket("/"+strings.Repeat("x", maxSocketPath), listenUnix, dialUnix); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a long path: %v", err)
	}
}

// TestUnixDoor: the user who runs the daemon needs no password on the socket, may name paths, and finds profiles there when asked for.
func TestUnixDoor(t *testing.T) {
	dir, err := os.MkdirTemp("", "shoal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	ln, err := ListenSocket(path, listenUnix, dialUnix)
	if err != nil {
		t.Fatal(err)
	}
	e := fakeengine.New(0)
	s := NewServer(e, Options{User: "u", Password: "p", SocketTrusted: true, Pprof: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln, Door{Unix: true}) }()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return dialUnix(path) }, DisableKeepAlives: true}}
	for route, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/cmdline": 404, "/debug/vars": 404, "/metrics": 200, "/transmission/rpc": 409} {
		resp, err := client.Get("http://shoal" + route)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", route, resp.StatusCode, want)
		}
	}
	req, _ := http.NewRequest(http.MethodPost, "http://shoal/transmission/rpc", strings.NewReader(`{"method":"torrent-add","arguments":{"filename":"/home/me/x.torrent"}}`))
	req.Header.Set(headerID, s.ids.current(time.Now()))
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.HasPrefix(string(b), `{"result":"success"`) {
		t.Errorf("%d: %s", resp.StatusCode, b)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
