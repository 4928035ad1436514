package session

import (
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
