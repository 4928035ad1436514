package session

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/simnet"
	"shoal/metainfo"
)

// fair reports how far the least and the most lie from the mean, in percent.
func fair(t *testing.T, what string, got []int64) {
	t.Helper()
	sum := int64(0)
	for _, n := range got {
		sum += n
	}
	mean := float64(sum) / float64(len(got))
	low, high := 100*float64(slices.Min(got))/mean-100, 100*float64(slices.Max(got))/mean-100
	t.Logf("%s: %d connections, %.0f KiB each on average, the least %+.1f %%, the most %+.1f %%", what, len(got), mean/1024, low, high)
	if low < -10 || high > 10 {
		t.Errorf("%s: from %+.1f %% to %+.1f %% of the mean, 10 %% are allowed", what, low, high)
	}
}

// TestFigureFairUploads: 50 connections that share an upload limit get the same within 10 %.
func TestFigureFairUploads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 64<<20, 256<<10)
		defer w.close()
		seed := w.node(simnet.Link{Up: 20 << 20, Down: 20 << 20, Latency: 20 * time.Millisecond})
		seed.cfg.Limits.Up, seed.cfg.Limits.Slots, seed.cfg.NoPex = 1<<20, 50, true // the others are not to meet
		put(t, seed.disk, "file.bin", w.data)
		seed.start(Add{Seed: true, Trust: true, NoSuperSeed: true})
		var all []*node
		for range 50 / fewer {
			n := w.node(simnet.Link{Up: 4 << 10, Down: 1 << 20, Latency: 20 * time.Millisecond})
			n.cfg.Limits.Up = 1 // only what comes from the seed counts
			n.start(Add{Peers: []string{seed.addr()}})
			all = append(all, n)
		}
		time.Sleep(30 * time.Second)
		got := make([]int64, len(all))
		for i, n := range all {
			got[i] = -n.status().DownTotal
		}
		time.Sleep(90 * time.Second)
		for i, n := range all {
			got[i] += n.status().DownTotal
		}
		fair(t, "one torrent, upload limit of 1 MiB/s", got)
	})
}

// TestFigureFairTorrents: 50 torrents with a connection each share a limit alike within 10 %, in each direction. All
// peers are in the same private network, which is no exception.
func TestFigureFairTorrents(t *testing.T) {
	t.Parallel()
	for _, up := range []bool{true, false}[:min(2, 4/fewer)] {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 16<<20, 256<<10)
			defer w.close()
			link := simnet.Link{Up: 20 << 20, Down: 20 << 20, Latency: 20 * time.Millisecond}
			from, to := w.node(link), w.node(link)
			what := "download"
			if up {
				what, from.cfg.Limits.Up = "upload", 1<<20
				from.cfg.Limits.Slots = 100
			} else {
				to.cfg.Limits.Down = 1 << 20
			}
			put(t, from.disk, "file.bin", w.data)
			// The content is the same, the files are not: each torrent has its folder.
			from.start(Add{Seed: true, Trust: true, NoSuperSeed: true})
			to.start(Add{Peers: []string{from.addr()}})
			for i := range 50/fewer - 1 {
				tor := *w.tor
				tor.ID = metainfo.ID{V1: metainfo.Hash{9, byte(i)}}
				if _, err := from.s.Add(t.Context(), Add{Torrent: &tor, Folder: from.disk, Seed: true, Trust: true, NoSuperSeed: true}); err != nil {
					t.Fatal(err)
				}
				if _, err := to.s.Add(t.Context(), Add{Torrent: &tor, Folder: newDisk(), Peers: []string{from.addr()}}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(30 * time.Second)
			first, _ := to.s.Torrents(t.Context())
			time.Sleep(90 * time.Second)
			second, _ := to.s.Torrents(t.Context())
			got := make([]int64, len(first))
			for i := range first {
				got[i] = second[i].DownTotal - first[i].DownTotal
			}
			fair(t, "50 torrents, "+what+" limit of 1 MiB/s", got)
		})
	}
}

func newDisk() *fsys.Mem { return fsys.NewMem() }
