package session

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"shoal/status"
	"shoal/swarm"
	"shoal/tracker"
)

// maxAnnounces bounds the announces under way in a session over HTTP, where each is a connection;
// maxPackets those over UDP, which cost next to nothing but last long when a tracker is silent. They are
// counted apart so that silent trackers hold up nobody else.
const (
	maxAnnounces = 30
	maxPackets   = 1000
)

// renewEvery is the least time between two new beginnings.
const renewEvery = time.Minute

// lookupTime bounds asking for a tracker's address.
const lookupTime = 10 * time.Second

// wantPeers is how many addresses a tracker is asked for.
const wantPeers = 80

// announcer asks the trackers of all torrents when their schedules say so.
type announcer struct {
	s      *Session
	wake   chan struct{} // holds one token when a schedule has changed
	slots  chan struct{} // one token a request under way over HTTP
	packet chan struct{} // the same over UDP

	mu     sync.Mutex
	client *tracker.Client
	list   []*announced
}

// announced is the schedule of one torrent; announcer.mu guards it.
type announced struct {
	t     *torrent
	sched *tracker.Schedule
	key   uint32
	// notBefore holds the schedule back after the network came back.
	notBefore time.Time
	renewed   time.Time // when it began anew; zero for never
	scraped
	// base are the totals when the announces began: trackers are told what came since.
	baseUp, baseDown int64
}

