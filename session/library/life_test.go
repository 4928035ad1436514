package library

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// TestLife: a magnet link, a torrent and a bare hash are added; after a restart all is as it was.
func TestLife(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		one, two := newSample(t, "one", 1<<20, 1), newSample(t, "two", 1<<20, 2, "http://10.0.0.200:80/announce")
		addr := w.seed(one)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: one.tor.ID, Name: "first", Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		labels, limit, ratio := []string{"b", "a", "b"}, int64(5000), status.Goal[float64]{Mode: status.GoalOwn, Value: 2.5}
		d.add(status.NewTorrent{Metainfo: two.raw, Stopped: true, Dir: "/elsewhere",
			Change: status.Change{Labels: &labels, UpLimit: &limit, Ratio: &ratio}})
		d.add(status.NewTorrent{Source: "0123456789abcdef0123456789abcdef01234567", First: true})
		d.until(time.Minute, "download", func() bool { return d.entry(one.tor.ID).Phase == status.Seeding })
		before := d.entries()
		if len(before) != 3 || before[2].QueuePosition != 0 || before[0].QueuePosition != 1 || before[2].Phase != status.Metadata {
			t.Errorf("%+v", before)
		}
		d.restart()
		d.until(time.Minute, "start", func() bool { return d.entry(one.tor.ID).Phase == status.Seeding })
		after := d.entries()
		for i := range after {
			for _, e := range []*status.Entry{&before[i], &after[i]} { // what is of this run alone
				e.Changed, e.Started, e.Active, e.Time, e.Downloading, e.Seeding, e.Peers = time.Time{}, time.Time{}, time.Time{}, status.Causes{}, 0, 0, 0
				e.Down, e.Up, e.Candidates, e.Seeds, e.ETA, e.Dialing, e.Asked = 0, 0, 0, 0, 0, 0, 0
			}
			if !reflect.DeepEqual(before[i], after[i]) {
				t.Errorf("before %+v\nafter %+v", before[i], after[i])
			}
		}
		if e := after[1]; !e.Stopped || e.Dir != "/elsewhere" || !reflect.DeepEqual(e.Labels, []string{"a", "b"}) || e.UpLimit != 5000 || e.Ratio != ratio || e.Phase != status.Paused {
			t.Errorf("%+v", e)
		}
		if e := after[0]; e.DownTotal != 1<<20 || e.TorrentFile == "" || e.Finished.IsZero() {
			t.Errorf("%+v", e)
		}
		if err := d.l.Remove(ctx, one.tor.ID, status.Removal{}); err != nil {
			t.Error(err)
		}
		d.restart()
		if list := d.entries(); len(list) != 2 {
			t.Errorf("%+v", list)
		}
	})
}

// TestWatch: files put into a watched folder are added once, with its label and folder; bad ones are put aside.
func TestWatch(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon()
		in, err := d.folders.Open("/in", true)
		if err != nil {
			t.Fatal(err)
		}
		d.watch = []Watch{{Path: "/nowhere"}, {Path: "/in", Dir: "/out", Label: "watched"}}
		d.start()
		put(t, in, "good.torrent", s.raw)
		put(t, in, "bad.torrent", []byte("no torrent"))
		put(t, in, "link.magnet", []byte("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567\n"))
		put(t, in, "url.magnet", []byte("http://10.0.0.1/x.torrent"))
		time.Sleep(time.Minute)
		list := d.entries()
		if len(list) != 2 {
			t.Fatalf("%+v", list)
		}
		for _, e := range list {
			if e.Dir != "/out" || len(e.Labels) != 1 || e.Labels[0] != "watched" {
				t.Errorf("%+v", e)
			}
		}
		var names []string
		files, _ := in.ReadDir(".")
		for _, f := range files {
			names = append(names, f.Name())
		}
		if !reflect.DeepEqual(names, []string{"bad.torrent.invalid", "good.torrent.added", "link.magnet.added", "url.magnet.invalid"}) {
			t.Error(names)
		}
		if n := warnings(t, d.l, "cannot be added"); n != 2 {
			t.Errorf("%d warnings", n)
		}
	})
}

