package tracker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var errDown = errors.New("connection refused")

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func newSchedule(tiers ...string) *Schedule {
	var all [][]string
	for _, t := range tiers {
		all = append(all, strings.Fields(t))
	}
	return NewSchedule(all, rand.New(rand.NewPCG(1, 2)))
}

// ask advances to the next announce and answers it.
func ask(t *testing.T, s *Schedule, now *time.Time, answer func(Request) (Reply, error)) Request {
	t.Helper()
	at := s.Next()
	if at.IsZero() {
		t.Fatal("nothing will ever be due")
	}
	if at.After(*now) {
		*now = at
	}
	due := s.Due(*now)
	if len(due) != 1 {
		t.Fatalf("at %v: %d requests due", *now, len(due))
	}
	if n := s.Next(); !n.IsZero() && n.Before(now.Add(overtake)) || s.Due(*now) != nil {
		t.Fatal("a second announce while one has just begun")
	}
	r, err := answer(due[0])
	s.Done(*now, due[0].URL, r, err)
	return due[0]
}

func works(Request) (Reply, error) { return Reply{Interval: 30 * time.Minute}, nil }
func fails(Request) (Reply, error) { return Reply{}, errDown }

func only(urls ...string) func(Request) (Reply, error) {
	return func(r Request) (Reply, error) {
		if slices.Contains(urls, r.URL) {
			return works(r)
		}
		return fails(r)
	}
}

func TestScheduleFallsBackAndPromotes(t *testing.T) {
	s, now := newSchedule("a", "b c", "d"), epoch
	up := only("b", "d")
	var asked []string
	for len(asked) == 0 || asked[len(asked)-1] != "b" {
		r := ask(t, s, &now, up)
		if r.Event != Started {
			t.Errorf("%s was told %q first", r.URL, r.Event)
		}
		asked = append(asked, r.URL)
	}
	if asked[0] != "a" || len(asked) > 3 || slices.Contains(asked, "d") {
		t.Errorf("asked %v; want a, then tier 2 until b answers", asked)
	}
	if d := now.Sub(epoch); d > 3*time.Second {
		t.Errorf("the first working tracker was reached after %v", d)
	}
	st := s.States()
	if st[1].URL != "b" || !st[1].Working || st[0].Err != errDown.Error() {
		t.Errorf("states %+v; want b working at the front of its tier, a with an error", st)
	}
	// At the next interval a is tried again, since it stands first, and then b at once.
	first, second := ask(t, s, &now, up), ask(t, s, &now, up)
	if first.URL != "a" || first.Event != Started || second.URL != "b" || second.Event != None {
		t.Errorf("asked %v, %v", first, second)
	}
	if d := now.Sub(epoch); d < 30*time.Minute || d > 31*time.Minute {
		t.Errorf("second round after %v, want 30 min", d)
	}
	// a has failed twice by now and is passed over for an hour.
	if r := ask(t, s, &now, up); r.URL != "b" {
		t.Errorf("asked %v although it failed twice within the hour", r)
	}
}

func TestScheduleEvents(t *testing.T) {
	s, now := newSchedule("a b"), epoch
	reply := func(Request) (Reply, error) { return Reply{Interval: time.Hour, TrackerID: "tid"}, nil }
	first := ask(t, s, &now, reply)
	now = now.Add(time.Minute)
	s.Completed(now)
	done := ask(t, s, &now, reply)
	if done != (Request{first.URL, Completed, "tid"}) || now != epoch.Add(time.Minute) {
		t.Errorf("at %v: %+v; want completed at once", now, done)
	}
	if r := ask(t, s, &now, reply); r.Event != None {
		t.Errorf("completed was announced twice: %+v", r)
	}
	// The other tracker never heard of us, so it gets neither completed nor stopped.
	if got := s.Stop(); len(got) != 1 || got[0] != (Request{first.URL, Stopped, "tid"}) {
		t.Errorf("stopped: %+v", got)
	}
	if got := s.Stop(); got != nil || !s.Next().IsZero() {
		t.Errorf("after Stop: %+v, next %v", got, s.Next())
	}
}

func TestScheduleCompletedDuringStarted(t *testing.T) {
	for _, fail := range []bool{false, true} {
		s, now := newSchedule("a"), epoch
		ask(t, s, &now, func(r Request) (Reply, error) {
			s.Completed(now)
			if fail {
				return fails(r)
			}
			return works(r)
		})
		// Whoever did not hear of us before the end gets started only.
		want := []Event{Completed, None}
		if fail {
			want = []Event{Started, None}
		}
		for _, ev := range want {
			if r := ask(t, s, &now, works); r.Event != ev {
				t.Errorf("fail=%v: got %q, want %q", fail, r.Event, ev)
			}
		}
	}
}

