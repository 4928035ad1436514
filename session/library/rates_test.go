package library

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// TestSeries: bytes fall into the steps in which they moved, none is lost, and what is too old is forgotten.
func TestSeries(t *testing.T) {
	type move struct {
		from, to time.Duration
		down     int64
	}
	const s = time.Second
	for name, tt := range map[string]struct {
		moves []move
		at    time.Duration
		want  string
		moved bool
	}{
		"nothing yet":         {nil, s / 2, "[]", false},
		"younger than wished": {nil, 2 * s, "[0 0]", false},
		"within a step":       {[]move{{s, s + s/2, 10}}, 3 * s, "[0 10 0]", true},
		"over a border":       {[]move{{s / 2, 3*s + s/2, 301}}, 4 * s, "[50 100 100 51]", true},
		"twice in a step":     {[]move{{0, s / 2, 3}, {s / 2, s, 4}}, s, "[7]", true},
		"no time at all":      {[]move{{s, s, 9}}, 2 * s, "[0 9]", true},
		"in the step now":     {[]move{{2 * s, 2*s + 1, 9}}, 2*s + 1, "[0 0]", true},
		"late":                {[]move{{9 * s, 10 * s, 5}, {2 * s, 10 * s, 80}}, 10 * s, "[10 10 10 15]", true},
		"a long rest":         {[]move{{0, s, 5}, {99 * s, 100 * s, 7}}, 100 * s, "[0 0 0 7]", true},
		"long over":           {[]move{{0, s, 5}}, 100 * s, "[0 0 0 0]", false},
		"longer than it is":   {[]move{{0, 100 * s, 1000}}, 100 * s, "[10 10 10 10]", true},
	} {
		t.Run(name, func(t *testing.T) {
			x := newSeries(4, s)
			for _, m := range tt.moves {
				x.add(m.from, m.to, m.down, 2*m.down)
			}
			list, moved := x.last(4, tt.at)
			down := make([]int64, len(list))
			for i, r := range list {
				if down[i] = r.Down; r.Up < 2*r.Down-1 || r.Up > 2*r.Down+1 {
					t.Errorf("step %d: %+v", i, r)
				}
			}
			if got := fmt.Sprint(down); got != tt.want || moved != tt.moved {
				t.Errorf("%s, moved %t, want %s, %t", got, moved, tt.want, tt.moved)
			}
		})
	}
}

// TestRates: a download shows with all its bytes in the history of all and in its own; the one that moves nothing has none, and
// five minutes later nobody has.
func TestRates(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		const size = 20 << 20
		busy, idle := newSample(t, "busy", size, 1), newSample(t, "idle", 1<<20, 2)
		addr := w.seed(busy)
		d := w.daemon().start()
		limit := int64(1 << 20)
		d.add(status.NewTorrent{Metainfo: idle.raw})
		link := metainfo.Magnet{ID: busy.tor.ID, Peers: []string{addr}}
		d.add(status.NewTorrent{Source: link.String(), Change: status.Change{DownLimit: &limit}})
		d.until(2*time.Minute, "download", func() bool { return d.entry(busy.tor.ID).Phase == status.Seeding })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		rates := func(id metainfo.ID) (list []status.Rate, sum int64, step time.Duration) {
			list, step, err := d.l.Rates(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				sum += r.Down * int64(step/time.Second)
				if r.Down > 3*limit {
					t.Errorf("%d bytes a second with a limit of %d", r.Down, limit)
				}
			}
			return list, sum, step
		}
		all, sum, step := rates(metainfo.ID{})
		if step != time.Second || sum < size || sum > size+size/20 || len(all) > 60 {
			t.Errorf("all: %d steps of %v with %d bytes", len(all), step, sum)
		}
		own, sum, step := rates(busy.tor.ID)
		if step != 5*time.Second || sum < size-int64(len(own))*5 || sum > size+size/20 {
			t.Errorf("its own: %d steps of %v with %d bytes", len(own), step, sum)
		}
		if list, _, _ := rates(idle.tor.ID); len(list) != 0 {
			t.Errorf("moved nothing: %v", list)
		}
		if _, _, err := d.l.Rates(ctx, metainfo.ID{V1: metainfo.Hash{1}}); !errors.Is(err, status.ErrUnknown) {
			t.Errorf("no such torrent: %v", err)
		}
		time.Sleep(6 * time.Minute)
		if all, sum, _ = rates(metainfo.ID{}); len(all) != 300 || sum != 0 {
			t.Errorf("all, later: %d steps with %d bytes", len(all), sum)
		}
		d.l.mu.Lock()
		kept := len(d.l.rates.each)
		d.l.mu.Unlock()
		if kept != 0 {
			t.Errorf("%d histories of nothing are kept", kept)
		}
	})
}
