package tracker

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// The rhythm of announces. With every tracker down there is one quick pass over
// all of them, and then one announce at a time with pauses from firstPause,
// doubling, to lastPause: at most 60 announces in the first 24 hours for up to
// 8 trackers (one pass, 7 on the ramp, 45 at the slow pace), and whichever
// tracker is asked next is asked within 33 minutes of its return.
const (
	quickPause  = time.Second      // between trackers while some are untried
	overtake    = 5 * time.Second  // a silent tracker holds up the next one no longer
	firstPause  = 15 * time.Second // after the first pass without success
	lastPause   = 30 * time.Minute // the longest pause between announces when all are down
	shunFirst   = 30 * time.Minute // how long a failed tracker is passed over while another works
	shunLast    = 4 * time.Hour    // the same after many failures
	defaultMin  = 5 * time.Minute  // early announces when the tracker names no minimum
	maxTrackers = 200              // of one torrent; the rest is ignored
)

// Request is one announce that is due. The caller fills in what the schedule
// does not know, announces, and reports the outcome to Schedule.Done.
type Request struct {
	URL       string
	Event     Event
	TrackerID string
}

// Schedule decides which of a torrent's trackers is asked when: one after the other, tier
// by tier, each tier shuffled once and a tracker that works moved to the front
// of its tier (BEP 12). A tracker that does not answer within seconds, as many over UDP
// do not, falls behind: the next one is asked while it has its time. It reads no
// clock and must be used by one goroutine at a time.
//
// A tracker is told "started" before anything else, "completed" at most once and
// only if it was told "started" before the download was complete.
type Schedule struct {
	tiers  [][]*entry // never empty tiers; order is the order of asking
	rnd    *rand.Rand
	next   time.Time // of the next announce, never the zero time
	asking *entry    // whose answer decides when to go on, or nil
	behind int       // how many more announces are under way
	// failures counts failed announces since the last success, without those of
	// trackers that are dead: once it reaches the number of the living, all are down.
	failures int
	// early is the first moment at which the trackers that answered allow
	// an announce before next.
	early   time.Time
	stopped bool
}

// entry is one tracker.
type entry struct {
	State
	trackerID string
	started   bool      // has been told "started"
	owes      bool      // must be told "completed"
	event     Event     // of that announce
	asked     time.Time // when it began
	overtaken bool      // another tracker has answered since
	fails     int       // in a row
	shun      time.Time // passed over until then
	dead      bool      // never to be asked again
}

// NewSchedule returns the schedule of a torrent with these tiers; URLs that
// occur twice are kept once. It is due at once.
func NewSchedule(tiers [][]string, rnd *rand.Rand) *Schedule {
	s := &Schedule{rnd: rnd, next: time.Unix(0, 0)}
	s.fill(tiers, nil)
	return s
}

// fill makes the tiers, with those of the entries in old that occur in them again.
func (s *Schedule) fill(tiers [][]string, old map[string]*entry) {
	seen := make(map[string]bool, len(tiers))
	for _, urls := range tiers {
		var tier []*entry
		for _, u := range urls {
			if u == "" || seen[u] || len(seen) == maxTrackers {
				continue
			}
			seen[u] = true
			e := old[u]
			if e == nil {
				e = &entry{State: State{URL: u, Complete: -1, Incomplete: -1}}
			}
			e.Tier = len(s.tiers)
			tier = append(tier, e)
		}
		if tier == nil {
			continue
		}
		s.rnd.Shuffle(len(tier), func(i, j int) { tier[i], tier[j] = tier[j], tier[i] })
		s.tiers = append(s.tiers, tier)
	}
}

