package library

import (
	"bytes"
	"context"
	"crypto/sha1"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/tracker"
)

// roaming is the network of a machine whose address changes: its listeners die with the old one, its connections hang.
type roaming struct {
	mu        sync.Mutex
	host      *simnet.Host
	addrs     []netip.Addr
	listeners []net.Listener
}

func newRoaming(h *simnet.Host) *roaming { return &roaming{host: h, addrs: []netip.Addr{h.Addr()}} }

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

// Addrs are the addresses that the machine shows; nil while it has no network.
func (r *roaming) Addrs() []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.addrs)
}

// leave takes the machine off the network; hidden, it shows no address meanwhile.
func (r *roaming) leave(hidden bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host.Down()
	if hidden {
		r.addrs = nil
	}
}

// back ends leave.
func (r *roaming) back() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host.Up()
	r.addrs = []netip.Addr{r.host.Addr()}
}

// move gives the machine another address; the old one is gone.
func (r *roaming) move(to *simnet.Host) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host.Down()
	r.host, r.addrs = to, []netip.Addr{to.Addr()}
	for _, l := range r.listeners {
		l.Close()
	}
	r.listeners = nil
}

// flaky is a tracker that can be out of order, and notes when it is asked by one client.
type flaky struct {
	*tracker.Server
	url, agent string
	down       atomic.Bool

	mu    sync.Mutex
	times map[metainfo.Hash][]time.Time
}

// flaky starts a tracker that notes the announces of a client.
func (w *world) flaky(interval time.Duration, agent string) *flaky {
	w.t.Helper()
	h := w.host()
	l, err := h.Listen(context.Background(), "tcp4", "0.0.0.0:8000")
	if err != nil {
		w.t.Fatal(err)
	}
	f := &flaky{Server: tracker.NewServer(interval), agent: agent,
		url: "http://" + h.Addr().String() + ":8000/announce", times: map[metainfo.Hash][]time.Time{}}
	srv := &http.Server{Handler: f, IdleTimeout: time.Minute, ReadTimeout: time.Minute} // some clients vanish
	go srv.Serve(l)
	w.end = append(w.end, func() { srv.Close() })
	return f
}

func (f *flaky) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if h := r.URL.Query().Get("info_hash"); r.UserAgent() == f.agent && len(h) == len(metainfo.Hash{}) {
		f.mu.Lock()
		f.times[metainfo.Hash([]byte(h))] = append(f.times[metainfo.Hash([]byte(h))], time.Now())
		f.mu.Unlock()
	}
	if f.down.Load() {
		http.Error(rw, "down", http.StatusBadGateway)
		return
	}
	f.Server.ServeHTTP(rw, r)
}

// announces returns when the daemon announced a torrent.
func (f *flaky) announces(id metainfo.ID) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.times[id.Wire()])
}

// endless is a folder whose files hold zeros: what is written is compared and costs no memory.
type endless struct {
	*fsys.Mem
	path string
}

func (e endless) Path() string { return e.path }

func (e endless) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := e.Mem.OpenFile(name, flag, perm)
	return zeros{f}, err
}

type zeros struct{ fsys.File }

func (z zeros) WriteAt(p []byte, off int64) (int, error) {
	n, err := z.WritevAt([][]byte{p}, off)
	return int(n), err
}

func (z zeros) WritevAt(bufs [][]byte, off int64) (n int64, err error) {
	for _, b := range bufs {
		if len(bytes.Trim(b, "\x00")) > 0 {
			return n, io.ErrShortWrite
		}
		n += int64(len(b))
	}
	st, err := z.File.Stat()
	if err == nil && st.Size < off+n {
		err = z.File.Truncate(off + n)
	}
	return n, err
}

// endlessFolders are folders of that kind below /endless, and of memory elsewhere.
type endlessFolders struct{ *memFolders }

func (f endlessFolders) Open(dir string, create bool) (fsys.FS, error) {
	m, err := f.memFolders.Open(dir, create)
	if mem, ok := m.(memFolder); ok && dir == "/endless" {
		return endless(mem), err
	}
	return m, err
}

// newZeros is a torrent of one file of zeros.
func newZeros(t testing.TB, name string, size int64, trackers ...string) sample {
	t.Helper()
	const length = 256 << 10
	one := sha1.Sum(make([]byte, length))
	var hashes []byte
	for range size / length {
		hashes = append(hashes, one[:]...)
	}
	info, err := metainfo.NewInfo(name, length, hashes, []metainfo.File{{Path: name, Raw: []string{name}, Length: size}}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	return sampleOf(t, info, nil, trackers)
}
