package session

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"shoal/dht"
	"shoal/metainfo"
	"shoal/session/budget"
	"shoal/status"
	"shoal/swarm"
)

// seek begins to look for a torrent in the DHT, or does it again as soon as possible; leave ends it at once,
// also what is under way. Neither waits.
func (o *overlay) seek(t *torrent) {
	if len(o.members) == 0 {
		return
	}
	tracked := len(t.orders.get().trackers) > 0 && !o.s.cfg.NoTrackers
	o.mu.Lock()
	if e := o.sched.byKey[t.key]; e != nil && t.woken && e.asleep {
		o.sched.is(t.key, e.tracked, false)
	} else {
		o.sched.add(time.Now(), t.key)
		o.sched.is(t.key, tracked, false)
	}
	o.mu.Unlock()
	if t.removed.Load() { // meanwhile
		o.leave(t.key)
		return
	}
	o.poke()
	if names := t.nodes(); len(names) > 0 {
		o.s.wg.Go(func() {
			for _, m := range o.members {
				m.node.Add(o.hinted(t.ctx, names)...)
			}
		})
	}
}

func (o *overlay) leave(k budget.Key) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sched.remove(k)
	if cancel := o.under[k]; cancel != nil {
		cancel()
	}
}

// seekAsleep begins to announce a torrent that sleeps, in its turn.
func (o *overlay) seekAsleep(k budget.Key, tracked bool) {
	if len(o.members) == 0 {
		return
	}
	o.mu.Lock()
	before := o.sched.wake()
	o.sched.addAsleep(time.Now(), k)
	o.sched.is(k, tracked, true)
	sooner := before.IsZero() || o.sched.wake().Before(before)
	o.mu.Unlock()
	if sooner {
		o.poke()
	}
}

// seekNow announces a torrent that sleeps as soon as possible.
func (o *overlay) seekNow(k budget.Key) {
	o.mu.Lock()
	if e := o.sched.byKey[k]; e != nil && !e.under {
		o.sched.enter(e, time.Now())
	}
	o.mu.Unlock()
	o.poke()
}

// fellAsleep says that a torrent wants nobody any more, tracked whether one of its trackers answers. Neither waits.
func (o *overlay) fellAsleep(t *torrent) {
	o.mu.Lock()
	if e := o.sched.byKey[t.key]; e != nil {
		o.sched.is(t.key, e.tracked, true)
	}
	o.mu.Unlock()
}

func (o *overlay) tracked(k budget.Key, works bool) {
	o.mu.Lock()
	if e := o.sched.byKey[k]; e != nil {
		o.sched.is(k, works, e.asleep)
	}
	o.mu.Unlock()
	o.poke()
}

// every is how long it takes until each torrent was announced once; zero without nodes.
func (o *overlay) every() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sched.every()
}

// needPeers asks for an early look-up. It does not wait.
func (o *overlay) needPeers(t *torrent) {
	o.mu.Lock()
	o.sched.need(t.key)
	o.mu.Unlock()
	o.poke()
}

// look makes the look-ups that are due until ctx ends.
func (o *overlay) look(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := o.round(ctx, time.Now())
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-timer.C:
		}
	}
}

// round starts what is due and returns when to look again; zero for not before someone pokes.
func (o *overlay) round(ctx context.Context, now time.Time) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		k, ok := o.sched.next(now)
		if !ok {
			return o.sched.wake()
		}
		ctx, cancel := context.WithCancel(ctx)
		o.under[k] = cancel
		o.s.wg.Go(func() {
			r := o.lookUp(ctx, k)
			cancel()
			o.mu.Lock()
			delete(o.under, k)
			o.sched.done(time.Now(), k, r)
			o.mu.Unlock()
			o.poke()
		})
	}
}

// lookUp looks for the peers of one torrent and announces it.
func (o *overlay) lookUp(ctx context.Context, k budget.Key) result {
	t := o.s.reg.byKey(k)
	if p := o.s.reg.sleepingKey(k); p != nil {
		return o.tell(ctx, p)
	}
	if t == nil || t.running() == nil || !t.allows(swarm.FromDHT) {
		return result{}
	}
	st, err := o.ask(ctx, t.id.Wire(), o.announced(t), func(peers []netip.AddrPort, by netip.Addr) {
		t.running().AddPeers(peers, swarm.Source{Kind: swarm.FromDHT, By: by})
	})
	o.s.log.Debug("looked up in the DHT", "torrent", t.id, "peers", st.Peers, "asked", st.Asked, "answered", st.Answered,
		"announced", st.Announced, "took", st.Took, "err", err)
	o.vote()
	snap := t.running().Snapshot()
	seeks := snap.Phase == status.Leeching || snap.Phase == status.Metadata
	return result{packets: st.Asked + st.Announced, silent: errors.Is(err, dht.ErrNoNodes), nobody: st.Peers == 0, hungry: seeks && snap.Peers < fewPeers}
}