func TestScheduleNeedPeers(t *testing.T) {
	for _, c := range []struct{ min, want time.Duration }{{0, 5 * time.Minute}, {2 * time.Minute, 2 * time.Minute}, {time.Nanosecond, time.Minute}} {
		s, now := newSchedule("a"), epoch
		ask(t, s, &now, func(Request) (Reply, error) {
			return Reply{Interval: time.Hour, MinInterval: c.min}, nil
		})
		s.NeedPeers(now)
		if got := s.Next().Sub(epoch); got != c.want {
			t.Errorf("minimum %v: early announce after %v, want %v", c.min, got, c.want)
		}
		s.Retry(now)
		if got := s.Next().Sub(epoch); got != c.want {
			t.Errorf("minimum %v: retry after %v, want %v", c.min, got, c.want)
		}
	}
}

func TestScheduleGivesUp(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("x: %w", &Failure{Reason: "gone", Retry: -1}),
		fmt.Errorf("x: %w", ErrUnsupported),
	} {
		s, now := newSchedule("a", "b"), epoch
		ask(t, s, &now, func(Request) (Reply, error) { return Reply{}, err })
		for range 5 {
			if r := ask(t, s, &now, fails); r.URL != "b" {
				t.Errorf("after %v: asked %s again", err, r.URL)
			}
		}
		ask(t, s, &now, func(Request) (Reply, error) { return Reply{}, err })
		if !s.Next().IsZero() {
			t.Errorf("next is %v with no tracker left", s.Next())
		}
	}
}

// TestSchedulePassesUnsupportedQuickly: a torrent with many trackers of another
// kind reaches its only usable one without long pauses.
func TestSchedulePassesUnsupportedQuickly(t *testing.T) {
	s, now := newSchedule("u1", "u2 u3 u4", "u5", "down", "u6", "u7", "http"), epoch
	for range 9 {
		r := ask(t, s, &now, func(r Request) (Reply, error) {
			switch {
			case r.URL == "http":
				return works(r)
			case r.URL == "down":
				return fails(r)
			}
			return Reply{}, ErrUnsupported
		})
		if r.URL == "http" {
			break
		}
	}
	if st := s.States(); !st[len(st)-1].Working || now.Sub(epoch) > 8*time.Second {
		t.Errorf("after %v: %+v", now.Sub(epoch), st)
	}
}

func TestScheduleCancelledIsNoFailure(t *testing.T) {
	s, now := newSchedule("a", "b"), epoch
	ask(t, s, &now, func(Request) (Reply, error) { return Reply{}, context.Canceled })
	if r := ask(t, s, &now, works); r.URL != "a" || r.Event != Started {
		t.Errorf("asked %v", r)
	}
}

// TestScheduleSilentTrackers: trackers that say nothing for a minute hold up the
// next one for seconds, and their late outcomes do not disturb the one that answered.
func TestScheduleSilentTrackers(t *testing.T) {
	s := newSchedule("a", "b", "c", "d")
	now := epoch
	var asked []string
	for now.Sub(epoch) < 16*time.Second {
		for _, r := range s.Due(now) {
			asked = append(asked, fmt.Sprint(r.URL, now.Sub(epoch)))
		}
		now = now.Add(time.Second)
	}
	if got := strings.Join(asked, " "); got != "a0s b5s c10s d15s" {
		t.Fatalf("asked %s", got)
	}
	s.Done(now, "c", Reply{Interval: 30 * time.Minute}, nil)
	if got := s.Next().Sub(now); got != 30*time.Minute {
		t.Errorf("after an answer: next in %v", got)
	}
	for _, u := range []string{"a", "b", "d"} {
		now = now.Add(15 * time.Second)
		s.Done(now, u, Reply{}, errDown)
	}
	if got := s.Next().Sub(now); got != 30*time.Minute-45*time.Second {
		t.Errorf("after the failures: next in %v", got)
	}
	now = s.Next()
	if due := s.Due(now); len(due) != 1 || due[0] != (Request{URL: "c"}) || !s.Next().IsZero() {
		t.Errorf("due %v, next %v", due, s.Next())
	}
	s.Done(now, "c", Reply{}, context.Canceled)
	if r := ask(t, s, &now, works); r.URL != "c" || r.Event != None {
		t.Errorf("asked %+v", r)
	}
}

// TestScheduleEarlyAfterTwoAnswers: an early announce waits for the minimum of both.
func TestScheduleEarlyAfterTwoAnswers(t *testing.T) {
	s, now := newSchedule("a", "b"), epoch
	s.Due(now)
	now = now.Add(overtake)
	s.Due(now)
	s.Done(now, "b", Reply{Interval: time.Hour, MinInterval: 20 * time.Minute}, nil)
	s.Done(now, "a", Reply{Interval: time.Hour, MinInterval: 2 * time.Minute}, nil)
	s.NeedPeers(now)
	if got := s.Next().Sub(now); got != 20*time.Minute {
		t.Errorf("early announce after %v", got)
	}
}

