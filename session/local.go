package session

import (
	"net/netip"

	"shoal/metainfo"
	"shoal/session/lsd"
	"shoal/session/portmap"
	"shoal/swarm"
)

// nearby is what deals with the local network and its router.
type nearby struct {
	lsd    *lsd.Service    // nil: off
	mapper *portmap.Mapper // nil: off
	reach  reach
}

// newLSD makes local discovery, nil when it is switched off or nothing listens.
func (s *Session) newLSD() *lsd.Service {
	if s.cfg.NoLSD || s.port() == 0 {
		return nil
	}
	cfg := lsd.Config{
		Listen: s.cfg.Net.ListenMulticast, Port: s.port(), Rand: s.reg.random(), Log: s.log,
		Allowed: s.mayTell,
		Found:   s.foundLocally,
	}
	for _, a := range s.addrs {
		if a.Addr().Is4() {
			cfg.V4 = true
		} else {
			cfg.V6 = true
		}
	}
	return lsd.New(cfg)
}

// mayTell reports whether the local network may hear of a torrent.
func (s *Session) mayTell(h metainfo.Hash) bool {
	if _, p := s.reg.sleeping(h); p != nil {
		return !p.Private && !p.Stopped
	}
	return s.sought(h) != nil
}

// sought returns the torrent with this hash if peers may be sought for it in the local network, else nil.
func (s *Session) sought(h metainfo.Hash) *torrent {
	t := s.reg.find(h)
	if t == nil || t.running() == nil || !t.allows(swarm.FromLocal) {
		return nil
	}
	return t
}

// foundLocally takes one peer of the local network. It named itself, so that it is its own source.
func (s *Session) foundLocally(h metainfo.Hash, a netip.AddrPort) {
	if t := s.sought(h); t != nil {
		s.log.Debug("found in the local network", "torrent", t.id, "addr", a)
		t.running().AddPeers([]netip.AddrPort{a}, swarm.Source{Kind: swarm.FromLocal, By: a.Addr()})
	}
}

// lookLocally begins to look for peers of a torrent in the local network, lookAway ends that. Neither waits.
func (s *Session) lookLocally(t *torrent) {
	if s.near.lsd != nil {
		s.near.lsd.Add(t.id.Wire())
	}
}

func (s *Session) lookAway(t *torrent) { s.forgetLocally(t.id.Wire()) }

func (s *Session) forgetLocally(h metainfo.Hash) {
	if s.near.lsd != nil {
		s.near.lsd.Remove(h)
	}
}

// runLocal starts what deals with the local network and its router.
func (s *Session) runLocal() {
	if s.near.mapper != nil {
		s.wg.Go(func() { s.near.mapper.Run(s.ctx) })
	}
	if s.near.lsd != nil {
		s.wg.Go(func() { s.near.lsd.Run(s.ctx) })
	}
}

// localAgain begins anew after a change of network.
func (s *Session) localAgain() {
	s.near.reach.forget()
	if s.near.mapper != nil {
		s.near.mapper.Again()
	}
	if s.near.lsd != nil {
		s.near.lsd.Rejoin()
	}
}
