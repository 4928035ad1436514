//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/rpc"
	"shoal/session"
	"shoal/session/library"
	"shoal/status"
	"shoal/tracker"
)

// The soak: a daemon, its door and its client, and others to trade with, all in this process, over loopback; torrents come and go for a while.
// In the end nothing is left of them: no goroutine, no open file, no memory, no file that nobody wants.
//
//	TEST_SOAK=30m TEST_SOAK_SEED=7 go test -race -timeout 40m ./cmd/shoal -run TestSoak -v
const (
	soakTorrents = 200
	soakWorkers  = 8
	soakPatience = time.Minute // for things to become what they were
)

// soak is what the workers share.
type soak struct {
	t      *testing.T
	seed   uint64
	base   string
	client *rpc.Client
	lib    *library.Library
	peer   string // where the seed listens
	all    []*soaked
	taker  *session.Session
	until  time.Time

	mu     sync.Mutex
	done   map[string]int // by kind
	failed map[string]int // expected errors, by text
	odd    map[metainfo.ID]bool
	taken  atomic.Int64 // bytes that others have got from the daemon
}

// soaked is a torrent; it belongs to one worker.
type soaked struct {
	tor *metainfo.Torrent
	raw []byte
	// there says that it is in the list, gone when its removal is over that could be undone.
	there bool
	gone  time.Time
	life  []string // what was done to it, for who looks for a fault
}

// note keeps what is done to a torrent, the last of it.
func (k *soaked) note(format string, args ...any) {
	k.life = append(k.life, time.Now().Format(time.StampMilli)+" "+fmt.Sprintf(format, args...))
	k.life = k.life[max(len(k.life)-40, 0):]
}

func TestSoak(t *testing.T) {
	length := 4 * time.Second
	if s := os.Getenv("TEST_SOAK"); s != "" {
		var err error
		if length, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TEST_SOAK_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	s := &soak{t: t, seed: seed, base: t.TempDir(), done: map[string]int{}, failed: map[string]int{}, odd: map[metainfo.ID]bool{}}
	before := s.measure()
	s.run(length)
	s.settles("after the end", before)
}

// run starts everything, lets the workers work, removes all torrents and ends everything.
func (s *soak) run(length time.Duration) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	url := s.tracker(ctx, &running)
	s.make(ctx, url)
	s.seeds(ctx, &running)
	s.taker = s.session(ctx, &running)
	s.daemon(ctx, &running)
	defer s.client.Close()

	time.Sleep(2 * time.Second)
	empty := s.measure()
	s.until = time.Now().Add(length)
	var working sync.WaitGroup
	for i := range soakWorkers {
		working.Go(func() { s.work(i) })
	}
	working.Wait()
	s.client.Close()
	s.settles("with an empty list", empty)
	s.swept()
	if s.t.Failed() {
		s.tell(ctx)
	}
	if sum, err := s.lib.Totals(ctx); err != nil {
		s.t.Error(err)
	} else {
		s.t.Logf("seed %d, %v: %v; expected errors %v", s.seed, length, s.done, s.failed)
		s.t.Logf("%d torrents added, %d MiB down, %d MiB up, of which others have completed %d MiB",
			sum.Now.Added, sum.Now.Down>>20, sum.Now.Up>>20, s.taken.Load()>>20)
		if sum.Now.Added == 0 || sum.Now.Down == 0 {
			s.t.Errorf("nothing happened: %+v", sum)
		}
	}
}

// tell logs the lives of the torrents of which something is left or wrong.
func (s *soak) tell(ctx context.Context) {
	lines, _ := s.lib.Log(ctx, 0)
	for _, k := range s.all {
		if !s.odd[k.tor.ID] {
			continue
		}
		s.t.Logf("%v, %s:", k.tor.ID, k.tor.Info.Name())
		for _, l := range k.life {
			s.t.Log(l)
		}
		for _, l := range lines {
			if l.Torrent == k.tor.ID {
				s.t.Logf("%s %s %s", l.Time.Format(time.StampMilli), l.Level, l.Text)
			}
		}
	}
}

