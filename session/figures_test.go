package session

import (
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

// mbit is a link's rate in bytes a second.
func mbit(n int64) int64 { return n * 1_000_000 / 8 }

// TestFigureSwarm: one seed and 20 leechers on links of 20 Mbit/s and 50 ms:
// all complete, and the seed sends at most two copies.
func TestFigureSwarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pieces, leechers = 200 / fewer, 20
		w := newSim(t, pieces*64<<10, 64<<10)
		defer w.close()
		w.tracker(5 * time.Minute)
		link := simnet.Link{Up: mbit(20), Down: mbit(20), Latency: 25 * time.Millisecond}
		seed := w.node(link).seed()
		time.Sleep(time.Second)
		begun := time.Now()
		var all []*node
		for range leechers {
			n := w.node(link)
			n.start(Add{})
			all = append(all, n)
		}
		for _, n := range all {
			n.wait(10 * time.Minute)
		}
		took := time.Since(begun)
		up := seed.status().UpTotal
		copies := float64(up) / float64(len(w.data))
		least := time.Duration(float64(len(w.data)) / float64(link.Up) * float64(time.Second))
		t.Logf("%d leechers complete in %v, %.2f times the least possible %v; the seed sent %.2f copies",
			leechers, took.Round(time.Millisecond), took.Seconds()/least.Seconds(), least.Round(time.Millisecond), copies)
		if copies > 2 && fewer == 1 {
			t.Errorf("the seed sent %.2f copies, at most 2 are allowed", copies)
		}
	})
}

// TestFigureLongLink: one link of 100 Mbit/s and 100 ms is used to at least 90 %.
func TestFigureLongLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 256<<20/fewer, 1<<20)
		defer w.close()
		link := simnet.Link{Up: mbit(100), Down: mbit(100), Latency: 50 * time.Millisecond}
		seed := w.node(link).seed()
		leech := w.node(link)
		leech.start(Add{Peers: []string{seed.addr()}})
		took := leech.wait(5 * time.Minute)
		used := float64(len(w.data)) / took.Seconds() / float64(link.Up)
		t.Logf("%d MiB over 100 Mbit/s with a round trip of 200 ms in %v: %.1f %% of the link, slow start included",
			len(w.data)>>20, took.Round(time.Millisecond), 100*used)
		if used < 0.9 && fewer == 1 { // a quarter of it is slow start for the larger part
			t.Errorf("%.1f %% of the link used, at least 90 %% are wanted", 100*used)
		}
	})
}

// TestFigureChurn: half of the peers leave and come back; all complete.
func TestFigureChurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const leechers = 20
		w := newSim(t, 200/fewer*64<<10, 64<<10)
		defer w.close()
		w.tracker(time.Minute)
		link := simnet.Link{Up: mbit(20), Down: mbit(20), Latency: 25 * time.Millisecond}
		seed := w.node(link).seed()
		var all []*node
		for range leechers {
			n := w.node(link)
			n.start(Add{})
			all = append(all, n)
		}
		begun := time.Now()
		time.Sleep(4 * time.Second / fewer)
		kept := 0
		for _, n := range all[:leechers/2] {
			n.stop()
		}
		time.Sleep(30 * time.Second)
		for _, n := range all[:leechers/2] {
			n.start(Add{})
			synctest.Wait()
			kept += n.status().PiecesHave
		}
		for _, n := range all {
			n.wait(10 * time.Minute)
		}
		t.Logf("10 of 20 leechers stopped after 4 s and came back after 34 s with %d of %d pieces each on average; all complete after %v; the seed sent %.2f copies",
			kept/(leechers/2), w.tor.Info.NumPieces(), time.Since(begun).Round(time.Millisecond),
			float64(seed.status().UpTotal)/float64(len(w.data)))
	})
}
