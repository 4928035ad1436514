package session

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/status"
	"shoal/swarm"
	"shoal/tracker"
)

// renewEvery is the least time between two new beginnings.
const renewEvery = time.Minute

// lookupTime bounds asking for a tracker's address.
const lookupTime = 10 * time.Second

// crowdPause is between the first announces of torrents that were not added by a person just now: 10,000 take five minutes.
const crowdPause = 30 * time.Millisecond

// quickLook is when a schedule is looked at again that is due and has nothing to ask.
const quickLook = time.Second

// wantPeers is how many addresses a tracker is asked for.
const wantPeers = 80

// announcer asks the trackers of all torrents when their schedules say so.
type announcer struct {
	s    *Session
	wake chan struct{} // holds one token when a schedule has changed, or a place is free

	mu           sync.Mutex
	client       *tracker.Client
	rnd          *rand.Rand // of all schedules
	byKey        map[budget.Key]*announced
	agenda       agenda[*announced]
	partings     map[metainfo.Hash]*parting
	http, packet way
	curious      []*announced // may be scraped
	crowd        time.Time    // when the first announce of the next torrent is that nobody waits for
}

// announced is the schedule of one torrent; announcer.mu guards it.
type announced struct {
	date     // of its next announce
	torrent  budget.Key
	id       metainfo.ID
	t        *torrent // nil while it is asleep
	up, down int64    // its totals when it fell asleep
	trackers [][]string
	sched    *tracker.Schedule
	key      uint32
	works    bool // a tracker answered the last time, or may still
	// notBefore holds the schedule back after the network came back, or so that not all torrents begin at once.
	notBefore time.Time
	renewed   time.Time // when it began anew; zero for never
	scraped
	// base are the totals when the announces began: trackers are told what came since.
	baseUp, baseDown int64
}

func newAnnouncer(s *Session) *announcer {
	return &announcer{
		s: s, wake: make(chan struct{}, 1), client: s.trackerClient(), rnd: s.reg.random(),
		byKey: make(map[budget.Key]*announced), partings: make(map[metainfo.Hash]*parting),
		http: way{places: make(chan struct{}, maxAnnounces)}, packet: way{places: make(chan struct{}, maxPackets)},
	}
}

func (s *Session) trackerClient() *tracker.Client {
	return tracker.NewClient(s.cfg.Net.Dial, tracker.Options{
		Lookup: s.cfg.Net.Lookup, UserAgent: s.cfg.Client, ListenPacket: s.cfg.Net.ListenPacket,
		Allow: func(a netip.Addr) bool { return scopeOf(a) != noScope },
	})
}

// current returns the client to ask trackers with.
func (a *announcer) current() *tracker.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.client
}

func (a *announcer) close() { a.current().Close() }

// again tells all trackers of us as if we had just come, because the machine slept or
// moved: what they know of us is old. Kept connections and sockets are given up for new ones.
func (a *announcer) again(now time.Time) {
	a.mu.Lock()
	old := a.client
	a.client, a.crowd = a.s.trackerClient(), now
	for _, e := range a.inOrder() {
		e.sched = tracker.NewSchedule(e.trackers, a.rnd)
		e.baseUp, e.baseDown = e.totals()
		if e.t == nil {
			e.notBefore = a.turn(now)
		} else {
			e.notBefore = now.Add(time.Duration(a.rnd.Int64N(int64(comeback))))
		}
		if least := e.renewed.Add(renewEvery); !e.renewed.IsZero() && e.notBefore.Before(least) {
			e.notBefore = least // addresses that come and go are no reason to pester
		}
		e.renewed = e.notBefore
		a.plan(e)
	}
	a.mu.Unlock()
	old.Close()
	poke(a.wake)
}

// retry has the trackers asked anew that did not answer: we could not be heard.
func (a *announcer) retry(now time.Time) {
	a.mu.Lock()
	for _, e := range a.inOrder() {
		if e.works || now.Sub(e.renewed) < renewEvery && !e.renewed.IsZero() {
			continue
		}
		e.sched = tracker.NewSchedule(e.trackers, a.rnd)
		e.baseUp, e.baseDown = e.totals()
		e.notBefore = a.turn(now)
		e.renewed = e.notBefore
		a.plan(e)
	}
	a.mu.Unlock()
	poke(a.wake)
}

