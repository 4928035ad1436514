package session

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

type dish struct {
	date
	n int
}

// TestAgenda: against a plain list, whatever is entered, moved and taken out in any order, the first is always one of the earliest.
func TestAgenda(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var a agenda[*dish]
		all, plain := make([]*dish, 200), map[*dish]time.Time{}
		for i := range all {
			all[i] = &dish{n: i}
		}
		for step := range 5000 {
			d := all[rnd.IntN(len(all))]
			at := time.Unix(1+rnd.Int64N(50), 0)
			switch rnd.IntN(4) {
			case 0:
				a.remove(d)
				delete(plain, d)
			case 1:
				a.set(d, time.Time{})
				delete(plain, d)
			default:
				a.set(d, at)
				plain[d] = at
			}
			checkAgenda(t, &a, plain, time.Unix(1+rnd.Int64N(60), 0))
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		var out []time.Time
		for e, ok := a.first(); ok; e, ok = a.first() {
			out = append(out, e.at)
			a.remove(e)
		}
		if len(out) != len(plain) || !slices.IsSortedFunc(out, time.Time.Compare) {
			t.Fatalf("seed %d: %d of %d come out, as %v", seed, len(out), len(plain), out)
		}
	}
}

func checkAgenda(t *testing.T, a *agenda[*dish], plain map[*dish]time.Time, now time.Time) {
	var least time.Time
	for _, at := range plain {
		if least.IsZero() || at.Before(least) {
			least = at
		}
	}
	first, ok := a.first()
	if len(a.list) != len(plain) || ok != (len(plain) > 0) || !a.next().Equal(least) {
		t.Errorf("%d entries and the first at %v, want %d and %v", len(a.list), a.next(), len(plain), least)
		return
	}
	if ok && !plain[first].Equal(least) {
		t.Errorf("%d comes first", first.n)
	}
	if d, is := a.due(now); is != (ok && !least.After(now)) || is && d != first {
		t.Errorf("at %v due: %v", now, is)
	}
	for i, e := range a.list {
		if e.place != i+1 {
			t.Errorf("entry %d thinks it is at %d, not %d", e.n, e.place, i+1)
		}
	}
}
