package swarm

import (
	"math"
	"slices"
	"time"

	"shoal/metainfo"
)

// meter measures a byte rate. The zero value is ready.
type meter struct {
	fresh  int64 // bytes since the last tick
	at     time.Duration
	last   float64 // bytes a second between the last two ticks
	quick  float64 // smoothed over about 2 s, for decisions
	smooth float64 // smoothed over about 5 s, for merit
	weight float64 // of what smooth has seen since the flow began, to 1
	still  float64 // seconds without a byte
	flow   float64 // what was shown before those
}

// dry is for how many seconds nothing comes of a flow that goes on, beside the time that two blocks take at its rate.
const dry = 3

func (m *meter) add(n int) { m.fresh += int64(n) }

func (m *meter) tick(now time.Duration) {
	dt := (now - m.at).Seconds()
	if dt < 0.05 {
		return
	}
	m.last = float64(m.fresh) / dt
	m.quick += (1 - math.Exp(-dt/2)) * (m.last - m.quick)
	m.smooth += (1 - math.Exp(-dt/5)) * (m.last - m.smooth)
	m.weight += (1 - math.Exp(-dt/5)) * (1 - m.weight)
	switch {
	case m.fresh > 0:
		m.still, m.flow = 0, m.smooth/m.weight
	case m.smooth < 1:
		m.smooth, m.weight = 0, 0
	default:
		m.still += dt
	}
	m.fresh, m.at = 0, now
}

// shown is smooth for eyes: an average of what has flowed since it began, so that a flow is seen at its full
// rate from the first second, and as none when it has ended.
func (m *meter) shown() float64 {
	if m.weight == 0 || m.still > dry+2*metainfo.BlockSize/m.flow {
		return 0
	}
	return m.smooth / m.weight
}

// ask is one request that is out.
type ask struct {
	block metainfo.Block
	at    time.Duration
}

// askQueue holds the requests to one peer in the order of asking. Peers answer in
// that order as a rule, so a look-up from the front is short.
type askQueue struct {
	list []ask
	head int
}

func (q *askQueue) len() int { return len(q.list) - q.head }

func (q *askQueue) add(a ask) {
	if q.head > 0 && len(q.list) == cap(q.list) {
		q.list = q.list[:copy(q.list, q.list[q.head:])]
		q.head = 0
	}
	q.list = append(q.list, a)
}

// take removes b and returns when it was asked.
func (q *askQueue) take(b metainfo.Block) (at time.Duration, ok bool) {
	for i := q.head; i < len(q.list); i++ {
		if q.list[i].block != b {
			continue
		}
		at = q.list[i].at
		copy(q.list[q.head+1:i+1], q.list[q.head:i])
		q.head++
		return at, true
	}
	return 0, false
}

// when returns the moment at which b was asked for, 0 if it is not out.
func (q *askQueue) when(b metainfo.Block) time.Duration {
	for _, a := range q.all() {
		if a.block == b {
			return a.at
		}
	}
	return 0
}

// all returns the requests that are out; the slice lives until the next change.
func (q *askQueue) all() []ask { return q.list[q.head:] }

// drop removes the requests for which f is true.
func (q *askQueue) drop(f func(b metainfo.Block) bool) {
	kept := slices.DeleteFunc(q.all(), func(a ask) bool { return f(a.block) })
	q.list = q.list[:q.head+len(kept)]
}

func (q *askQueue) clear() { q.list, q.head = q.list[:0], 0 }
