package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

const bare40 = "0123456789abcdef0123456789abcdef01234567"

// TestDuplicate: what is there already is returned, with the trackers of both; a torrent file tells a magnet link its files.
func TestDuplicate(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1, "http://10.0.0.9/a", "udp://10.0.0.9:1")
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Trackers: []string{"http://10.0.0.9/b"}}
		first := d.add(status.NewTorrent{Source: link.String()})
		time.Sleep(5 * time.Second)
		e, added, err := d.l.Add(ctx, status.NewTorrent{Metainfo: s.raw})
		want := [][]string{{"http://10.0.0.9/b"}, {"http://10.0.0.9/a"}, {"udp://10.0.0.9:1"}}
		if err != nil || added || e.Number != first.Number || !reflect.DeepEqual(e.Trackers, want) || e.Name != "file" {
			t.Errorf("%v %v %+v", added, err, e)
		}
		d.until(time.Minute, "start", func() bool { return d.entry(s.tor.ID).Phase == status.Leeching })
		d.restart()
		if list := d.entries(); len(list) != 1 || !reflect.DeepEqual(list[0].Trackers, want) || list[0].TorrentFile == "" {
			t.Errorf("%+v", list)
		}
		for _, a := range []status.NewTorrent{{}, {Metainfo: []byte("x")}, {Source: "x"}, {Source: "x", Metainfo: s.raw}, {Source: "/etc/passwd"},
			{Source: "/etc/passwd", Local: true}, {Source: "relative", Local: true}, {Source: "magnet:?"}, {Source: "http://127.0.0.1/x"}} {
			if _, _, err := d.l.Add(ctx, a); err == nil {
				t.Errorf("%+v was taken", a)
			}
		}
	})
}

// TestDuplicateOfFound: the torrent file of a magnet link whose files have just been found changes nothing: it does not begin anew, and what
// it has on disk is known to be its own.
func TestDuplicateOfFound(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 8<<20, 1)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{w.seed(s)}}
		d.add(status.NewTorrent{Source: link.String()})
		found := func() *metainfo.Torrent {
			tor, _ := d.l.session.Torrent(s.tor.ID) // fails while it is not there yet
			return tor
		}
		for found() == nil {
			time.Sleep(time.Millisecond)
		}
		before := found()
		if d.entry(s.tor.ID).Files != 0 {
			t.Fatal("the list has looked already")
		}
		e, added, err := d.l.Add(ctx, status.NewTorrent{Metainfo: s.raw})
		if err != nil || added || e.Files != 1 {
			t.Errorf("%v %v %+v", added, err, e)
		}
		if found() != before {
			t.Error("it began anew")
		}
		d.until(time.Minute, "file", func() bool { _, err := d.folders.dirs["/downloads"].Lstat("file"); return err == nil })
		if err := d.l.Remove(ctx, s.tor.ID, status.Removal{Data: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.folders.dirs["/downloads"].Lstat("file"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is left: %v", err)
		}
	})
}

// TestC04Roots: nothing is put outside of the roots, however it is spelled; a link counts as where it leads.
func TestC04Roots(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d := w.daemon()
		d.settings.Roots = []string{"/downloads", "/media"}
		d.folders.links["/downloads/link"] = "/etc"
		d.folders.links["/media"] = "/mnt/disk"
		d.start()
		n := 0
		source := func() status.NewTorrent {
			n++
			return status.NewTorrent{Source: fmt.Sprintf("%040x", n), Stopped: true}
		}
		for dir, ok := range map[string]bool{"/downloads": true, "/downloads/a/b": true, "/media/x": true, "/mnt/disk/y": true, "/downloads/../downloads/c": true,
			"/etc": false, "/downloads/../etc": false, "/downloads/../../etc": false, "../../etc": false, "etc": false, "/downloads/link": false,
			"/downloads/link/x": false, "/downloadsx": false, "/": false, "/downloads/\x00": false} {
			a := source()
			a.Dir = dir
			_, _, err := d.l.Add(ctx, a)
			if ok != (err == nil) || !ok && !errors.Is(err, status.ErrOutside) {
				t.Errorf("add to %q: %v", dir, err)
			}
			e := d.add(source())
			err = d.l.Move(ctx, e.ID, dir, false)
			if ok != (err == nil) || !ok && !errors.Is(err, status.ErrOutside) {
				t.Errorf("move to %q: %v", dir, err)
			}
			set, _ := d.l.Settings(ctx)
			set.Dir = dir
			if err = d.l.Set(ctx, set); ok != (err == nil) || !ok && !errors.Is(err, status.ErrOutside) {
				t.Errorf("set to %q: %v", dir, err)
			}
			if _, _, err = d.l.Space(ctx, dir); !ok && !errors.Is(err, status.ErrOutside) {
				t.Errorf("space of %q: %v", dir, err)
			}
		}
	})
}

