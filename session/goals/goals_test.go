package goals

import (
	"math"
	"testing"
	"time"

	"shoal/status"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ratio(mode status.GoalMode, v float64) status.Goal[float64] {
	return status.Goal[float64]{Mode: mode, Value: v}
}

func span(mode status.GoalMode, v time.Duration) status.Goal[time.Duration] {
	return status.Goal[time.Duration]{Mode: mode, Value: v}
}

func TestQ03Reached(t *testing.T) {
	own, none := status.GoalOwn, status.GoalNone
	hour := now.Add(-time.Hour)
	for _, c := range []struct {
		name string
		t    Torrent
		d    Defaults
		want Which
		next time.Duration // 0 for never
	}{
		{"no goals", Torrent{Wanted: 10, Up: 1000, Begun: hour}, Defaults{}, None, 0},
		{"ratio of the settings", Torrent{Wanted: 10, Up: 20}, Defaults{Ratio: 2}, ByRatio, 0},
		{"ratio not yet, nothing flows", Torrent{Wanted: 10, Up: 19}, Defaults{Ratio: 2}, None, 0},
		{"ratio in a while", Torrent{Wanted: 1000, Up: 0, Rate: 50}, Defaults{Ratio: 2}, None, 20 * time.Second},
		{"ratio soon", Torrent{Wanted: 1000, Up: 1999, Rate: 50}, Defaults{Ratio: 2}, None, time.Second},
		{"ratio in ages", Torrent{Wanted: 1 << 62, Rate: 1}, Defaults{Ratio: 1e300}, None, time.Minute},
		{"more was received than it has", Torrent{Wanted: 10, Down: 20, Up: 20}, Defaults{Ratio: 2}, None, 0},
		{"none against the settings", Torrent{Wanted: 10, Up: 20, Ratio: ratio(none, 1)}, Defaults{Ratio: 2}, None, 0},
		{"its own against the settings", Torrent{Wanted: 10, Up: 20, Ratio: ratio(own, 3)}, Defaults{Ratio: 2}, None, 0},
		{"its own", Torrent{Wanted: 10, Up: 5, Ratio: ratio(own, .5)}, Defaults{}, ByRatio, 0},
		{"its own of nothing", Torrent{Wanted: 10, Ratio: ratio(own, 0)}, Defaults{Ratio: 2}, ByRatio, 0},
		{"infinite", Torrent{Wanted: 10, Up: 1 << 62, Rate: 1, Ratio: ratio(own, math.Inf(1))}, Defaults{Ratio: 2}, None, 0},
		{"no number", Torrent{Wanted: 10, Up: 1 << 62, Ratio: ratio(own, math.NaN())}, Defaults{}, None, 0},
		{"negative", Torrent{Wanted: 10, Up: 1 << 62, Ratio: ratio(own, -1), SeedTime: span(own, -1), Idle: span(own, -1)}, Defaults{}, None, 0},
		{"negative settings", Torrent{Wanted: 10, Up: 1 << 62}, Defaults{-1, -1, -1}, None, 0},
		{"sent, of nothing", Torrent{Up: 1}, Defaults{Ratio: 2}, ByRatio, 0},
		{"nothing of nothing", Torrent{Rate: 1}, Defaults{Ratio: 2}, None, time.Minute},
		{"idle since it began", Torrent{Begun: hour}, Defaults{Idle: time.Hour}, ByIdle, 0},
		{"idle since payload went", Torrent{Begun: hour, Active: now.Add(-time.Minute)}, Defaults{Idle: time.Hour}, None, 59 * time.Minute},
		{"added complete, long after it was active", Torrent{Begun: now, Active: hour}, Defaults{Idle: time.Hour}, None, time.Hour},
		{"the clock was set back", Torrent{Begun: now.Add(time.Hour)}, Defaults{Idle: time.Hour}, None, time.Hour},
		{"idle of its own", Torrent{Begun: hour, Idle: span(own, 2*time.Hour)}, Defaults{Idle: time.Minute}, None, time.Hour},
		{"idle none", Torrent{Begun: hour, Idle: span(none, 0)}, Defaults{Idle: time.Minute}, None, 0},
		{"time", Torrent{Seeding: time.Hour, Begun: now}, Defaults{SeedTime: time.Hour}, BySeedTime, 0},
		{"time to come", Torrent{Seeding: time.Hour, Begun: now}, Defaults{SeedTime: 90 * time.Minute}, None, 30 * time.Minute},
		{"time of its own", Torrent{Seeding: time.Hour, SeedTime: span(own, 0)}, Defaults{}, BySeedTime, 0},
		{"the first of several to come", Torrent{Wanted: 1 << 40, Rate: 1, Begun: now, Seeding: 1}, Defaults{Ratio: 1, Idle: 20 * time.Second, SeedTime: time.Hour}, None, 20 * time.Second},
		{"one of several", Torrent{Wanted: 10, Begun: now, Seeding: time.Hour}, Defaults{Ratio: 1, Idle: time.Hour, SeedTime: time.Hour}, BySeedTime, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Reached(now, c.t, c.d); got != (Answer{}) {
				t.Errorf("%+v before it is complete", got)
			}
			c.t.Complete = true
			got := Reached(now, c.t, c.d)
			if got.Reached != c.want || got.Next.IsZero() != (c.next == 0) || c.next > 0 && got.Next.Sub(now) != c.next {
				t.Errorf("%v, next in %v; want %v, %v", got.Reached, got.Next.Sub(now), c.want, c.next)
			}
		})
	}
}

// TestQ03Next: who asks when it is told to hears of a goal within a second or a fiftieth of the time after it was reached.
func TestQ03Next(t *testing.T) {
	for _, rate := range []int64{1, 1000, 1 << 30} {
		at, x := now, Torrent{Complete: true, Wanted: 1 << 20, Rate: rate}
		asked := 0
		for {
			a := Reached(at, x, Defaults{Ratio: 1.5})
			if a.Reached == ByRatio {
				break
			}
			if asked++; asked > 1<<16 || !a.Next.After(at) {
				t.Fatalf("at %d B/s: asked %d times, next %v", rate, asked, a.Next)
			}
			x.Up += int64(a.Next.Sub(at).Seconds() * float64(rate))
			at = a.Next
		}
		exact := float64(3<<19) / float64(rate)
		if took := at.Sub(now).Seconds(); took < exact-1 || took > exact*1.02+1 {
			t.Errorf("at %d B/s: told after %.0f s, reached after %.0f s", rate, took, exact)
		}
	}
}
