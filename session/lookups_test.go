package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"shoal/session/budget"
)

// lookBench is a schedule with a clock.
type lookBench struct {
	lookups
	t   *testing.T
	now time.Time
}

func newLookBench(t *testing.T, torrents int) *lookBench {
	b := &lookBench{lookups: lookups{rnd: rand.New(rand.NewPCG(1, 2))}, t: t, now: time.Unix(1e9, 0)}
	for i := range torrents {
		b.add(b.now, budget.Key(i+1))
	}
	return b
}

// until lets the schedule work for a time, with look-ups of 3 s, and returns the moments at which each torrent was looked up.
func (b *lookBench) until(d time.Duration, what func(budget.Key) result) map[budget.Key][]time.Duration {
	type job struct {
		k   budget.Key
		end time.Time
	}
	begin, out := b.now, map[budget.Key][]time.Duration{}
	var jobs []job
	for b.now.Sub(begin) < d {
		for len(jobs) > 0 && !jobs[0].end.After(b.now) {
			b.done(b.now, jobs[0].k, what(jobs[0].k))
			jobs = jobs[1:]
		}
		for {
			k, ok := b.next(b.now)
			if !ok {
				break
			}
			out[k] = append(out[k], b.now.Sub(begin))
			jobs = append(jobs, job{k, b.now.Add(3 * time.Second)})
			if len(jobs) > maxLookups {
				b.t.Fatalf("%d look-ups at a time", len(jobs))
			}
		}
		next := b.wake()
		if len(jobs) > 0 && (next.IsZero() || jobs[0].end.Before(next)) {
			next = jobs[0].end
		}
		if end := begin.Add(d); next.IsZero() || next.After(end) {
			next = end
		}
		if !next.After(b.now) {
			b.t.Fatalf("the schedule wants to be woken at once, at %v, and does nothing", b.now.Sub(begin))
		}
		b.now = next
	}
	for _, j := range jobs {
		b.done(b.now, j.k, what(j.k))
	}
	return out
}

// TestLookupsCalm: a torrent with enough peers is looked up at once, then every 15 to 30 minutes.
func TestLookupsCalm(t *testing.T) {
	b := newLookBench(t, 50)
	got := b.until(24*time.Hour, func(budget.Key) result { return result{packets: 60} })
	for k, at := range got {
		if at[0] > time.Minute {
			t.Errorf("torrent %d is looked up after %v only", k, at[0])
		}
		for i := range at[1:] {
			if gap := at[i+1] - at[i]; gap < lookEvery || gap > 2*lookEvery+time.Minute {
				t.Errorf("torrent %d: %v between look-ups", k, gap)
			}
		}
	}
	if len(got) != 50 {
		t.Errorf("%d torrents were looked up", len(got))
	}
}

// TestLookupsHungry: a download without peers looks soon again, then about every minute, then less often.
func TestLookupsHungry(t *testing.T) {
	b := newLookBench(t, 1)
	got := b.until(6*time.Hour, func(budget.Key) result { return result{packets: 60, hungry: true, nobody: true} })[1]
	t.Log(got)
	early := 0
	for _, at := range got {
		if at < 3*time.Minute {
			early++
		}
	}
	if len(got) < 2 || got[1] > 5*time.Second || early < 6 || len(got) > 40 {
		t.Errorf("looked up at %v", got)
	}
}

// TestLookupsSilent: while nobody answers it is tried about once a minute.
func TestLookupsSilent(t *testing.T) {
	b := newLookBench(t, 3)
	for k, at := range b.until(time.Hour, func(budget.Key) result { return result{silent: true, hungry: true} }) {
		if len(at) < 45 || len(at) > 70 {
			t.Errorf("torrent %d: %d look-ups in an hour", k, len(at))
		}
	}
}

// TestLookupsMany: thousands of torrents stay within the budget of packets, none starves, and who needs peers need not queue.
func TestLookupsMany(t *testing.T) {
	const (
		many   = 3_000 / fewer
		hungry = budget.Key(many - 1)
	)
	b := newLookBench(t, many)
	sent := 0
	got := b.until(2*time.Hour, func(k budget.Key) result {
		sent += 60
		return result{packets: 60, hungry: k == hungry}
	})
	if most := lookPackets*2*3600 + int(lookBurst/time.Second)*lookPackets + maxLookups*60; sent > most {
		t.Errorf("%d packets, %d are allowed", sent, most)
	}
	if len(got) != many {
		t.Errorf("only %d torrents were looked up", len(got))
	}
	for k, at := range got {
		if k != hungry && len(at) > 2*2*2 || len(at) == 0 {
			t.Errorf("torrent %d: %d look-ups", k, len(at))
		}
	}
	if n := len(got[hungry]); n < 10 {
		t.Errorf("the hungry one was looked up %d times", n)
	}
}

