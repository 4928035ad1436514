package session

import (
	"net"
	"net/netip"
	"sync"

	"shoal/session/portmap"
	"shoal/status"
)

// reach is what is known of whether others can connect to us.
type reach struct {
	mu   sync.Mutex
	what status.Reach
}

func (r *reach) get() status.Reach {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.what
}

// came notes an incoming connection that has shaken hands: one from the internet proves that we can be reached from there.
func (r *reach) came(from netip.Addr) {
	if scopeOf(from) == globalScope {
		r.mu.Lock()
		r.what.Incoming = true
		r.mu.Unlock()
	}
}

// forget takes back what was proven in another network.
func (r *reach) forget() {
	r.mu.Lock()
	r.what.Incoming = false
	r.mu.Unlock()
}

// mapped notes what the router says, and tells the trackers when peers are to come to another port than before.
func (s *Session) mapped(m portmap.Mapping) {
	before := s.publicPort()
	s.near.reach.mu.Lock()
	w := &s.near.reach.what
	w.Mapped, w.Method, w.External = m != portmap.Mapping{}, m.Method, m.External
	s.near.reach.mu.Unlock()
	if s.publicPort() != before && s.ctx.Err() == nil {
		s.announce.portChanged()
	}
}

// publicPort is the port that peers on the internet are told: the router's for us, if there is one.
func (s *Session) publicPort() uint16 {
	if p := s.near.reach.get().External.Port(); p != 0 {
		return p
	}
	return s.port()
}

// Reach says what is known of whether peers outside can connect to us.
func (s *Session) Reach() status.Reach { return s.near.reach.get() }

// Public reports whether an address is one of the internet, and not of a site, a provider's own network, a link or this machine.
func Public(a netip.Addr) bool { return scopeOf(a) == globalScope }

// gateway is what a Net may offer beside its methods: the router on the way out, the zero value when there is none.
type gateway interface {
	Gateway() netip.Addr
}

// newMapper makes what asks the router for a port. It is nil when that is switched off, when nothing listens on
// IPv4, or on one address only: who chose that wants no other way in.
func (s *Session) newMapper() *portmap.Mapper {
	host, _, err := net.SplitHostPort(s.cfg.Listen)
	if a, err2 := netip.ParseAddr(host); err != nil || s.cfg.NoPortMap || host != "" && (err2 != nil || !a.IsUnspecified()) {
		return nil
	}
	for _, a := range s.addrs {
		if !a.Addr().Is4() {
			continue
		}
		router := func() netip.Addr { return netip.Addr{} }
		if g, ok := s.cfg.Net.(gateway); ok {
			router = g.Gateway
		}
		return portmap.New(portmap.Config{
			Net: s.cfg.Net, Port: a.Port(), Own: s.ownAddrs, Gateway: router, Rand: s.reg.random(), Changed: s.mapped, Log: s.log,
		})
	}
	return nil
}
