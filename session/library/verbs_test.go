package library

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

// complete makes a daemon that has the data of a sample in /downloads.
func (w *world) complete(s sample) *daemon {
	w.t.Helper()
	d := w.daemon()
	dir, err := d.folders.Open("/downloads", true)
	if err != nil {
		w.t.Fatal(err)
	}
	put(w.t, dir, s.tor.Info.Name(), s.data)
	d.start()
	return d
}

// TestMoveAndRemoveData: a complete torrent is moved with its data, over a restart; then removed with it.
func TestMoveAndRemoveData(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		d := w.complete(s)
		d.add(status.NewTorrent{Metainfo: s.raw})
		id := s.tor.ID
		if err := d.l.Verify(ctx, id); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "check", func() bool { e := d.entry(id); return e.Phase == status.Seeding && !e.Verifying })
		if err := d.l.Move(ctx, id, "/new", true); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "move", func() bool { e := d.entry(id); return e.Phase == status.Seeding && e.Dir == "/new" })
		d.restart()
		d.until(time.Minute, "start", func() bool { e := d.entry(id); return e.Phase == status.Seeding && e.Dir == "/new" })
		if b, err := state.ReadFile(d.folders.dirs["/new"], "file", 1<<30); err != nil || !bytes.Equal(b, s.data) {
			t.Error(err)
		}
		if err := d.l.Rename(ctx, id, "file", "other"); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "rename", func() bool { e := d.entry(id); return e.Phase == status.Seeding && e.Name == "other" })
		d.restart()
		d.until(time.Minute, "start", func() bool { e := d.entry(id); return e.Phase == status.Seeding && e.Name == "other" })
		// Moved while stopped, and stopped it stays.
		if err := d.l.Stop(ctx, id); err != nil {
			t.Fatal(err)
		}
		d.restart()
		if err := d.l.Move(ctx, id, "/third", true); err != nil {
			t.Fatal(err)
		}
		d.until(time.Minute, "move", func() bool { e := d.entry(id); return e.Phase == status.Paused && e.Dir == "/third" && e.Stopped })
		d.restart()
		if err := d.l.Remove(ctx, id, status.Removal{Data: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.folders.dirs["/third"].Lstat("other"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the data is still there: %v", err)
		}
		empty(t, d)
	})
}

// empty checks that the state folder knows of no torrent.
func empty(t *testing.T, d *daemon) {
	t.Helper()
	if list := loadAll(t, d.state); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	files, _ := d.state.ReadDir(".")
	for _, f := range files {
		if len(f.Name()) > 40 {
			t.Errorf("%s is left", f.Name())
		}
	}
}

// TestIncompleteDir: a torrent is downloaded into one folder and moved to its own when it is complete.
func TestIncompleteDir(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon()
		d.settings.IncompleteDir = "/incomplete"
		d.start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		if e := d.add(status.NewTorrent{Source: link.String(), Dir: "/end"}); e.Dir != "/incomplete" {
			t.Error(e.Dir)
		}
		d.until(time.Minute, "move", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Seeding && e.Dir == "/end" })
		if b, err := state.ReadFile(d.folders.dirs["/end"], "file", 1<<30); err != nil || !bytes.Equal(b, s.data) {
			t.Error(err)
		}
		d.restart()
		d.until(time.Minute, "start", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Seeding && e.Dir == "/end" })
	})
}

// TestChangeRunning: what is changed about a torrent is there after a restart, running or not.
func TestChangeRunning(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon().start()
		d.add(status.NewTorrent{Metainfo: s.raw})
		d.until(time.Minute, "start", func() bool { return d.entry(s.tor.ID).Phase == status.Leeching })
		limit, peers, group, tiers := int64(7000), 12, "g", [][]string{{"http://10.0.0.77/announce"}}
		if err := d.l.Change(ctx, s.tor.ID, status.Change{DownLimit: &limit, MaxPeers: &peers, Group: &group, Trackers: &tiers, Files: map[int]uint8{0: 3}}); err != nil {
			t.Fatal(err)
		}
		check := func() {
			t.Helper()
			e := d.entry(s.tor.ID)
			if e.DownLimit != limit || e.MaxPeers != peers || e.Group != group || len(e.Trackers) != 1 {
				t.Errorf("%+v", e)
			}
			if f, err := d.l.Files(ctx, s.tor.ID); err != nil || f[0].Priority != 3 {
				t.Error(f, err)
			}
		}
		check()
		d.restart()
		check()
		bad := int64(-1)
		if err := d.l.Change(ctx, s.tor.ID, status.Change{DownLimit: &bad}); err == nil {
			t.Error("a negative limit")
		}
		if err := d.l.Change(ctx, s.tor.ID, status.Change{Files: map[int]uint8{1: 3}}); !errors.Is(err, status.ErrNoFile) {
			t.Error(err)
		}
	})
}

// slowFolder takes its time for each write.
type slowFolder struct{ fsys.FS }

type slowFile struct{ fsys.File }

func (s slowFolder) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return slowFile{f}, nil
}

func (s slowFile) WriteAt(p []byte, off int64) (int, error) {
	time.Sleep(2 * time.Second)
	return s.File.WriteAt(p, off)
}

func (s slowFile) WritevAt(bufs [][]byte, off int64) (int64, error) {
	time.Sleep(2 * time.Second)
	return s.File.WritevAt(bufs, off)
}

// TestMoveCut: the power goes while a torrent's files are on their way to another file system: the next start goes on with that.
func TestMoveCut(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second} {
		bubble(t, func(t *testing.T, w *world) { moveCut(t, w, after) })
	}
}

func moveCut(t *testing.T, w *world, after time.Duration) {
	ctx := context.Background()
	s := newSample(t, "file", 4<<20, 1)
	d := w.complete(s)
	id := d.add(status.NewTorrent{Metainfo: s.raw}).ID
	d.until(time.Minute, "check", func() bool { return d.entry(id).Phase == status.Seeding })
	time.Sleep(time.Minute) // what was found is remembered
	d.folders.slow = "/new"
	if err := d.l.Move(ctx, id, "/new", true); err != nil {
		t.Fatal(err)
	}
	if e := d.entry(id); e.Phase != status.Moving {
		t.Fatalf("%+v", e)
	}
	if files, err := d.l.Files(ctx, id); len(files) != 1 || err != nil {
		t.Errorf("files on their way: %+v, %v", files, err)
	}
	time.Sleep(after)
	rnd := rand.New(rand.NewPCG(1, 1))
	next := w.daemon()
	next.state = d.state.Crash(rnd)
	for dir, mem := range d.folders.dirs {
		next.folders.dirs[dir] = mem.Crash(rnd)
	}
	next.start()
	next.until(5*time.Minute, "go on", func() bool { e := next.entry(id); return e.Phase == status.Seeding && e.Dir == "/new" })
	if b, err := state.ReadFile(next.folders.dirs["/new"], "file", 1<<30); err != nil || !bytes.Equal(b, s.data) {
		t.Error(err)
	}
	next.restart()
	next.until(time.Minute, "start", func() bool { e := next.entry(id); return e.Phase == status.Seeding && e.Dir == "/new" })
}
