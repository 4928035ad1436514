package session

import (
	"context"
	"sync"
	"time"

	"shoal/session/budget"
)

// dealer answers the demands of the swarms: bytes on a tick while someone
// wants some, piece memory at once.
type dealer struct {
	wake chan struct{} // holds one token when there may be work

	mu       sync.Mutex
	up, down *budget.Bytes
	memory   *budget.Memory
	find     func(budget.Key) *torrent
	grants   []grant // reused
}

type grant struct {
	key      budget.Key
	up, down int64
}

func newDealer(l budget.Limits) *dealer {
	return &dealer{
		wake: make(chan struct{}, 1), memory: budget.NewMemory(l.Memory),
		up: budget.NewBytes(l.Up), down: budget.NewBytes(l.Down),
	}
}

// demand notes what a torrent could use now. It never waits.
func (d *dealer) demand(k budget.Key, up, down int64) {
	d.mu.Lock()
	if d.up.Limited(k) {
		d.up.Demand(k, up)
	}
	if d.down.Limited(k) {
		d.down.Demand(k, down)
	}
	d.mu.Unlock()
	if up > 0 || down > 0 {
		poke(d.wake)
	}
}

// share changes what all torrents share.
func (d *dealer) share(l budget.Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.up.SetRate(l.Up)
	d.down.SetRate(l.Down)
	d.memory.SetLimit(l.Memory)
}

// limit gives a torrent limits of its own and reports in which directions it is limited now.
func (d *dealer) limit(k budget.Key, l TorrentLimits) (limitedUp, limitedDown bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	prio := budget.Priority(l.Priority)
	d.up.Limit(k, l.Up, l.Exempt, prio)
	d.down.Limit(k, l.Down, l.Exempt, prio)
	return d.up.Limited(k), d.down.Limited(k)
}

// drop forgets a torrent.
func (d *dealer) drop(k budget.Key) {
	d.mu.Lock()
	d.up.Drop(k)
	d.down.Drop(k)
	d.memory.Drop(k)
	d.mu.Unlock()
}

func (d *dealer) reserve(k budget.Key, n int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.memory.Reserve(k, n)
}

// hold notes what a torrent holds beside its open pieces.
func (d *dealer) hold(k budget.Key, n int64) {
	d.mu.Lock()
	d.memory.Hold(k, n)
	d.mu.Unlock()
}

func (d *dealer) release(k budget.Key, n int64) {
	d.mu.Lock()
	d.memory.Release(k, n)
	d.mu.Unlock()
}

func (d *dealer) memoryUsed() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.memory.Used()
}

// run deals until ctx ends; it sleeps while nobody wants anything.
func (d *dealer) run(ctx context.Context) {
	tick := time.NewTimer(budget.Tick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		for waiting := true; waiting; {
			waiting = d.deal(time.Now())
			tick.Reset(budget.Tick)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// deal hands out one tick's bytes and reports whether someone still waits.
func (d *dealer) deal(now time.Time) bool {
	d.mu.Lock()
	d.grants = d.grants[:0]
	d.up.Deal(now, func(k budget.Key, n int64) { d.grants = append(d.grants, grant{key: k, up: n}) })
	d.down.Deal(now, func(k budget.Key, n int64) {
		for i := range d.grants {
			if d.grants[i].key == k {
				d.grants[i].down = n
				return
			}
		}
		d.grants = append(d.grants, grant{key: k, down: n})
	})
	grants := d.grants // only this goroutine deals
	waiting := d.up.Waiting() || d.down.Waiting()
	d.mu.Unlock()
	for _, g := range grants {
		if t := d.find(g.key); t != nil {
			if sw := t.running(); sw != nil {
				sw.Grant(g.up, g.down)
			}
		}
	}
	return waiting
}

// poke leaves a token in a channel with room for one; it never waits.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