// TestR02Cut: the power goes at some moments of a life: all that was said to be done is there at the next start.
func TestR02Cut(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		samples := []sample{newSample(t, "a", 100_000, 1), newSample(t, "b", 100_000, 2), newSample(t, "c", 100_000, 3)}
		addr := w.seed(samples[0])
		d := w.daemon().start()
		done := map[metainfo.ID]bool{}
		check := func(seed uint64) {
			t.Helper()
			left := map[metainfo.ID]bool{}
			for _, x := range loadAll(t, d.state.Crash(rand.New(rand.NewPCG(seed, 2)))) {
				if !x.kept.flags.has(removed) {
					left[x.kept.id] = x.kept.flags.has(stopped)
				}
			}
			if !reflect.DeepEqual(left, done) {
				t.Fatalf("%v, want %v", left, done)
			}
		}
		for i, s := range samples {
			a := status.NewTorrent{Metainfo: s.raw}
			if i == 0 {
				link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
				a = status.NewTorrent{Source: link.String()}
			}
			d.add(a)
			done[s.tor.ID] = false
			for seed := range uint64(5) {
				check(seed)
				time.Sleep(700 * time.Millisecond)
			}
		}
		if err := d.l.Stop(ctx, samples[1].tor.ID); err != nil {
			t.Fatal(err)
		}
		done[samples[1].tor.ID] = true
		check(7)
		if err := d.l.Remove(ctx, samples[2].tor.ID, status.Removal{Undo: time.Minute}); err != nil {
			t.Fatal(err)
		}
		delete(done, samples[2].tor.ID)
		check(8)
		time.Sleep(2 * time.Minute)
		check(9)
		// A kill leaves the lock's file, and no index.
		d.stop()
		d.state = d.state.Crash(rand.New(rand.NewPCG(1, 1)))
		d.start()
		if list := d.entries(); len(list) != 2 || list[0].Name != "a" || list[0].Have != 100_000 || !list[1].Stopped {
			t.Errorf("%+v", list)
		}
	})
}

// TestAsleep: what is complete at the start begins asleep, is shown as it is, and serves whoever comes.
func TestAsleep(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		d.until(time.Minute, "download", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		d.restart()
		d.until(time.Minute, "start", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		st, err := d.l.Stats(ctx)
		if err != nil || st.Asleep != 1 || st.Torrents != 1 {
			t.Errorf("%v %+v", err, st)
		}
		other := w.daemon().start()
		to := metainfo.Magnet{ID: s.tor.ID, Peers: []string{netip.AddrPortFrom(d.host.Addr(), st.Listen[0].Port()).String()}}
		other.add(status.NewTorrent{Source: to.String()})
		other.until(time.Minute, "second download", func() bool { return other.entry(s.tor.ID).Phase == status.Seeding })
		d.until(time.Minute, "count", func() bool { return d.entry(s.tor.ID).UpTotal >= 1<<20 })
	})
}

// TestNamedPeers: the peers of a magnet link are asked after a restart too, and those of a link that is added once more at once; so is a torrent that
// was removed a moment ago.
func TestNamedPeers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "one", 8<<20, 1)
		addr := w.seed(s)
		d := w.daemon()
		d.settings.DownLimit = 100 << 10
		d.start()
		first := metainfo.Magnet{ID: s.tor.ID, Peers: []string{"10.9.9.9:9"}}
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: first.String()})
		time.Sleep(time.Minute)
		arrives := func(when string) {
			t.Helper()
			have := d.entry(s.tor.ID).Have
			d.until(20*time.Second, when, func() bool { return d.entry(s.tor.ID).Have > have })
		}
		again := func() {
			t.Helper()
			if _, _, err := d.l.Add(ctx, status.NewTorrent{Source: link.String()}); err != nil {
				t.Fatal(err)
			}
		}
		again()
		arrives("the peer of the second link")
		d.restart()
		arrives("the peer after a restart")
		if err := d.l.Verify(ctx, s.tor.ID); err != nil {
			t.Fatal(err)
		}
		arrives("the peer after a check")
		if err := d.l.Remove(ctx, s.tor.ID, status.Removal{Undo: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		again()
		arrives("the peer after a removal that was undone")
		if e := d.entry(s.tor.ID); e.Complete() {
			t.Errorf("too early: %+v", e)
		}
	})
}