// TestSpace: the free and total bytes are those of the folder, or of the one that it would be in.
func TestSpace(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		d := w.daemon()
		d.folders.dirs["/downloads"] = fsys.NewMem()
		d.folders.dirs["/downloads"].SetFree(3 << 20)
		put(t, d.folders.dirs["/downloads"], "file", make([]byte, 1<<20))
		d.start()
		for _, dir := range []string{"", "/downloads", "/downloads/not/yet"} {
			if free, total, err := d.l.Space(t.Context(), dir); free != 2<<20 || total != 3<<20 || err != nil {
				t.Errorf("%q: %d of %d bytes free, %v", dir, free, total, err)
			}
		}
	})
}

// TestC04Links: the same with real links.
func TestC04Links(t *testing.T) {
	root, other := t.TempDir(), t.TempDir()
	for from, to := range map[string]string{"out": other, "dangling": filepath.Join(other, "not", "yet"), "in": root} {
		if err := os.Symlink(to, filepath.Join(root, from)); err != nil {
			t.Fatal(err)
		}
	}
	for dir, ok := range map[string]bool{"": true, "new/er": true, "in/x": true, "out": false, "out/x": false, "dangling": false, "dangling/x": false, "in/out/x": false} {
		_, err := allowed(SystemFolders{}, filepath.Join(root, dir), []string{root})
		if ok != (err == nil) || !ok && !errors.Is(err, status.ErrOutside) {
			t.Errorf("%q: %v", dir, err)
		}
	}
}

// TestStartStop: stopped is stopped and started is started, also over a restart, and whatever the torrent was doing.
func TestStartStop(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon().start()
		id := d.add(status.NewTorrent{Metainfo: s.raw}).ID
		for range 3 {
			d.until(time.Minute, "start", func() bool { return d.entry(id).Phase == status.Leeching })
			if err := d.l.Stop(ctx, id); err != nil {
				t.Fatal(err)
			}
			d.until(time.Minute, "stop", func() bool { e := d.entry(id); return e.Phase == status.Paused && e.Stopped })
			d.restart()
			time.Sleep(10 * time.Second)
			if e := d.entry(id); e.Phase != status.Paused || !e.Stopped {
				t.Errorf("%+v", e)
			}
			if err := d.l.Start(ctx, id, false); err != nil {
				t.Fatal(err)
			}
		}
		unknown := metainfo.ID{V1: metainfo.Hash{1}}
		for _, err := range []error{d.l.Start(ctx, unknown, true), d.l.Stop(ctx, unknown), d.l.Remove(ctx, unknown, status.Removal{}), d.l.Restore(ctx, id),
			d.l.Change(ctx, unknown, status.Change{}), d.l.Queue(ctx, []metainfo.ID{unknown}, status.QueueTop)} {
			if !errors.Is(err, status.ErrUnknown) {
				t.Error(err)
			}
		}
	})
}

