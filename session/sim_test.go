package session

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tracker"
)

var verbose = flag.Bool("session.log", false, "log what the sessions of tests do")

// sim is a torrent and a network in memory; make it inside a bubble.
type sim struct {
	t    *testing.T
	net  *simnet.Net
	tor  *metainfo.Torrent
	data []byte
	v6   bool
	next uint16 // last bytes of the next host's address
	end  []func()
}

// newSim makes a torrent of one file of random bytes.
func newSim(t *testing.T, size, pieceLength int) *sim {
	t.Helper()
	info, data := fakepeer.Content("file.bin", size, pieceLength, 1)
	w := &sim{t: t, net: simnet.New(1), data: data, next: 1}
	w.tor = &metainfo.Torrent{ID: metainfo.ID{V1: metainfo.Hash{'t', 'o', 'r'}}, Info: info}
	return w
}

// close ends everything that the simulation started.
func (w *sim) close() {
	for i := len(w.end) - 1; i >= 0; i-- {
		w.end[i]()
	}
}

// host adds a machine 10.0.x.y, or fd00::x.
func (w *sim) host(link simnet.Link) *simnet.Host {
	w.next++
	if w.v6 {
		return w.net.Host(netip.AddrFrom16([16]byte{0: 0xfd, 14: byte(w.next >> 8), 15: byte(w.next)}), link)
	}
	return w.net.Host(netip.AddrFrom4([4]byte{10, 0, byte(w.next >> 8), byte(w.next)}), link)
}

// tracker starts a tracker on a fast host of its own and puts it into the torrent.
func (w *sim) tracker(interval time.Duration) {
	h := w.host(simnet.Link{Latency: 5 * time.Millisecond})
	l, err := h.Listen(context.Background(), "tcp4", "0.0.0.0:8000")
	if err != nil {
		w.t.Fatal(err)
	}
	srv := &http.Server{Handler: tracker.NewServer(interval)}
	go srv.Serve(l)
	w.end = append(w.end, func() { srv.Close() })
	w.tor.Trackers = [][]string{{"http://" + h.Addr().String() + ":8000/announce"}}
}

// node is one session on a host, with its disk and state folder.
type node struct {
	w           *sim
	host        *simnet.Host
	disk, state *fsys.Mem
	life        *life         // when set, that of the process
	slow, reads time.Duration // how long the payload's disk takes for a write, and for a read
	cfg         Config
	s           *Session
	stop        func() // ends the session and waits for it
}

// node makes a session that is not running yet.
func (w *sim) node(link simnet.Link) *node {
	h := w.host(link)
	return &node{w: w, host: h, disk: fsys.NewMem(), state: fsys.NewMem(),
		cfg: Config{Net: h, Seed: uint64(w.next), Client: "sim", BootID: "boot", Wall: time.Now,
			NoLSD: true, NoPortMap: true}} // a test that wants it switches it on
}

// start runs the session and adds the torrent.
func (n *node) start(a Add) {
	n.w.t.Helper()
	if err := n.try(a); err != nil {
		n.w.t.Fatal(err)
	}
}

func (n *node) try(a Add) error {
	n.run()
	if a.Folder = n.mortal(n.disk); n.slow+n.reads > 0 {
		a.Folder = slowDisk{FS: a.Folder, write: n.slow, read: n.reads}
	}
	if a.MetadataOnly {
		a.Folder = nil
	}
	if a.Magnet == nil {
		a.Torrent = n.w.tor
	}
	_, err := n.s.Add(context.Background(), a)
	return err
}

// run runs the session without a torrent.
func (n *node) run() *node {
	n.w.t.Helper()
	n.cfg.State = n.mortal(n.state)
	if *verbose {
		n.cfg.Log = slog.New(slog.NewTextHandler(n.w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", n.host.Addr())
	}
	s, err := New(n.cfg)
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.s = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stopped := false
	n.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-done
		}
	}
	n.w.end = append(n.w.end, n.stop)
	return n
}

// mortal returns a file system as the node's process sees it.
func (n *node) mortal(m *fsys.Mem) fsys.FS {
	if n.life == nil {
		return m
	}
	return mortal{m, n.life}
}

// seed gives the node all of the data and starts it.
func (n *node) seed() *node {
	put(n.w.t, n.disk, "file.bin", n.w.data)
	n.start(Add{Seed: true, Trust: true})
	return n
}

// fails waits for the torrent to fail and returns why.
func (n *node) fails(limit time.Duration) error {
	n.w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := n.s.Wait(ctx, n.w.tor.ID)
	if err == nil || ctx.Err() != nil {
		n.w.t.Fatalf("%v: %v; the torrent was to fail: %+v", n.host.Addr(), err, n.status())
	}
	return err
}

// addr is where the node can be connected to.
func (n *node) addr() string {
	return netip.AddrPortFrom(n.host.Addr(), n.s.Addrs()[0].Port()).String()
}

// wait waits for the torrent and compares the file.
func (n *node) wait(limit time.Duration) time.Duration {
	n.w.t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := n.s.Wait(ctx, n.w.tor.ID); err != nil {
		n.w.t.Fatalf("%v: %v; %+v", n.host.Addr(), err, n.status())
	}
	if got := get(n.w.t, n.disk, "file.bin"); !bytes.Equal(got, n.w.data) {
		n.w.t.Fatalf("%v: file differs (%d bytes)", n.host.Addr(), len(got))
	}
	return time.Since(begun)
}

func (n *node) status() status.Torrent {
	ts, _ := n.s.Torrents(context.Background())
	if len(ts) == 0 {
		return status.Torrent{}
	}
	return ts[0]
}

func put(t *testing.T, dir fsys.FS, name string, b []byte) {
	t.Helper()
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, dir fsys.FS, name string) []byte {
	t.Helper()
	f, err := dir.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, st.Size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

// TestTransferDirect: the first milestone: one seed, one leech that was told
// its address.
func TestTransferDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 4<<20, 64<<10)
		defer w.close()
		link := simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 10 * time.Millisecond}
		seed := w.node(link).seed()
		leech := w.node(link)
		leech.start(Add{Peers: []string{seed.addr()}})
		t.Logf("4 MiB in %v", leech.wait(time.Minute))
	})
}

// TestTransferTracker: the same, found by a tracker; at the end it knows that we are gone.
func TestTransferTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 4<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		link := simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 10 * time.Millisecond}
		w.node(link).seed()
		time.Sleep(5 * time.Second)
		leech := w.node(link)
		leech.start(Add{})
		t.Logf("4 MiB in %v", leech.wait(5*time.Minute))
	})
}
