package swarm

import "sync"

// inboxBlocks bounds the blocks that wait in an inbox: 8 MiB of payload. Readers
// wait beyond that, and so does the remote.
const inboxBlocks = 512

// inbox is the one way into the loop. Its mutex is held for an append or a swap only.
//
// post takes what has its room reserved by construction: at most one event a
// disk job in flight, one closing a link, and so on. postWait is for the readers of links,
// the only ones that may wait.
type inbox struct {
	mu     sync.Mutex
	room   sync.Cond // signalled when weight falls to 0 and when closed
	queue  []event
	weight int // blocks and messages of postWait events in queue
	closed bool
	wake   chan struct{} // holds one token while queue may be non-empty
}

func newInbox() *inbox {
	in := &inbox{wake: make(chan struct{}, 1)}
	in.room.L = &in.mu
	return in
}

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

// postWait queues e once there is room and reports whether the loop will see it.
func (in *inbox) postWait(e event, weight int) bool {
	in.mu.Lock()
	for in.weight >= inboxBlocks && !in.closed {
		in.room.Wait()
	}
	if in.closed {
		in.mu.Unlock()
		return false
	}
	in.queue = append(in.queue, e)
	in.weight += weight
	in.mu.Unlock()
	in.signal()
	return true
}

func (in *inbox) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// take swaps the queue for spare, which must be empty, and returns it.
func (in *inbox) take(spare []event) []event {
	in.mu.Lock()
	q := in.queue
	in.queue = spare
	if in.weight > 0 {
		in.weight = 0
		in.room.Broadcast()
	}
	in.mu.Unlock()
	return q
}

// close refuses all further events and returns those that are still queued.
func (in *inbox) close() []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := in.queue
	in.queue, in.closed, in.weight = nil, true, 0
	in.room.Broadcast()
	return q
}