// TestUndo: a removal can be undone for its time, no longer, and not after a restart.
func TestUndo(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon().start()
		before := d.add(status.NewTorrent{Metainfo: s.raw})
		id := before.ID
		d.until(time.Minute, "start", func() bool { return d.entry(id).Phase == status.Leeching })
		stamp := d.entry(id).Changed
		if err := d.l.Remove(ctx, id, status.Removal{Undo: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if list, gone, _ := d.l.Entries(ctx, stamp); len(list) != 0 || !reflect.DeepEqual(gone, []int{before.Number}) {
			t.Error(list, gone)
		}
		time.Sleep(30 * time.Second)
		if err := d.l.Restore(ctx, id); err != nil {
			t.Fatal(err)
		}
		if list, gone, _ := d.l.Entries(ctx, stamp); len(list) != 1 || list[0].Number != before.Number || len(gone) != 0 {
			t.Error(list, gone)
		}
		d.until(time.Minute, "start", func() bool { return d.entry(id).Phase == status.Leeching })
		// Added again meanwhile it is restored too.
		if err := d.l.Remove(ctx, id, status.Removal{Undo: time.Minute}); err != nil {
			t.Fatal(err)
		}
		d.add(status.NewTorrent{Metainfo: s.raw})
		d.until(time.Minute, "start", func() bool { return d.entry(id).Phase == status.Leeching })
		if err := d.l.Remove(ctx, id, status.Removal{Undo: time.Minute}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(61 * time.Second)
		if err := d.l.Restore(ctx, id); !errors.Is(err, status.ErrUnknown) {
			t.Error(err)
		}
		d.add(status.NewTorrent{Metainfo: s.raw})
		d.until(time.Minute, "start", func() bool { return d.entry(id).Phase == status.Leeching })
		if err := d.l.Remove(ctx, id, status.Removal{Undo: time.Minute}); err != nil {
			t.Fatal(err)
		}
		d.restart()
		time.Sleep(5 * time.Second)
		if list := d.entries(); len(list) != 0 {
			t.Errorf("%+v", list)
		}
		if list := loadAll(t, d.state); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

// TestQueue: so many download at a time, in the order of the queue; who comes first changes with it.
func TestQueue(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d := w.daemon()
		d.settings.QueueDownloads = 2
		d.start()
		var ids []metainfo.ID
		for i := range 5 {
			ids = append(ids, d.add(status.NewTorrent{Source: fmt.Sprintf("%040x", i+1)}).ID)
		}
		running := func(want ...int) {
			t.Helper()
			time.Sleep(5 * time.Second)
			for i, id := range ids {
				e, runs := d.entry(id), false
				for _, n := range want {
					runs = runs || n == i
				}
				if runs != (e.Phase == status.Metadata) || runs == e.Waiting || e.Stopped {
					t.Errorf("%d: %v %+v", i, runs, e)
				}
			}
		}
		running(0, 1)
		if err := d.l.Start(ctx, ids[4], true); err != nil {
			t.Fatal(err)
		}
		running(0, 1, 4)
		if err := d.l.Remove(ctx, ids[0], status.Removal{}); err != nil {
			t.Fatal(err)
		}
		ids = ids[1:]
		running(0, 1, 3)
		if err := d.l.Queue(ctx, []metainfo.ID{ids[2]}, status.QueueTop); err != nil {
			t.Fatal(err)
		}
		d.restart()
		running(2, 0, 3)
		set, _ := d.l.Settings(ctx)
		set.QueueDownloads = 0
		if err := d.l.Set(ctx, set); err != nil {
			t.Fatal(err)
		}
		running(0, 1, 2, 3)
	})
}

// TestGoal: a torrent that has seeded for its time is stopped, once; started again it is not stopped before the goal is another.
func TestGoal(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon()
		d.settings.SeedTime = 10 * time.Minute
		d.start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		time.Sleep(9 * time.Minute)
		if e := d.entry(s.tor.ID); e.Stopped || e.Phase != status.Seeding {
			t.Errorf("%+v", e)
		}
		time.Sleep(2 * time.Minute)
		if e := d.entry(s.tor.ID); !e.Stopped || !e.GoalReached || e.Phase != status.Paused || e.Seeding < 10*time.Minute || e.Seeding > 11*time.Minute {
			t.Errorf("%+v", e)
		}
		d.restart()
		if e := d.entry(s.tor.ID); !e.Stopped || !e.GoalReached {
			t.Errorf("%+v", e)
		}
		never := status.Goal[time.Duration]{Mode: status.GoalNone}
		if err := errors.Join(d.l.Change(ctx, s.tor.ID, status.Change{SeedTime: &never}), d.l.Start(ctx, s.tor.ID, false)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if e := d.entry(s.tor.ID); e.Stopped || e.GoalReached || e.Phase != status.Seeding {
			t.Errorf("%+v", e)
		}
	})
}

// TestStartSwitchesGoalsOff: whoever starts a torrent that has reached its goals wants it to seed on. The goal without payload counts
// anew; goals that are not reached stay.
func TestStartSwitchesGoalsOff(t *testing.T) {
	ratio := func(v float64) *status.Goal[float64] { return &status.Goal[float64]{Mode: status.GoalOwn, Value: v} }
	span := func(v time.Duration) *status.Goal[time.Duration] {
		return &status.Goal[time.Duration]{Mode: status.GoalOwn, Value: v}
	}
	for name, tt := range map[string]struct {
		own               status.Change
		ratio, idle, time status.GoalMode // after the start
		restart, again    bool            // a restart before it; it stops once more
	}{
		"ratio of its own":       {own: status.Change{Ratio: ratio(0)}, ratio: status.GoalNone, again: true},
		"time of the settings":   {time: status.GoalNone},
		"asleep since a restart": {time: status.GoalNone, restart: true},
		"all":                    {own: status.Change{Ratio: ratio(0), Idle: span(0), SeedTime: span(0)}, ratio: status.GoalNone, idle: status.GoalNone, time: status.GoalNone},
		"no payload":             {own: status.Change{Idle: span(time.Minute)}, idle: status.GoalOwn, again: true},
		"one not reached":        {own: status.Change{Ratio: ratio(3)}, ratio: status.GoalOwn, time: status.GoalNone},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				ctx := context.Background()
				s := newSample(t, "file", 1<<20, 1)
				d := w.daemon()
				d.settings.SeedTime = 10 * time.Minute
				d.start()
				link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{w.seed(s)}}
				d.add(status.NewTorrent{Source: link.String(), Change: tt.own})
				d.until(20*time.Minute, "goal", func() bool { return d.entry(s.tor.ID).GoalReached })
				if tt.restart {
					d.restart()
				}
				if err := d.l.Start(ctx, s.tor.ID, false); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Second)
				e := d.entry(s.tor.ID)
				if e.Stopped || e.GoalReached || e.Phase != status.Seeding || e.Ratio.Mode != tt.ratio || e.Idle.Mode != tt.idle || e.SeedTime.Mode != tt.time {
					t.Errorf("started: %+v", e)
				}
				time.Sleep(time.Hour)
				if e := d.entry(s.tor.ID); e.GoalReached != tt.again {
					t.Errorf("an hour later: %+v", e)
				}
			})
		})
	}
}