// TestLookupsNeed: who runs out of peers is looked up a minute after the last time, and less often if that happens again and again.
func TestLookupsNeed(t *testing.T) {
	b := newLookBench(t, 1)
	enough := func(budget.Key) result { return result{packets: 60} }
	b.until(10*time.Second, enough)
	times := 0
	for range 6 * 60 {
		b.need(1)
		times += len(b.until(time.Minute, enough)[1])
	}
	if times < 20 || times > 60 {
		t.Errorf("%d look-ups in six hours of need", times)
	}
	b.remove(1)
	b.need(1)
	if _, ok := b.next(b.now.Add(time.Hour)); ok {
		t.Error("a torrent that was removed is looked up")
	}
}

// TestLookupsAgain: what changes during a look-up leads to another one at once; what was removed meanwhile does not come back.
func TestLookupsAgain(t *testing.T) {
	b := newLookBench(t, 1)
	k, _ := b.next(b.now)
	b.add(b.now, k)
	if _, ok := b.next(b.now); ok {
		t.Error("one torrent is looked up twice at a time")
	}
	b.done(b.now, k, result{})
	if _, ok := b.next(b.now); !ok {
		t.Error("no second look-up")
	}
	b.remove(k)
	b.done(b.now, k, result{})
	if !b.wake().IsZero() || b.running != 0 {
		t.Errorf("something is left: %+v", b.lookups)
	}
	b.add(b.now, k)
	b.until(10*time.Second, func(budget.Key) result { return result{} })
	b.all(b.now, comeback)
	if at := b.wake(); at.After(b.now.Add(comeback)) {
		t.Errorf("after a sleep the next look-up is %v away", at.Sub(b.now))
	}
}

// TestLookupsNeverTwice: a torrent that is removed while it is looked up, and added again before that has ended, is looked up
// once more after that and not beside it.
func TestLookupsNeverTwice(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := lookups{rnd: rand.New(rand.NewPCG(1, 1))}
	l.add(now, 7)
	if k, ok := l.next(now); k != 7 || !ok {
		t.Fatal("it is not looked up")
	}
	l.remove(7)
	l.add(now, 7)
	if _, ok := l.next(now); ok {
		t.Error("a second look-up beside the first")
	}
	l.done(now, 7, result{})
	if k, ok := l.next(now); k != 7 || !ok {
		t.Error("it is not looked up again")
	}
	l.remove(7)
	l.done(now, 7, result{})
	if _, ok := l.next(now.Add(time.Hour)); ok || len(l.byKey) != 0 || l.running != 0 {
		t.Errorf("%d torrents are left, %d under way", len(l.byKey), l.running)
	}
}

// TestY04LookupsSleepers: of torrents that sleep those without a tracker that answers go first, and the others take a fifth of the budget;
// one that is added meanwhile is looked up at once. How long a round takes is what is said of it.
func TestY04LookupsSleepers(t *testing.T) {
	const many = 1000 / fewer
	b := newLookBench(t, 0)
	for i := range budget.Key(many) {
		b.addAsleep(b.now, i+1)
		b.is(i+1, i%10 != 0, true)
	}
	sent := 0
	ask := func(budget.Key) result { sent += 60; return result{packets: 60} }
	got := b.until(lookEvery, ask)
	lonely, others := 0, 0
	for k := range got {
		if (k-1)%10 == 0 {
			lonely++
		} else {
			others++
		}
	}
	if lonely != many/10 {
		t.Errorf("%d of %d without a tracker were announced in %v", lonely, many/10, lookEvery)
	}
	calm := int(lookEvery/time.Second)*calmPackets/60 + int(lookBurst/time.Second)*calmPackets/60 + maxLookups
	if others > calm || others < min(calm/2, many/2) {
		t.Errorf("%d with a tracker were announced in %v, %d may be", others, lookEvery, calm)
	}
	b.add(b.now, many+1)
	if first := b.until(10*time.Second, ask)[many+1]; len(first) != 1 || first[0] > 5*time.Second {
		t.Errorf("a new torrent is looked up after %v", first)
	}
	every := b.every()
	for k := range b.until(every+every/4, ask) {
		got[k] = append(got[k], 0)
	}
	if len(got) != many+1 {
		t.Errorf("after %v, which is said to be a round, %d of %d were announced", every, len(got), many+1)
	}
	b.remove(1)
	b.is(1, false, false)
	if b.byKey[1] != nil || (&lookups{}).every() != 0 {
		t.Error("what was removed comes back")
	}
}

// TestY04LookupsDark: while no node answers thousands of torrents are not tried one after the other.
func TestY04LookupsDark(t *testing.T) {
	b := newLookBench(t, 0)
	for i := range budget.Key(5000 / fewer) {
		b.addAsleep(b.now, i+1)
	}
	tries := 0
	b.until(2*time.Hour, func(budget.Key) result { tries++; return result{silent: true} })
	if most := 2 * 120 * maxLookups; tries > most || tries < 100 {
		t.Errorf("%d look-ups in two hours in which nobody answers", tries)
	}
}
