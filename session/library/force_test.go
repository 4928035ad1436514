package library

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/hooks"
	"shoal/status"
)

// TestSchedule: the other limits follow their schedule where it begins and ends; who sets them by hand meanwhile has them until then.
func TestSchedule(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d := w.daemon()
		d.wall = func() time.Time { return time.Now().UTC() } // midnight of a Saturday, to begin with
		d.settings.UpLimit, d.settings.AltUp, d.settings.AltScheduled = 1000, 10, true
		d.settings.AltSchedule = []status.Window{{Days: 127, From: 8 * time.Hour, To: 20 * time.Hour}}
		d.start()
		is := func(on bool) {
			t.Helper()
			s, err := d.l.Settings(ctx)
			if limit := d.l.limits(&s).Up; err != nil || s.AltOn != on || limit != map[bool]int64{true: 10, false: 1000}[on] {
				t.Errorf("%v: %v, %d", time.Now().UTC(), s.AltOn, limit)
			}
		}
		time.Sleep(7 * time.Hour)
		is(false)
		time.Sleep(90 * time.Minute)
		is(true)
		s, _ := d.l.Settings(ctx)
		s.AltOn = false
		if err := d.l.Set(ctx, s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		is(false)
		time.Sleep(11 * time.Hour)
		is(false)
		time.Sleep(12 * time.Hour)
		is(true)
	})
}

// TestScheduleReload: a configuration that is read again within the hours of the schedule leaves its limits on, one with other hours is
// heeded at once, and what the schedule chose is not kept as if somebody had set it.
func TestScheduleReload(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		d := w.daemon()
		d.wall = func() time.Time { return time.Now().UTC() }
		d.settings.UpLimit, d.settings.AltUp, d.settings.AltScheduled = 1000, 10, true
		d.settings.AltSchedule = []status.Window{{Days: 127, From: 8 * time.Hour, To: 20 * time.Hour}}
		d.start()
		is := func(on bool, limit int64) {
			t.Helper()
			s, err := d.l.Settings(ctx)
			if is := d.l.limits(&s).Up; err != nil || s.AltOn != on || is != limit {
				t.Errorf("%v: %v, %d, %v; want %v, %d", time.Now().UTC(), s.AltOn, is, err, on, limit)
			}
		}
		reload := func(change func(*status.Settings)) {
			t.Helper()
			change(&d.settings)
			if err := d.l.Reload(d.settings); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(9 * time.Hour)
		is(true, 10)
		reload(func(s *status.Settings) { s.AltUp = 20 })
		is(true, 20)
		s, _ := d.l.Settings(ctx)
		s.DownLimit = 5
		if err := d.l.Set(ctx, s); err != nil {
			t.Fatal(err)
		}
		is(true, 20)
		other := []status.Window{{Days: 127, From: 12 * time.Hour, To: 13 * time.Hour}}
		reload(func(s *status.Settings) { s.AltSchedule = other })
		time.Sleep(time.Minute)
		is(false, 1000)
		time.Sleep(3*time.Hour + 30*time.Minute)
		is(true, 20)
		reload(func(s *status.Settings) { s.AltScheduled, s.AltSchedule = false, nil })
		time.Sleep(time.Minute)
		is(false, 1000)
		d.restart()
		is(false, 1000)
	})
}

// TestBlocklist: a list is fetched, put into force and kept for the next start; a bad one changes nothing.
func TestBlocklist(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write([]byte("seed:10.0.0.1-10.0.0.1\nother:1.2.3.0-1.2.3.255\n"))
		z.Close()
		body := packed.Bytes()
		h := w.host()
		l, err := h.Listen(ctx, "tcp4", "0.0.0.0:80")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { rw.Write(body) })}
		go srv.Serve(l)
		w.end = append(w.end, func() { srv.Close() })
		d := w.daemon()
		d.settings.BlocklistURL, d.settings.BlocklistOn = "http://"+h.Addr().String()+"/list.gz", true
		d.start()
		time.Sleep(10 * time.Second)
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		blocked := func(rules int) {
			t.Helper()
			time.Sleep(time.Minute)
			if e := d.entry(s.tor.ID); e.Phase != status.Metadata {
				t.Errorf("%+v", e)
			}
			if set, _ := d.l.Settings(ctx); set.Rules != rules {
				t.Error(set.Rules)
			}
		}
		blocked(2)
		body = []byte("nothing of use\n")
		if n, err := d.l.UpdateBlocklist(ctx); err == nil {
			t.Error(n)
		}
		blocked(2)
		d.restart() // the copy of before holds though the new one is bad
		blocked(2)
		set, _ := d.l.Settings(ctx)
		set.BlocklistOn = false
		if err := d.l.Set(ctx, set); err != nil {
			t.Fatal(err)
		}
		d.restart()
		d.until(2*time.Minute, "download", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
	})
}