// inOrder returns all entries in the order in which their torrents were added. The caller holds mu.
func (a *announcer) inOrder() []*announced {
	return slices.SortedFunc(maps.Values(a.byKey), func(x, y *announced) int { return cmp.Compare(x.torrent, y.torrent) })
}

// turn returns when to begin with a torrent that nobody waits for: one after the other. The caller holds mu.
func (a *announcer) turn(now time.Time) time.Time {
	if a.crowd.Before(now) {
		a.crowd = now
	}
	a.crowd = a.crowd.Add(crowdPause)
	return a.crowd
}

// plan enters when e is to be looked at next. The caller holds mu.
func (a *announcer) plan(e *announced) {
	if a.byKey[e.torrent] != e {
		return // it was removed
	}
	at := e.sched.Next()
	if !at.IsZero() && at.Before(e.notBefore) {
		at = e.notBefore
	}
	a.agenda.set(e, at)
}

// add begins to announce a torrent, in the local network and the DHT too, unless it was removed: that may be while it is being
// started. One that slept goes on.
func (a *announcer) add(t *torrent) {
	a.s.lookLocally(t)
	a.s.overlay.seek(t)
	if t.removed.Load() {
		a.s.lookAway(t)
		return
	}
	tiers := t.orders.get().trackers
	if a.s.cfg.NoTrackers || len(tiers) == 0 {
		return
	}
	snap := t.running().Snapshot()
	a.mu.Lock()
	if e := a.byKey[t.key]; e != nil {
		e.t, e.notBefore = t, time.Time{}
		a.plan(e)
	} else if !t.removed.Load() { // else remove has been here
		a.enlist(&announced{torrent: t.key, id: t.id, t: t, trackers: tiers, baseUp: snap.UpTotal, baseDown: snap.DownTotal})
	}
	a.mu.Unlock()
	poke(a.wake)
}

// addAsleep begins to announce a torrent that sleeps, when its turn comes, or at once.
func (a *announcer) addAsleep(k budget.Key, d *Dormant, atOnce bool) {
	if a.s.cfg.NoTrackers || len(d.Trackers) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byKey[k] != nil {
		return
	}
	e := &announced{torrent: k, id: d.ID, trackers: d.Trackers, up: d.UpTotal, down: d.DownTotal, baseUp: d.UpTotal, baseDown: d.DownTotal}
	if !atOnce {
		e.notBefore = a.turn(time.Now())
	}
	a.enlist(e)
	if atOnce || e.place == 1 {
		poke(a.wake)
	}
}

// enlist enters e. The caller holds mu.
func (a *announcer) enlist(e *announced) {
	e.sched, e.key, e.works = tracker.NewSchedule(e.trackers, a.rnd), a.rnd.Uint32(), true
	a.byKey[e.torrent] = e
	a.plan(e)
}

// fellAsleep goes on announcing a torrent that has no swarm any more.
func (a *announcer) fellAsleep(t *torrent, up, down int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.byKey[t.key]; e != nil && e.t == t {
		e.t, e.up, e.down = nil, up, down
	}
}

// totals are the bytes sent and received of a torrent.
func (e *announced) totals() (up, down int64) {
	if e.t == nil {
		return e.up, e.down
	}
	snap := e.t.running().Snapshot()
	return snap.UpTotal, snap.DownTotal
}

// needPeers asks for an early announce; completed tells the trackers of the
// end of a download. Neither waits.
func (a *announcer) needPeers(t *torrent) {
	a.change(t.key, func(e *announced) {
		e.sched.NeedPeers(time.Now())
		a.wonder(e)
	})
}

func (a *announcer) completed(t *torrent) {
	a.change(t.key, func(e *announced) { e.sched.Completed(time.Now()) })
}

// portChanged tells all trackers soon that peers come to another port now.
func (a *announcer) portChanged() {
	now := time.Now()
	a.mu.Lock()
	for _, e := range a.inOrder() {
		if e.t == nil {
			e.notBefore = a.turn(now)
		}
		e.sched.NeedPeers(now)
		a.plan(e)
	}
	a.mu.Unlock()
	poke(a.wake)
}

func (a *announcer) change(k budget.Key, f func(*announced)) {
	a.mu.Lock()
	if e := a.byKey[k]; e != nil {
		f(e)
		a.plan(e)
	}
	a.mu.Unlock()
	poke(a.wake)
}

// run makes the announces that are due until ctx ends.
func (a *announcer) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := a.round(ctx, time.Now())
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		}
	}
}

