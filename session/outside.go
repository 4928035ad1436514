package session

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// A network that is away for longer than connections last. Nobody says that it has gone, or that it is back: dials fail and are put off
// for half an hour. So who was there is asked a few at a time, as long as nobody at all is heard.
const (
	cutAfter   = 15 * time.Second // of silence
	cutFailed  = 3                // attempts in vain meanwhile
	probeEvery = 10 * time.Second
	probeMany  = 3         // torrents that probe at a time
	probePeers = 8         // that one of them dials
	holdAwake  = time.Hour // since the last connection: so long torrents that lost all their peers so do not fall asleep
)

// sphere is one of the two parts of the world that may be away on their own.
type sphere uint8

const (
	near sphere = iota // the local network
	far                // the internet
	spheres
)

// sphereOf says where an address is; false for this machine.
func sphereOf(a netip.Addr) (sphere, bool) {
	switch scopeOf(a) {
	case globalScope:
		return far, true
	case linkScope, privateScope:
		return near, true
	}
	return 0, false
}

// outside notes who is heard, so that it shows when nobody is any more, and when somebody is again.
type outside struct {
	back chan struct{} // holds one token when a sphere is there again

	mu   sync.Mutex
	part [spheres]ties
}

// ties are what is known of a sphere.
type ties struct {
	heard     time.Time // anything, last
	connected time.Time // a peer, last
	failed    int       // attempts in vain since something was heard
	cut       bool
}

func newOutside() *outside { return &outside{back: make(chan struct{}, 1)} }

// hear notes that somebody at an address gave a sign of life; peer, that a connection was made.
func (o *outside) hear(a netip.Addr, peer bool) {
	at, ok := sphereOf(a)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	c := &o.part[at]
	c.heard, c.failed = time.Now(), 0
	if peer {
		c.connected = c.heard
	}
	if c.cut {
		c.cut = false
		poke(o.back)
	}
}

// dialled notes what became of an attempt. To be refused is to be heard.
func (o *outside) dialled(a netip.Addr, err error) {
	if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
		o.hear(a, err == nil)
		return
	}
	if at, ok := sphereOf(a); ok {
		o.mu.Lock()
		o.part[at].failed++
		o.mu.Unlock()
	}
}

// look reports whether a part of the world is away; busy says where there are connections.
func (o *outside) look(now time.Time, busy [spheres]bool) (away bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.part {
		c := &o.part[i]
		if !c.cut && !busy[i] && c.failed >= cutFailed && !c.connected.IsZero() && now.Sub(c.heard) >= cutAfter {
			c.cut = true
		}
		away = away || c.cut
	}
	return away
}

// holds reports whether torrents stay awake that have lost all their peers: it may be for now.
func (o *outside) holds(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.part {
		if c.cut && now.Sub(c.connected) < holdAwake {
			return true
		}
	}
	return false
}

// busy says from which parts of the world there are connections.
func (l *live) busy() (out [spheres]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.conns {
		if at, ok := sphereOf(x.remote); ok {
			out[at] = true
		}
	}
	return out
}

// probe lets a few torrents, in turn, dial some of those that they were connected to.
// It returns whose turn is next.
func (s *Session) probe(turn int) int {
	list := s.reg.all()
	asked := 0
	for range list {
		turn++
		if sw := list[turn%len(list)].running(); sw != nil && sw.Snapshot().Candidates > 0 {
			sw.Retry(probePeers)
			if asked++; asked == probeMany {
				break
			}
		}
	}
	return turn
}

// restore lets all torrents dial whom they know, and asks the trackers that did not answer: it was not their fault.
func (s *Session) restore(ctx context.Context) {
	s.log.InfoContext(ctx, "the network is there again")
	for _, t := range s.reg.all() {
		if sw := t.running(); sw != nil {
			sw.Retry(0)
		}
	}
	s.announce.retry(time.Now())
}
