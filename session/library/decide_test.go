package library

import (
	"testing"
	"time"

	"shoal/session/goals"
	"shoal/session/queue"
)

// TestDecide: what is done with one torrent beside others, by where it is and what was asked for.
func TestDecide(t *testing.T) {
	now := time.Now()
	download := func(pos int, running bool) queue.Torrent {
		return queue.Torrent{Position: pos, Running: running, Since: now}
	}
	seeded := goals.Torrent{Complete: true, Seeding: time.Hour}
	for _, c := range []struct {
		name string
		f    facts
		act  act
		wait bool
	}{
		{"cold", facts{place: cold}, open, false},
		{"cold and stopped", facts{place: cold, stopped: true}, leave, false},
		{"runs", facts{place: live, queue: queue.Torrent{Running: true}}, leave, false},
		{"runs and is stopped", facts{place: live, stopped: true}, pause, false},
		{"stands and is stopped", facts{place: live, stopped: true, paused: true}, leave, false},
		{"stands and may run", facts{place: live, paused: true}, resume, false},
		{"is being opened", facts{place: opening}, leave, false},
		{"could not be opened", facts{place: failed, again: now.Add(time.Second)}, leave, false},
		{"could not be opened a while ago", facts{place: failed, again: now}, open, false},
		{"failed for good", facts{place: live, failed: true, paused: true}, leave, false},
		{"failed and may try again", facts{place: live, paused: true, again: now}, resume, false},
		{"failed and may try again later", facts{place: live, paused: true, again: now.Add(1)}, leave, false},
		{"has seeded enough", facts{place: live, goal: seeded, queue: queue.Torrent{Seed: true, Running: true}}, finish, false},
		{"has seeded enough, but is forced", facts{place: live, goal: seeded, queue: queue.Torrent{Seed: true, Running: true, Forced: true}}, leave, false},
		{"has seeded enough and is stopped", facts{place: live, goal: seeded, stopped: true, paused: true}, leave, false},
		{"is to be checked", facts{place: cold, stopped: true, recheck: true}, check, false},
		{"waits for its turn", facts{place: cold, queue: download(5, false)}, leave, true},
		{"waits, and stands", facts{place: live, paused: true, queue: download(5, false)}, leave, true},
		{"is forced", facts{place: cold, queue: queue.Torrent{Position: 5, Forced: true}}, open, false},
	} {
		var o orders
		all := []facts{c.f}
		if c.f.queue.Position == 5 {
			all = append(all, facts{place: live, queue: download(1, true)})
		}
		for range 2 { // it uses again what it has
			o.decide(now, len(all), func(i int) facts { return all[i] }, 0, queue.Limits{Downloads: 1, Seeds: 1}, goals.Defaults{SeedTime: time.Hour})
		}
		if o.acts[0] != c.act || o.wait[0] != c.wait {
			t.Errorf("%s: %v, waits %v", c.name, o.acts[0], o.wait[0])
		}
	}
	// No more are checked at a time than that.
	var o orders
	all := []facts{{place: live, recheck: true}, {place: live}, {place: live, recheck: true}, {place: cold, recheck: true}}
	o.decide(now, len(all), func(i int) facts { return all[i] }, 1, queue.Limits{}, goals.Defaults{})
	if o.acts[0] != check || o.acts[2] != leave || o.acts[3] != leave {
		t.Error(o.acts)
	}
}
