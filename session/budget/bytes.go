package budget

import (
	"cmp"
	"math"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// Tick is how often a dealer in use wants to be asked. Short enough that no
// peer waits noticeably for its share, long enough that a tick costs nothing.
const Tick = 20 * time.Millisecond

// quantum is the smallest useful grant: one block. Smaller shares wait for
// the next deal unless the demand itself is smaller.
const quantum = 16 << 10

// Bytes deals one direction of the wire to torrents by their demand: everyone
// gets what it asks for as long as it is at most its share, and what they
// leave goes to the others. Shares are as the weights of the torrents' priorities. A torrent may have a limit of its own below the common
// one, or instead of it. Where neither limits, everything that is demanded is dealt.
type Bytes struct {
	lim     *rate.Limiter // nil: unlimited
	own     []ownLimit
	demands []demand
}

// ownLimit is what is special about a torrent.
type ownLimit struct {
	key Key
	lim *rate.Limiter // nil: no limit of its own
	// exempt: the common limit does not count for it, and it takes nothing of what that allows.
	exempt bool
	prio   Priority
}

// demand is what one torrent wants. Who has had least is first in line for what cannot be split
// evenly, so that in the long run all have the same; time in which a torrent wanted nothing, or
// its own limit held it back, earns it nothing.
type demand struct {
	key    Key
	bytes  int64 // 0: nothing; kept while had is more than that of others
	had    int64 // the less, the more weight it has
	most   int64 // what its own limit allows in this deal
	dealt  int64 // in the deal that is going on
	weight int64 // in this deal
	exempt bool
	closed bool // wants nothing more of this deal
}

// NewBytes returns a dealer of perSecond bytes; 0 is unlimited.
func NewBytes(perSecond int64) *Bytes {
	return &Bytes{lim: newLimiter(perSecond)}
}

// SetRate changes the common limit, in bytes a second; 0 is unlimited. What was saved up is forgotten.
func (b *Bytes) SetRate(perSecond int64) { b.lim = newLimiter(perSecond) }

// newLimiter returns nil for no limit.
func newLimiter(perSecond int64) *rate.Limiter {
	if perSecond <= 0 {
		return nil
	}
	// Two ticks of burst, and two blocks at least: what a late tick missed is caught up, and no more.
	burst := min(max(perSecond/int64(time.Second/Tick)*2, 2*quantum), math.MaxInt32)
	return rate.NewLimiter(rate.Limit(perSecond), int(burst))
}

// Limit gives a torrent a limit of its own in bytes a second, 0 for none, beside the common one or, with exempt, instead of it, and
// a priority against the others.
func (b *Bytes) Limit(k Key, perSecond int64, exempt bool, prio Priority) {
	b.own = slices.DeleteFunc(b.own, func(o ownLimit) bool { return o.key == k })
	if lim := newLimiter(perSecond); lim != nil || exempt || prio != 0 {
		b.own = append(b.own, ownLimit{k, lim, exempt, prio})
	}
}

// Limited reports whether what this torrent demands has to be dealt: whether it, or
// all together, have a limit.
func (b *Bytes) Limited(k Key) bool {
	o := b.special(k)
	return b.lim != nil && !o.exempt || o.lim != nil
}

// special returns what is special about a torrent.
func (b *Bytes) special(k Key) ownLimit {
	for i := range b.own {
		if b.own[i].key == k {
			return b.own[i]
		}
	}
	return ownLimit{key: k}
}

// Demand notes that a torrent could use n bytes now; it replaces what it said
// before. 0 takes it out.
func (b *Bytes) Demand(k Key, n int64) {
	n = max(n, 0)
	i := slices.IndexFunc(b.demands, func(d demand) bool { return d.key == k })
	switch {
	case i < 0 && n == 0:
	case i < 0:
		b.demands = append(b.demands, demand{key: k, bytes: n, had: b.least(), exempt: b.special(k).exempt})
	default:
		d := &b.demands[i]
		if d.bytes == 0 && n > 0 {
			d.had = max(d.had, b.least())
		}
		d.bytes = n
	}
}

// least returns what the torrent that has had least of those that want something has had.
func (b *Bytes) least() int64 {
	least := int64(-1)
	for _, d := range b.demands {
		if d.bytes > 0 && !d.closed && !d.exempt && (least < 0 || d.had < least) {
			least = d.had
		}
	}
	return max(least, 0)
}

// Drop forgets a torrent.
func (b *Bytes) Drop(k Key) {
	b.Limit(k, 0, false, 0)
	b.demands = slices.DeleteFunc(b.demands, func(d demand) bool { return d.key == k })
}

// Waiting reports whether anyone wants something.
func (b *Bytes) Waiting() bool {
	return slices.ContainsFunc(b.demands, func(d demand) bool { return d.bytes > 0 })
}

// Deal hands out what the limits allow at now: grant is called at most once a
// torrent, with the bytes that it may use. A demand shrinks by what was dealt.
func (b *Bytes) Deal(now time.Time, grant func(k Key, n int64)) {
	if !b.Waiting() {
		b.demands = b.demands[:0]
		return
	}
	for i := range b.demands {
		d := &b.demands[i]
		own := b.special(d.key)
		d.weight, d.exempt = own.prio.weight(), own.exempt
		d.most = min(d.bytes, tokens(own.lim, now))
		// Less than a block is not worth a message, the tokens stay for the next deal.
		d.dealt, d.closed = 0, d.bytes == 0 || d.most < min(quantum, d.bytes)
	}
	least := b.least()
	for i := range b.demands {
		if d := &b.demands[i]; d.closed && d.bytes > 0 {
			d.had = max(d.had, least)
		}
	}
	slices.SortStableFunc(b.demands, func(x, y demand) int { return cmp.Compare(x.had, y.had) })
	b.exempted()
	b.share(tokens(b.lim, now))
	kept := b.demands[:0]
	for _, d := range b.demands {
		if d.dealt > 0 {
			if !d.exempt {
				spend(b.lim, now, d.dealt)
				d.had += d.dealt * heaviest / d.weight
			}
			spend(b.special(d.key).lim, now, d.dealt)
			grant(d.key, d.dealt)
		}
		d.bytes -= d.dealt
		d.closed = false
		if d.bytes > 0 || d.had > least {
			kept = append(kept, d)
		}
	}
	b.demands = kept
}

func tokens(l *rate.Limiter, now time.Time) int64 {
	if l == nil {
		return math.MaxInt64
	}
	return int64(l.TokensAt(now))
}

// spend takes n tokens, which are there.
func spend(l *rate.Limiter, now time.Time, n int64) {
	if l != nil {
		l.AllowN(now, int(n))
	}
}

// exempted deals all that those may have for whom the common limit does not count.
func (b *Bytes) exempted() {
	for i := range b.demands {
		if d := &b.demands[i]; d.exempt && !d.closed {
			d.dealt, d.closed = d.most, true
		}
	}
}

// share fills in dealt: rounds of shares by weight until the room or the demands
// are used up. Each round closes at least one demand or uses up the room.
func (b *Bytes) share(room int64) {
	for room > 0 {
		open := int64(0)
		for i := range b.demands {
			if !b.demands[i].closed {
				open += b.demands[i].weight
			}
		}
		if open == 0 {
			return
		}
		whole, used := room, false
		for i := range b.demands {
			d := &b.demands[i]
			if d.closed || room <= 0 {
				continue
			}
			part := max(portion(whole, d.weight, open), min(quantum, whole))
			n := min(part, d.most-d.dealt, room)
			if n < quantum && n < d.most-d.dealt {
				return // not worth a message
			}
			d.dealt += n
			room -= n
			used = used || n > 0
			d.closed = d.dealt == d.most
		}
		if !used {
			return
		}
	}
}
