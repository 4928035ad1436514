package simnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Times of connection attempts, as of a common TCP.
const (
	dialTimeout = 2 * time.Minute
	synRetry    = time.Second
	backlog     = 128
)

// Host is one machine on a Net. Its methods have the shape of session.Net.
type Host struct {
	n        *Net
	addrs    []netip.Addr
	link     Link
	up, down *pipe
	lo       *pipe // to itself: no limit, no latency
	off      bool
	port     uint16 // last ephemeral port
	tcp      map[binding]*listener
	udp      map[binding]*packetConn
}

// binding is a port of one address family.
type binding struct {
	port uint16
	v6   bool
}

// Host adds a host with an address and perhaps more of them.
func (n *Net) Host(addr netip.Addr, link Link, more ...netip.Addr) *Host {
	h := &Host{
		n: n, addrs: append([]netip.Addr{addr}, more...), link: link, port: 49151,
		tcp: make(map[binding]*listener), udp: make(map[binding]*packetConn),
	}
	h.down = newPipe(n, link.Down, func(p parcel) { p.dst.arrive(p) })
	h.lo = newPipe(n, 0, func(p parcel) { p.dst.arrive(p) })
	h.up = newPipe(n, link.Up, func(p parcel) {
		dst := p.dst.home()
		if d := h.distance(dst); d > 0 {
			n.after(d, func() { dst.down.push(p.dst.inbound(), p) })
			return
		}
		dst.down.push(p.dst.inbound(), p)
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range h.addrs {
		n.hosts[a] = h
	}
	return h
}

// Addr returns the host's first address.
func (h *Host) Addr() netip.Addr { return h.addrs[0] }

// Down pulls the cable: nothing gets in or out, streams hang, dials wait.
func (h *Host) Down() { h.setOff(true) }

// Up plugs the cable in again; streams go on where they hung.
func (h *Host) Up() { h.setOff(false) }

func (h *Host) setOff(off bool) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	h.off = off
	h.up.setDown(off)
	h.down.setDown(off)
}

// Sent returns the payload bytes that the host has put on its uplink.
func (h *Host) Sent() int64 { return h.count(h.up) }

// Received returns the payload bytes that came over the host's downlink.
func (h *Host) Received() int64 { return h.count(h.down) }

func (h *Host) count(p *pipe) int64 {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return p.bytes
}

// distance is the one-way latency to another host.
func (h *Host) distance(to *Host) time.Duration { return h.link.Latency + to.link.Latency }

// Lookup answers names given to Net.Name; a literal address answers itself.
func (h *Host) Lookup(_ context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	if a := h.n.names[host]; len(a) > 0 {
		return a, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// resolve turns host:port into an address that network allows.
func (h *Host) resolve(ctx context.Context, network, address string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if host == "" {
		a := netip.IPv6Unspecified()
		if strings.HasSuffix(network, "4") {
			a = netip.IPv4Unspecified()
		}
		return netip.AddrPortFrom(a, uint16(port)), nil
	}
	addrs, err := h.Lookup(ctx, host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range addrs {
		if !(a.Is4() && strings.HasSuffix(network, "6") || a.Is6() && strings.HasSuffix(network, "4")) {
			return netip.AddrPortFrom(a, uint16(port)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("no address of %s suits %s", host, network)
}

// find returns the host that has an address as seen from h, or nil.
func (h *Host) find(a netip.Addr) *Host {
	if a.IsLoopback() || a.IsUnspecified() {
		return h
	}
	return h.n.hosts[a]
}

// source chooses the address that packets to a leave from.
func (h *Host) source(a netip.Addr) (netip.Addr, bool) {
	if a.IsLoopback() {
		return a, true
	}
	for _, s := range h.addrs {
		if s.Is4() == a.Is4() {
			return s, true
		}
	}
	return netip.Addr{}, false
}

func (h *Host) nextPort() uint16 {
	if h.port++; h.port < 49152 {
		h.port = 49152
	}
	return h.port
}

// bindings lists what binding network and address takes.
func bindings(network string, a netip.AddrPort) []binding {
	v4, v6 := binding{a.Port(), false}, binding{a.Port(), true}
	switch {
	case a.Addr().Is4():
		return []binding{v4}
	case strings.HasSuffix(network, "6") || !a.Addr().IsUnspecified():
		return []binding{v6}
	}
	return []binding{v6, v4}
}

// bind finds a free port for network and address. Net.mu is held.
func (h *Host) bind(network string, a netip.AddrPort, taken func(b binding) bool) (netip.AddrPort, []binding, error) {
	if self := h.find(a.Addr()); self != h {
		return a, nil, os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
	}
	auto := a.Port() == 0
	for range 1 << 14 {
		if auto {
			a = netip.AddrPortFrom(a.Addr(), h.nextPort())
		}
		bs, free := bindings(network, a), true
		for _, b := range bs {
			free = free && !taken(b)
		}
		if free {
			return a, bs, nil
		}
		if !auto {
			break
		}
	}
	return a, nil, os.NewSyscallError("bind", syscall.EADDRINUSE)
}
