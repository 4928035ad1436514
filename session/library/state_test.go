package library

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/bencode"
	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

// full is an entry in which nothing is zero.
func full() kept {
	return kept{
		id: metainfo.ID{V1: metainfo.Hash{1, 2, 3}, V2: metainfo.Hash2{4}}, serial: 9, name: "name", link: "magnet:?", dir: "/a", final: "/b", err: "no",
		rank: -5, flags: stopped | reached | known | withData, added: 1, finished: 2, started: 3, active: 4, comment: "c", creator: "d", created: 5, downloading: 5, seeding: 6,
		size: 7, wanted: 8, have: 9, pieces: 10, piecesHave: 11, pieceSize: 12, files: 13, down: 14, up: 15, wasted: 16, corrupt: 17,
		trackers: [][]string{{"http://a/announce"}, {"udp://b:1", "udp://c:2"}},
		opt: &options{labels: []string{"x", "y"}, group: "g", downLimit: 1, upLimit: 2, exempt: true, maxPeers: 3, priority: -1, sequential: true,
			ratio: status.Goal[float64]{Mode: status.GoalOwn, Value: 1.5}, idle: status.Goal[time.Duration]{Mode: status.GoalNone},
			seedTime:   status.Goal[time.Duration]{Mode: status.GoalOwn, Value: time.Hour},
			priorities: []uint8{0, 1, 2, 3}, names: map[int]string{3: "a/b"}, peers: []string{"10.0.0.1:1", "host:2"}},
	}
}

func TestEntryRoundTrip(t *testing.T) {
	for _, k := range []kept{full(), {id: metainfo.ID{V1: metainfo.Hash{1}}}, {id: metainfo.ID{V2: metainfo.Hash2{1}}}} {
		b, err := k.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(b)
		if err != nil || !reflect.DeepEqual(*got, k) {
			t.Errorf("%v\n%+v\n%+v", err, *got, k)
		}
		again, _ := got.encode()
		if !bytes.Equal(b, again) {
			t.Error("another encoding")
		}
	}
	for v, i := reflect.ValueOf(full()), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the sample has nothing for %s", v.Type().Field(i).Name)
		}
	}
	if err := bencode.CheckFields(wire{}); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	k := full()
	b, _ := k.encode()
	f.Add(b)
	body, _ := state.Unseal(magic, b)
	f.Add(body)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, in := range [][]byte{b, state.Seal(magic, b)} {
			k, err := decode(in)
			if err != nil {
				continue
			}
			out, err := k.encode()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := decode(out); err != nil || !reflect.DeepEqual(k, again) {
				t.Fatalf("%v\n%+v\n%+v", err, k, again)
			}
		}
	})
}

// saveTwice makes two generations of an entry, of which the newer one is labelled "new", and its .torrent.
func saveTwice(t *testing.T, s sample) (dir *fsys.Mem, newer string) {
	t.Helper()
	dir = fsys.NewMem()
	if err := dir.MkdirAll(torrentsDir, 0o777); err != nil {
		t.Fatal(err)
	}
	put(t, dir, fileName(s.tor.ID, torrentSuffix), s.raw)
	for i, suffix := range []string{entrySuffix, altSuffix} {
		k := kept{dir: "/downloads", serial: int64(i + 1), flags: stopped}
		k.learn(s.tor)
		k.setOptions(options{labels: []string{[]string{"old", "new"}[i]}})
		b, err := k.encode()
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, fileName(s.tor.ID, suffix), b)
	}
	return dir, fileName(s.tor.ID, altSuffix)
}

