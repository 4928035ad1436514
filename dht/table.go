package dht

import (
	"net/netip"
	"slices"
	"time"

	"shoal/dht/guard"
	"shoal/metainfo"
)

// Bounds and times of the table (BEP 5, "Routing Table").
const (
	bucketSize   = 8
	spareSize    = 8                // nodes that wait for a place in a bucket
	goodFor      = 15 * time.Minute // since an answer, or a query of a node that once answered
	refreshAfter = 15 * time.Minute // a bucket in which nothing changed
	retryAfter   = 30 * time.Second // a node that failed is asked again
	failsToSpare = 2                // failures after which a waiting node takes the place
	failsToDrop  = 4                // failures after which the place is empty
	// luck is how many bits more the nearest node to a target shares with it than the eight nearest to
	// us share with us: three because it is one of eight, and one time in eight three more.
	luck = 3 + 3
)

// capacity is the size of a bucket. The first ones, which hold half of the network each, are
// larger: that saves a step of most look-ups and costs a ping in ten seconds.
func capacity(bucket int) int { return max(bucketSize, 64>>bucket) }

// entry is a node that has answered us.
type entry struct {
	contact
	fits    bool
	replied time.Time // its last answer
	queried time.Time // its last query
	tried   time.Time // our last query that failed
	fails   int       // failures since its last answer
}

// good is BEP 5's rule.
func (e *entry) good(now time.Time) bool {
	return e.fails == 0 && (now.Sub(e.replied) < goodFor || now.Sub(e.queried) < goodFor)
}

type bucket struct {
	entries   []*entry
	spares    []contact // answered once; the latest last
	refreshed time.Time // last change or answer, or look-up for a node of this bucket
}

// table is the routing table: only nodes that answered, one per address, one per network in a
// bucket, and nodes whose ids fit their addresses first. It is pure data and belongs to whoever
// holds Node.mu.
type table struct {
	own     metainfo.Hash
	fitting func(contact) bool
	buckets [idLen]bucket
	seats   map[netip.AddrPort]*entry
}

func newTable(own metainfo.Hash, fitting func(contact) bool) *table {
	return &table{own: own, fitting: fitting, seats: make(map[netip.AddrPort]*entry)}
}

// find returns the entry at exactly this address, or nil.
func (t *table) find(addr netip.AddrPort) *entry {
	if e := t.seats[guard.Seat(addr)]; e != nil && e.addr == addr {
		return e
	}
	return nil
}

// answered notes that a node answered us, and takes it in if there is a place.
func (t *table) answered(now time.Time, c contact) {
	if c.id == t.own || c.id == (metainfo.Hash{}) {
		return
	}
	if e := t.seats[guard.Seat(c.addr)]; e != nil {
		switch {
		case e.contact == c:
			e.replied, e.fails = now, 0
			t.buckets[prefixLen(t.own, c.id)].refreshed = now
			return
		case e.addr != c.addr && e.good(now): // one node an address, and the first one has not left
			return
		}
		t.remove(e)
	}
	t.place(now, &entry{contact: c, fits: t.fitting(c), replied: now})
}

// place puts e into its bucket: where there is room, instead of a node that fails, or instead of
// one whose id does not fit. Otherwise it waits.
func (t *table) place(now time.Time, e *entry) {
	i := prefixLen(t.own, e.id)
	b := &t.buckets[i]
	if twin := b.neighbour(e.addr.Addr()); twin != nil {
		if twin.fails == 0 {
			return
		}
		t.remove(twin)
	}
	if len(b.entries) >= capacity(i) {
		loser := b.loser(e.fits)
		if loser == nil {
			b.wait(e.contact)
			return
		}
		t.remove(loser)
	}
	b.entries = append(b.entries, e)
	b.refreshed = now
	t.seats[guard.Seat(e.addr)] = e
}

// neighbour returns the entry of the bucket that lies in the same network as a.
func (b *bucket) neighbour(a netip.Addr) *entry {
	net := guard.Network(a)
	if !net.IsValid() {
		return nil
	}
	for _, e := range b.entries {
		if guard.Network(e.addr.Addr()) == net {
			return e
		}
	}
	return nil
}

// loser returns whom a newcomer may replace in a full bucket; nil for nobody.
func (b *bucket) loser(fits bool) *entry {
	var worst *entry
	for _, e := range b.entries {
		if e.fails >= failsToSpare && (worst == nil || e.fails > worst.fails) {
			worst = e
		}
	}
	if worst != nil || !fits {
		return worst
	}
	for _, e := range b.entries {
		if !e.fits && (worst == nil || e.replied.Before(worst.replied)) {
			worst = e
		}
	}
	return worst
}

