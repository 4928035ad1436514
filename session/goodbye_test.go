package session

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/tracker"
)

// TestBackBeforeGone: a torrent that goes on at once is known to its tracker, however late that hears of the stop.
func TestBackBeforeGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		h := w.host(simnet.Link{})
		l, err := h.Listen(t.Context(), "tcp4", "0.0.0.0:8000")
		if err != nil {
			t.Fatal(err)
		}
		good := tracker.NewServer(30 * time.Minute)
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("event") == "stopped" {
				time.Sleep(time.Second) // its way was longer
			}
			good.ServeHTTP(rw, r)
		})}
		go srv.Serve(l)
		defer srv.Close()
		w.tor.Trackers = [][]string{{"http://" + h.Addr().String() + ":8000/announce"}}
		seed := w.node(quick).seed()
		ctx, id := t.Context(), w.tor.ID
		for _, verb := range []func() error{
			func() error { return errors.Join(seed.s.Pause(ctx, id), seed.s.Resume(ctx, id)) },
			func() error { return seed.s.Verify(ctx, id) },
			func() error { return seed.s.Rename(ctx, id, "file.bin", "other.bin") },
		} {
			time.Sleep(10 * time.Second)
			if err := verb(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			n := w.node(quick)
			n.start(Add{})
			n.wait(5 * time.Second)
			n.stop()
		}
	})
}
