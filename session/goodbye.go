package session

import (
	"context"
	"errors"
	"sync"

	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/tracker"
)

// owed is a "stopped" that a tracker must be told.
type owed struct {
	e *announced
	r tracker.Request
}

// remove ends the announces of a torrent, at once, and returns what its trackers
// must be told still: that is for goodbyes.
func (a *announcer) remove(t *torrent) []owed { return a.drop(t.key, t.id.Wire()) }

// drop is remove for a torrent that may be asleep.
func (a *announcer) drop(k budget.Key, h metainfo.Hash) []owed {
	a.s.forgetLocally(h)
	a.s.overlay.leave(k)
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.byKey[k]; e != nil {
		return a.strike(e)
	}
	return nil
}

// strike takes e out. The caller holds mu.
func (a *announcer) strike(e *announced) (out []owed) {
	delete(a.byKey, e.torrent)
	a.agenda.remove(e)
	return a.owe(e, e.sched.Stop())
}

// parting is a torrent whose trackers are being told that it goes. If it is back already, they hear of that afterwards: else
// the last that they hear would be that it is gone.
type parting struct {
	words int        // still to be said
	back  *announced // who waits for that
}

// owe notes what trackers must be told of e. Who is given it calls goodbyes. The caller holds mu.
func (a *announcer) owe(e *announced, list []tracker.Request) (out []owed) {
	for _, r := range list {
		out = append(out, owed{e, r})
	}
	if len(out) == 0 {
		return nil
	}
	h := e.id.Wire()
	p := a.partings[h]
	if p == nil {
		p = new(parting)
		a.partings[h] = p
	}
	p.words += len(out)
	return out
}

// said notes that one of them was told, or will not be.
func (a *announcer) said(e *announced) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := e.id.Wire()
	p := a.partings[h]
	if p.words--; p.words > 0 {
		return
	}
	delete(a.partings, h)
	if p.back != nil {
		a.plan(p.back)
		poke(a.wake)
	}
}

// waits reports whether e must not be announced yet, and lets it wait. The caller holds mu.
func (a *announcer) waits(e *announced) bool {
	p := a.partings[e.id.Wire()]
	if p == nil {
		return false
	}
	p.back = e
	a.agenda.remove(e)
	return true
}

// end ends all announces and returns what trackers must be told, of torrents that are awake first.
func (a *announcer) end() (out []owed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var later []owed
	for _, e := range a.inOrder() {
		if list := a.strike(e); e.t != nil {
			out = append(out, list...)
		} else {
			later = append(later, list...)
		}
	}
	return append(out, later...)
}

// goodbyes tells trackers that we go; it returns when they know, or after stopAnnounces. It may run
// after the session's context has ended and has its own deadline.
func (a *announcer) goodbyes(list []owed) {
	ctx, cancel := context.WithTimeout(context.Background(), stopAnnounces)
	defer cancel()
	work := make(map[*way][]owed)
	for _, o := range list {
		l := a.way(o.r.URL)
		work[l] = append(work[l], o)
	}
	var all sync.WaitGroup
	for l, list := range work {
		queue := make(chan owed, len(list))
		for _, o := range list {
			queue <- o
		}
		close(queue)
		for range min(len(list), cap(l.places)) {
			all.Go(func() {
				for o := range queue {
					a.goodbye(ctx, o.e, o.r)
					a.said(o.e)
				}
			})
		}
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
		a.s.log.Info("stopped announce failed", "torrent", e.id, "tracker", tracker.Mask(r.URL), "err", err)
	}
}
