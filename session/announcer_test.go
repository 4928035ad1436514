package session

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/metainfo"
)

// TestSilentTrackers: many torrents with UDP trackers that never answer do not hold up one whose tracker does.
func TestSilentTrackers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		good := w.tor.Trackers
		silent := w.host(simnet.Link{})
		n := w.node(quick)
		n.start(Add{})
		for i := range 3 * maxAnnounces {
			tor := *w.tor
			tor.ID = metainfo.ID{V1: metainfo.Hash{1, byte(i)}}
			tor.Trackers = [][]string{{"udp://" + silent.Addr().String() + ":7000/announce"}}
			if _, err := n.s.Add(t.Context(), Add{Torrent: &tor, Folder: n.disk}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		last := *w.tor
		last.ID = metainfo.ID{V1: metainfo.Hash{2}}
		last.Trackers = good
		if _, err := n.s.Add(t.Context(), Add{Torrent: &last, Folder: n.disk}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		st, err := n.s.Trackers(t.Context(), last.ID)
		if err != nil || len(st) != 1 || !st[0].Working {
			t.Errorf("after 2 s: %+v %v", st, err)
		}
		begun := time.Now()
		n.stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestScrape: who looks at the trackers sees what a scrape says; nobody is scraped more often than each 15 minutes.
func TestScrape(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		h := w.host(simnet.Link{})
		l, err := h.Listen(t.Context(), "tcp4", "0.0.0.0:8000")
		if err != nil {
			t.Fatal(err)
		}
		var scrapes atomic.Int32
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/scrape" {
				scrapes.Add(1)
				fmt.Fprintf(rw, "d5:filesd20:%sd8:completei%de10:downloadedi9e10:incompletei7eeee", r.URL.Query().Get("info_hash"), 4+scrapes.Load())
				return
			}
			fmt.Fprint(rw, "d8:intervali3600e5:peers0:e")
		})}
		go srv.Serve(l)
		defer srv.Close()
		w.tor.Trackers = [][]string{{"http://" + h.Addr().String() + ":8000/announce"}}
		n := w.node(quick).seed()
		time.Sleep(time.Hour)
		if got := scrapes.Load(); got != 0 {
			t.Errorf("%d scrapes that nobody asked for", got)
		}
		for range 3600 {
			if _, err := n.s.Trackers(t.Context(), w.tor.ID); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		st, _ := n.s.Trackers(t.Context(), w.tor.ID)
		if got := scrapes.Load(); got != 4 || len(st) != 1 || st[0].Complete != 8 || st[0].Incomplete != 7 {
			t.Errorf("%d scrapes in an hour, trackers %+v", got, st)
		}
	})
}
