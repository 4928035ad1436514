package session

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"shoal/status"
	"shoal/swarm"
	"shoal/tracker"
)

// maxAnnounces bounds the announces under way in a session.
const maxAnnounces = 30

// wantPeers is how many addresses a tracker is asked for.
const wantPeers = 80

// announcer asks the trackers of all torrents when their schedules say so.
type announcer struct {
	s      *Session
	client *tracker.Client
	wake   chan struct{} // holds one token when a schedule has changed
	slots  chan struct{} // one token an announce under way

	mu   sync.Mutex
	list []*announced
}

// announced is the schedule of one torrent; announcer.mu guards it.
type announced struct {
	t     *torrent
	sched *tracker.Schedule
	key   uint32
	// base are the totals when the announces began: trackers are told what came since.
	baseUp, baseDown int64
}

func newAnnouncer(s *Session) *announcer {
	return &announcer{
		s: s, wake: make(chan struct{}, 1), slots: make(chan struct{}, maxAnnounces),
		client: tracker.NewClient(s.cfg.Net.Dial, tracker.Options{Lookup: s.cfg.Net.Lookup, UserAgent: s.cfg.Client}),
	}
}

// add begins to announce a torrent.
func (a *announcer) add(t *torrent) {
	if a.s.cfg.NoTrackers || len(t.add.Torrent.Trackers) == 0 {
		return
	}
	rnd, snap := a.s.reg.random(), t.running().Snapshot()
	e := &announced{
		t: t, sched: tracker.NewSchedule(t.add.Torrent.Trackers, rnd), key: rnd.Uint32(),
		baseUp: snap.UpTotal, baseDown: snap.DownTotal,
	}
	a.mu.Lock()
	if a.find(t) == nil {
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
	a.change(t, func(s *tracker.Schedule) { s.NeedPeers(time.Now()) })
}

func (a *announcer) completed(t *torrent) {
	a.change(t, func(s *tracker.Schedule) { s.Completed(time.Now()) })
}

func (a *announcer) change(t *torrent, f func(*tracker.Schedule)) {
	a.mu.Lock()
	if e := a.find(t); e != nil {
		f(e.sched)
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
		for _, r := range e.sched.Due(now) {
			a.s.wg.Go(func() { a.ask(ctx, e, r) })
		}
		if n := e.sched.Next(); !n.IsZero() && (next.IsZero() || n.Before(next)) {
			next = n
		}
	}
	return next
}

// ask makes one announce and reports the outcome to the schedule and the
// addresses to the swarm.
func (a *announcer) ask(ctx context.Context, e *announced, r tracker.Request) {
	var reply tracker.Reply
	err := ctx.Err()
	select {
	case a.slots <- struct{}{}:
		reply, err = a.client.Announce(ctx, a.request(e, r))
		<-a.slots
	case <-ctx.Done():
		err = ctx.Err()
	}
	a.mu.Lock()
	e.sched.Done(time.Now(), r.URL, reply, err)
	a.mu.Unlock()
	poke(a.wake)
	if err != nil {
		if ctx.Err() == nil {
			a.s.log.Info("announce failed", "torrent", e.t.id, "tracker", tracker.Mask(r.URL), "err", err)
		}
		return
	}
	a.s.log.Debug("announced", "torrent", e.t.id, "tracker", tracker.Mask(r.URL), "peers", len(reply.Peers))
	e.t.running().AddPeers(reply.Peers, swarm.Source{Kind: swarm.FromTracker, By: a.reach(ctx, r.URL)})
}

// request puts in what the schedule does not know.
func (a *announcer) request(e *announced, r tracker.Request) tracker.Announce {
	snap := e.t.running().Snapshot()
	want := wantPeers
	if r.Event == tracker.Stopped || snap.Phase == status.Paused || snap.Phase == status.Failed {
		want = 0
	}
	return tracker.Announce{
		URL: r.URL, ID: e.t.id, PeerID: a.s.peerID, Port: a.s.port(), Key: e.key,
		Uploaded: snap.UpTotal - e.baseUp, Downloaded: snap.DownTotal - e.baseDown, Left: snap.Size - snap.Have,
		Event: r.Event, NumWant: want, TrackerID: r.TrackerID,
	}
}

// reach returns the address of a tracker that reaches farthest: it decides
// which addresses that tracker may name.
func (a *announcer) reach(ctx context.Context, raw string) (widest netip.Addr) {
	u, err := url.Parse(raw)
	if err != nil {
		return netip.Addr{}
	}
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

// remove ends the announces of a torrent and tells its trackers; it returns
// when they know, or after stopAnnounces.
func (a *announcer) remove(t *torrent) { a.stop([]*torrent{t}) }

// stop tells the trackers of all these torrents that we go. It runs after the
// session's context has ended and has its own deadline.
func (a *announcer) stop(list []*torrent) {
	ctx, cancel := context.WithTimeout(context.Background(), stopAnnounces)
	defer cancel()
	var all sync.WaitGroup
	a.mu.Lock()
	for _, t := range list {
		e := a.find(t)
		if e == nil {
			continue
		}
		for _, r := range e.sched.Stop() {
			all.Go(func() { a.goodbye(ctx, e, r) })
		}
		a.list = slices.DeleteFunc(a.list, func(o *announced) bool { return o == e })
	}
	a.mu.Unlock()
	all.Wait()
}

func (a *announcer) goodbye(ctx context.Context, e *announced, r tracker.Request) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return
	}
	_, err := a.client.Announce(ctx, a.request(e, r))
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
	var out []status.Tracker
	for _, s := range e.sched.States() {
		out = append(out, status.Tracker{
			URL: tracker.Mask(s.URL), Tier: s.Tier, Working: s.Working, Err: s.Err,
			Next: s.Next, Last: s.Last, Complete: s.Complete, Incomplete: s.Incomplete,
		})
	}
	return out
}