func newAnnouncer(s *Session) *announcer {
	return &announcer{
		s: s, wake: make(chan struct{}, 1), client: s.trackerClient(),
		slots: make(chan struct{}, maxAnnounces), packet: make(chan struct{}, maxPackets),
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
	a.client = a.s.trackerClient()
	for _, e := range a.list {
		rnd, snap := a.s.reg.random(), e.t.running().Snapshot()
		e.sched = tracker.NewSchedule(e.t.trackers, rnd)
		e.baseUp, e.baseDown = snap.UpTotal, snap.DownTotal
		e.notBefore = now.Add(time.Duration(rnd.Int64N(int64(comeback))))
		if least := e.renewed.Add(renewEvery); !e.renewed.IsZero() && e.notBefore.Before(least) {
			e.notBefore = least // addresses that come and go are no reason to pester
		}
		e.renewed = e.notBefore
	}
	a.mu.Unlock()
	old.Close()
	poke(a.wake)
}

// enter waits until one more request to a tracker may be under way; leave gives its place back.
func (a *announcer) enter(ctx context.Context, url string) (leave func(), err error) {
	places := a.slots
	if strings.HasPrefix(url, "udp:") {
		places = a.packet
	}
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// add begins to announce a torrent, in the local network and the DHT too, unless it was removed: that may be while it is being
// started.
func (a *announcer) add(t *torrent) {
	a.s.lookLocally(t)
	a.s.overlay.seek(t)
	if t.removed.Load() {
		a.s.lookAway(t)
		return
	}
	if a.s.cfg.NoTrackers || len(t.trackers) == 0 {
		return
	}
	rnd, snap := a.s.reg.random(), t.running().Snapshot()
	e := &announced{
		t: t, sched: tracker.NewSchedule(t.trackers, rnd), key: rnd.Uint32(),
		baseUp: snap.UpTotal, baseDown: snap.DownTotal,
	}
	a.mu.Lock()
	if a.find(t) == nil && !t.removed.Load() { // else remove has been here
		a.list = append(a.list, e)
	}
	a.mu.Unlock()
	poke(a.wake)
}

// find returns the entry of t, nil when it has none. The caller holds mu.
func (a *announcer) find(t *torrent) *announced {
	for _, e := range a.list {
		if e.t == t {
			return e
		}
	}
	return nil
}

// needPeers asks for an early announce; completed tells the trackers of the
// end of a download. Neither waits.
func (a *announcer) needPeers(t *torrent) {
	a.change(t, func(e *announced) {
		e.sched.NeedPeers(time.Now())
		e.looked = true
	})
}

func (a *announcer) completed(t *torrent) {
	a.change(t, func(e *announced) { e.sched.Completed(time.Now()) })
}

// portChanged tells all trackers soon that peers come to another port now.
func (a *announcer) portChanged() {
	now := time.Now()
	a.mu.Lock()
	for _, e := range a.list {
		e.sched.NeedPeers(now)
	}
	a.mu.Unlock()
	poke(a.wake)
}

func (a *announcer) change(t *torrent, f func(*announced)) {
	a.mu.Lock()
	if e := a.find(t); e != nil {
		f(e)
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
	for _, e := range a.list {
		n := e.notBefore
		if !now.Before(n) {
			for _, r := range e.sched.Due(now) {
				a.s.wg.Go(func() { a.ask(ctx, e, e.sched, r) })
			}
			n = e.sched.Next()
		}
		if !n.IsZero() && (next.IsZero() || n.Before(next)) {
			next = n
		}
	}
	a.scrapeRound(ctx, now)
	return next
}

// ask makes one announce and reports the outcome to the schedule and the
// addresses to the swarm.
func (a *announcer) ask(ctx context.Context, e *announced, sched *tracker.Schedule, r tracker.Request) {
	var reply tracker.Reply
	leave, err := a.enter(ctx, r.URL)
	if err == nil {
		reply, err = a.current().Announce(ctx, a.request(e, r))
		leave()
	}
	a.mu.Lock()
	sched.Done(time.Now(), r.URL, reply, err) // e may have another one by now
	a.mu.Unlock()
	poke(a.wake)
	if err != nil {
		if ctx.Err() == nil {
			a.s.log.Info("announce failed", "torrent", e.t.id, "tracker", tracker.Mask(r.URL), "err", err)
		}
		return
	}
	a.s.log.Debug("announced", "torrent", e.t.id, "tracker", tracker.Mask(r.URL), "peers", len(reply.Peers))
	by := a.reach(ctx, r.URL)
	a.s.seenAs(reply.ExternalIP, by, trackerVotes)
	e.t.running().AddPeers(reply.Peers, swarm.Source{Kind: swarm.FromTracker, By: by})
}

// request puts in what the schedule does not know.
func (a *announcer) request(e *announced, r tracker.Request) tracker.Announce {
	snap := e.t.running().Snapshot()
	a.mu.Lock()
	baseUp, baseDown := e.baseUp, e.baseDown
	a.mu.Unlock()
	want := wantPeers
	if r.Event == tracker.Stopped || snap.Phase == status.Paused || snap.Phase == status.Failed {
		want = 0
	}
	return tracker.Announce{
		URL: r.URL, ID: e.t.id, PeerID: a.s.peerID, Port: a.s.publicPort(), Key: e.key,
		Uploaded: snap.UpTotal - baseUp, Downloaded: snap.DownTotal - baseDown, Left: e.t.left(snap),
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

// owed is a "stopped" that a tracker must be told.
type owed struct {
	e *announced
	r tracker.Request
}

// remove ends the announces of these torrents, at once, and returns what their trackers
// must be told still: that is for goodbyes.
func (a *announcer) remove(list ...*torrent) (out []owed) {
	for _, t := range list {
		a.s.lookAway(t)
		a.s.overlay.leave(t)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range list {
		e := a.find(t)
		if e == nil {
			continue
		}
		for _, r := range e.sched.Stop() {
			out = append(out, owed{e, r})
		}
		a.list = slices.DeleteFunc(a.list, func(o *announced) bool { return o == e })
	}
	return out
}

// goodbyes tells trackers that we go; it returns when they know, or after stopAnnounces. It may run
// after the session's context has ended and has its own deadline.
func (a *announcer) goodbyes(list []owed) {
	ctx, cancel := context.WithTimeout(context.Background(), stopAnnounces)
	defer cancel()
	var all sync.WaitGroup
	for _, o := range list {
		all.Go(func() { a.goodbye(ctx, o.e, o.r) })
	}
	all.Wait()
}

func (a *announcer) goodbye(ctx context.Context, e *announced, r tracker.Request) {
	leave, err := a.enter(ctx, r.URL)
	if err != nil {
		return
	}
	defer leave()
	_, err = a.current().Announce(ctx, a.request(e, r))
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		a.s.log.Info("stopped announce failed", "torrent", e.t.id, "tracker", tracker.Mask(r.URL), "err", err)
	}
}

// states returns what there is to see of a torrent's trackers.
func (a *announcer) states(t *torrent) []status.Tracker {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.find(t)
	if e == nil {
		return nil
	}
	e.looked = true
	poke(a.wake)
	var out []status.Tracker
	for _, s := range e.sched.States() {
		c := e.counts(&s)
		out = append(out, status.Tracker{
			URL: tracker.Mask(s.URL), Tier: s.Tier, Working: s.Working, Err: s.Err,
			Next: s.Next, Last: s.Last, Complete: c.Complete, Incomplete: c.Incomplete,
		})
	}
	return out
}
