package lsd

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"shoal/metainfo"
)

var t0 = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func newSchedule() *schedule { return &schedule{rnd: rand.New(rand.NewPCG(1, 2))} }

// run takes what is due, step by step, and tells when each torrent was announced.
func (s *schedule) run(from time.Time, d time.Duration) (times map[metainfo.Hash][]time.Time, most int, shortest time.Duration) {
	times, shortest = map[metainfo.Hash][]time.Time{}, d
	var last time.Time
	for now := s.next(); now.Before(from.Add(d)); now = s.next() {
		out := s.take(now)
		if len(out) == 0 {
			panic("next names a moment at which nothing is due")
		}
		if most = max(most, len(out)); !last.IsZero() {
			shortest = min(shortest, now.Sub(last))
		}
		last = now
		for _, h := range out {
			times[h] = append(times[h], now)
		}
	}
	return times, most, shortest
}

// TestScheduleOne: soon after it was added, and every five minutes.
func TestScheduleOne(t *testing.T) {
	s := newSchedule()
	if s.take(t0) != nil || !s.next().IsZero() {
		t.Error("something is due without torrents")
	}
	s.add(t0, hash(1))
	s.add(t0.Add(time.Hour), hash(1)) // it is there already
	times, _, _ := s.run(t0, time.Hour)
	at := times[hash(1)]
	if len(at) < 11 || len(at) > 12 || at[0].Sub(t0) > soon {
		t.Fatalf("announced at %v", at)
	}
	for i := 1; i < len(at); i++ {
		if d := at[i].Sub(at[i-1]); d < every || d > every+spread {
			t.Errorf("again after %v", d)
		}
	}
	s.remove(hash(1))
	s.remove(hash(2))
	if !s.next().IsZero() {
		t.Error("it was removed")
	}
}

// TestL02TenThousand: ten thousand torrents are spread: one message a second, twenty torrents in each, nobody starves.
func TestL02TenThousand(t *testing.T) {
	const n = 10_000
	s := newSchedule()
	for _, h := range hashes(n) {
		s.add(t0, h)
	}
	times, most, shortest := s.run(t0, time.Hour)
	if most != MaxHashes || shortest < pace {
		t.Errorf("%d torrents in a message, %v between two", most, shortest)
	}
	for _, h := range hashes(n) {
		if at := times[h]; len(at) < 6 || at[0].Sub(t0) > n/MaxHashes*pace+time.Second {
			t.Fatalf("%v is announced at %v", h, at)
		}
	}
}

// TestL02Answer: the announce of another brings ours within two seconds, and at most one a minute.
func TestL02Answer(t *testing.T) {
	s := newSchedule()
	s.add(t0, hash(1))
	if s.heard(t0, hash(2)) {
		t.Error("a torrent that is not ours")
	}
	first := s.next()
	s.take(first)
	for now := first; now.Before(first.Add(59 * time.Second)); now = now.Add(100 * time.Millisecond) {
		if !s.heard(now, hash(1)) || s.take(now) != nil {
			t.Fatalf("answered %v after an announce", now.Sub(first))
		}
	}
	now := first.Add(2 * time.Minute)
	s.heard(now, hash(1))
	if d := s.next().Sub(now); d <= 0 || d > answer {
		t.Errorf("answered after %v", d)
	}
	at := s.next()
	s.heard(now.Add(answer), hash(1)) // does not put it off
	if !s.next().Equal(at) {
		t.Error("a second one moved the answer")
	}
}

// TestScheduleAgain: after a change of network everything is announced again, but not twice within a minute.
func TestScheduleAgain(t *testing.T) {
	s := newSchedule()
	s.add(t0, hash(1))
	first := s.next()
	s.take(first)
	s.again(first.Add(time.Second))
	if d := s.next().Sub(first); d != minimum {
		t.Errorf("again after %v", d)
	}
	s.again(first.Add(2 * time.Minute))
	if d := s.next().Sub(first.Add(2 * time.Minute)); d < 0 || d > soon {
		t.Errorf("again %v after a change", d)
	}
}

// TestL01Limits: what one source, many sources, and all of them for one torrent can reach in a minute.
func TestL01Limits(t *testing.T) {
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	var l limits
	read, took := 0, 0
	for i := range 3 * maxMessages {
		if l.message(t0, addr(1)) {
			read++
			if l.candidate(addr(1), hash(i)) {
				took++
			}
		}
	}
	if read != maxMessages || took != maxPerSource {
		t.Errorf("one source: %d messages read, %d candidates", read, took)
	}
	for i := took; l.message(t0, addr(2)) && i < took+50; i++ {
		if got := l.candidate(addr(2), hash(5000)); got != (i-took < maxPorts) {
			t.Errorf("port %d of one source for one torrent: %v", i-took, got)
		}
	}
	l = limits{}
	sources, took := 0, 0
	for i := range 5000 {
		if l.message(t0.Add(time.Second), addr(i)) {
			sources++
			if l.candidate(addr(i), hash(1)) {
				took++
			}
		}
	}
	if sources != maxSources || took != maxPerTorrent || len(l.sources) > maxSources || len(l.pairs) > maxPerTorrent {
		t.Errorf("many sources: %d heard, %d candidates, %d and %d remembered", sources, took, len(l.sources), len(l.pairs))
	}
	if !l.message(t0.Add(2*time.Minute), addr(9999)) || !l.candidate(addr(9999), hash(1)) || len(l.sources) != 1 {
		t.Error("the next minute does not begin anew")
	}
}

// TestY04Ahead: a torrent that a person added is announced at once, however many that nobody waits for are overdue; those have their turns.
func TestY04Ahead(t *testing.T) {
	s := schedule{rnd: rand.New(rand.NewPCG(1, 2))}
	now := time.Unix(1e9, 0)
	const many = 5000
	for i := range many {
		s.addLater(now, metainfo.Hash{1, byte(i >> 8), byte(i)})
	}
	now = now.Add(every) // all are due
	mine := metainfo.Hash{2}
	s.add(now, mine)
	begun, seen := now, map[metainfo.Hash]time.Duration{}
	for len(seen) < many+1 {
		next := s.next()
		if next.Sub(begun) > time.Hour {
			t.Fatalf("%d of %d in an hour", len(seen), many+1)
		}
		if now.Before(next) {
			now = next
		}
		for _, h := range s.take(now) {
			if _, ok := seen[h]; !ok {
				seen[h] = now.Sub(begun)
			}
		}
	}
	if seen[mine] > 3*time.Second {
		t.Errorf("it came after %v", seen[mine])
	}
}
