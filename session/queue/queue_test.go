package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// parse reads torrents, one a letter: d and s wait to download and to seed, D and S run, T and Z run stalled, f and F are forced
// downloads that wait and run. All began an hour ago; an apostrophe makes that the last minute.
func parse(text string) []Torrent {
	var list []Torrent
	for _, c := range text {
		if c == '\'' {
			list[len(list)-1].Since = start.Add(-time.Minute)
			continue
		}
		list = append(list, Torrent{
			Position: len(list), Seed: strings.ContainsRune("sSZ", c), Forced: strings.ContainsRune("fF", c),
			Running: strings.ContainsRune("DSTZF", c), Stalled: strings.ContainsRune("TZ", c), Since: start.Add(-time.Hour),
		})
	}
	return list
}

func shown(run []bool) string {
	var b strings.Builder
	for _, r := range run {
		b.WriteByte("-x"[map[bool]int{true: 1}[r]])
	}
	return b.String()
}

func TestQ01Decide(t *testing.T) {
	hold := start.Add(9 * time.Minute)
	for _, c := range []struct {
		name, list       string
		downloads, seeds int
		want             string
		next             time.Time
	}{
		{"nothing", "", 1, 1, "", time.Time{}},
		{"no limits", "dsdsD", 0, 0, "xxxxx", time.Time{}},
		{"in order", "dddd", 2, 0, "xx--", time.Time{}},
		{"two kinds", "dsdsdsds", 1, 2, "xx-x----", time.Time{}},
		{"forced run beside", "fdFd", 1, 0, "xxx-", time.Time{}},
		{"stalled take no place", "TTdd", 1, 0, "xxx-", time.Time{}},
		{"stalled seeds", "ZsZs", 0, 1, "xxx-", time.Time{}},
		{"order counts once the hold is over", "dD", 1, 0, "x-", time.Time{}},
		{"and within it does not, nor is the limit exceeded", "dD'", 1, 0, "-x", hold},
		{"one that came back lets the other one run on", "D'D'", 1, 0, "xx", hold},
		{"until its hold is over", "D'D", 1, 0, "x-", time.Time{}},
		{"nobody follows into a place that is held twice", "DD'dd", 1, 0, "xx--", hold},
		{"a lower limit", "DDD", 1, 0, "x--", time.Time{}},
		{"a negative limit is none", "ddss", -1, -1, "xxxx", time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run, next := Decide(start, parse(c.list), Limits{c.downloads, c.seeds, Hold}, nil)
			if got := shown(run); got != c.want || !next.Equal(c.next) {
				t.Errorf("%s: %s, next %v; want %s, %v", c.list, got, next, c.want, c.next)
			}
			// Without a hold the order alone counts.
			run, next = Decide(start, parse(c.list), Limits{c.downloads, c.seeds, 0}, run)
			if got := shown(run); got == c.want != c.next.IsZero() && c.list != "D'D" || !next.IsZero() {
				t.Errorf("%s without a hold: %s, next %v", c.list, got, next)
			}
		})
	}
}

// TestQ01Properties: whatever the list, the limits hold for those that do not run yet, and nobody within its hold is stopped.
func TestQ01Properties(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var run []bool
	for range 3000 {
		list := make([]Torrent, rnd.IntN(40))
		for i := range list {
			list[i] = Torrent{Position: rnd.IntN(30), Seed: rnd.IntN(2) == 0, Forced: rnd.IntN(8) == 0, Running: rnd.IntN(2) == 0,
				Stalled: rnd.IntN(3) == 0, Since: start.Add(-time.Duration(rnd.IntN(20)) * time.Minute)}
		}
		lim := Limits{rnd.IntN(6), rnd.IntN(6), Hold}
		var next time.Time
		run, next = Decide(start, list, lim, run)
		for _, seed := range []bool{false, true} {
			places := map[bool]int{false: lim.Downloads, true: lim.Seeds}[seed]
			taken, begun, waiting := 0, 0, 0
			for i, x := range list {
				if x.Seed != seed {
					continue
				}
				free := x.Forced || x.Running && x.Stalled
				switch {
				case free && !run[i]:
					t.Fatalf("%+v needs no place and waits", x)
				case free:
				case run[i]:
					taken++
					if !x.Running {
						begun++
					}
				case x.Running && start.Sub(x.Since) < Hold:
					t.Fatalf("%+v was stopped within its hold", x)
				default:
					waiting++
				}
			}
			if places == 0 && waiting > 0 || places > 0 && (begun > 0 && taken > places || waiting > 0 && taken < places) {
				t.Fatalf("%d places, %d taken, %d of them now, %d wait: %+v", places, taken, begun, waiting, list)
			}
		}
		if !next.IsZero() && (!next.After(start) || next.After(start.Add(Hold))) {
			t.Fatalf("next is %v", next.Sub(start))
		}
		// Decided again at once, with what was decided, nothing changes.
		again := slices.Clone(list)
		for i := range again {
			if run[i] && !list[i].Running {
				again[i].Since, again[i].Stalled = start, false
			}
			again[i].Running = run[i]
		}
		if same, _ := Decide(start, again, lim, nil); !slices.Equal(same, run) {
			t.Fatalf("decided twice: %s, then %s: %+v", shown(run), shown(same), list)
		}
	}
}

// TestQ01Flapping: a torrent that stalls and comes back every minute for a day does not stop others again and again.
func TestQ01Flapping(t *testing.T) {
	list := parse("DD")
	changes, run := 0, []bool(nil)
	for minute := range 24 * 60 {
		now := start.Add(time.Duration(minute) * time.Minute)
		if stalled := minute%2 == 0; list[0].Stalled != stalled {
			if list[0].Stalled = stalled; !stalled {
				list[0].Since = now
			}
		}
		run, _ = Decide(now, list, Limits{1, 0, Hold}, run)
		for i := range list {
			if run[i] != list[i].Running {
				changes++
				list[i].Running, list[i].Since = run[i], now
			}
		}
		if !run[0] {
			t.Fatal("the first of the queue waits")
		}
	}
	if most := 2 * 24 * 60 / int(Hold/time.Minute); changes > most {
		t.Errorf("%d changes in a day, want %d at most", changes, most)
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rnd := rand.New(rand.NewPCG(3, 4))
			list := make([]Torrent, n)
			for i, p := range rnd.Perm(n) {
				list[i] = Torrent{Position: p, Seed: i%3 > 0, Running: i%5 == 0, Stalled: i%7 == 0, Since: start}
			}
			var run []bool
			for b.Loop() {
				run, _ = Decide(start, list, Limits{10, 100, Hold}, run)
			}
		})
	}
}
