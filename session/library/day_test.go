package library

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
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

const (
	dayInterval = 30 * time.Minute // of the tracker
	again       = 30 * time.Second // within which payload must flow after an event
	year        = 365 * 24 * time.Hour
)

// slow is the link of the others: it is what makes a torrent last a day.
var slow = simnet.Link{Up: 4 << 10, Down: 4 << 10, Latency: 20 * time.Millisecond}

// flow is payload that is to flow for the whole day.
type flow struct {
	name  string
	bytes func() int64
}

// day is a daemon in a world where something is always wrong.
type day struct {
	*world
	d      *daemon
	road   *roaming
	wall   atomic.Int64 // how far the wall's clock is off
	decade int          // by how many steps of ten years of that
	track  *flaky
	hubs   []*simnet.Host // DHT nodes that can be gone
	guest  *simnet.Host   // where visitors come from
	rnd    *rand.Rand
	begun  time.Time
	flows  []flow
	asleep []sample
	back   map[string]time.Duration // the longest wait after each kind of event
	count  map[string]int
	ids    []metainfo.ID // of the torrents that stay
}

// TestR08Day: 24 hours in which the link is lost, the clock jumps, the machine sleeps and moves, and tracker and DHT are out of order, each
// about once an hour: payload flows within 30 s of the moment when it can, nothing grows, and no figure is absurd.
func TestR08Day(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as session's tests with a DHT in a bubble have to
	seed := uint64(1)
	if s := os.Getenv("TEST_DAY_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	synctest.Test(t, func(t *testing.T) {
		w := &day{world: newWorld(t), rnd: rand.New(rand.NewPCG(seed, 1)), back: map[string]time.Duration{}, count: map[string]int{}}
		defer w.close()
		w.set()
		w.await("start", time.Now(), 5*time.Minute)
		time.Sleep(20 * time.Minute) // what is to sleep does
		goroutines, heap, before := w.least()
		for time.Since(w.begun) < dayLong {
			w.hour()
		}
		w.track.down.Store(false)
		w.reach(true)
		time.Sleep(40 * time.Minute)
		g, h, after := w.least()
		t.Logf("seed %d, %v: events %v, longest waits %v", seed, time.Since(w.begun), w.count, w.back)
		t.Logf("goroutines %d, then %d; heap %d KiB, then %d KiB", goroutines, g, heap>>10, h>>10)
		// A connection to the tracker or to a peer that is just there is not what each of twenty events left behind.
		if g > goroutines+8 {
			t.Errorf("%d goroutines at first, %d after a day: more of %v, fewer of %v", goroutines, g, more(before, after), more(after, before))
		}
		if h > heap+heap/2+4<<20 {
			t.Errorf("%d KiB at first, %d after a day", heap>>10, h>>10)
		}
		w.announces()
	})
}

// set makes the world and starts what is in it.
func (w *day) set() {
	w.begun = time.Now()
	w.guest, w.track = w.host(), w.flaky(dayInterval, "sim 1")
	var boot []string
	for range 3 {
		h := w.host()
		s := w.session(h, &session.DHT{Bootstrap: boot})
		w.hubs, boot = append(w.hubs, h), append(boot, addrOf(h, s))
	}
	down, up, found := newZeros(w.t, "down", 1<<30, w.track.url), newZeros(w.t, "up", 1<<29, w.track.url), newZeros(w.t, "found", 1<<29)
	w.peer(down, true, nil)
	w.peer(down, true, nil)
	w.peer(found, true, &session.DHT{Bootstrap: boot})
	takes := w.peer(up, false, nil)

	d := w.daemon()
	d.folders = &memFolders{dirs: map[string]*fsys.Mem{}, links: map[string]string{}}
	w.d, w.road = d, newRoaming(d.host)
	d.settings = status.Settings{Dir: "/endless", DHT: true, PEX: true}
	d.wall = func() time.Time { return time.Now().Add(time.Duration(w.wall.Load())) }
	d.change = func(c *Config) {
		c.Session.Net, c.Session.DHT = w.road, &session.DHT{Bootstrap: boot}
		c.Folders = endlessFolders{d.folders}
	}
	d.start()
	lay(w.t, d.folders, "/endless", up)
	for i := range 20 {
		s := newSample(w.t, fmt.Sprint("asleep-", i), 64<<10, uint64(100+i), w.track.url)
		dir, err := d.folders.Open("/asleep", true)
		if err != nil {
			w.t.Fatal(err)
		}
		put(w.t, dir, s.tor.Info.Name(), s.data)
		w.keep(d.add(status.NewTorrent{Metainfo: s.raw, Dir: "/asleep"}))
		w.asleep = append(w.asleep, s)
	}
	for _, s := range []sample{down, up, found} {
		w.keep(d.add(status.NewTorrent{Metainfo: s.raw}))
	}
	w.flows = []flow{
		{"down", func() int64 { return d.entry(down.tor.ID).DownTotal }},
		{"found", func() int64 { return d.entry(found.tor.ID).DownTotal }},
		{"up", func() int64 { return takes() }},
	}
}