func read(t *testing.T, dir fsys.FS, name string) []byte {
	t.Helper()
	b, err := state.ReadFile(dir, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// loadAll loads a state folder as a start does.
func loadAll(t *testing.T, dir fsys.FS) []loaded {
	t.Helper()
	found, err := listFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []loaded
	for id, n := range found {
		x, _ := loadEntry(dir, id, n, func() map[string][]string { return listRecords(dir) })
		out = append(out, x)
	}
	return out
}

// TestR03Entries: each byte of an entry flipped, the file cut at each length, zero-filled or of a newer version: the generation before
// is used, and with both damaged the torrent begins anew with the defaults. It never vanishes.
func TestR03Entries(t *testing.T) {
	s := newSample(t, "file", 100_000, 1)
	dir, newer := saveTwice(t, s)
	good := read(t, dir, newer)
	check := func(what string, b []byte) {
		t.Helper()
		put(t, dir, newer, b)
		list := loadAll(t, dir)
		if len(list) != 1 || list[0].kept.id != s.tor.ID || !reflect.DeepEqual(list[0].kept.options().labels, []string{"old"}) || !list[0].kept.flags.has(known|stopped) {
			t.Fatalf("%s: %+v", what, list)
		}
	}
	if list := loadAll(t, dir); list[0].kept.options().labels[0] != "new" {
		t.Fatalf("%+v", list)
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		check("flipped", b)
		check("cut", good[:i])
	}
	check("zeros", make([]byte, len(good)))
	newVersion := bytes.Replace(good[len(magic)+4:], []byte("7:versioni1e"), []byte("7:versioni2e"), 1)
	check("newer", state.Seal(magic, newVersion))
	put(t, dir, fileName(s.tor.ID, entrySuffix), []byte("no"))
	list := loadAll(t, dir)
	if len(list) != 1 || list[0].kept.id != s.tor.ID || list[0].kept.name != "file" || list[0].kept.opt != nil || list[0].kept.size != 100_000 {
		t.Fatalf("%+v", list)
	}
	// Of a magnet link the hash is left.
	if err := dir.Remove(fileName(s.tor.ID, torrentSuffix)); err != nil {
		t.Fatal(err)
	}
	if list := loadAll(t, dir); len(list) != 1 || list[0].kept.id != s.tor.ID || list[0].kept.flags.has(known) || !metainfo.IsMagnet(list[0].kept.link) {
		t.Fatalf("%+v", list)
	}
}

// TestR03Settings: the same of settings and totals.
func TestR03Settings(t *testing.T) {
	dir := fsys.NewMem()
	d := document{name: "settings", magic: "shoal settings\n"}
	s := newStore(dir, nil)
	for _, body := range []string{"old", "new"} {
		s.keepFile(&d, []byte(body))
		if err := d.write(dir, d.next); err != nil {
			t.Fatal(err)
		}
	}
	load := func() string {
		d := document{name: "settings", magic: "shoal settings\n"}
		body, _ := d.load(dir)
		return string(body)
	}
	if load() != "new" {
		t.Fatal(load())
	}
	good := read(t, dir, "settings2")
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		put(t, dir, "settings2", b)
		if load() != "old" {
			t.Fatalf("byte %d: %q", i, load())
		}
		put(t, dir, "settings2", good[:i])
		if load() != "old" {
			t.Fatalf("cut at %d: %q", i, load())
		}
	}
	put(t, dir, "settings2", make([]byte, len(good)))
	put(t, dir, "settings", nil)
	if load() != "" {
		t.Fatal(load())
	}
}

// TestR03Lost: an entry that is lost in all generations is rebuilt from the .torrent and from the resume record, which knows the folder.
func TestR03Lost(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String(), Dir: "/far"})
		d.until(time.Minute, "download", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		d.stop()
		for _, suffix := range []string{entrySuffix, altSuffix} {
			put(t, d.state, fileName(s.tor.ID, suffix), []byte("damaged"))
		}
		put(t, d.state, indexName, []byte("damaged"))
		d.start()
		d.until(time.Minute, "start", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		if e := d.entry(s.tor.ID); e.Dir != "/far" || e.Name != "file" || e.Have != 1<<20 || e.DownTotal != 1<<20 || e.Finished.IsZero() {
			t.Errorf("%+v", e)
		}
	})
}

// TestR02PowerCut: at whatever write the power goes, no torrent that was added is lost, and none that was removed comes back whole.
func TestR02PowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var samples []sample
		for i := range 4 {
			samples = append(samples, newSample(t, "file", 40_000, uint64(i)))
		}
		for at := 1; ; at++ {
			mem := fsys.NewMem()
			mem.FailAt(at, errCut)
			certain := map[metainfo.ID]string{} // what must be there after the cut, with its label
			gone := map[metainfo.ID]bool{}
			l := bare(mem)
			cut := false
			step := func(f func() <-chan struct{}, then func()) {
				if cut {
					return
				}
				l.mu.Lock()
				round := f()
				l.mu.Unlock()
				ok := l.writeRound()
				<-round
				if cut = !ok; !cut {
					then()
				}
			}
			for _, s := range samples {
				it := &item{}
				it.rank = noRank
				it.learn(s.tor)
				it.saved.torrent = s.raw
				step(func() <-chan struct{} { l.list.add(time.Now(), it); return l.store.keep(it) }, func() { certain[it.id] = "" })
				step(func() <-chan struct{} {
					it.setOptions(options{labels: []string{"label"}})
					return l.store.keep(it)
				}, func() { certain[it.id] = "label" })
			}
			it := l.items[0]
			delete(certain, it.id)
			step(func() <-chan struct{} {
				it.flags |= removed
				l.list.remove(time.Now(), it)
				return l.store.keep(it)
			}, func() { gone[it.id] = true })
			step(func() <-chan struct{} { it.saved.erase = true; return l.store.keep(it) }, func() {})
			for seed := range uint64(4) {
				after := mem.Crash(rand.New(rand.NewPCG(seed, uint64(at))))
				have := map[metainfo.ID]loaded{}
				for _, x := range loadAll(t, after) {
					have[x.kept.id] = x
				}
				for id, label := range certain {
					x, ok := have[id]
					if !ok || !x.there || label != "" && !reflect.DeepEqual(x.kept.options().labels, []string{label}) {
						t.Fatalf("cut at %d: %v is %+v", at, id, x)
					}
				}
				for id := range gone {
					if x, ok := have[id]; ok && !x.kept.flags.has(removed) {
						t.Fatalf("cut at %d: %v is back: %+v", at, id, x)
					}
				}
			}
			if !cut {
				if at < 30 {
					t.Errorf("only %d calls", at)
				}
				return
			}
		}
	})
}