// TestBlocklistRefresh: the list is read anew as often as is configured, which may change, soon after a failure, and not at all with 0.
func TestBlocklistRefresh(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		h := w.host()
		l, err := h.Listen(context.Background(), "tcp4", "0.0.0.0:80")
		if err != nil {
			t.Fatal(err)
		}
		asked, broken := atomic.Int32{}, atomic.Bool{}
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if broken.Load() {
				rw.WriteHeader(http.StatusInternalServerError)
			}
			rw.Write([]byte("some:1.2.3.0-1.2.3.255\n"))
		})}
		go srv.Serve(l)
		w.end = append(w.end, func() { srv.Close() })
		d := w.daemon()
		d.settings.BlocklistURL, d.settings.BlocklistOn, d.settings.BlocklistEvery = "http://"+h.Addr().String()+"/list", true, 6*time.Hour
		d.start()
		after := func(wait time.Duration, want int32) {
			t.Helper()
			asked.Store(0)
			time.Sleep(wait)
			if n := asked.Load(); n != want {
				t.Errorf("in %v it was fetched %d times, not %d", wait, n, want)
			}
		}
		reload := func(every time.Duration) {
			t.Helper()
			d.settings.BlocklistEvery = every
			if err := d.l.Reload(d.settings); err != nil {
				t.Fatal(err)
			}
		}
		after(time.Hour, 1)
		after(24*time.Hour, 4)
		reload(time.Hour)
		after(4*time.Hour+time.Minute, 5) // the first at once: the last one is an hour ago
		reload(0)
		after(72*time.Hour, 0)
		broken.Store(true)
		reload(48 * time.Hour)
		after(150*time.Minute, 3) // it is overdue, and fails each hour
		broken.Store(false)
		after(49*time.Hour, 2)
		if set, _ := d.l.Settings(context.Background()); set.Rules != 1 {
			t.Errorf("%d rules hold", set.Rules)
		}
	})
}

// TestC04Blocklist: only the configuration leads into the local network or to a file. A list's address that was set while the daemon ran does
// not, after a restart neither, and nothing of what is no list gets into the log.
func TestC04Blocklist(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		var asked atomic.Int32
		h := w.host() // its address is a private one
		l, err := h.Listen(ctx, "tcp4", "0.0.0.0:80")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			rw.Write([]byte("1.2.3.4\nTOKEN=secret\n"))
		})}
		go srv.Serve(l)
		w.end = append(w.end, func() { srv.Close() })
		file := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(file, []byte("1.2.3.4\nTOKEN=secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		url := "http://" + h.Addr().String() + "/list"
		d := w.daemon()
		d.settings.BlocklistOn = true
		d.start()
		for _, at := range []string{url, file} {
			set, _ := d.l.Settings(ctx)
			set.BlocklistURL = at
			if err := d.l.Set(ctx, set); err != nil {
				t.Fatal(err)
			}
			if n, err := d.l.UpdateBlocklist(ctx); err == nil || asked.Load() > 0 {
				t.Errorf("%s was set: %d rules, asked %d times", at, n, asked.Load())
			}
		}
		d.restart()
		time.Sleep(time.Minute)
		if set, _ := d.l.Settings(ctx); set.Rules != 0 {
			t.Errorf("%d rules of a file after a restart", set.Rules)
		}
		for _, at := range []string{url, file} {
			d.stop()
			d.settings.BlocklistURL = at
			d.start()
			if n, err := d.l.UpdateBlocklist(ctx); err != nil || n != 1 {
				t.Errorf("%s is configured: %d rules, %v", at, n, err)
			}
		}
		lines, err := d.l.Log(ctx, 0)
		if err != nil || !slices.ContainsFunc(lines, func(l status.LogLine) bool { return strings.Contains(l.Text, "line 2: no range") }) {
			t.Errorf("%v %+v", err, lines)
		}
		for _, l := range lines {
			if strings.Contains(l.Text, "secret") {
				t.Errorf("the log has %q", l.Text)
			}
		}
	})
}

// TestFullDisk: a torrent that finds the disk full shows it, is not stopped, and goes on by itself when there is room.
func TestFullDisk(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon().start()
		disk := fsys.NewMem()
		d.folders.dirs["/downloads"] = disk
		disk.SetFree(300 << 10)
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		d.until(time.Minute, "full", func() bool { e := d.entry(s.tor.ID); return e.Phase == status.Failed && e.Err != "" })
		time.Sleep(10 * time.Minute)
		if e := d.entry(s.tor.ID); e.Phase != status.Failed || e.Stopped {
			t.Errorf("%+v", e)
		}
		disk.SetFree(100 << 20)
		d.until(retryLast+2*time.Minute, "go on", func() bool { return d.entry(s.tor.ID).Phase == status.Seeding })
	})
}

// TestHooks: what happens to a torrent is told once, with what is known of it.
func TestHooks(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon()
		d.settings.HookAdded, d.settings.HookDone, d.settings.HookSeeded = []string{"a"}, []string{"d"}, []string{"s"}
		d.settings.SeedTime = time.Hour
		var told []string
		note := func(argv []string, h hooks.Torrent) {
			told = append(told, argv[0]+" "+string(h.Event)+" "+h.Name+" "+h.Dir)
		}
		run := func() {
			d.start()
			d.l.mu.Lock()
			d.l.hook = note
			d.l.mu.Unlock()
		}
		run()
		link := metainfo.Magnet{ID: s.tor.ID, Name: "link", Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		time.Sleep(10 * time.Minute)
		d.stop()
		run()
		time.Sleep(3 * time.Hour)
		d.stop()
		want := []string{"a added link /downloads", "d done file /downloads", "s seeding_done file /downloads"}
		if len(told) != 3 || told[0] != want[0] || told[1] != want[1] || told[2] != want[2] {
			t.Error(told)
		}
	})
}

// TestDefaultTrackers: trackers of the settings are asked for every torrent that is not private, from the moment that they are set.
func TestDefaultTrackers(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		url, asked := w.tracker(10 * time.Minute)
		d := w.daemon().start()
		id := d.add(status.NewTorrent{Source: bare40}).ID
		time.Sleep(time.Minute)
		set, _ := d.l.Settings(ctx)
		set.Trackers = [][]string{{url}}
		if err := d.l.Set(ctx, set); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := asked.Load(); n < 1 { // a scrape may be among them
			t.Errorf("asked %d times", n)
		}
		if e := d.entry(id); len(e.Trackers) != 0 {
			t.Errorf("%+v", e.Trackers)
		}
		if list, err := d.l.Trackers(ctx, id); err != nil || len(list) != 1 || !list[0].Working {
			t.Errorf("%v %+v", err, list)
		}
	})
}