// round starts what is due and returns when to look again; zero for not
// before someone pokes.
func (a *announcer) round(ctx context.Context, now time.Time) (next time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for e, ok := a.agenda.due(now); ok; e, ok = a.agenda.due(now) {
		if a.waits(e) {
			continue
		}
		for _, r := range e.sched.Due(now) {
			l := a.way(r.URL)
			l.queue = append(l.queue, asking{e, e.sched, r})
		}
		if a.plan(e); e.place != 0 && !e.at.After(now) {
			a.agenda.set(e, now.Add(quickLook))
		}
	}
	for _, l := range []*way{&a.http, &a.packet} {
		for j, ok := a.take(l); ok; j, ok = a.take(l) {
			a.s.wg.Go(func() { a.ask(ctx, l, j) })
		}
	}
	a.scrapeRound(ctx, now)
	return a.agenda.next()
}

// ask makes one announce, for which there is a place, and reports the outcome to the schedule and the
// addresses to the swarm.
func (a *announcer) ask(ctx context.Context, l *way, j asking) {
	e, r := j.e, j.r
	reply, err := a.current().Announce(ctx, a.request(e, r))
	<-l.places
	t := a.answered(j, reply, err)
	if err != nil {
		if ctx.Err() == nil {
			a.s.log.Info("announce failed", "torrent", e.id, "tracker", tracker.Mask(r.URL), "err", err)
		}
		return
	}
	a.s.log.Debug("announced", "torrent", e.id, "tracker", tracker.Mask(r.URL), "peers", len(reply.Peers))
	if t == nil && !reply.ExternalIP.IsValid() {
		return // nobody wants what it takes a look-up of a name to judge
	}
	by := a.reach(ctx, r.URL)
	a.s.outside.hear(by, false)
	a.s.seenAs(reply.ExternalIP, by, trackerVotes)
	if t != nil {
		t.running().AddPeers(reply.Peers, swarm.Source{Kind: swarm.FromTracker, By: by})
	}
}

// answered tells the schedule what came of an announce, and returns who may want its addresses.
func (a *announcer) answered(j asking, reply tracker.Reply, err error) *torrent {
	e := j.e
	a.mu.Lock()
	j.sched.Done(time.Now(), j.r.URL, reply, err) // e may have another one by now
	a.plan(e)
	t, worked := e.t, e.works
	if e.works = e.sched.Working(); e.works && e.looked {
		a.wonder(e)
	}
	works := e.works
	a.mu.Unlock()
	poke(a.wake)
	if works != worked {
		a.s.overlay.tracked(e.torrent, works)
	}
	return t
}

// request puts in what the schedule does not know.
func (a *announcer) request(e *announced, r tracker.Request) tracker.Announce {
	a.mu.Lock()
	t, baseUp, baseDown := e.t, e.baseUp, e.baseDown
	up, down := e.totals()
	a.mu.Unlock()
	var want int
	var left int64 // a sleeper has everything and wants nobody
	if t != nil {
		snap := t.running().Snapshot()
		left = t.left(snap)
		if r.Event != tracker.Stopped && snap.Phase != status.Paused && snap.Phase != status.Failed {
			want = wantPeers
		}
	}
	return tracker.Announce{
		URL: r.URL, ID: e.id, PeerID: a.s.peerID, Port: a.s.publicPort(), Key: e.key,
		Uploaded: up - baseUp, Downloaded: down - baseDown, Left: left,
		Event: r.Event, NumWant: want, TrackerID: r.TrackerID,
	}
}

// left is what trackers are told to be missing. Before its size is known a torrent is no seed.
func (t *torrent) left(snap *status.Torrent) int64 {
	if !t.begun.Load() {
		return 1
	}
	return snap.Size - snap.Have
}

// reach returns the address of a tracker that reaches farthest: it decides
// which addresses that tracker may name.
func (a *announcer) reach(ctx context.Context, raw string) (widest netip.Addr) {
	u, err := url.Parse(raw)
	if err != nil {
		return netip.Addr{}
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	ips, err := a.s.cfg.Net.Lookup(ctx, u.Hostname())
	if err != nil {
		return netip.Addr{}
	}
	for _, ip := range ips {
		if !widest.IsValid() || scopeOf(ip) > scopeOf(widest) {
			widest = ip
		}
	}
	return widest
}
