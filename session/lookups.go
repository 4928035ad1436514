package session

import (
	"math/rand/v2"
	"slices"
	"time"

	"shoal/session/budget"
)

// When torrents are looked up in the DHT, each time with an announce.
const (
	lookEvery   = 15 * time.Minute // and up to as much again
	lookNobody  = time.Second      // the first pause of a download of which no peer was found, and
	lookHungry  = 15 * time.Second // of one that has few peers; then twice as long, up to
	lookWaiting = time.Minute      // this, and beyond it twice as long, up to lookEvery
	lookBlind   = 5 * time.Second  // the first pause when no node answers, doubled up to lookWaiting
	fewPeers    = 5                // a download with fewer connections looks for more
	maxLookups  = 4                // under way at a time
)

// Look-ups are paid in packets: so many a second on average. With 10 000 torrents a round takes about two hours.
const (
	lookPackets = 100
	lookBurst   = 10 * time.Second // what may be saved up
)

// lookup is what the schedule knows of one torrent.
type lookup struct {
	key    budget.Key
	due    time.Time
	last   time.Time     // when the last look-up ended
	pause  time.Duration // the last one because of hunger, or of silence
	hungry bool          // it has few peers
	under  bool          // under way
	again  bool          // something changed meanwhile: as soon as it is over, another one
	gone   bool          // it was removed while under way, and is forgotten when that is over
}

// lookups decides which torrent is looked up when. It is pure but for its random source; the
// caller guards it.
type lookups struct {
	rnd     *rand.Rand
	list    []*lookup
	running int
	free    time.Time // when everything that was sent is paid for
}

func (l *lookups) find(k budget.Key) *lookup {
	for _, e := range l.list {
		if e.key == k {
			return e
		}
	}
	return nil
}

// add enters a torrent, to be looked up at once. For one that is there already it asks for a look-up
// as soon as possible.
func (l *lookups) add(now time.Time, k budget.Key) {
	e := l.find(k)
	if e == nil {
		e = &lookup{key: k}
		l.list = append(l.list, e)
	}
	e.due, e.pause, e.again, e.gone = now, 0, e.under, false
}

// remove forgets a torrent. What is under way ends with done, so that there is never a second look-up of one torrent.
func (l *lookups) remove(k budget.Key) {
	if e := l.find(k); e != nil && e.under {
		e.gone = true
		return
	}
	l.list = slices.DeleteFunc(l.list, func(e *lookup) bool { return e.key == k })
}

// need says that a torrent wants peers though it had enough when it was looked up.
func (l *lookups) need(k budget.Key) {
	if e := l.find(k); e != nil && !e.hungry && !e.under && !e.last.IsZero() {
		e.hungry, e.pause = true, min(max(2*e.pause, lookWaiting), lookEvery)
		if at := e.last.Add(e.pause); at.Before(e.due) {
			e.due = at
		}
	}
}

// all makes everything due within a time, because the machine was away.
func (l *lookups) all(now time.Time, within time.Duration) {
	for _, e := range l.list {
		e.pause = 0
		if at := now.Add(time.Duration(l.rnd.Int64N(int64(within)))); at.Before(e.due) {
			e.due = at
		}
	}
}

// next returns a torrent to be looked up now; done must follow. Those with few peers come first, then who
// waits longest.
func (l *lookups) next(now time.Time) (budget.Key, bool) {
	if l.running == maxLookups || now.Before(l.free) {
		return 0, false
	}
	var best *lookup
	for _, e := range l.list {
		if e.under || e.due.After(now) {
			continue
		}
		if best == nil || e.hungry && !best.hungry || e.hungry == best.hungry && e.due.Before(best.due) {
			best = e
		}
	}
	if best == nil {
		return 0, false
	}
	best.under, best.again = true, false
	l.running++
	return best.key, true
}

// result is what came of a look-up.
type result struct {
	packets int
	silent  bool // no node answered
	nobody  bool // no peer was found
	hungry  bool // the torrent has few peers and wants more
}

// done ends a look-up and decides about the next one.
func (l *lookups) done(now time.Time, k budget.Key, r result) {
	l.running--
	if least := now.Add(-lookBurst); l.free.Before(least) {
		l.free = least
	}
	l.free = l.free.Add(time.Duration(r.packets) * time.Second / lookPackets)
	e := l.find(k)
	if e == nil {
		return
	}
	if e.under = false; e.gone {
		l.remove(k)
		return
	}
	needed := e.hungry
	e.under, e.last, e.hungry = false, now, r.hungry
	switch {
	case e.again:
		e.again, e.due = false, now
		return
	case r.silent:
		e.pause = min(max(2*e.pause, lookBlind), lookWaiting)
	case r.hungry && e.pause < lookWaiting:
		first := lookHungry
		if r.nobody {
			first = lookNobody
		}
		e.pause = min(max(2*e.pause, first), lookWaiting)
	case r.hungry:
		e.pause = min(2*e.pause, lookEvery)
	default:
		if !needed { // else the next need comes later than this one
			e.pause = 0
		}
		e.due = now.Add(lookEvery + time.Duration(l.rnd.Int64N(int64(lookEvery))))
		return
	}
	e.due = now.Add(e.pause - e.pause/8 + time.Duration(l.rnd.Int64N(int64(e.pause/4))))
}

// wake returns when next may have something; zero for not before a change.
func (l *lookups) wake() (at time.Time) {
	if l.running == maxLookups {
		return at
	}
	for _, e := range l.list {
		if !e.under && (at.IsZero() || e.due.Before(at)) {
			at = e.due
		}
	}
	if !at.IsZero() && at.Before(l.free) {
		at = l.free
	}
	return at
}