// isOdd notes that something is wrong with the torrent that a text speaks of.
func (s *soak) isOdd(text string) {
	for _, k := range s.all {
		if strings.Contains(text, k.tor.ID.String()) || strings.Contains(text+"/", "/"+k.tor.Info.Name()+"/") || strings.Contains(text, k.tor.Info.Name()+"-") {
			s.odd[k.tor.ID] = true
		}
	}
}

// tracker starts one; connections to it end with each answer, so that they can be counted.
func (s *soak) tracker(ctx context.Context, running *sync.WaitGroup) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	srv := &http.Server{Handler: tracker.NewServer(time.Minute)}
	srv.SetKeepAlivesEnabled(false)
	running.Go(func() { srv.Serve(l) })
	running.Go(func() { <-ctx.Done(); time.Sleep(time.Second); srv.Close() }) // there are goodbyes to be heard
	return "http://" + l.Addr().String() + "/announce"
}

// make writes the files of all torrents, of one or several files each.
func (s *soak) make(ctx context.Context, url string) {
	rnd := rand.New(rand.NewPCG(s.seed, 0))
	src := filepath.Join(s.base, "src")
	bytes := rand.NewChaCha8([32]byte{1})
	for i := range soakTorrents {
		name := fmt.Sprintf("torrent-%d", i)
		files := []string{name}
		if i%2 == 1 {
			files = []string{name + "/one", name + "/two", name + "/folder/three"}
		}
		for _, f := range files {
			p := filepath.Join(src, f)
			b := make([]byte, 1+rnd.IntN(600<<10))
			bytes.Read(b)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, b, 0o644)); err != nil {
				s.t.Fatal(err)
			}
		}
		tor, err := metainfo.Build(ctx, os.DirFS(src), name, metainfo.BuildOptions{PieceLength: 32 << 10, Trackers: [][]string{{url}}})
		if err != nil {
			s.t.Fatal(err)
		}
		raw, err := tor.Marshal()
		if err != nil {
			s.t.Fatal(err)
		}
		s.all = append(s.all, &soaked{tor: tor, raw: raw})
	}
}

// session runs a session that others trade with.
func (s *soak) session(ctx context.Context, running *sync.WaitGroup) *session.Session {
	x, err := session.New(session.Config{Listen: "127.0.0.1:0", Client: "other", NoLSD: true, NoPortMap: true})
	if err != nil {
		s.t.Fatal(err)
	}
	running.Go(func() { x.Run(ctx) })
	return x
}

