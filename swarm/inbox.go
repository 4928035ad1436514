package swarm

import (
	"sync"

	"shoal/metainfo"
	"shoal/peer/wire"
)

const (
	// inboxBytes bounds what waits in an inbox of what peers sent. Readers wait beyond that, and so does the remote.
	inboxBytes = 4 << 20
	// messageCost is what a message counts beside its payload: its memory, and that no turn of the loop lasts too long.
	messageCost = 256
	// maxSpares and maxSpare bound what is kept of old batches: 32 of 64 messages each, 96 KiB.
	maxSpares = 32
	maxSpare  = 64
)

// inbox is the one way into the loop. Its mutex is held for a few appends or a swap only.
//
// post takes what has its room reserved by construction: at most one event a
// disk job in flight, one closing a link, and so on. postWait is for the readers of links,
// the only ones that may wait; they come in first as they came first.
type inbox struct {
	mu      sync.Mutex
	queue   []event
	weight  int // of the postWait events in queue
	waiting []waiter
	closed  bool
	wake    chan struct{}    // holds one token while queue may be non-empty
	spares  [][]wire.Message // batches of old, for readers to fill again
}

// waiter is an event for which there was no room. in hears, once, whether it was taken.
type waiter struct {
	e      event
	weight int
	in     chan bool
}

func newInbox() *inbox { return &inbox{wake: make(chan struct{}, 1)} }

// post queues e without waiting and reports whether the loop will see it.
func (in *inbox) post(e event) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.queue = append(in.queue, e)
	in.mu.Unlock()
	in.signal()
	return true
}

// postWait queues e once there is room and reports whether the loop will see it. turn has room for one value
// and is used by one caller at a time.
func (in *inbox) postWait(e event, weight int, turn chan bool) bool {
	in.mu.Lock()
	if in.closed {
		in.mu.Unlock()
		return false
	}
	if len(in.waiting) > 0 || !in.fits(weight) {
		in.waiting = append(in.waiting, waiter{e, weight, turn})
		in.mu.Unlock()
		return <-turn
	}
	in.queue = append(in.queue, e)
	in.weight += weight
	in.mu.Unlock()
	in.signal()
	return true
}

// fits reports whether there is room for so much. What is too much for all of it comes in alone.
func (in *inbox) fits(weight int) bool { return in.weight == 0 || in.weight+weight <= inboxBytes }

func (in *inbox) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take swaps the queue for spare, which must be empty, and returns it. Those who wait come into the new one.
func (in *inbox) take(spare []event) []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := in.queue
	in.queue, in.weight = spare, 0
	n := 0
	for ; n < len(in.waiting) && in.fits(in.waiting[n].weight); n++ {
		w := &in.waiting[n]
		in.queue = append(in.queue, w.e)
		in.weight += w.weight
		w.in <- true
	}
	if n > 0 {
		rest := copy(in.waiting, in.waiting[n:])
		clear(in.waiting[rest:])
		in.waiting = in.waiting[:rest]
		in.signal()
	}
	return q
}

// recycle ends the life of events that the loop is done with; the blocks of their batches belong to others by now. Batches
// are kept for readers.
func (in *inbox) recycle(events []event) {
	in.mu.Lock()
	for i := range events {
		if b := events[i].batch; b != nil && cap(b) <= maxSpare && len(in.spares) < maxSpares {
			clear(b)
			in.spares = append(in.spares, b[:0])
		}
	}
	in.mu.Unlock()
	clear(events)
}

// shrink lets go of one spare. It is called by the clock, so that they are gone half a minute after the last batch, and a
// few too few in a busy time cost nothing.
func (in *inbox) shrink() { in.spare() }

// spare returns a batch to fill, nil if there is none.
func (in *inbox) spare() []wire.Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := len(in.spares)
	if n == 0 {
		return nil
	}
	b := in.spares[n-1]
	in.spares[n-1] = nil
	in.spares = in.spares[:n-1]
	return b
}

// close refuses all further events and returns those that are still queued.
func (in *inbox) close() []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := in.queue
	in.queue, in.closed, in.weight = nil, true, 0
	for _, w := range in.waiting {
		w.in <- false
	}
	in.waiting = nil
	return q
}

// weigh returns what a batch counts in an inbox, about the bytes that it holds.
func weigh(batch []wire.Message) (n int) {
	for i := range batch {
		n += messageCost + len(batch[i].Data)
		if batch[i].Block != nil {
			n += metainfo.BlockSize
		}
	}
	return n
}