var errCut = errors.New("cut")

// bare is a library that stores, and does nothing else.
func bare(dir fsys.FS) *Library {
	l := &Library{list: newList(), wall: time.Now, ring: newRing(nil)}
	l.log = logTo(l.ring)
	l.store = newStore(dir, l.log)
	l.lazy = map[*item]struct{}{}
	return l
}

// TestR05State: with a state folder that is full, or read-only from the first, the daemon runs, takes torrents and says each minute that
// it does not remember; once there is room, nothing of it is lost.
func TestR05State(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon()
		d.start()
		broken := &brokenFS{}
		d.l.mu.Lock()
		broken.FS, broken.err = d.state, syscall.ENOSPC
		d.l.store.dir = broken
		d.l.mu.Unlock()
		e := d.add(status.NewTorrent{Metainfo: s.raw, Stopped: true})
		if err := d.l.Queue(ctx, []metainfo.ID{e.ID}, status.QueueTop); err != nil {
			t.Error(err)
		}
		time.Sleep(10*time.Minute + time.Second)
		if n := warnings(t, d.l, "cannot be written"); n < 9 || n > 12 {
			t.Errorf("%d warnings in ten minutes", n)
		}
		if list := d.entries(); len(list) != 1 || !list[0].Stopped {
			t.Errorf("%+v", list)
		}
		if files, err := d.l.Files(ctx, e.ID); err != nil || len(files) != 1 {
			t.Error(files, err)
		}
		d.l.mu.Lock()
		broken.err = nil
		d.l.mu.Unlock()
		time.Sleep(2 * retryAfter)
		if n := warnings(t, d.l, "can be written again"); n != 1 {
			t.Errorf("%d", n)
		}
		d.restart()
		if list := d.entries(); len(list) != 1 || !list[0].Stopped || list[0].Name != "file" {
			t.Errorf("%+v", list)
		}
	})
}

func TestR05ReadOnly(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon()
		cfg := d.config()
		cfg.State = &brokenFS{FS: d.state, err: syscall.EROFS}
		l, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		if _, added, err := l.Add(ctx, status.NewTorrent{Metainfo: s.raw}); err != nil || !added {
			t.Error(added, err)
		}
		time.Sleep(time.Minute)
		if list, _, _ := l.Entries(ctx, time.Time{}); len(list) != 1 || list[0].Phase != status.Leeching {
			t.Errorf("%+v", list)
		}
		cancel()
		<-done
	})
}

// brokenFS refuses changes with err, as long as that is set.
type brokenFS struct {
	fsys.FS
	err error
}

func (b *brokenFS) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	if b.err != nil && flag&(os.O_CREATE|os.O_WRONLY|os.O_RDWR) != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: b.err}
	}
	return b.FS.OpenFile(name, flag, perm)
}

func (b *brokenFS) MkdirAll(name string, perm fs.FileMode) error {
	if b.err != nil {
		return b.err
	}
	return b.FS.MkdirAll(name, perm)
}

func (b *brokenFS) Lock(name string) (c io.Closer, err error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.FS.Lock(name)
}

func warnings(t *testing.T, l *Library, text string) (n int) {
	t.Helper()
	lines, err := l.Log(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range lines {
		if strings.Contains(x.Text, text) {
			n++
		}
	}
	return n
}

// TestR06Lock: a second daemon refuses and says who has the folder; after the first one's end it is free.
func TestR06Lock(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		d := w.daemon().start()
		_, err := Open(d.config())
		if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), "pid ") || !strings.Contains(err.Error(), os.Args[0]) || !strings.Contains(err.Error(), "since 2000-") {
			t.Error(err)
		}
		d.restart()
	})
}

// TestR06Killed: the lock of a daemon that was killed is free, though its file is still there.
func TestR06Killed(t *testing.T) {
	dir, err := fsys.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	put(t, dir, lockName, []byte("pid 1 since 1999: shoal daemon\n"))
	log := logTo(newRing(nil))
	l, err := takeLock(dir, log, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(dir, log, time.Now()); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), "pid ") || strings.Contains(err.Error(), "1999") {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := dir.Lstat(lockName); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
