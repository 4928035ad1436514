// Package swarm owns one torrent: what its peers have and want, what is asked
// of whom, who is unchoked, what is verified.
//
// core decides and is pure: step takes an event and a moment and appends actions, next says when to wake it. So does
// seeker, which a magnet link begins with: it looks for the info dictionary, and when that is there hands all connections to a core.
// Swarm acts: its one loop goroutine, which Run is, takes events from the inbox,
// shows them to the core and carries the actions out. Everything about the torrent
// belongs to that goroutine. Swarm's exported methods may be called from any goroutine; it
// calls its Host, its Links and its Disk from the loop only.
package swarm

import (
	"context"
	"sync/atomic"
	"time"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// Swarm is one torrent. New makes it, Run works it.
type Swarm struct {
	cfg      Config
	mind     mind
	info     atomic.Pointer[metainfo.Info] // nil until it is known
	inbox    *inbox
	links    map[piece.PeerID]Link // attached and not yet closed; only for look-up
	jobs     int                   // submitted to the disk or being hashed, and not yet done
	done     func(piece.Result)    // jobDone, made once
	lastPeer atomic.Uint32
	snap     atomic.Pointer[status.Torrent]
	ended    chan struct{} // closed when Run has returned
}

// mind is what decides: a seeker or a core.
type mind interface {
	start(now time.Time)
	step(now time.Time, e *event)
	settle(now time.Time)
	next() time.Time
	stop(now time.Time)
	shared() *common
	snapshot() *status.Torrent
	peerList() []status.Peer
	fileList() []status.File
	have() *metainfo.Bitfield
}

// New makes a swarm that stands still until Run. Events may be sent to it at once.
func New(cfg Config) *Swarm {
	s := &Swarm{
		cfg:   cfg,
		inbox: newInbox(),
		links: make(map[piece.PeerID]Link),
		ended: make(chan struct{}),
	}
	s.done = s.jobDone
	if cfg.Info == nil {
		s.mind = newSeeker(&cfg)
	} else {
		s.mind = newCore(&cfg)
		s.info.Store(cfg.Info)
	}
	s.mind.shared().backlog = s.backlog
	s.publish()
	return s
}

// backlog returns what waits in the link of a peer, in bytes.
func (s *Swarm) backlog(id piece.PeerID) int {
	if l := s.links[id]; l != nil {
		return l.Backlog()
	}
	return 0
}

// Run works the torrent until ctx ends, then closes all links, waits for the disk jobs
// that are out and returns nil. It must be called once. A failure of the torrent does not end it: the phase is then Failed.
func (s *Swarm) Run(ctx context.Context) error {
	defer close(s.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var events []event
	lazy := false
	s.mind.start(time.Now())
	for {
		events = s.inbox.take(events[:0])
		s.turn(events)
		if c := s.mind.shared(); c.unheard != lazy {
			lazy = c.unheard
			s.inbox.letLie(lazy)
		}
		s.arm(timer)
		select {
		case <-ctx.Done():
			s.shutdown()
			return nil
		case <-timer.C:
			s.inbox.shrink()
		case <-s.inbox.wake:
			if lazy && s.mind.shared().rests {
				time.Sleep(restFor)
			}
		}
	}
}

// turn is one round of the loop: all events that have come, then one settling, then the actions.
func (s *Swarm) turn(events []event) {
	now := time.Now()
	for i := range events {
		s.note(&events[i])
		s.mind.step(now, &events[i])
	}
	s.mind.settle(now)
	s.do()
	for i := range events {
		if m := events[i].more; m != nil && m.done != nil {
			close(m.done)
		}
	}
	s.inbox.recycle(events)
}

// note does what the loop itself has to know of an event.
func (s *Swarm) note(e *event) {
	switch e.kind {
	case evAttached:
		s.links[e.peer] = e.more.link
	case evClosed:
		delete(s.links, e.peer)
	case evDisk, evInfo:
		s.jobs--
	case evBegin:
		if k, ok := s.mind.(*seeker); ok && !k.stopped {
			s.cfg = *e.more.config
			s.mind = k.become(e.more.config)
			s.info.Store(s.cfg.Info)
		}
	}
}

func (s *Swarm) arm(t *time.Timer) {
	next := s.mind.next()
	if next.IsZero() {
		t.Stop()
		return
	}
	t.Reset(max(0, time.Until(next)))
}

// shutdown ends everything: links are closed, and the jobs that are out are waited for, so that the
// store may be closed when Run has returned.
func (s *Swarm) shutdown() {
	s.mind.stop(time.Now())
	s.do()
	for s.jobs > 0 {
		<-s.inbox.wake
		s.turn(s.inbox.take(nil))
	}
	s.mind.stop(time.Now()) // what the last jobs left open
	s.do()
	for _, e := range s.inbox.close() {
		releaseBlocks(e.batch)
		switch e.kind {
		case evAttached:
			e.more.link.Close(ErrEnded)
		case evUploaded: // a second of upload may lie there
			s.mind.step(time.Now(), &e)
		}
	}
	s.publish()
}
