package session

import (
	"context"
	"sync"

	"shoal/metainfo"
	"shoal/session/budget"
)

// defaultMaxPeers is the number of connections of one torrent where none is chosen.
const defaultMaxPeers = 100

// TorrentLimits are those of one torrent.
type TorrentLimits struct {
	// Up and Down are payload bytes a second, beside those of the session; 0 is none.
	Up, Down int64
	// MaxPeers is the most connections it may have; 0 is that of the session.
	MaxPeers int
	// Exempt says that the session's limits of bytes a second do not count for it.
	Exempt bool
	// Priority is -1, 0 or 1: of bytes, slots and connections that do not suffice for all it gets twice what the one below gets.
	Priority int8
}

// most returns the smaller of n connections and the limit.
func (l TorrentLimits) most(n int) int {
	if l.MaxPeers > 0 {
		return min(n, l.MaxPeers)
	}
	return n
}

// shared are the limits of all torrents together. mu guards them.
type shared struct {
	mu       sync.Mutex
	limits   budget.Limits
	maxPeers int // of one torrent
}

func (s *shared) get() (budget.Limits, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits, s.maxPeers
}

func (s *shared) set(l budget.Limits, maxPeers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits, s.maxPeers = l.WithDefaults(), maxPeers; maxPeers <= 0 {
		s.maxPeers = defaultMaxPeers
	}
}

// SetLimits changes the limits of a torrent. Bytes a second hold when it returns, connections within a second.
func (s *Session) SetLimits(ctx context.Context, id metainfo.ID, l TorrentLimits) error {
	if _, p := s.reg.change(id.Wire(), func(p *sleeper) { p.Limits = l }); p != nil {
		return ctx.Err()
	}
	t, err := s.wish(ctx, id, func(w *wishes) { w.limits = l })
	if err != nil {
		return err
	}
	t.limit()
	return ctx.Err()
}

// SetSessionLimits changes what all torrents share, and how many connections each may have; zeros mean the defaults, as in Config.
// Bytes a second hold when it returns, slots and connections within a second. Connections beyond the new total end as those of single
// torrents are cut; attempts that are under way go on.
func (s *Session) SetSessionLimits(l budget.Limits, maxPeersEach int) {
	s.limits.set(l, maxPeersEach)
	l, _ = s.limits.get()
	s.deal.share(l)
	s.dial.share(l)
	for _, t := range s.reg.all() {
		t.limit()
	}
}

// limit makes the limits hold that are in force now. A torrent that has no swarm yet asks for them when it makes one.
func (t *torrent) limit() {
	t.orders.mu.Lock()
	defer t.orders.mu.Unlock()
	if sw := t.running(); sw != nil && t.ctx.Err() == nil {
		sw.SetLimited(t.s.deal.limit(t.key, t.orders.w.limits))
	}
}
