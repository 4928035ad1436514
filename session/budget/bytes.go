package budget

import (
	"math"
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
// gets what it asks for as long as it is at most an equal share, and what they
// leave goes to the others. The zero limit deals everything that is demanded.
type Bytes struct {
	lim     *rate.Limiter
	demands []demand
	first   int // who is dealt to first; moves on with each deal so that rests even out
}

type demand struct {
	key    Key
	bytes  int64
	dealt  int64 // in the deal that is going on
	closed bool  // wants nothing more of this deal
}

// NewBytes returns a dealer of perSecond bytes; 0 is unlimited.
func NewBytes(perSecond int64) *Bytes {
	b := &Bytes{}
	if perSecond > 0 {
		perSecond = min(perSecond, math.MaxInt32)
		// Two ticks and a block of burst: what a late tick missed is caught up, and no more.
		burst := max(perSecond/int64(time.Second/Tick)*2, 2*quantum)
		b.lim = rate.NewLimiter(rate.Limit(perSecond), int(burst))
	}
	return b
}

// Limited reports whether there is a limit at all.
func (b *Bytes) Limited() bool { return b.lim != nil }

// Demand notes that a torrent could use n bytes now; it replaces what it said
// before. 0 takes it out.
func (b *Bytes) Demand(k Key, n int64) {
	for i := range b.demands {
		if b.demands[i].key == k {
			if b.demands[i].bytes = n; n <= 0 {
				b.demands = append(b.demands[:i], b.demands[i+1:]...)
			}
			return
		}
	}
	if n > 0 {
		b.demands = append(b.demands, demand{key: k, bytes: n})
	}
}

// Waiting reports whether anyone wants something.
func (b *Bytes) Waiting() bool { return len(b.demands) > 0 }

// Deal hands out what the limit allows at now: grant is called at most once a
// torrent, with the bytes that it may use. A demand shrinks by what was dealt.
func (b *Bytes) Deal(now time.Time, grant func(k Key, n int64)) {
	if len(b.demands) == 0 {
		return
	}
	room := int64(math.MaxInt64)
	if b.lim != nil {
		room = int64(b.lim.TokensAt(now))
	}
	b.share(room)
	b.first++
	kept := b.demands[:0]
	for _, d := range b.demands {
		if d.dealt > 0 {
			if b.lim != nil {
				b.lim.AllowN(now, int(d.dealt))
			}
			grant(d.key, d.dealt)
		}
		if d.bytes -= d.dealt; d.bytes > 0 {
			d.dealt, d.closed = 0, false
			kept = append(kept, d)
		}
	}
	b.demands = kept
}

// share fills in dealt: rounds of equal shares until the room or the demands
// are used up. Each round closes at least one demand or uses up the room.
func (b *Bytes) share(room int64) {
	open := len(b.demands)
	for open > 0 && room > 0 {
		part := room / int64(open)
		if part < quantum {
			part = min(quantum, room)
		}
		used := false
		for i := range b.demands {
			d := &b.demands[(b.first+i)%len(b.demands)]
			if d.closed || room <= 0 {
				continue
			}
			n := min(part, d.bytes-d.dealt, room)
			if n < quantum && n < d.bytes-d.dealt {
				// Not worth a message; the tokens stay for the next deal.
				return
			}
			d.dealt += n
			room -= n
			used = used || n > 0
			if d.dealt == d.bytes {
				d.closed = true
				open--
			}
		}
		if !used {
			return
		}
	}
}
