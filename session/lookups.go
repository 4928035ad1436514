package session

import (
	"maps"
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

// Look-ups are paid in packets: so many a second on average. Torrents that sleep and have a tracker that answers may use the
// smaller number only: they lose nothing by waiting, and who has thousands of them does not want to hear of it.
const (
	lookPackets = 100
	calmPackets = 20
	lookBurst   = 10 * time.Second // what may be saved up
)

// rank says who is looked up first of those that are due.
type rank uint8

const (
	hungryRank rank = iota // it has few peers and wants more
	alone                  // no tracker of it answers
	wellKnown              // a tracker does
	calm                   // the same, and it sleeps
	ranks      = iota
)

// lookup is what the schedule knows of one torrent.
type lookup struct {
	date    // when it is due
	key     budget.Key
	last    time.Time     // when the last look-up ended
	pause   time.Duration // the last one because of hunger, or of silence
	rank    rank          // the agenda in which it is, unless it is under way
	hungry  bool          // it has few peers
	tracked bool          // a tracker answers, or may still
	asleep  bool          // it wants nobody, and is announced only
	under   bool          // under way
	again   bool          // something changed meanwhile: as soon as it is over, another one
	gone    bool          // it was removed while under way, and is forgotten when that is over
}

// lookups decides which torrent is looked up when. It is pure but for its random source; the
// caller guards it.
type lookups struct {
	rnd     *rand.Rand
	byKey   map[budget.Key]*lookup
	waiting [ranks]agenda[*lookup]
	running int
	free    time.Time // when everything that was sent is paid for
	easy    time.Time // the same at calmPackets a second, for the calm
	dark    time.Time // no node answers: nothing before
	darkest time.Duration
	cost    float64 // packets of a look-up, on average
}

// enter puts e where it waits until at.
func (l *lookups) enter(e *lookup, at time.Time) {
	l.waiting[e.rank].remove(e)
	switch e.rank = wellKnown; {
	case e.hungry:
		e.rank = hungryRank
	case !e.tracked:
		e.rank = alone
	case e.asleep:
		e.rank = calm
	}
	if e.at = at; !e.under {
		l.waiting[e.rank].set(e, at)
	}
}

// add enters a torrent that is awake, to be looked up at once. For one that is there already it asks for a look-up
// as soon as possible.
func (l *lookups) add(now time.Time, k budget.Key) {
	e := l.byKey[k]
	if e == nil {
		e = l.put(k)
	}
	e.pause, e.again, e.gone, e.asleep = 0, e.under, false, false
	l.dark = time.Time{} // somebody waits: it is tried
	l.enter(e, now)
}

// addAsleep enters a torrent that sleeps, to be announced within lookEvery.
func (l *lookups) addAsleep(now time.Time, k budget.Key) {
	if e := l.byKey[k]; e != nil && !e.gone {
		return
	} else if e != nil {
		e.gone, e.again, e.asleep = false, true, true
		return
	}
	e := l.put(k)
	e.asleep = true
	l.enter(e, now.Add(time.Duration(l.rnd.Int64N(int64(lookEvery)))))
}

func (l *lookups) put(k budget.Key) *lookup {
	if l.byKey == nil {
		l.byKey = make(map[budget.Key]*lookup)
	}
	e := &lookup{key: k, tracked: true}
	l.byKey[k] = e
	return e
}

// is says what a torrent is now: whether a tracker of it answers, and whether it sleeps.
func (l *lookups) is(k budget.Key, tracked, asleep bool) {
	if e := l.byKey[k]; e != nil && (e.tracked != tracked || e.asleep != asleep) {
		e.tracked, e.asleep = tracked, asleep
		l.enter(e, e.at)
	}
}

// remove forgets a torrent. What is under way ends with done, so that there is never a second look-up of one torrent.
func (l *lookups) remove(k budget.Key) {
	e := l.byKey[k]
	if e == nil {
		return
	}
	if e.under {
		e.gone = true
		return
	}
	l.waiting[e.rank].remove(e)
	delete(l.byKey, k)
}

// need says that a torrent wants peers though it had enough when it was looked up.
func (l *lookups) need(k budget.Key) {
	if e := l.byKey[k]; e != nil && !e.hungry && !e.under && !e.last.IsZero() {
		e.hungry, e.pause = true, min(max(2*e.pause, lookWaiting), lookEvery)
		at := e.at
		if soon := e.last.Add(e.pause); soon.Before(at) {
			at = soon
		}
		l.enter(e, at)
	}
}

// all makes everything due within a time, because the machine was away.
func (l *lookups) all(now time.Time, within time.Duration) {
	l.dark = time.Time{}
	for _, k := range slices.Sorted(maps.Keys(l.byKey)) {
		e := l.byKey[k]
		e.pause = 0
		if at := now.Add(time.Duration(l.rnd.Int64N(int64(within)))); at.Before(e.at) {
			l.enter(e, at)
		}
	}
}

// next returns a torrent to be looked up now; done must follow. Those with few peers come first, then those without a tracker,
// then who waits longest.
func (l *lookups) next(now time.Time) (budget.Key, bool) {
	if l.running == maxLookups || now.Before(l.free) || now.Before(l.dark) {
		return 0, false
	}
	for r := range l.waiting {
		if rank(r) == calm && now.Before(l.easy) {
			break
		}
		if e, ok := l.waiting[r].due(now); ok {
			l.waiting[r].remove(e)
			e.under, e.again = true, false
			l.running++
			return e.key, true
		}
	}
	return 0, false
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
	e := l.byKey[k]
	l.pay(now, r, e != nil && e.rank == calm)
	if e == nil {
		return
	}
	if e.under = false; e.gone {
		l.remove(k)
		return
	}
	needed := e.hungry
	e.last, e.hungry = now, r.hungry
	switch {
	case e.again:
		e.again = false
		l.enter(e, now)
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
		l.enter(e, now.Add(lookEvery+time.Duration(l.rnd.Int64N(int64(lookEvery)))))
		return
	}
	l.enter(e, now.Add(e.pause-e.pause/8+time.Duration(l.rnd.Int64N(int64(e.pause/4)))))
}

// pay charges a look-up. While no node answers all wait, longer and longer: it costs nothing, but thousands are tried.
func (l *lookups) pay(now time.Time, r result, calm bool) {
	charge := func(paid *time.Time, rate int) {
		if least := now.Add(-lookBurst); paid.Before(least) {
			*paid = least
		}
		*paid = paid.Add(time.Duration(r.packets) * time.Second / time.Duration(rate))
	}
	charge(&l.free, lookPackets)
	if calm {
		charge(&l.easy, calmPackets)
	}
	if r.silent {
		l.darkest = min(max(2*l.darkest, lookBlind/2), lookWaiting/2)
		l.dark = now.Add(l.darkest)
		return
	}
	l.dark, l.darkest = time.Time{}, 0
	if l.cost == 0 {
		l.cost = float64(r.packets)
	}
	l.cost += (float64(r.packets) - l.cost) / 16
}

// every is how long it takes, as things are, until each torrent was announced once; zero when there are none.
func (l *lookups) every() time.Duration {
	if len(l.byKey) == 0 {
		return 0
	}
	round := float64(len(l.byKey)) * l.cost / lookPackets
	round = max(round, float64(len(l.waiting[calm].list))*l.cost/calmPackets)
	return max(lookEvery+lookEvery/2, time.Duration(round*float64(time.Second)))
}

// wake returns when next may have something; zero for not before a change.
func (l *lookups) wake() (at time.Time) {
	if l.running == maxLookups {
		return at
	}
	for r := range l.waiting {
		next := l.waiting[r].next()
		if next.IsZero() {
			continue
		}
		if rank(r) == calm && next.Before(l.easy) {
			next = l.easy
		}
		if at.IsZero() || next.Before(at) {
			at = next
		}
	}
	for _, least := range []time.Time{l.free, l.dark} {
		if !at.IsZero() && at.Before(least) {
			at = least
		}
	}
	return at
}