// seeds starts the session that has everything.
func (s *soak) seeds(ctx context.Context, running *sync.WaitGroup) {
	x := s.session(ctx, running)
	s.peer = x.Addrs()[0].String()
	for _, k := range s.all {
		dir, err := fsys.OpenDir(filepath.Join(s.base, "src"))
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := x.Add(ctx, session.Add{Torrent: k.tor, Folder: dir, Seed: true, Trust: true}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// daemon starts the library with a door, and the client before it.
func (s *soak) daemon(ctx context.Context, running *sync.WaitGroup) {
	path := filepath.Join(s.base, "state")
	state, err := fsys.CreateDir(path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.lib, err = library.Open(library.Config{State: state, StatePath: path, Settings: status.Settings{Kind: "shoal", Dir: s.dir(0), PEX: true, QueueDownloads: 50},
		Session: session.Config{Listen: "127.0.0.1:0", Client: "soaked", NoLSD: true, NoPortMap: true}})
	if err != nil {
		s.t.Fatal(err)
	}
	running.Go(func() {
		if err := s.lib.Run(ctx); err != nil {
			s.t.Error(err)
		}
		state.Close()
	})
	socket := filepath.Join(s.base, "socket")
	l, err := session.Control{}.Listen(ctx, "unix", socket)
	if err != nil {
		s.t.Fatal(err)
	}
	server := rpc.NewServer(s.lib, rpc.Options{SocketTrusted: true, Version: "soak"})
	running.Go(func() {
		if err := server.Serve(ctx, l, rpc.Door{Unix: true}); err != nil {
			s.t.Error(err)
		}
	})
	if s.client, err = rpc.Dial("unix:"+socket, rpc.Credentials{}, (&net.Dialer{}).DialContext); err != nil {
		s.t.Fatal(err)
	}
	s.client.Timeout = time.Minute
}

// dir is one of the folders that torrents are put into.
func (s *soak) dir(i int) string { return filepath.Join(s.base, fmt.Sprint("downloads-", i)) }

// footprint is what a process holds.
type footprint struct {
	goroutines, files int
	heap              int64
}

func (s *soak) measure() (f footprint) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.goroutines, f.heap = runtime.NumGoroutine(), int64(m.HeapAlloc)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range fds {
		to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name()))
		// That of ReadDir is gone, and the seed keeps what it has served.
		if err == nil && !strings.HasPrefix(to, filepath.Join(s.base, "src")) {
			f.files++
		}
	}
	return f
}

// soakHeap is how much more memory may be in use when all torrents are gone: what the daemon remembers of numbers
// and addresses, and buffers that it keeps, which are 9 MiB after two minutes and after five.
const soakHeap = 16 << 20

// settles waits until no more is held than before.
func (s *soak) settles(when string, before footprint) {
	s.t.Helper()
	now := s.measure()
	for end := time.Now().Add(soakPatience); now.goroutines != before.goroutines || now.files != before.files || now.heap > before.heap+soakHeap; now = s.measure() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			s.t.Errorf("%s: %+v, before %+v\n%s", when, now, before, buf[:runtime.Stack(buf, true)])
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.t.Logf("%s: %d goroutines, %d files, %d KiB; before: %d, %d, %d", when, now.goroutines, now.files, now.heap>>10,
		before.goroutines, before.files, before.heap>>10)
}

// swept looks at what lies in the folders.
func (s *soak) swept() {
	s.t.Helper()
	belongs := map[string]bool{"daemon.lock": true, "settings": true, "settings2": true, "totals": true, "totals2": true, "index": true}
	for _, top := range []string{"state", "downloads-0", "downloads-1", "downloads-2", "taken"} {
		err := filepath.WalkDir(filepath.Join(s.base, top), func(p string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && (top != "state" || !e.IsDir() && !belongs[e.Name()]) && p != filepath.Join(s.base, top) {
				var size int64
				if st, err := e.Info(); err == nil {
					size = st.Size()
				}
				s.t.Errorf("left: %s, %d bytes", p, size)
				s.isOdd(p)
			}
			return err
		})
		if err != nil {
			s.t.Error(err)
		}
	}
}

// work does one thing after another with the torrents of a worker, and in the end removes them.
func (s *soak) work(worker int) {
	ctx := s.t.Context()
	rnd := rand.New(rand.NewPCG(s.seed, uint64(worker+1)))
	var mine []*soaked
	for i, k := range s.all {
		if i%soakWorkers == worker {
			mine = append(mine, k)
		}
	}
	for time.Now().Before(s.until) && !s.t.Failed() {
		k := mine[rnd.IntN(len(mine))]
		if time.Now().Before(k.gone) {
			continue
		}
		if !k.there {
			s.add(ctx, rnd, k)
			continue
		}
		op := soakOps[rnd.IntN(len(soakOps))]
		k.note("%s", op.name)
		op.do(s, ctx, rnd, k)
		if s.t.Failed() { // perhaps by this one
			s.mu.Lock()
			s.odd[k.tor.ID] = true
			s.mu.Unlock()
		}
	}
	for _, k := range mine {
		if wait := time.Until(k.gone); wait > 0 {
			time.Sleep(wait)
		}
		if k.there {
			k.note("remove with data, at the end")
			s.removeData(ctx, rnd, k)
		}
	}
}

// did counts an operation, and looks at its error.
func (s *soak) did(what string, err error, expected ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[what]++
	if err == nil {
		return
	}
	for _, e := range expected {
		if strings.Contains(err.Error(), e.Error()) {
			s.failed[what+": "+e.Error()]++
			return
		}
	}
	s.t.Errorf("%s: %v", what, err)
	s.isOdd(" /" + err.Error())
}
