package session

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/tracker"
)

// TestH08TrackerHangs: a tracker that answers the first announce and then hangs keeps
// nobody from leaving within 3 s.
func TestH08TrackerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		h := w.host(simnet.Link{})
		l, err := h.Listen(t.Context(), "tcp4", "0.0.0.0:8000")
		if err != nil {
			t.Fatal(err)
		}
		var hung atomic.Int32
		good := tracker.NewServer(time.Minute)
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("event") == "stopped" {
				hung.Add(1)
				<-r.Context().Done()
				return
			}
			good.ServeHTTP(rw, r)
		})}
		go srv.Serve(l)
		defer srv.Close()
		w.tor.Trackers = [][]string{{"http://" + h.Addr().String() + ":8000/announce"}}
		n := w.node(quick).seed()
		time.Sleep(10 * time.Second)
		begun := time.Now()
		n.stop()
		took := time.Since(begun)
		t.Logf("quit in %v although the tracker hangs", took)
		if took > 3*time.Second || hung.Load() != 1 {
			t.Errorf("quit took %v, at most 3 s are allowed; %d stopped announces", took, hung.Load())
		}
	})
}

// TestStopTellsTracker: whoever leaves in order is not named to others any more.
func TestStopTellsTracker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		seed := w.node(quick).seed()
		time.Sleep(time.Second)
		seed.stop()
		n := w.node(quick)
		n.start(Add{})
		time.Sleep(time.Second)
		st, err := n.s.Trackers(t.Context(), w.tor.ID)
		if err != nil || len(st) != 1 || !st[0].Working || st[0].Complete != 0 {
			t.Errorf("trackers %+v, %v; the seed has left", st, err)
		}
	})
}

// TestStopWhileBusy: a session that transfers, dials and announces ends at once.
func TestStopWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 8<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		seed := w.node(quick).seed()
		silent := w.host(quick) // nobody listens there
		silent.Down()
		n := w.node(quick)
		n.start(Add{Peers: []string{seed.addr(), silent.Addr().String() + ":7000"}})
		time.Sleep(300 * time.Millisecond)
		begun := time.Now()
		n.stop()
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestNothingAfterTheEnd: what is asked of a session that has ended is answered, with an error.
func TestNothingAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, w *sim, seed *node) {
		seed.stop()
		if _, err := seed.s.Add(context.Background(), Add{Torrent: w.tor, Folder: seed.disk}); err == nil {
			t.Error("Add after the end must fail")
		}
		if err := seed.s.Pause(context.Background(), w.tor.ID); err == nil {
			t.Error("Pause after the end must fail")
		}
		if err := seed.s.SetSequential(context.Background(), w.tor.ID, true); !errors.Is(err, ErrStopped) {
			t.Errorf("SetSequential after the end: %v", err)
		}
		if _, err := seed.s.Peers(context.Background(), w.tor.ID); err != nil {
			t.Errorf("Peers after the end: %v", err)
		}
		if _, err := net.ResolveTCPAddr("tcp", seed.addr()); err != nil {
			t.Error(err)
		}
	})
}
