package library

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/session"
	"shoal/session/hooks"
	"shoal/status"
)

// TestRemoveAbandoned: a caller who goes away while a torrent is being removed leaves no torrent behind that runs, but is in no list.
func TestRemoveAbandoned(t *testing.T) {
	for name, how := range map[string]status.Removal{"at once": {}, "with undo": {Undo: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				s := newSample(t, "file", 1<<20, 1)
				d := w.complete(s)
				d.add(status.NewTorrent{Metainfo: s.raw})
				id := s.tor.ID
				d.until(time.Minute, "check", func() bool { return d.entry(id).Phase == status.Seeding })
				gone, cancel := context.WithCancel(context.Background())
				cancel()
				_ = d.l.Remove(gone, id, how) // that it has gone may be said or not
				time.Sleep(time.Second)
				if st, err := d.l.session.Summary(context.Background(), id); how.Undo == 0 && !errors.Is(err, session.ErrUnknown) ||
					how.Undo > 0 && st.Phase != status.Paused {
					t.Errorf("it is %v still, %v", st.Phase, err)
				}
				time.Sleep(2 * time.Minute)
				if _, err := d.l.session.Summary(context.Background(), id); !errors.Is(err, session.ErrUnknown) {
					t.Errorf("when the time to undo it is over: %v", err)
				}
				if _, added, err := d.l.Add(context.Background(), status.NewTorrent{Metainfo: s.raw}); err != nil || !added {
					t.Errorf("added again: %v", err)
				}
			})
		})
	}
}

// TestS01Watched: as long as the state folder is full, the file that a torrent came from is the only copy and stays what it is.
func TestS01Watched(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		d := w.daemon()
		in, err := d.folders.Open("/in", true)
		if err != nil {
			t.Fatal(err)
		}
		d.watch = []Watch{{Path: "/in", Delete: true}}
		d.start()
		put(t, in, "good.torrent", s.raw)
		put(t, in, "link.magnet", []byte("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567\n"))
		d.state.SetFree(0)
		time.Sleep(time.Minute)
		if files, err := in.ReadDir("."); err != nil || len(files) != 2 || len(d.entries()) != 2 {
			t.Errorf("%d torrents, %v %v", len(d.entries()), files, err)
		}
		d.state.SetFree(100 << 20)
		time.Sleep(time.Minute)
		if files, err := in.ReadDir("."); err != nil || len(files) != 0 {
			t.Errorf("when there is room again: %v %v", files, err)
		}
		if list := d.restart().entries(); len(list) != 2 {
			t.Errorf("%d torrents after a restart", len(list))
		}
	})
}

// TestQ07MagnetName: what a magnet link calls itself leads a script to no other folder.
func TestQ07MagnetName(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		d := w.daemon()
		d.settings.HookAdded = []string{"a"}
		d.start()
		var told []hooks.Torrent
		d.l.mu.Lock()
		d.l.hook = func(_ []string, h hooks.Torrent) { told = append(told, h) }
		d.l.mu.Unlock()
		names := []string{"../../etc", "..", "/etc/passwd", "a\nb/../../c"}
		for i, name := range names {
			m := metainfo.Magnet{Name: name}
			m.ID.V1[0] = byte(i + 1)
			d.add(status.NewTorrent{Source: m.String()})
		}
		for _, h := range told {
			if strings.Contains(h.Name, "/") || h.Name == ".." || h.Name == "" || h.Path != "/downloads/"+h.Name {
				t.Errorf("%q at %q", h.Name, h.Path)
			}
		}
		if len(told) != len(names) {
			t.Errorf("told of %d", len(told))
		}
	})
}

// TestK01Log: what callers read of the log has no secret, wherever it stands.
func TestK01Log(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		d := w.daemon().start()
		d.l.log.Warn("cannot be fetched", "err", errors.New(`Get "http://t.example/x?passkey=0123456789abcdef0123456789abcdef": EOF`))
		d.l.log.Warn("asked", "password", "sesame", "url", "http://ali:sesame@t.example/")
		lines, err := d.l.Log(context.Background(), 0)
		if err != nil || !slices.ContainsFunc(lines, func(l status.LogLine) bool { return strings.Contains(l.Text, "t.example") }) {
			t.Errorf("%v %v", err, lines)
		}
		for _, l := range lines {
			if strings.Contains(l.Text, "sesame") || strings.Contains(l.Text, "0123456789abcdef") {
				t.Errorf("the log has %q", l.Text)
			}
		}
	})
}

// TestDefaultTrackersAsleep: trackers of the settings reach a torrent that sleeps, and let it sleep.
func TestDefaultTrackersAsleep(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		url, asked := w.tracker(10 * time.Minute)
		d := w.complete(s)
		d.add(status.NewTorrent{Metainfo: s.raw})
		d.until(time.Minute, "check", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
		d.restart()
		time.Sleep(time.Minute)
		set, _ := d.l.Settings(ctx)
		set.Trackers = [][]string{{url}}
		if err := d.l.Set(ctx, set); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if st, err := d.l.Stats(ctx); err != nil || st.Asleep != 1 || asked.Load() == 0 {
			t.Errorf("%d sleep, asked %d times, %v", st.Asleep, asked.Load(), err)
		}
	})
}

// TestChangeAbandoned: a caller who goes away while a torrent is being changed leaves all of the change in force, not the half of it.
func TestChangeAbandoned(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		d := w.complete(s)
		d.add(status.NewTorrent{Metainfo: s.raw})
		id := s.tor.ID
		d.until(time.Minute, "check", func() bool { return d.entry(id).Phase == status.Seeding })
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		on, limit, trackers := true, int64(5000), [][]string{{"http://10.9.9.9/announce"}}
		_ = d.l.Change(gone, id, status.Change{Files: map[int]uint8{0: 3}, Sequential: &on, UpLimit: &limit, Trackers: &trackers})
		time.Sleep(time.Second)
		list, err := d.l.session.Trackers(context.Background(), id)
		if err != nil || len(list) != 1 || list[0].URL != trackers[0][0] {
			t.Errorf("trackers of the session: %+v, %v", list, err)
		}
		if e := d.entry(id); e.UpLimit != limit || !e.Sequential || !slices.EqualFunc(e.Trackers, trackers, slices.Equal) {
			t.Errorf("%+v", e)
		}
		// Nobody holds the torrent: the next one may change it.
		if err := d.l.Change(context.Background(), id, status.Change{UpLimit: new(int64)}); err != nil {
			t.Error(err)
		}
	})
}