// Replace gives the torrent other tiers. A tracker that is in both keeps what is known of it, and when it may be asked; the first of
// the new ones is asked at once where none of the others works. It returns a "stopped" for each tracker that is gone and was
// told "started", as Stop does.
func (s *Schedule) Replace(now time.Time, tiers [][]string) (owed []Request) {
	old, working := make(map[string]*entry), false
	for e := range s.entries {
		old[e.URL] = e
	}
	s.tiers = nil
	s.fill(tiers, old)
	for _, tier := range s.tiers {
		slices.SortStableFunc(tier, func(a, b *entry) int { return cmp.Compare(rank(b), rank(a)) })
	}
	for e := range s.entries {
		delete(old, e.URL)
		working = working || e.Working
	}
	for _, u := range slices.Sorted(maps.Keys(old)) {
		e := old[u]
		switch {
		case e == s.asking:
			s.asking = nil
		case e.UnderWay:
			s.behind--
		}
		if !s.stopped && e.started && e.Working {
			owed = append(owed, e.request(Stopped))
		}
	}
	if !working {
		s.failures, s.next, s.early = 0, now, time.Time{}
	}
	return owed
}

// rank is 1 for a tracker that answered last time.
func rank(e *entry) int {
	if e.Working {
		return 1
	}
	return 0
}

// Next returns when Due will have something; it may be long past. The zero time means
// never, unless another method is called first: nothing can be done before an
// announce under way ends, no tracker is left, or the schedule was stopped.
func (s *Schedule) Next() time.Time {
	at := s.next
	if s.asking != nil {
		at = s.asking.asked.Add(overtake)
	}
	if s.stopped || s.pick(at) == nil {
		return time.Time{}
	}
	return at
}

// Due returns the announces to be made now, at most one. Each must be answered by Done.
func (s *Schedule) Due(now time.Time) []Request {
	if at := s.Next(); at.IsZero() || now.Before(at) {
		return nil
	}
	e := s.pick(now)
	if e == nil {
		return nil
	}
	if s.asking != nil {
		s.behind++
	}
	e.event = None
	switch {
	case !e.started:
		e.event = Started
	case e.owes:
		e.event = Completed
	}
	e.UnderWay, e.asked, e.overtaken = true, now, false
	s.asking = e
	return []Request{e.request(e.event)}
}

func (e *entry) request(ev Event) Request {
	return Request{URL: e.URL, Event: ev, TrackerID: e.trackerID}
}

// pick chooses the tracker to ask: the first, in tier order, that is not
// passed over; when all have failed, the one that was not asked for longest.
// It is nil when no tracker is left, or none before an announce under way ends.
func (s *Schedule) pick(now time.Time) *entry {
	allFailed := s.failures >= s.alive()
	var oldest *entry
	for e := range s.entries {
		if e.dead || e.UnderWay {
			continue
		}
		if !allFailed && !now.Before(e.shun) {
			return e
		}
		if oldest == nil || e.Last.Before(oldest.Last) {
			oldest = e
		}
	}
	if s.asking != nil || s.behind > 0 {
		return nil
	}
	return oldest
}

// Done reports the outcome of a request that Due returned. A request that was
// given up because the caller's own context ended is not held against the tracker.
func (s *Schedule) Done(now time.Time, url string, r Reply, err error) {
	var e *entry
	for o := range s.entries {
		if o.UnderWay && o.URL == url {
			e = o
		}
	}
	if e == nil {
		return
	}
	e.UnderWay, e.Last = false, now
	if e == s.asking {
		s.asking = nil
	} else {
		s.behind--
	}
	switch {
	case err == nil:
		s.succeeded(now, e, r)
	case errors.Is(err, context.Canceled):
		if s.asking == nil && !e.overtaken {
			s.next = now.Add(quickPause)
		}
	default:
		s.failed(now, e, err)
	}
}