// tell announces a torrent that sleeps.
func (o *overlay) tell(ctx context.Context, p *sleeper) result {
	if p.Private || p.Stopped || p.failure != nil {
		return result{}
	}
	st, err := o.ask(ctx, p.ID.Wire(), o.mine, func([]netip.AddrPort, netip.Addr) {})
	o.s.log.Debug("announced in the DHT", "torrent", p.ID, "asked", st.Asked, "announced", st.Announced, "took", st.Took, "err", err)
	o.vote()
	return result{packets: st.Asked + st.Announced, silent: errors.Is(err, dht.ErrNoNodes)}
}

// vote lets our nodes take part in finding out our own addresses: theirs is the word of ten networks and more.
func (o *overlay) vote() {
	for _, m := range o.members {
		if a := m.node.Stats().External; a.IsValid() {
			o.s.seenAs(a, a, dhtVotes)
		}
	}
}

// announced says which port to announce for a torrent through a node: none when we are read-only, or
// as long as nobody knows whether the torrent is private.
func (o *overlay) announced(t *torrent) func(*member) uint16 {
	return func(m *member) uint16 {
		if !t.begun.Load() {
			return 0
		}
		return o.mine(m)
	}
}

// mine is the port that a node announces.
func (o *overlay) mine(m *member) uint16 {
	switch {
	case o.s.cfg.DHT.ReadOnly:
		return 0
	case m.v6: // routers map ports of IPv4
		return o.s.port()
	}
	return o.s.publicPort()
}

// ask looks up a hash through all nodes at once. found is called by one goroutine at a time. The error is
// nil if one of the nodes succeeded.
func (o *overlay) ask(ctx context.Context, h metainfo.Hash, port func(*member) uint16, found func([]netip.AddrPort, netip.Addr)) (sum dht.LookupStats, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	worked := false
	err = ErrNoDHT
	for _, m := range o.members {
		all.Go(func() {
			st, fail := m.node.Lookup(ctx, h, port(m), func(peers []netip.AddrPort, by netip.Addr) {
				mu.Lock()
				defer mu.Unlock()
				found(peers, by)
			})
			mu.Lock()
			defer mu.Unlock()
			sum.Asked, sum.Answered = sum.Asked+st.Asked, sum.Answered+st.Answered
			sum.Peers, sum.Announced, sum.Took = sum.Peers+st.Peers, sum.Announced+st.Announced, max(sum.Took, st.Took)
			if worked = worked || fail == nil; worked {
				err = nil
			} else {
				err = fail
			}
		})
	}
	all.Wait()
	return sum, err
}

// LookUp searches the peers of an info hash in the DHT, and announces a port of ours for it unless that is 0. found gets the
// addresses that may be used as they come, with the node that named them, one call at a time. It ends
// within 20 s of its turn, with dht.ErrNoNodes when nobody answers, and ErrNoDHT without a node.
func (s *Session) LookUp(ctx context.Context, h metainfo.Hash, announce uint16, found func(peers []netip.AddrPort, by netip.Addr)) (dht.LookupStats, error) {
	return s.overlay.ask(ctx, h, func(*member) uint16 { return announce }, func(peers []netip.AddrPort, by netip.Addr) {
		var usable []netip.AddrPort
		for _, a := range peers {
			if mayUse(a, swarm.Source{Kind: swarm.FromDHT, By: by}) {
				usable = append(usable, a)
			}
		}
		found(usable, by)
	})
}

// ScrapeDHT estimates how many seeds and how many other peers the DHT knows of an info hash (BEP 33): zero where
// no node keeps count. It ends and fails as LookUp does.
func (s *Session) ScrapeDHT(ctx context.Context, h metainfo.Hash) (seeds, others int, err error) {
	err = ErrNoDHT
	for _, m := range s.overlay.members {
		n, o, fail := m.node.Scrape(ctx, h)
		seeds, others = max(seeds, n), max(others, o)
		if fail == nil || err != nil {
			err = fail
		}
	}
	return seeds, others, err
}

// DHTNode is our node of one family in numbers.
type DHTNode struct {
	dht.Stats
	IPv6  bool
	Known []dht.NodeInfo // the table, those far away first
	// Strangers are datagrams on the socket that were of no protocol we speak; Missed those of the DHT that came too fast.
	Strangers, Missed uint64
}

// DHTNodes returns our nodes in the DHT; none when it is off.
func (s *Session) DHTNodes() (out []DHTNode) {
	for _, m := range s.overlay.members {
		out = append(out, DHTNode{
			Stats: m.node.Stats(), IPv6: m.v6, Known: m.node.Nodes(),
			Strangers: m.socket.strangers(dhtProtocol), Missed: m.socket.dropped[dhtProtocol].Load(),
		})
	}
	return out
}
