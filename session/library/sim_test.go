package library

import (
	"context"
	"encoding/binary"
	"flag"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

var verbose = flag.Bool("library.log", false, "log what the libraries of tests do")

var quick = simnet.Link{Up: 10 << 20, Down: 10 << 20, Latency: 10 * time.Millisecond}

// memFolders are folders in memory: each has a tree of its own.
type memFolders struct {
	mu    sync.Mutex
	dirs  map[string]*fsys.Mem
	links map[string]string // what symbolic links lead to
	slow  string            // the folder that takes its time
}

// memFolder is a tree under a name.
type memFolder struct {
	*fsys.Mem
	path string
}

func (m memFolder) Path() string { return m.path }

func (f *memFolders) Open(dir string, create bool) (fsys.FS, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dirs[dir] == nil {
		if !create {
			return nil, fs.ErrNotExist
		}
		f.dirs[dir] = fsys.NewMem()
	}
	if dir == f.slow {
		return slowFolder{memFolder{f.dirs[dir], dir}}, nil
	}
	return memFolder{f.dirs[dir], dir}, nil
}

func (f *memFolders) Resolve(dir string) (string, error) {
	for from, to := range f.links {
		if rest, ok := strings.CutPrefix(dir, from); ok && (rest == "" || rest[0] == '/') {
			return filepath.Clean(to + rest), nil
		}
	}
	return dir, nil
}

// world is a network with machines.
type world struct {
	t    *testing.T
	net  *simnet.Net
	next byte
	end  []func()
}

func newWorld(t *testing.T) *world { return &world{t: t, net: simnet.New(1)} }

func (w *world) close() {
	for i := len(w.end) - 1; i >= 0; i-- {
		w.end[i]()
	}
}

func (w *world) host() *simnet.Host {
	w.next++
	return w.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, w.next}), quick)
}

// daemon is one library on a machine, with what outlives it.
type daemon struct {
	w        *world
	host     *simnet.Host
	state    *fsys.Mem
	folders  *memFolders
	settings status.Settings
	wall     func() time.Time
	watch    []Watch
	change   func(*Config) // may be nil
	l        *Library
	stop     func()
}

func (w *world) daemon() *daemon {
	return &daemon{w: w, host: w.host(), state: fsys.NewMem(), folders: &memFolders{dirs: map[string]*fsys.Mem{}, links: map[string]string{}},
		settings: status.Settings{Dir: "/downloads"}, wall: time.Now}
}

func (d *daemon) config() Config {
	cfg := Config{State: d.state, StatePath: "/state", Settings: d.settings, Folders: d.folders, Watch: d.watch,
		Session: session.Config{Net: d.host, Seed: uint64(binary.BigEndian.Uint32(d.host.Addr().AsSlice())), Client: "sim 1", BootID: "boot", Wall: d.wall}}
	if *verbose {
		cfg.Log = slog.NewTextHandler(d.w.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})
	}
	if d.change != nil {
		d.change(&cfg)
	}
	return cfg
}

// start opens the library and runs it.
func (d *daemon) start() *daemon {
	d.w.t.Helper()
	l, err := Open(d.config())
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.l = l
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			d.w.t.Error(err)
		}
	}()
	d.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	d.w.end = append(d.w.end, d.stop)
	return d
}

// restart ends the library in order and starts another one on what it left.
func (d *daemon) restart() *daemon {
	d.w.t.Helper()
	d.stop()
	return d.start()
}

func (d *daemon) entries() []status.Entry {
	d.w.t.Helper()
	list, _, err := d.l.Entries(context.Background(), time.Time{})
	if err != nil {
		d.w.t.Fatal(err)
	}
	return list
}

func (d *daemon) entry(id metainfo.ID) status.Entry {
	d.w.t.Helper()
	e, err := d.l.Entry(context.Background(), id)
	if err != nil {
		d.w.t.Fatal(err)
	}
	return e
}

func (d *daemon) add(a status.NewTorrent) status.Entry {
	d.w.t.Helper()
	e, _, err := d.l.Add(context.Background(), a)
	if err != nil {
		d.w.t.Fatal(err)
	}
	return e
}

// until waits for a moment at which ok says so.
func (d *daemon) until(limit time.Duration, what string, ok func() bool) {
	d.w.t.Helper()
	for end := time.Now().Add(limit); !ok(); {
		if time.Now().After(end) {
			d.w.t.Fatalf("%s: not within %v: %+v", what, limit, d.entries())
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// sample is a torrent with its bytes.
type sample struct {
	tor  *metainfo.Torrent
	raw  []byte
	data []byte
}

func newSample(t testing.TB, name string, size int, seed uint64, trackers ...string) sample {
	t.Helper()
	info, data := fakepeer.Content(name, size, 32<<10, seed)
	return sampleOf(t, info, data, trackers)
}

func sampleOf(t testing.TB, info *metainfo.Info, data []byte, trackers []string) sample {
	t.Helper()
	raw := fakepeer.InfoBytes(info)
	parsed, id, err := metainfo.ParseInfo(raw)
	if err != nil {
		t.Fatal(err)
	}
	tor := &metainfo.Torrent{ID: id, Info: parsed, InfoBytes: raw}
	for _, u := range trackers {
		tor.Trackers = append(tor.Trackers, []string{u})
	}
	b, err := tor.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return sample{tor, b, data}
}

func put(t testing.TB, dir fsys.FS, name string, b []byte) {
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

// seed runs a session that has a torrent, and returns its address.
func (w *world) seed(s sample) string {
	w.t.Helper()
	h := w.host()
	disk := fsys.NewMem()
	put(w.t, disk, s.tor.Info.Name(), s.data)
	sess, err := session.New(session.Config{Net: h, Seed: 3, Client: "seed", NoLSD: true, NoPortMap: true})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); sess.Run(ctx) }()
	w.end = append(w.end, func() { cancel(); <-done })
	if _, err := sess.Add(ctx, session.Add{Torrent: s.tor, Folder: disk, Seed: true, Trust: true}); err != nil {
		w.t.Fatal(err)
	}
	return netip.AddrPortFrom(h.Addr(), sess.Addrs()[0].Port()).String()
}

func bubble(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		f(t, w)
	})
}

func logTo(r *ring) *slog.Logger { return slog.New(r) }