// TestSettings: what is set while the daemon runs holds over restarts, until the configuration says something else of it.
func TestSettings(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d := w.daemon()
		d.settings.UpLimit = 1000
		d.settings.HookDone = []string{"configured"}
		d.start()
		get := func() status.Settings {
			s, err := d.l.Settings(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := get()
		s.UpLimit, s.DownLimit, s.Trackers, s.HookDone, s.Roots = 2000, 3000, [][]string{{"http://10.0.0.1/announce"}}, []string{"foreign"}, []string{"/"}
		if err := d.l.Set(ctx, s); err != nil {
			t.Fatal(err)
		}
		check := func(up, down int64) {
			t.Helper()
			if s := get(); s.UpLimit != up || s.DownLimit != down || len(s.Trackers) != 1 || s.HookDone[0] != "configured" || s.Roots != nil {
				t.Errorf("%+v", s)
			}
		}
		check(2000, 3000)
		d.restart()
		check(2000, 3000)
		d.settings.UpLimit = 1500
		d.restart()
		check(1500, 3000)
		other := d.settings
		other.DownLimit = 7
		if err := d.l.Reload(other); err != nil {
			t.Fatal(err)
		}
		check(1500, 7)
		for _, bad := range []func(*status.Settings){
			func(s *status.Settings) { s.UpLimit = -1 }, func(s *status.Settings) { s.Dir = "relative" }, func(s *status.Settings) { s.Dir = "" },
			func(s *status.Settings) { s.Port = 70000 }, func(s *status.Settings) { s.Encryption = "x" }, func(s *status.Settings) { s.Trackers = [][]string{{"x"}} },
			func(s *status.Settings) { s.AltSchedule = []status.Window{{Days: 1, From: 25 * time.Hour}} },
		} {
			s := get()
			bad(&s)
			if err := d.l.Set(ctx, s); err == nil {
				t.Errorf("%+v was taken", s)
			}
		}
		check(1500, 7)
	})
}

// TestFolderGone: a torrent whose folder is not there waits for it, and goes on by itself when it is back; the folder is not made.
func TestFolderGone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon().start()
		id := d.add(status.NewTorrent{Metainfo: s.raw, Dir: "/usb"}).ID
		d.until(time.Minute, "start", func() bool { return d.entry(id).Phase == status.Leeching })
		d.stop()
		disk := d.folders.dirs["/usb"]
		delete(d.folders.dirs, "/usb")
		d.start()
		time.Sleep(time.Hour)
		if e := d.entry(id); e.Phase != status.Failed || e.Stopped || e.Err == "" || d.folders.dirs["/usb"] != nil {
			t.Errorf("%+v", e)
		}
		d.folders.mu.Lock()
		d.folders.dirs["/usb"] = disk
		d.folders.mu.Unlock()
		d.until(retryLast+time.Minute, "go on", func() bool { return d.entry(id).Phase == status.Leeching })
	})
}

