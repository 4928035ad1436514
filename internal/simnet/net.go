// Package simnet is a network in memory, for tests in testing/synctest
// bubbles: hosts with bandwidth and latency, TCP-like streams and lossy
// datagrams, all on the bubble's clock. It works outside bubbles too, in real time.
//
// A stream goes sender's queue -> sender's uplink -> latency -> receiver's
// downlink -> receiver's buffer. Links serve their streams in turn, a few
// milliseconds of the link's time each; a window of about twice the bandwidth-delay
// product stops a sender whose reader sleeps. There is no slow start and no
// loss on streams. Everything may be used from any goroutine; one lock guards a
// whole Net, and no goroutine belongs to it.
package simnet

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Net is one network. Make it inside the bubble that uses it.
type Net struct {
	mu    sync.Mutex
	rnd   *rand.Rand // for losses
	hosts map[netip.Addr]*Host
	names map[string][]netip.Addr
	// groups are the sockets that have joined each multicast group; the whole network is one segment.
	groups map[netip.AddrPort][]*packetConn

	events events
	seq    uint64
	timer  *time.Timer
	armed  time.Time // when timer fires; zero: not set
}

// New returns an empty network. seed decides which datagrams get lost.
func New(seed uint64) *Net {
	return &Net{
		rnd:   rand.New(rand.NewPCG(seed, 0x73696d6e6574)),
		hosts: make(map[netip.Addr]*Host),
		names: make(map[string][]netip.Addr),

		groups: make(map[netip.AddrPort][]*packetConn),
	}
}

// Name makes Lookup answer addrs for host.
func (n *Net) Name(host string, addrs ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[host] = addrs
}

// event is something that happens at a moment; do runs with Net.mu held.
type event struct {
	when time.Time
	seq  uint64 // events of one moment keep their order
	do   func()
}

// after schedules do. Net.mu is held.
func (n *Net) after(d time.Duration, do func()) {
	n.seq++
	heap.Push(&n.events, event{when: time.Now().Add(d), seq: n.seq, do: do})
	n.arm()
}

// arm sets the timer for the first event. Net.mu is held.
func (n *Net) arm() {
	if len(n.events) == 0 {
		return
	}
	first := n.events[0].when
	if !n.armed.IsZero() && !first.Before(n.armed) {
		return
	}
	n.armed = first
	if n.timer == nil {
		n.timer = time.AfterFunc(time.Until(first), n.run)
		return
	}
	n.timer.Reset(time.Until(first))
}

// run carries out what is due; it is the timer's function.
func (n *Net) run() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = time.Time{}
	for now := time.Now(); len(n.events) > 0 && !n.events[0].when.After(now); {
		heap.Pop(&n.events).(event).do()
	}
	n.arm()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if !e[i].when.Equal(e[j].when) {
		return e[i].when.Before(e[j].when)
	}
	return e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{}
	*e = (*e)[:last]
	return x
}
