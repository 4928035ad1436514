package library

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
	"shoal/tracker"
)

// tracker starts a tracker with this interval, and counts what it is asked.
func (w *world) tracker(interval time.Duration) (url string, asked *atomic.Int64) {
	w.t.Helper()
	h := w.host()
	l, err := h.Listen(context.Background(), "tcp4", "0.0.0.0:8000")
	if err != nil {
		w.t.Fatal(err)
	}
	asked = new(atomic.Int64)
	inner := tracker.NewServer(interval)
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		inner.ServeHTTP(rw, r)
	})}
	go srv.Serve(l)
	w.end = append(w.end, func() { srv.Close() })
	return "http://" + h.Addr().String() + ":8000/announce", asked
}

// TestR07Clock: the wall's clock is set by ten years, or the machine slept for a night: nothing is counted that was not, no goal
// is reached by it, changes are reported, and the tracker is asked when it is its time.
func TestR07Clock(t *testing.T) {
	for name, jump := range map[string]time.Duration{"R07 back": -10 * 365 * 24 * time.Hour, "R07 forward": 10 * 365 * 24 * time.Hour, "R08 slept": 8 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				ctx := context.Background()
				s := newSample(t, "file", 1<<20, 1)
				addr := w.seed(s)
				url, asked := w.tracker(10 * time.Minute)
				d := w.daemon()
				var offset atomic.Int64
				d.wall = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
				d.settings.Idle = 4 * time.Hour
				d.start()
				link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}, Trackers: []string{url}}
				d.add(status.NewTorrent{Source: link.String()})
				time.Sleep(time.Hour)
				before, stamp := asked.Load(), d.entry(s.tor.ID).Changed
				offset.Store(int64(jump))
				time.Sleep(time.Hour)
				e := d.entry(s.tor.ID)
				if n := asked.Load() - before; n < 5 || n > 8 {
					t.Errorf("asked %d times in an hour, after %d times in the hour before", n, before)
				}
				if e.Stopped || e.Phase != status.Seeding || e.Seeding < 119*time.Minute || e.Seeding > 121*time.Minute || e.Downloading > time.Minute {
					t.Errorf("%+v", e)
				}
				sum, _ := d.l.Totals(ctx)
				if a := sum.Now.Active; a < 2*time.Hour || a > 121*time.Minute || sum.Ever.Active != a {
					t.Errorf("%+v", sum)
				}
				if err := d.l.Stop(ctx, s.tor.ID); err != nil {
					t.Fatal(err)
				}
				if list, _, _ := d.l.Entries(ctx, stamp); len(list) != 1 {
					t.Errorf("%+v", list)
				}
				d.restart()
				if e := d.entry(s.tor.ID); e.Seeding < 119*time.Minute || e.Seeding > 121*time.Minute || !e.Stopped {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

// TestTotals: bytes, torrents, starts and time add up over restarts.
func TestTotals(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		s := newSample(t, "file", 1<<20, 1)
		addr := w.seed(s)
		d := w.daemon().start()
		link := metainfo.Magnet{ID: s.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String()})
		time.Sleep(time.Hour)
		d.restart()
		d.add(status.NewTorrent{Source: bare40, Stopped: true})
		time.Sleep(time.Hour)
		got, err := d.l.Totals(ctx)
		if err != nil || got.Now.Down != 0 || got.Ever.Down != 1<<20 || got.Now.Added != 1 || got.Ever.Added != 2 || got.Now.Starts != 1 || got.Ever.Starts != 2 ||
			got.Running != 1 || got.Stopped != 1 || got.Now.Active < time.Hour || got.Ever.Active < 2*time.Hour || got.Ever.Active > 121*time.Minute {
			t.Errorf("%+v", got)
		}
	})
}