// TestScheduleCompletedFailsAtOnce: an announce that ends in the moment it begins is
// followed by a pause all the same.
func TestScheduleCompletedFailsAtOnce(t *testing.T) {
	s, now := newSchedule("a"), epoch
	ask(t, s, &now, works)
	s.Completed(now)
	ask(t, s, &now, fails)
	if got := s.Next().Sub(now); got < quickPause {
		t.Errorf("next in %v", got)
	}
}

// TestH07SilentTrackers: at most 60 announces in 24 hours also when each takes a minute to fail.
func TestH07SilentTrackers(t *testing.T) {
	for n := 1; n <= 8; n++ {
		var tiers []string
		for i := range n {
			tiers = append(tiers, fmt.Sprint("t", i))
		}
		s, now := newSchedule(tiers...), epoch
		ends := make(map[string]time.Time)
		count, most := 0, 0
		for ; now.Sub(epoch) < 24*time.Hour; now = now.Add(overtake) {
			for u, at := range ends {
				if !now.Before(at) {
					delete(ends, u)
					s.Done(now, u, Reply{}, context.DeadlineExceeded)
				}
			}
			for _, r := range s.Due(now) {
				ends[r.URL] = now.Add(udpPatience)
				count++
			}
			if most = max(most, len(ends)); now.Sub(epoch) > time.Duration(n)*overtake+udpPatience+firstPause && len(ends) > 1 {
				t.Fatalf("%d trackers: %d announces at once after the first pass", n, len(ends))
			}
		}
		if count > 60 || count < 40 || most != n {
			t.Errorf("%d trackers: %d announces, %d at once", n, count, most)
		}
	}
}

func TestScheduleOddTiers(t *testing.T) {
	s := newSchedule("", "a a", "a b", "")
	if st := s.States(); len(st) != 2 || st[0].URL != "a" || st[1].URL != "b" || st[1].Tier != 1 || st[0].Complete != -1 {
		t.Errorf("states %+v", st)
	}
	if s := newSchedule(); !s.Next().IsZero() || s.Due(epoch) != nil || s.Stop() != nil || s.States() != nil {
		t.Error("a schedule without trackers wants something")
	}
	var many []string
	for i := range 10_000 {
		many = append(many, fmt.Sprint("u", i))
	}
	if s := newSchedule(strings.Join(many, " ")); len(s.States()) != maxTrackers {
		t.Errorf("%d trackers kept", len(s.States()))
	}
}

// TestH01NextTracker: whatever a hostile tracker did, the next one is asked within a second.
func TestH01NextTracker(t *testing.T) {
	for _, err := range []error{ErrTooLarge, ErrReply, context.DeadlineExceeded, &Failure{Reason: "no"}} {
		s, now := newSchedule("a", "b"), epoch
		ask(t, s, &now, func(Request) (Reply, error) { return Reply{}, err })
		if r := ask(t, s, &now, works); r.URL != "b" || now.Sub(epoch) > time.Second {
			t.Errorf("%v: asked %v after %v", err, r, now.Sub(epoch))
		}
	}
}

// TestH02BackOff: a lone tracker that answers nonsense is asked less and less often.
func TestH02BackOff(t *testing.T) {
	s, now := newSchedule("a"), epoch
	last := time.Duration(0)
	for i := range 20 {
		before := now
		ask(t, s, &now, func(Request) (Reply, error) { return Reply{}, ErrReply })
		pause := now.Sub(before)
		if i > 0 && pause < firstPause || pause < min(last, lastPause) || pause > lastPause*11/10 {
			t.Errorf("pause %d is %v after %v", i, pause, last)
		}
		last = pause
	}
}

// TestH07AllTiersDown: at most 60 announces in 24 hours, and back within one interval.
func TestH07AllTiersDown(t *testing.T) {
	for n := 1; n <= 8; n++ {
		for seed := range uint64(20) {
			var tiers [][]string
			for i := range n {
				tiers = append(tiers, []string{fmt.Sprint("t", i)})
			}
			s := NewSchedule(tiers, rand.New(rand.NewPCG(seed, 1)))
			now, count := epoch, 0
			asked := make(map[string]int)
			pauses := make(map[time.Duration]bool)
			for {
				before := now
				r := ask(t, s, &now, fails)
				if now.Sub(epoch) > 24*time.Hour {
					break
				}
				pauses[now.Sub(before)] = true
				asked[r.URL]++
				count++
			}
			if count > 60 || len(asked) != n {
				t.Fatalf("%d tiers, seed %d: %d announces to %d trackers in 24 h", n, seed, count, len(asked))
			}
			if len(pauses) < 30 {
				t.Errorf("only %d different pauses: no jitter", len(pauses))
			}
			back := now
			if ask(t, s, &now, works); now.Sub(back) > 33*time.Minute {
				t.Errorf("recovered after %v", now.Sub(back))
			}
			if s.States()[0].Next.IsZero() {
				t.Error("no next announce after recovery")
			}
		}
	}
}
