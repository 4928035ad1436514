package dht

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"shoal/dht/guard"
	"shoal/metainfo"
)

// Times of the keeper.
const (
	beat         = 5 * time.Second  // how often it looks around
	pingsABeat   = 8                // pings at each look
	probesABeat  = 4                // of nodes once known and of starting nodes each, while nobody is heard
	probeEvery   = 15 * time.Second // while nobody is heard
	aliveWithin  = 10 * time.Second // a time-out counts if somebody was heard so shortly before the query
	silentAfter  = 60 * time.Second // without any datagram we take ourselves for offline
	refreshEvery = 10 * time.Second // between look-ups that refresh buckets; those for more nodes at all slow down to
	refreshMost  = 2 * time.Minute
	firstStart   = 15 * time.Second // until Starting is called again, doubled up to
	lastStart    = 10 * time.Minute
	sweepEvery   = time.Minute      // old peers leave
	idPatience   = 30 * time.Second // a new id waits so long for look-ups to end
	idRest       = time.Minute      // and so long after the one before; each time twice as long, up to
	idRestMost   = time.Hour
	enoughNodes  = 8 // fewer good nodes than this: look for more
)

// keeper is what keep remembers from beat to beat.
type keeper struct {
	n          *Node
	work       sync.WaitGroup // pings, walks and calls of Starting under way
	refreshing chan struct{}  // holds a value while a walk of the keeper runs
	calling    chan struct{}  // holds a value while Starting runs
	refreshAt  time.Time
	pause      time.Duration // until the next look-up for more nodes
	startAt    time.Time
	startPause time.Duration
	probeAt    time.Time
	sweepAt    time.Time
	newIDAt    time.Time     // when look-ups are not waited for any more
	changed    time.Time     // the last new id
	idRest     time.Duration // from then to the next one
}

// keep maintains the table until ctx is done.
func (n *Node) keep(ctx context.Context) {
	k := &keeper{n: n, refreshing: make(chan struct{}, 1), calling: make(chan struct{}, 1), pause: refreshEvery, startPause: firstStart}
	defer k.work.Wait()
	if len(n.saved) > 0 {
		k.refresh(ctx, time.Now(), 0)
	}
	k.callStarting(ctx, time.Now())
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.kick:
		case <-t.C:
			t.Reset(beat)
		}
		k.look(ctx, time.Now())
	}
}

// look does what is due.
func (k *keeper) look(ctx context.Context, now time.Time) {
	n := k.n
	n.mu.Lock()
	good, total := n.table.counts(now)
	silent := now.Sub(n.heard) > silentAfter
	pings := n.takeKnocking(pingsABeat)
	if silent && !now.Before(k.probeAt) {
		k.probeAt = now.Add(probeEvery)
		pings = append(pings, n.probes()...)
	} else if !silent {
		pings = append(pings, n.table.due(now, pingsABeat)...)
	}
	if !now.Before(k.sweepAt) {
		k.sweepAt = now.Add(sweepEvery)
		n.peers.sweep(now)
	}
	n.mu.Unlock()

	for _, c := range pings {
		k.work.Go(func() { n.query(ctx, c, query{method: "ping"}) })
	}
	switch {
	case good == 0 && !now.Before(k.startAt):
		k.callStarting(ctx, now)
	case good > 0:
		k.startPause = firstStart
	}
	if total > 0 && !silent && !now.Before(k.refreshAt) {
		if k.pause = min(2*k.pause, refreshMost); good >= enoughNodes {
			k.pause = refreshEvery
		}
		k.refreshAt = now.Add(k.pause)
		k.refresh(ctx, now, good)
	}
	k.checkID(now)
}

// takeKnocking removes and returns the first of those that wait for a ping. Node.mu is held.
func (n *Node) takeKnocking(most int) []contact {
	most = min(most, len(n.knocking))
	out := slices.Clone(n.knocking[:most])
	n.knocking = slices.Delete(n.knocking, 0, most)
	return out
}