func (w *day) keep(e status.Entry) { w.ids = append(w.ids, e.ID) }

// session runs a session on a machine.
func (w *world) session(h *simnet.Host, dht *session.DHT) *session.Session {
	w.t.Helper()
	s, err := session.New(session.Config{Net: h, Seed: uint64(w.next), Client: "other", DHT: dht, NoLSD: true, NoPortMap: true})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	w.end = append(w.end, func() { cancel(); <-done })
	return s
}

func addrOf(h *simnet.Host, s *session.Session) string {
	return netip.AddrPortFrom(h.Addr(), s.Addrs()[0].Port()).String()
}

// peer runs a session on a slow link that has all of a torrent or wants it, and returns how much it got.
func (w *day) peer(s sample, seeds bool, dht *session.DHT) func() int64 {
	w.t.Helper()
	w.next++
	sess := w.session(w.net.Host(netip.AddrFrom4([4]byte{10, 0, 0, w.next}), slow), dht)
	dirs := endlessFolders{&memFolders{dirs: map[string]*fsys.Mem{}}}
	if seeds {
		lay(w.t, dirs.memFolders, "/endless", s)
	}
	dir, err := dirs.Open("/endless", true)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := sess.Add(context.Background(), session.Add{Torrent: s.tor, Folder: dir, Seed: seeds, Trust: seeds}); err != nil {
		w.t.Fatal(err)
	}
	return func() int64 {
		t, err := sess.Summary(context.Background(), s.tor.ID)
		if err != nil {
			w.t.Error(err)
		}
		return t.DownTotal
	}
}

// lay puts the file of a torrent of zeros into a folder.
func lay(t testing.TB, f *memFolders, dir string, s sample) {
	t.Helper()
	m, err := f.Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	file, err := m.OpenFile(s.tor.Info.Name(), os.O_CREATE|os.O_RDWR, 0o666)
	if err == nil {
		err = file.Truncate(s.tor.Info.Size())
	}
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
}

// hour lets each kind of event happen once, in any order.
func (w *day) hour() {
	events := []struct {
		name string
		do   func()
	}{
		{"link", w.loseLink}, {"link hidden", w.hideLink}, {"sleep", w.sleep}, {"hours", w.hours}, {"decade", w.decades},
		{"address", w.move}, {"address after a gap", w.gap}, {"tracker", w.tracker}, {"DHT", w.dht},
	}
	w.rnd.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for _, e := range events {
		e.do()
		w.count[e.name]++
		w.await(e.name, time.Now(), again)
		w.visit(e.name)
		w.sane()
		time.Sleep(w.between(time.Minute, 6*time.Minute))
	}
}

// between draws a time.
func (w *day) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rnd.Int64N(int64(to-from)))
}

func (w *day) loseLink() { w.lose(false) }
func (w *day) hideLink() { w.lose(true) }

// lose takes the machine off the network for minutes, or an hour at times.
func (w *day) lose(hidden bool) {
	long := w.between(10*time.Second, 10*time.Minute)
	if w.rnd.IntN(4) == 0 {
		long = w.between(10*time.Minute, time.Hour)
	}
	w.road.leave(hidden)
	time.Sleep(long)
	w.road.back()
}

func (w *day) sleep() {
	w.road.leave(false)
	time.Sleep(w.between(2*time.Minute, 10*time.Minute)) // the others give up
	w.wall.Add(int64(w.between(time.Hour, 12*time.Hour)))
	w.road.back()
}

func (w *day) hours() {
	by := w.between(time.Hour, 12*time.Hour)
	if w.rnd.IntN(2) == 0 {
		by = -by
	}
	w.wall.Add(int64(by))
}

func (w *day) decades() {
	step := 1
	if w.decade == 1 || w.decade == 0 && w.rnd.IntN(2) == 0 {
		step = -1
	}
	w.decade += step
	w.wall.Add(int64(step) * int64(10*year))
}

func (w *day) move() { w.road.move(w.host()) }

func (w *day) gap() {
	w.road.leave(true)
	time.Sleep(w.between(10*time.Second, 10*time.Minute))
	w.road.move(w.host())
}

// tracker lets the tracker be out of order for an hour or three, unless it is.
func (w *day) tracker() {
	if w.track.down.Swap(true) {
		return
	}
	time.AfterFunc(w.between(time.Hour, 3*time.Hour), func() { w.track.down.Store(false) })
}

// dht takes all other nodes of the DHT away for a while.
func (w *day) dht() {
	w.reach(false)
	time.AfterFunc(w.between(20*time.Minute, 2*time.Hour), func() { w.reach(true) })
}