func (s *Schedule) succeeded(now time.Time, e *entry, r Reply) {
	e.started = true
	if e.event == Completed {
		e.owes = false
	}
	if r.TrackerID != "" {
		e.trackerID = r.TrackerID
	}
	e.Working, e.Err, e.fails, e.shun = true, r.Warning, 0, time.Time{}
	e.Complete, e.Incomplete, e.Peers = r.Complete, r.Incomplete, len(r.Peers)
	s.failures = 0
	e.Next = now.Add(clampInterval(r.Interval))
	s.next = e.Next
	if e.owes { // finished while the announce was under way
		s.next = now
	}
	for o := range s.entries {
		o.overtaken = o.UnderWay
	}
	if s.asking != nil {
		s.asking, s.behind = nil, s.behind+1
	}
	least := r.MinInterval
	if least <= 0 {
		least = defaultMin
	}
	if early := now.Add(max(least, minInterval)); early.After(s.early) {
		s.early = early
	}
	tier := s.tiers[e.Tier]
	i := slices.Index(tier, e)
	copy(tier[1:i+1], tier[:i])
	tier[0] = e
}

func (s *Schedule) failed(now time.Time, e *entry, err error) {
	e.Working, e.Err, e.Peers = false, err.Error(), 0
	e.owes = e.owes && e.started
	e.fails++
	wait := min(shunFirst<<min(e.fails-1, 10), shunLast)
	if f, ok := errors.AsType[*Failure](err); ok && f.Retry != 0 {
		e.dead = f.Retry < 0
		wait = min(max(f.Retry, minInterval), maxInterval)
	}
	if errors.Is(err, ErrUnsupported) {
		e.dead = true
	}
	e.shun = now.Add(wait)
	e.Next = e.shun
	if e.dead {
		e.Next = time.Time{}
	}
	if e.overtaken {
		return // the torrent is in good hands
	}
	if !e.dead {
		s.failures++
	}
	if s.asking != nil {
		return
	}
	pause := quickPause
	if over := s.failures - s.alive(); over >= 0 {
		pause = min(firstPause<<min(over, 20), lastPause)
		pause += time.Duration(s.rnd.Int64N(int64(pause / 10)))
	}
	s.next = now.Add(pause)
}

// alive counts the trackers that may still be asked.
func (s *Schedule) alive() int {
	n := 0
	for e := range s.entries {
		if !e.dead {
			n++
		}
	}
	return n
}

// entries walks the trackers in the order in which they would be asked.
func (s *Schedule) entries(yield func(*entry) bool) {
	for _, tier := range s.tiers {
		for _, e := range tier {
			if !yield(e) {
				return
			}
		}
	}
}

// Completed says that the download has finished during this run; the working tracker
// is told at once. Call it once, and not for a torrent that was complete from the start.
func (s *Schedule) Completed(now time.Time) {
	for e := range s.entries {
		e.owes = e.started || e.UnderWay
		if e.owes && e.Working && s.failures == 0 {
			s.next = now
		}
	}
}

// NeedPeers asks for an announce as early as the tracker allows. It does not
// shorten the pauses between failures.
func (s *Schedule) NeedPeers(now time.Time) {
	// Before the first answer there is no early moment, and the first announce is due anyway.
	if s.failures == 0 && !s.early.IsZero() && s.early.Before(s.next) {
		s.next = s.early
	}
}

// Retry forgets the failures of the past, because the network came back or the
// user asks: the first tracker is due at once, except that a tracker which answered is not
// asked again before its own minimum interval.
func (s *Schedule) Retry(now time.Time) {
	for e := range s.entries {
		e.fails, e.shun = 0, time.Time{}
	}
	s.failures = 0
	if s.next.After(now) {
		s.next = now
		if s.early.After(now) {
			s.next = s.early
		}
	}
}

// Stop ends the schedule and returns a "stopped" for every tracker that was told
// "started" and answered when last asked. Outcomes need not be reported.
func (s *Schedule) Stop() []Request {
	var owed []Request
	for e := range s.entries {
		if !s.stopped && e.started && e.Working {
			owed = append(owed, e.request(Stopped))
		}
	}
	s.stopped = true
	return owed
}

// Working reports whether a tracker answered when it was asked last.
func (s *Schedule) Working() bool {
	for e := range s.entries {
		if e.Working {
			return true
		}
	}
	return false
}

// States returns what there is to see, in the order of asking.
func (s *Schedule) States() []State {
	var all []State
	for e := range s.entries {
		all = append(all, e.State)
	}
	return all
}
