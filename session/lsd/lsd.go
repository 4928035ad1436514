package lsd

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"shoal/metainfo"
)

// reopen is the time until sockets that could not be opened, or died, are tried again.
const reopen = time.Minute

// Config is what a Service needs. All of it must be set but Log.
type Config struct {
	// Listen opens one socket a network interface in a group, as session.Net does.
	Listen func(ctx context.Context, network string, group netip.AddrPort) ([]net.PacketConn, error)
	// Port is where we take connections; V4 and V6 say over which families.
	Port   uint16
	V4, V6 bool
	// Rand makes the cookie and spreads the announces.
	Rand *rand.Rand
	// Allowed says whether a torrent may be announced, and peers be found for it: private ones may not (BEP 27).
	// Found takes what was heard, after the limits. Neither may wait; both are called from any goroutine of Run.
	Allowed func(h metainfo.Hash) bool
	Found   func(h metainfo.Hash, addr netip.AddrPort)
	Log     *slog.Logger
}

// Service announces and listens. Make it with New.
type Service struct {
	cfg    Config
	cookie string
	wake   chan struct{} // holds one token when the schedule has changed
	moved  chan struct{} // holds one token when the sockets are to be opened anew

	mu    sync.Mutex
	sched schedule
	lim   limits
}

// New returns a service that does nothing before Run.
func New(cfg Config) *Service {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var id [8]byte
	for i := range id {
		id[i] = byte(cfg.Rand.Uint32())
	}
	return &Service{
		cfg: cfg, cookie: hex.EncodeToString(id[:]), sched: schedule{rnd: cfg.Rand},
		wake: make(chan struct{}, 1), moved: make(chan struct{}, 1),
	}
}

// Add begins to look for peers of a torrent.
func (s *Service) Add(h metainfo.Hash) {
	s.mu.Lock()
	s.sched.add(time.Now(), h)
	s.mu.Unlock()
	poke(s.wake)
}

// AddLater does the same for one of many torrents that nobody waits for: each has its turn, twenty a second.
func (s *Service) AddLater(h metainfo.Hash) {
	s.mu.Lock()
	before := s.sched.next()
	s.sched.addLater(time.Now(), h)
	sooner := before.IsZero() || s.sched.next().Before(before)
	s.mu.Unlock()
	if sooner {
		poke(s.wake)
	}
}

// Remove ends that.
func (s *Service) Remove(h metainfo.Hash) {
	s.mu.Lock()
	s.sched.remove(h)
	s.mu.Unlock()
}

// Rejoin opens the sockets anew on the interfaces of now and announces everything again.
func (s *Service) Rejoin() {
	s.mu.Lock()
	s.sched.again(time.Now())
	s.mu.Unlock()
	poke(s.moved)
}

// member is one socket in a group.
type member struct {
	net.PacketConn
	group netip.AddrPort
}

// Run announces and listens until ctx ends. Sockets that cannot be opened are tried again; it fails never.
func (s *Service) Run(ctx context.Context) {
	for ctx.Err() == nil {
		members := s.open(ctx)
		var readers sync.WaitGroup
		died := make(chan struct{}, 1)
		for _, m := range members {
			readers.Go(func() { s.listen(m, died) })
		}
		s.announce(ctx, members, died)
		for _, m := range members {
			_ = m.Close() // ends its reader
		}
		readers.Wait()
	}
}

// open joins both groups.
func (s *Service) open(ctx context.Context) (out []member) {
	for _, f := range []struct {
		on      bool
		network string
		group   netip.AddrPort
	}{{s.cfg.V4, "udp4", Group4}, {s.cfg.V6, "udp6", Group6}} {
		if !f.on {
			continue
		}
		conns, err := s.cfg.Listen(ctx, f.network, f.group)
		if err != nil {
			s.cfg.Log.Debug("cannot look for peers in the local network", "network", f.network, "err", err)
		}
		for _, c := range conns {
			out = append(out, member{c, f.group})
		}
	}
	return out
}

// announce sends what is due until the sockets are to be opened anew or ctx ends.
func (s *Service) announce(ctx context.Context, members []member, died <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	retry := time.NewTimer(reopen)
	defer retry.Stop()
	if len(members) > 0 {
		retry.Stop()
	}
	for {
		timer.Stop()
		if len(members) > 0 {
			s.mu.Lock()
			due, next := s.sched.take(time.Now()), s.sched.next()
			s.mu.Unlock()
			s.send(members, due)
			if !next.IsZero() {
				timer.Reset(time.Until(next))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.moved:
			return
		case <-retry.C:
			return
		case <-died:
			retry.Reset(reopen)
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// send says on every interface that we have these torrents. Those that may not be told of are left out.
func (s *Service) send(members []member, hashes []metainfo.Hash) {
	m := Message{Port: s.cfg.Port, Cookie: s.cookie}
	for _, h := range hashes {
		if s.cfg.Allowed(h) {
			m.Hashes = append(m.Hashes, h)
		}
	}
	if len(m.Hashes) == 0 {
		return
	}
	for _, to := range members {
		if _, err := to.WriteTo(m.Append(nil, to.group), net.UDPAddrFromAddrPort(to.group)); err != nil {
			s.cfg.Log.Debug("cannot announce in the local network", "on", to.LocalAddr(), "err", err)
		}
	}
}

// listen hears one socket until that is closed or dies.
func (s *Service) listen(m member, died chan<- struct{}) {
	buf := make([]byte, 2*MaxMessage) // so that what is too long shows
	for failures := 0; failures < 10; {
		n, from, err := m.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			failures++
			s.cfg.Log.Debug("cannot listen to the local network", "on", m.LocalAddr(), "err", err)
			continue
		}
		failures = 0
		if a, ok := from.(*net.UDPAddr); ok {
			s.hear(time.Now(), buf[:n], a.AddrPort().Addr().Unmap())
		}
	}
	poke(died)
}

// hear takes one datagram.
func (s *Service) hear(now time.Time, b []byte, from netip.Addr) {
	s.mu.Lock()
	ok := s.lim.message(now, from)
	s.mu.Unlock()
	if !ok {
		return
	}
	m, err := Parse(b)
	if err != nil || m.Cookie == s.cookie {
		return
	}
	for _, h := range m.Hashes {
		if s.wanted(now, h, from) {
			s.cfg.Found(h, netip.AddrPortFrom(from, m.Port))
		}
	}
	poke(s.wake) // an answer may be due sooner
}

// wanted reports whether from is a candidate for a torrent.
func (s *Service) wanted(now time.Time, h metainfo.Hash, from netip.Addr) bool {
	if !s.cfg.Allowed(h) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sched.heard(now, h) && s.lim.candidate(from, h)
}

// poke leaves a token in a channel with room for one; it never waits.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