// probes chooses whom to ask whether the network is back. Node.mu is held.
func (n *Node) probes() []contact {
	all := slices.Clone(n.saved)
	n.table.each(func(e *entry) { all = append(all, e.contact) })
	var out []contact
	for range min(probesABeat, len(all)) {
		out = append(out, all[n.rnd.IntN(len(all))])
	}
	for range min(probesABeat, len(n.starting)) {
		out = append(out, contact{addr: n.starting[n.rnd.IntN(len(n.starting))]})
	}
	return out
}

// callStarting asks the owner for nodes to begin with, in a goroutine of its own because names may
// have to be resolved.
func (k *keeper) callStarting(ctx context.Context, now time.Time) {
	select {
	case k.calling <- struct{}{}:
	default:
		return
	}
	k.startAt = now.Add(k.startPause)
	k.startPause = min(2*k.startPause, lastStart)
	n := k.n
	k.work.Go(func() {
		defer func() { <-k.calling }()
		ctx, cancel := context.WithTimeout(ctx, lastStart)
		defer cancel()
		var usable []netip.AddrPort
		for _, a := range n.cfg.Starting(ctx) {
			a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
			if a.Addr().Is6() == n.cfg.IPv6 && a.Port() != 0 && len(usable) < maxStarting {
				usable = append(usable, a)
			}
		}
		if len(usable) == 0 {
			return
		}
		n.mu.Lock()
		n.starting = usable
		own := n.table.own
		n.mu.Unlock()
		n.cfg.Log.Debug("starting nodes", "count", len(usable))
		n.walk(ctx, own, walkOptions{method: "find_node"})
	})
}

// refresh walks to a random id of a bucket that was not looked after for long, or to our own
// while we know too few nodes. One such walk at a time.
func (k *keeper) refresh(ctx context.Context, now time.Time, good int) {
	select {
	case k.refreshing <- struct{}{}:
	default:
		return
	}
	n := k.n
	n.mu.Lock()
	target := n.table.own
	if good >= enoughNodes {
		i := n.table.stale(now)
		if i < 0 {
			n.mu.Unlock()
			<-k.refreshing
			return
		}
		target = flipped(n.table.own, n.randomHash(), i)
	}
	n.mu.Unlock()
	k.work.Go(func() {
		defer func() { <-k.refreshing }()
		n.walk(ctx, target, walkOptions{method: "find_node"})
	})
}

// randomHash is for targets, which are no secret. Node.mu is held.
func (n *Node) randomHash() (h metainfo.Hash) {
	for i := range h {
		h[i] = byte(n.rnd.Uint32())
	}
	return h
}

// checkID gives the node an id that fits its external address as soon as others agree on that
// (BEP 42): with another id careful nodes would not keep us. Look-ups under way are waited for, within limits.
func (k *keeper) checkID(now time.Time) {
	n := k.n
	ext, ok := n.guard.External()
	if !ok {
		return
	}
	n.setOwn(ext)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !k.newID(now, guard.IsSecureID(n.table.own, ext), n.walks) {
		return
	}
	id := metainfo.Hash(guard.SecureID(ext, freshID()))
	if err := n.open(id); err != nil {
		n.cfg.Log.Debug("no new id", "error", err)
		return
	}
	old := n.table
	n.table = newTable(id, fitting)
	old.each(func(e *entry) { n.table.place(now, e) })
	n.cfg.Log.Debug("new id", "id", id, "address", ext)
}

// newID decides whether it is time for another id: at once when the address has changed, and ever more seldom
// when it goes on changing. Others know us by our id, so each new one costs us our place in their tables.
func (k *keeper) newID(now time.Time, fits bool, walks int) bool {
	if fits {
		k.newIDAt = time.Time{}
		return false
	}
	if k.newIDAt.IsZero() {
		k.newIDAt = now.Add(idPatience)
	}
	if walks > 0 && now.Before(k.newIDAt) || !k.changed.IsZero() && now.Sub(k.changed) < k.idRest {
		return false
	}
	k.changed, k.idRest, k.newIDAt = now, min(max(2*k.idRest, idRest), idRestMost), time.Time{}
	return true
}

func (n *Node) setOwn(ext netip.Addr) {
	var port uint16
	if a, ok := n.guard.LocalAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		port = a.AddrPort().Port()
	}
	a := netip.AddrPortFrom(ext, port)
	n.own.Store(&a)
}
