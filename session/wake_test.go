package session

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/tracker"
)

// heard is a tracker that notes when it is asked, and by whom.
type heard struct {
	*tracker.Server
	down atomic.Bool

	mu    sync.Mutex
	times map[string][]time.Time
}

func (h *heard) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	h.mu.Lock()
	h.times[host] = append(h.times[host], time.Now())
	h.mu.Unlock()
	if h.down.Load() {
		http.Error(rw, "down", http.StatusBadGateway)
		return
	}
	h.Server.ServeHTTP(rw, r)
}

// since returns how many announces came from a host after a moment, and how long after it the first.
func (h *heard) since(a netip.Addr, at time.Time) (n int, first time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.times[a.String()] {
		if x.Before(at) {
			continue
		}
		if n++; n == 1 {
			first = x.Sub(at)
		}
	}
	return n, first
}

// heard puts a tracker that takes notes into the torrent.
func (w *sim) heard(interval time.Duration) *heard {
	h := &heard{Server: tracker.NewServer(interval), times: make(map[string][]time.Time)}
	host := w.host(simnet.Link{Latency: 5 * time.Millisecond})
	l, err := host.Listen(context.Background(), "tcp4", "0.0.0.0:8000")
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	w.end = append(w.end, func() { srv.Close() })
	w.tor.Trackers = [][]string{{"http://" + host.Addr().String() + ":8000/announce"}}
	return h
}

// TestR08Sleep: a machine that slept for eight hours transfers again within 30 s and is announced within 10 s.
func TestR08Sleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 64<<20, 256<<10)
		defer w.close()
		tr := w.heard(30 * time.Minute)
		link := simnet.Link{Up: 64 << 10, Down: 64 << 10, Latency: 10 * time.Millisecond}
		w.node(link).seed()
		n := w.node(link)
		var slept atomic.Int64
		n.cfg.Wall = func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		n.start(Add{})
		time.Sleep(20 * time.Second)
		if n.status().DownTotal == 0 {
			t.Fatal("nothing came before the sleep")
		}
		n.host.Down()
		time.Sleep(10 * time.Minute) // the others give the connections up, and our dials fail
		before, back := n.status().DownTotal, time.Now()
		slept.Store(int64(8 * time.Hour))
		n.host.Up()
		_, first := n.s.returned(t, tr, n.host.Addr(), back, before)
		if first > 10*time.Second {
			t.Errorf("announced %v after the sleep, 10 s are allowed", first)
		}
	})
}

// returned waits until more was downloaded than before and says how long that and the first announce took.
func (s *Session) returned(t *testing.T, tr *heard, a netip.Addr, at time.Time, before int64) (transfer, announce time.Duration) {
	t.Helper()
	for {
		ts, _ := s.Torrents(context.Background())
		if ts[0].DownTotal > before {
			break
		}
		if time.Since(at) > 10*time.Minute {
			t.Fatalf("nothing came in ten minutes: %+v", ts[0])
		}
		time.Sleep(100 * time.Millisecond)
	}
	transfer = time.Since(at)
	time.Sleep(max(0, 15*time.Second-transfer))
	n, announce := tr.since(a, at)
	t.Logf("transfers again after %v, first announce after %v", transfer, announce)
	if n == 0 {
		t.Error("no announce within 15 s")
	}
	if transfer > 30*time.Second {
		t.Errorf("transfers again after %v, 30 s are allowed", transfer)
	}
	return transfer, announce
}

// roaming is a network whose machine changes its address: its listeners die with the old one.
type roaming struct {
	mu        sync.Mutex
	host      *simnet.Host
	listeners []net.Listener
}

func (r *roaming) now() *simnet.Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.host
}

func (r *roaming) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return r.now().Dial(ctx, network, address)
}

func (r *roaming) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	l, err := r.now().Listen(ctx, network, address)
	if err == nil {
		r.mu.Lock()
		r.listeners = append(r.listeners, l)
		r.mu.Unlock()
	}
	return l, err
}

func (r *roaming) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return r.now().ListenPacket(ctx, network, address)
}

func (r *roaming) ListenMulticast(ctx context.Context, network string, group netip.AddrPort) ([]net.PacketConn, error) {
	return r.now().ListenMulticast(ctx, network, group)
}

func (r *roaming) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return r.now().Lookup(ctx, host)
}

func (r *roaming) Addrs() []netip.Addr { return []netip.Addr{r.now().Addr()} }

func (r *roaming) move(to *simnet.Host) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host.Down()
	r.host = to
	for _, l := range r.listeners {
		l.Close()
	}
	r.listeners = nil
}

// TestR08NewAddress: with another address it transfers again within 30 s, is announced within 10 s
// and can be reached there.
func TestR08NewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 64<<20, 256<<10)
		defer w.close()
		tr := w.heard(30 * time.Minute)
		link := simnet.Link{Up: 64 << 10, Down: 64 << 10, Latency: 10 * time.Millisecond}
		w.node(link).seed()
		n := w.node(link)
		road := &roaming{host: n.host}
		n.cfg.Net = road
		n.start(Add{})
		time.Sleep(20 * time.Second)
		before, at := n.status().DownTotal, time.Now()
		if before == 0 {
			t.Fatal("nothing came before the move")
		}
		n.host = w.host(link)
		road.move(n.host)
		time.Sleep(time.Second) // what was under way has been counted
		before = n.status().DownTotal
		_, first := n.s.returned(t, tr, n.host.Addr(), at, before)
		if first > 10*time.Second {
			t.Errorf("announced %v after the move, 10 s are allowed", first)
		}
		w.fake(quick, n, [20]byte{'k', 'n', 'o', 'c', 'k'}).Close()
	})
}

// TestR07ClockSet: a clock that is set back or forward ten years is no harm.
func TestR07ClockSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 16<<20, 256<<10)
		defer w.close()
		tr := w.heard(30 * time.Minute)
		w.node(quick).seed()
		n := w.node(simnet.Link{Up: 64 << 10, Down: 64 << 10})
		var off atomic.Int64
		n.cfg.Wall = func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
		n.start(Add{})
		time.Sleep(time.Minute)
		at := time.Now()
		for _, years := range []int64{-10, 0, 10} {
			off.Store(years * int64(365*24*time.Hour))
			time.Sleep(time.Minute)
		}
		n.wait(10 * time.Minute)
		if got, _ := tr.since(n.host.Addr(), at); got > 6 {
			t.Errorf("%d announces because of a clock", got)
		}
	})
}
