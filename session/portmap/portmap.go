package portmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Times of a mapping.
const (
	DefaultLease = time.Hour
	leastRenew   = 30 * time.Second // however short a router's leases are
	firstPause   = time.Minute      // after a failure; then twice as long
	lastPause    = time.Hour
	removeTime   = time.Second // for the removal, when we go
)

// maxPorts is how many external ports are tried when the first is taken.
const maxPorts = 5

var errTaken = errors.New("the port is taken")

// Net is what is needed of session.Net.
type Net interface {
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
}

// Config is what a Mapper needs.
type Config struct {
	Net Net
	// Port is where we listen, for TCP and UDP.
	Port uint16
	// Own returns the addresses of this machine, nothing when they are not known; Gateway that of the router on the
	// way out, the zero value when it is not known. A machine without a private address has no router to ask.
	Own     func() []netip.Addr
	Gateway func() netip.Addr
	// Lease is how long a mapping lasts unless it is renewed; 0 means DefaultLease.
	Lease time.Duration
	// Rand chooses other ports when ours is taken.
	Rand *rand.Rand
	// Changed hears of every change, from the goroutine of Run; it must not wait.
	Changed func(Mapping)
	Log     *slog.Logger // nil: discarded
}

// Mapping is what a router has agreed to. The zero value is none.
type Mapping struct {
	Method string // "NAT-PMP" or "UPnP"
	// External is where the router takes connections for us. Its address is the zero value when the
	// router does not know it, and may be a private one when there is a second router behind it.
	External netip.AddrPort
}

// protocol is what is mapped.
type protocol uint8

const (
	tcp protocol = iota
	udp
)

func (p protocol) upnp() string { return [...]string{"TCP", "UDP"}[p] }

// grant is a mapping as a router made it.
type grant struct {
	external uint16
	lease    time.Duration
}

// router is one way to have ports mapped.
type router interface {
	method() string
	// external returns the router's address on its far side.
	external(ctx context.Context) (netip.Addr, error)
	// add makes or renews a mapping; errTaken says that another external port may do.
	add(ctx context.Context, p protocol, internal, external uint16, lease time.Duration) (grant, error)
	remove(ctx context.Context, p protocol, internal, external uint16) error
}

// Mapper keeps one port mapped. Make it with New.
type Mapper struct {
	cfg   Config
	again chan struct{} // holds one token when the network is another one

	// Of the goroutine of Run:
	router router // nil: none was found, or it does not answer any more
	made   []made // what is to be removed
	told   Mapping
}

// made is one mapping of ours at the router.
type made struct {
	p        protocol
	external uint16
}

// New returns a mapper that does nothing before Run.
func New(cfg Config) *Mapper {
	if cfg.Lease <= 0 {
		cfg.Lease = DefaultLease
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Mapper{cfg: cfg, again: make(chan struct{}, 1)}
}

// Again begins anew, because the network is another one. It never waits.
func (m *Mapper) Again() {
	select {
	case m.again <- struct{}{}:
	default:
	}
}

// Run keeps the port mapped until ctx ends, and then removes the mapping within a second.
func (m *Mapper) Run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		wait, err := m.work(ctx)
		if err == nil {
			pause = firstPause
		} else {
			m.cfg.Log.Info("no port is mapped", "err", err)
			wait, pause = pause, min(2*pause, lastPause)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-m.again:
			m.release()
			pause = firstPause
		case <-timer.C:
		}
		timer.Stop()
	}
	m.release()
}

// work renews the mapping, or finds a router and makes one. It returns when to renew.
func (m *Mapper) work(ctx context.Context) (renew time.Duration, err error) {
	if m.router != nil {
		if renew, err = m.mapWith(ctx, m.router); err == nil {
			return renew, nil
		}
		if ctx.Err() != nil {
			return 0, err // what was made is still to be removed
		}
		m.cfg.Log.Info("a port mapping could not be renewed", "err", err)
		m.forget()
	}
	if gw := m.cfg.Gateway(); local(gw) {
		if renew, err = m.mapWith(ctx, &pmp{m.cfg.Net, netip.AddrPortFrom(gw, pmpPort)}); err == nil {
			return renew, nil
		}
	}
	places, err2 := search(ctx, m.cfg.Net, m.cfg.Own(), m.cfg.Gateway())
	err = errors.Join(err, err2)
	for _, at := range places {
		found, err2 := describe(ctx, m.cfg.Net, at)
		err = errors.Join(err, err2)
		for _, g := range found {
			if renew, err2 = m.mapWith(ctx, g); err2 == nil {
				return renew, nil
			}
			err = errors.Join(err, err2)
		}
	}
	if err == nil {
		err = errors.New("no router answers")
	}
	return 0, err
}