// wait keeps a node that answered for the case that another one leaves.
func (b *bucket) wait(c contact) {
	b.spares = slices.DeleteFunc(b.spares, func(s contact) bool { return guard.Seat(s.addr) == guard.Seat(c.addr) })
	if len(b.spares) == spareSize {
		b.spares = slices.Delete(b.spares, 0, 1)
	}
	b.spares = append(b.spares, c)
}

func (t *table) remove(e *entry) {
	b := &t.buckets[prefixLen(t.own, e.id)]
	b.entries = slices.DeleteFunc(b.entries, func(o *entry) bool { return o == e })
	delete(t.seats, guard.Seat(e.addr))
}

// failed notes that a query to a node went unanswered. It returns a waiting node that wants the place,
// to be asked before it gets it.
func (t *table) failed(now time.Time, addr netip.AddrPort) (next contact, ok bool) {
	e := t.find(addr)
	if e == nil {
		return contact{}, false
	}
	e.fails++
	e.tried = now
	b := &t.buckets[prefixLen(t.own, e.id)]
	if e.fails >= failsToDrop {
		t.remove(e)
	}
	if n := len(b.spares); e.fails >= failsToSpare && n > 0 {
		next, b.spares = b.spares[n-1], b.spares[:n-1]
		return next, true
	}
	return contact{}, false
}

// asked notes a query of another node. It returns whether the node is known by that id and address.
func (t *table) asked(now time.Time, c contact) bool {
	e := t.find(c.addr)
	if e == nil || e.id != c.id {
		return false
	}
	e.queried = now
	return true
}

// each calls f for every entry.
func (t *table) each(f func(e *entry)) {
	for i := range t.buckets {
		for _, e := range t.buckets[i].entries {
			f(e)
		}
	}
}

// closest returns the n entries nearest to target that ok accepts, nearest first.
func (t *table) closest(target metainfo.Hash, n int, ok func(e *entry) bool) []contact {
	out := make([]contact, 0, n+1)
	t.each(func(e *entry) {
		if len(out) == n && (n == 0 || compareDistance(target, e.id, out[n-1].id) > 0) || !ok(e) {
			return
		}
		i, _ := slices.BinarySearchFunc(out, e.id, func(c contact, id metainfo.Hash) int { return compareDistance(target, c.id, id) })
		out = slices.Insert(out, i, e.contact)
		out = out[:min(n, len(out))]
	})
	return out
}

// honest returns the rule by which an id may be that of an honest node as near to target as it is. Where ids need not
// fit addresses, whoever wants to stand around a target takes any id; but then it is nearer than the nearest of a
// network of this size would be by chance. How large the network is shows in how near the nodes around us are. A node
// that breaks the rule is no less asked than one whose id does not fit.
func (t *table) honest(target metainfo.Hash) func(contact) bool {
	if _, total := t.counts(time.Time{}); total < 2*bucketSize {
		return func(contact) bool { return true } // it is not known well enough
	}
	around := t.closest(t.own, bucketSize, func(*entry) bool { return true })
	most := prefixLen(t.own, around[bucketSize-1].id) + luck
	return func(c contact) bool { return guard.Global(c.addr.Addr()) || prefixLen(target, c.id) <= most }
}

// due returns at most n nodes to ping: those silent for longer than they count as good, and those
// that failed a while ago. The longest silent come first.
func (t *table) due(now time.Time, n int) []contact {
	var all []*entry
	t.each(func(e *entry) {
		if e.fails == 0 && !e.good(now) || e.fails > 0 && now.Sub(e.tried) >= retryAfter {
			all = append(all, e)
		}
	})
	slices.SortFunc(all, func(a, b *entry) int { return latest(a).Compare(latest(b)) })
	var out []contact
	for _, e := range all[:min(n, len(all))] {
		out = append(out, e.contact)
	}
	return out
}

func latest(e *entry) time.Time {
	if e.tried.After(e.replied) {
		return e.tried
	}
	return e.replied
}

// stale returns the first bucket, down to one below the deepest in use, in which nothing happened
// for a while (BEP 5); -1 for none. It counts as looked after from now on.
func (t *table) stale(now time.Time) int {
	deepest := -1
	for i := range t.buckets {
		if len(t.buckets[i].entries) > 0 {
			deepest = i
		}
	}
	for i := range min(deepest+2, idLen) {
		if b := &t.buckets[i]; now.Sub(b.refreshed) >= refreshAfter || b.refreshed.IsZero() {
			b.refreshed = now
			return i
		}
	}
	return -1
}

// counts returns how many entries there are, and how many are good.
func (t *table) counts(now time.Time) (good, total int) {
	t.each(func(e *entry) {
		total++
		if e.good(now) {
			good++
		}
	})
	return good, total
}
