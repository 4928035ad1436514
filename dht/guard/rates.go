package guard

import "net/netip"

// Rate is a token bucket.
type Rate struct {
	PerSecond float64
	Burst     float64
}

// Rates bounds traffic. A zero Rate means the one that is shipped, given in brackets.
type Rates struct {
	// Off lifts all rates, for tests that torture the rest. Sizes stay bounded.
	Off bool

	Source Rate // queries in from one address (5/s, burst 50); an IPv6 /64 counts as one
	Prefix Rate // queries in from one IPv4 /24 or IPv6 /48 of global scope (25/s, burst 100)
	Total  Rate // queries in altogether (200/s, burst 400), and as many beside them of those who answered us lately
	Reply  Rate // replies out to one IPv4 /24 or IPv6 /48 of global scope (10/s, burst 20)
	First  Rate // queries out to an address that never answered (one a minute, burst 2: never 3 in a minute)
	Known  Rate // queries out to an address that did (1/s, burst 10)
}

func (r Rates) orDefault() Rates {
	def := func(p *Rate, perSecond, burst float64) {
		if *p == (Rate{}) {
			*p = Rate{perSecond, burst}
		}
	}
	def(&r.Source, 5, 50)
	def(&r.Prefix, 25, 100)
	def(&r.Total, 200, 400)
	def(&r.Reply, 10, 20)
	def(&r.First, 1.0/60, 2)
	def(&r.Known, 1, 10)
	return r
}

// bucket holds the tokens of one Rate.
type bucket struct{ tokens float64 }

// take takes one token, after elapsed nanoseconds without a look at the bucket.
func (b *bucket) take(r Rate, elapsed int64) bool {
	b.tokens = min(r.Burst, b.tokens+r.PerSecond*float64(max(0, elapsed))/1e9)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// limits are the rates of what comes in and of replies. Its tables have fixed
// sizes: a flood of forged sources forgets the oldest and grows nothing.
type limits struct {
	Rates
	source, prefix, reply table[bucket]
	total                 [2]bucket // of strangers, and of those who answered us
	totalAt               [2]int64
}

func newLimits(r Rates) limits {
	r = r.orDefault()
	if r.Off {
		return limits{Rates: r}
	}
	return limits{
		Rates:  r,
		source: newTable[bucket](2048), prefix: newTable[bucket](1024), reply: newTable[bucket](1024),
		total: [2]bucket{{r.Total.Burst}, {r.Total.Burst}},
	}
}

// query charges a query from a to its source, its network and the whole, in this
// order, so that one loud source does not use up what belongs to all. Strangers, whose
// addresses may be forged, use up nothing that belongs to those proven to be there.
func (l *limits) query(k sipKey, a netip.AddrPort, proven bool, now int64) Reason {
	if l.Off {
		return passes
	}
	if !takeFrom(&l.source, k.source(useSource, a), l.Source, now) {
		return OverSource
	}
	if n := Network(a.Addr()); n.IsValid() && !takeFrom(&l.prefix, k.addr(usePrefix, n, 0), l.Prefix, now) {
		return OverPrefix
	}
	i := 0
	if proven {
		i = 1
	}
	elapsed := now - l.totalAt[i]
	l.totalAt[i] = now
	if !l.total[i].take(l.Total, elapsed) {
		return OverTotal
	}
	return passes
}

// replyTo charges a reply to the network of a.
func (l *limits) replyTo(k sipKey, a netip.Addr, now int64) bool {
	n := Network(a)
	return l.Off || !n.IsValid() || takeFrom(&l.reply, k.addr(useReply, n, 0), l.Reply, now)
}

func takeFrom(t *table[bucket], hash uint64, r Rate, now int64) bool {
	s, found := t.place(hash, now)
	if !found {
		s.val = bucket{r.Burst}
	}
	elapsed := now - s.at
	s.at = now
	return s.val.take(r, elapsed)
}

// source returns the hash of a's Seat.
func (k sipKey) source(use uint64, a netip.AddrPort) uint64 {
	s := Seat(a)
	return k.addr(use, s.Addr(), s.Port())
}