// TestDataGone: a complete torrent whose files were deleted is stopped with the cause and not fetched again, until it is started.
func TestDataGone(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		d.until(time.Minute, "download", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		if err := d.folders.dirs["/downloads"].Remove("file"); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "stop", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Failed && e.Stopped && e.Err != "" })
		d.restart()
		time.Sleep(time.Minute)
		if e := d.entry(s.tor.ID); e.Phase != status.Failed || !e.Stopped || e.Err == "" {
			t.Errorf("%+v", e)
		}
		if _, err := d.folders.dirs["/downloads"].Lstat("file"); err == nil {
			t.Error("fetched again")
		}
		if err := d.l.Start(ctx, s.tor.ID, false); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "download", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Seeding && e.DownTotal == 2<<20 })
	})
}

// TestS05Changed: when another program changes a file that is seeded, that shows at once, the torrent stands with the cause and gives
// nothing of it away, until it is started: then the file is checked and what is damaged is fetched again.
func TestS05Changed(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		d.until(time.Minute, "download", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		time.Sleep(time.Minute)
		f, err := d.folders.dirs["/downloads"].OpenFile("file", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("changed"), 100_000); err != nil {
			t.Fatal(err)
		}
		f.Close()
		d.until(5*time.Second, "stop", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Failed && e.Stopped && e.Err != "" })
		if p, err := d.l.Peers(ctx, s.tor.ID); len(p) != 0 || err != nil {
			t.Error(p, err)
		}
		if err := d.l.Start(ctx, s.tor.ID, false); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "repair", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Seeding && e.DownTotal == 1<<20+32<<10 })
		if b, err := state.ReadFile(d.folders.dirs["/downloads"], "file", 1<<30); err != nil || !bytes.Equal(b, s.data) {
			t.Error("the file is not what it was", err)
		}
	})
}

// TestTogether: many steer a few torrents at once, in any order: nothing waits for ever, and what is in the list is on the disk.
func TestTogether(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var samples []sample
		d := w.daemon()
		for i := range 4 {
			s := newSample(t, fmt.Sprint("file", i), 100_000, uint64(i))
			samples = append(samples, s)
			if i%2 == 0 {
				dir, err := d.folders.Open("/downloads", true)
				if err != nil {
					t.Fatal(err)
				}
				put(t, dir, s.tor.Info.Name(), s.data)
			}
		}
		d.settings.QueueDownloads = 1
		d.start()
		var all sync.WaitGroup
		for g := range 8 {
			all.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(g), 5))
				for range 60 {
					s := samples[rnd.IntN(len(samples))]
					id, labels := s.tor.ID, []string{fmt.Sprint(rnd.IntN(5))}
					switch rnd.IntN(12) {
					case 0, 1, 2:
						d.l.Add(ctx, status.NewTorrent{Metainfo: s.raw, Stopped: rnd.IntN(2) == 0})
					case 3:
						d.l.Add(ctx, status.NewTorrent{Source: id.String()})
					case 4:
						d.l.Start(ctx, id, rnd.IntN(2) == 0)
					case 5:
						d.l.Stop(ctx, id)
					case 6:
						d.l.Remove(ctx, id, status.Removal{Data: rnd.IntN(4) == 0, Undo: time.Duration(rnd.IntN(3)) * time.Second})
					case 7:
						d.l.Verify(ctx, id)
					case 8:
						d.l.Change(ctx, id, status.Change{Labels: &labels, Files: map[int]uint8{0: uint8(rnd.IntN(4))}})
					case 9:
						d.l.Queue(ctx, []metainfo.ID{id}, status.QueueMove(rnd.IntN(4)))
					case 10:
						d.l.Restore(ctx, id)
					case 11:
						d.l.Move(ctx, id, fmt.Sprint("/dir", rnd.IntN(3)), rnd.IntN(2) == 0)
					}
					d.l.Entries(ctx, time.Time{})
					time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond)
				}
			})
		}
		all.Wait()
		time.Sleep(2 * time.Minute)
		before := d.entries()
		d.stop()
		left := map[metainfo.ID]bool{}
		for _, x := range loadAll(t, d.state) {
			left[x.kept.id] = true
		}
		if len(left) != len(before) {
			t.Errorf("%d on disk, %d in the list", len(left), len(before))
		}
		d.start()
		after := d.entries()
		for i, e := range before {
			if !left[e.ID] || after[i].ID != e.ID || after[i].Stopped != e.Stopped || !reflect.DeepEqual(after[i].Labels, e.Labels) || after[i].QueuePosition != e.QueuePosition {
				t.Errorf("%+v\n%+v", e, after[i])
			}
		}
	})
}
