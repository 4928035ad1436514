package session

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/status"
	"shoal/tracker"
)

// maxTrackerURL bounds an address that a person gives, in bytes.
const maxTrackerURL = 2048

// maxPartings is from how many torrents on whose trackers are told that they go, those of one that sleeps find out by themselves.
const maxPartings = 64

// SetTrackers gives a torrent other trackers, by tier. Those that stay keep what is known of them and when they may be asked; those that are
// gone are told so, unless many torrents that sleep have others at once. One that sleeps is not woken. It fails with metainfo.ErrInvalid, and
// changes nothing, when one is no http, https or udp URL.
func (s *Session) SetTrackers(ctx context.Context, id metainfo.ID, tiers [][]string) error {
	for _, u := range slices.Concat(tiers...) {
		if err := checkTracker(u); err != nil {
			return err
		}
	}
	tiers = cloneTiers(tiers)
	if s.trackersAsleep(id.Wire(), tiers) {
		return ctx.Err()
	}
	t, err := s.wish(ctx, id, func(w *wishes) { w.trackers = tiers })
	if err != nil {
		return err
	}
	s.announce.replace(t, tiers)
	return ctx.Err()
}

// checkTracker says what is wrong with the address of a tracker.
func checkTracker(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > maxTrackerURL:
		return fmt.Errorf("%w: the address of a tracker has %d bytes, %d are allowed", metainfo.ErrInvalid, len(raw), maxTrackerURL)
	case err != nil || u.Host == "" || !slices.Contains([]string{"http", "https", "udp"}, u.Scheme):
		return fmt.Errorf("%w: tracker %q is not http://, https:// or udp://", metainfo.ErrInvalid, tracker.Mask(raw))
	}
	return nil
}

// Reannounce asks the trackers of a torrent as soon as they allow it, and the DHT as soon as its budget does. A torrent that stands still asks
// nobody.
func (s *Session) Reannounce(ctx context.Context, id metainfo.ID) error {
	if k, p := s.reg.sleeping(id.Wire()); p != nil {
		s.announce.change(k, func(e *announced) { e.sched.Retry(time.Now()); e.notBefore = time.Time{} })
		s.overlay.seekNow(k)
		return ctx.Err()
	}
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	if t.active() {
		s.announce.change(t.key, func(e *announced) { e.sched.Retry(time.Now()) })
		s.lookLocally(t)
		s.overlay.seek(t)
	}
	return ctx.Err()
}

// active reports whether the torrent looks for peers.
func (t *torrent) active() bool {
	sw := t.running()
	if sw == nil || t.stopped() != nil {
		return false
	}
	switch sw.Snapshot().Phase {
	case status.Leeching, status.Partial, status.Seeding, status.Metadata:
		return true
	}
	return false
}

// replace gives a torrent that is announced other trackers, and begins to announce one that had none.
func (a *announcer) replace(t *torrent, tiers [][]string) {
	out, known := a.exchange(t.key, tiers)
	if known {
		a.s.overlay.tracked(t.key, len(tiers) > 0)
	} else if t.active() {
		a.add(t)
	}
	poke(a.wake)
	a.sayGoodbye(out)
}

// exchange gives what is announced under k other trackers, and returns what those that go must be told; known is false when nothing is.
func (a *announcer) exchange(k budget.Key, tiers [][]string) (out []owed, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.byKey[k]
	if e == nil {
		return nil, false
	}
	now := time.Now()
	gone := e.sched.Replace(now, tiers)
	if e.t == nil { // asleep: others may be given the same ones just now
		e.notBefore = a.turn(now)
		if len(a.partings) >= maxPartings {
			gone = nil
		}
	}
	out = a.owe(e, gone)
	e.trackers, e.works = tiers, len(tiers) > 0 // the new ones may answer
	a.plan(e)
	return out, true
}

// sayGoodbye is goodbyes in the background.
func (a *announcer) sayGoodbye(list []owed) {
	if len(list) > 0 && a.s.start(func() error { return nil }, func() { a.goodbyes(list) }) != nil {
		a.goodbyes(list)
	}
}

// states returns what there is to see of a torrent's trackers, which are these.
func (a *announcer) states(k budget.Key, tiers [][]string) (out []status.Tracker) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.s.cfg.NoTrackers {
		return nil
	}
	e := a.byKey[k]
	if e == nil { // it stands still
		for tier, urls := range tiers {
			for i, u := range urls {
				out = append(out, status.Tracker{URL: tracker.Mask(u), Tier: tier, Backup: i > 0, Complete: -1, Incomplete: -1, Downloaded: -1})
			}
		}
		return out
	}
	a.wonder(e)
	poke(a.wake)
	tier := -1
	for _, s := range e.sched.States() {
		c := e.counts(&s)
		x := status.Tracker{
			URL: tracker.Mask(s.URL), Tier: s.Tier, Backup: s.Tier == tier, Working: s.Working, Announcing: s.UnderWay, Err: s.Err,
			Next: s.Next, Last: s.Last, Peers: s.Peers, Complete: c.Complete, Incomplete: c.Incomplete, Downloaded: c.Downloaded,
		}
		if k, ok := e.told[s.URL]; ok {
			x.LastScrape, x.NextScrape = k.at, e.last.Add(scrapeEvery)
		}
		tier = s.Tier
		out = append(out, x)
	}
	return out
}