// mapWith maps TCP and UDP to the same external port: that of the last time, ours, or any other.
func (m *Mapper) mapWith(ctx context.Context, r router) (renew time.Duration, err error) {
	ports := []uint16{m.cfg.Port}
	if port := m.told.External.Port(); m.router == r && port != 0 && port != m.cfg.Port {
		ports = []uint16{port, m.cfg.Port}
	}
	for len(ports) < maxPorts {
		ports = append(ports, uint16(20000+m.cfg.Rand.IntN(40000)))
	}
	for _, port := range ports {
		var g grant
		if g, err = m.both(ctx, r, port); errors.Is(err, errTaken) {
			continue
		} else if err != nil {
			return 0, err
		}
		renewed := m.router == r && m.told.External.Port() == g.external
		m.router = r
		at, err := r.external(ctx)
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err != nil && renewed:
			at = m.told.External.Addr() // one lost answer does not make it unknown
		case err != nil || !at.IsGlobalUnicast():
			at = netip.Addr{}
		}
		m.tell(Mapping{r.method(), netip.AddrPortFrom(at, g.external)})
		// A router that grants next to nothing is not asked all the time.
		return max(min(g.lease, m.cfg.Lease)/2, min(leastRenew, m.cfg.Lease/2)), nil
	}
	return 0, err
}

// both maps both protocols or none.
func (m *Mapper) both(ctx context.Context, r router, external uint16) (g grant, err error) {
	before := len(m.made)
	for _, p := range []protocol{tcp, udp} {
		want := external
		g, err = r.add(ctx, p, m.cfg.Port, want, m.cfg.Lease)
		if err == nil && p == udp && g.external != want {
			m.note(p, g.external)
			err = fmt.Errorf("%w for UDP", errTaken)
		}
		if err != nil {
			if ctx.Err() != nil {
				m.note(p, want) // perhaps
			}
			break
		}
		m.note(p, g.external)
		external = g.external
	}
	if err != nil && ctx.Err() == nil {
		m.remove(r, m.made[before:])
		m.made = m.made[:before]
	}
	if ctx.Err() != nil {
		m.router = r // for the removal
	}
	return g, err
}

// note remembers what is to be removed.
func (m *Mapper) note(p protocol, external uint16) {
	for _, x := range m.made {
		if x == (made{p, external}) {
			return
		}
	}
	m.made = append(m.made, made{p, external})
}

// release removes what was mapped.
func (m *Mapper) release() {
	if m.router != nil {
		m.remove(m.router, m.made)
	}
	m.forget()
}

// forget takes a router and its mappings for gone.
func (m *Mapper) forget() {
	m.router, m.made = nil, nil
	m.tell(Mapping{})
}

// remove gives mappings back, all at once and within removeTime, even when Run's context has ended.
func (m *Mapper) remove(r router, list []made) {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	var all sync.WaitGroup
	for _, x := range list {
		all.Go(func() {
			if err := r.remove(ctx, x.p, m.cfg.Port, x.external); err != nil {
				m.cfg.Log.Info("a port mapping could not be removed", "protocol", x.p.upnp(), "port", x.external, "err", err)
			}
		})
	}
	all.Wait()
}

func (m *Mapper) tell(x Mapping) {
	if x == m.told {
		return
	}
	m.told = x
	if x == (Mapping{}) {
		m.cfg.Log.Info("the port is not mapped any more")
	} else {
		m.cfg.Log.Info("the port is mapped", "method", x.Method, "external", x.External)
	}
	m.cfg.Changed(x)
}