// reach plugs the other nodes in, or out.
func (w *day) reach(in bool) {
	for _, h := range w.hubs {
		if in {
			h.Up()
		} else {
			h.Down()
		}
	}
}

// await waits until every flow flows.
func (w *day) await(event string, since time.Time, limit time.Duration) {
	w.t.Helper()
	var before []int64
	for _, f := range w.flows {
		before = append(before, f.bytes())
	}
	for i, f := range w.flows {
		for f.bytes() <= before[i] {
			if took := time.Since(since); took > limit+time.Second { // the list is a second behind
				w.t.Errorf("%v: %v after %q nothing flows %s", time.Since(w.begun), took, event, f.name)
				if took > time.Hour {
					w.t.Fatalf("%+v", w.d.entries())
				}
				limit = 2 * took
			}
			time.Sleep(500 * time.Millisecond)
		}
		w.back[event] = max(w.back[event], time.Since(since))
	}
}

// visit fetches a torrent that sleeps, wherever the machine is now.
func (w *day) visit(event string) {
	w.t.Helper()
	s := w.asleep[w.rnd.IntN(len(w.asleep))]
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), again)
	defer cancel()
	port := strconv.Itoa(int(w.d.l.session.Addrs()[0].Port()))
	var got []byte
	err := context.Canceled
	for err != nil && ctx.Err() == nil {
		got, err = fetch(ctx, w.guest, w.road.now().Addr().String()+":"+port, s.tor)
		if err != nil {
			time.Sleep(time.Second)
		}
	}
	if err != nil || !bytes.Equal(got, s.data) {
		w.t.Errorf("%v: a visitor after %q got %d bytes in %v: %v", time.Since(w.begun), event, len(got), time.Since(begun), err)
	}
}

func fetch(ctx context.Context, from *simnet.Host, addr string, tor *metainfo.Torrent) ([]byte, error) {
	nc, err := from.Dial(ctx, "tcp4", addr)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	p := fakepeer.New(nc)
	if err := p.Dial(fakepeer.Hello{InfoHash: tor.ID.Wire(), PeerID: [20]byte{'v', 'i', 's'}}); err != nil {
		return nil, err
	}
	return p.Fetch(ctx, tor.Info, 4)
}

// sane looks at every figure.
func (w *day) sane() {
	w.t.Helper()
	up := time.Since(w.begun)
	for _, e := range w.d.entries() {
		moved := e.DownTotal < 0 || e.UpTotal < 0 || e.Down < 0 || e.Up < 0 || e.Down > 10<<20 || e.Up > 10<<20 || e.Wasted < 0 || e.Corrupt != 0
		times := e.Downloading < 0 || e.Seeding < 0 || e.Downloading+e.Seeding > up || e.ETA < -1 || e.Changed.IsZero()
		if moved || times || e.Err != "" || e.Stopped || e.Stalled {
			w.t.Errorf("%v: %+v", up, e)
		}
	}
	sum, err := w.d.l.Totals(context.Background())
	if err != nil || sum.Now.Active > up || sum.Now.Active < up-5*time.Second || sum.Ever != sum.Now {
		w.t.Errorf("%v: %+v %v", up, sum, err)
	}
}

// least returns the least numbers of goroutines and bytes of a while: what comes and goes in it does not count.
func (w *day) least() (goroutines int, heap int64, by map[string]int) {
	for range 30 {
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := runtime.NumGoroutine(); goroutines == 0 || n < goroutines {
			goroutines, by = n, creators()
		}
	}
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return goroutines, int64(m.HeapAlloc), by
}

// creators counts the goroutines by what began them.
func creators() map[string]int {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	count := map[string]int{}
	for line := range strings.Lines(string(buf)) {
		if by, found := strings.CutPrefix(line, "created by "); found {
			by, _, _ = strings.Cut(strings.TrimSpace(by), " in goroutine ")
			count[by]++
		}
	}
	return count
}

// more is what there is more of than before.
func more(before, after map[string]int) map[string]int {
	out := map[string]int{}
	for by, n := range after {
		if n > before[by] {
			out[by] = n - before[by]
		}
	}
	return out
}

// announces looks at how often the tracker was asked for each torrent.
func (w *day) announces() {
	w.t.Helper()
	// Each interval, and at each return: then what was asked fails some times while the tracker is out of order.
	events := 0
	for _, n := range w.count {
		events += n
	}
	most := int(time.Since(w.begun)/dayInterval) + 5*events
	longest := 0
	for _, id := range w.ids {
		longest = max(longest, len(w.track.announces(id)))
	}
	w.t.Logf("at most %d announces of a torrent, %d are allowed", longest, most)
	if longest > most {
		w.t.Errorf("%d announces of a torrent in %v", longest, time.Since(w.begun))
	}
}
