package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// Net is the network as the session uses it. All methods may be called from
// any goroutine; networks are those of package net ("tcp", "tcp4", "udp6", ...).
type Net interface {
	// Dial connects to a literal address or to a host name.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	// ListenMulticast joins group, by network "udp4" or "udp6", on every interface that is up and knows
	// multicast and opens a socket for each: it hears what is said to the group on that interface's own
	// network segment, and what is written to it leaves there with a TTL of 1. The sockets also hear
	// themselves. They know the interfaces of now: after a change of network open new ones.
	ListenMulticast(ctx context.Context, network string, group netip.AddrPort) ([]net.PacketConn, error)
	// Lookup resolves a host name; a literal address answers itself.
	Lookup(ctx context.Context, host string) ([]netip.Addr, error)
}

// SystemNet is the machine's network. From, when valid, is the address that
// outgoing connections leave from; destinations of the other family are then
// out of reach. The zero value is ready.
type SystemNet struct {
	From netip.Addr
}

// Dial implements Net.
func (n SystemNet) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if n.bound() {
		d.LocalAddr = &net.TCPAddr{IP: n.From.AsSlice(), Zone: n.From.Zone()}
	}
	return d.DialContext(ctx, network, address)
}

// Listen implements Net.
func (SystemNet) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, network, address)
}

// ListenPacket implements Net. With From packets leave from there: an address without a
// host means From, and any other one is refused.
func (n SystemNet) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	if n.bound() {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		from := n.From.Unmap()
		a, err := netip.ParseAddr(host)
		other := err == nil && a.Unmap() != from && !(a.IsUnspecified() && a.Is4() == from.Is4())
		if host != "" && (err != nil || other) {
			return nil, fmt.Errorf("listen on %s %s: %w", network, address, n.refusal())
		}
		if network == "udp4" && !from.Is4() || network == "udp6" && from.Is4() {
			return nil, fmt.Errorf("listen on %s: %w", network, n.refusal())
		}
		address = net.JoinHostPort(from.String(), port)
	}
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, network, address)
}

// bound reports whether there is one address that everything leaves from.
func (n SystemNet) bound() bool { return n.From.IsValid() && !n.From.IsUnspecified() }

// Addrs returns the machine's addresses beyond itself and its link, or From alone.
func (n SystemNet) Addrs() (out []netip.Addr) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, x := range list {
		p, err := netip.ParsePrefix(x.String())
		a := p.Addr().Unmap()
		if err == nil && scopeOf(a) > linkScope && (!n.bound() || a == n.From.Unmap()) {
			out = append(out, a)
		}
	}
	return out
}

func (n SystemNet) refusal() error {
	return fmt.Errorf("everything leaves from %v, the host of --listen", n.From)
}

// Lookup implements Net.
func (SystemNet) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	as, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for i := range as {
		as[i] = as[i].Unmap()
	}
	return as, err
}

// Control opens what a daemon is steered through: it is apart from Net, so that neither the host of --listen nor whatever
// peers are bound to has a say in it. The zero value is ready, and its methods may be called from any goroutine.
type Control struct{}

// Listen listens by "tcp" on host:port, or by "unix" on a path, where only this user may connect. The path must be free.
func (Control) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if network != "unix" {
		return (&net.ListenConfig{}).Listen(ctx, network, address)
	}
	lc := net.ListenConfig{Control: private}
	l, err := lc.Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(address, 0o600); err != nil { // where private could not see to it
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Inherited makes a listener of a file that the service manager has opened and handed over. It takes the file over; the path
// of a unix socket stays when the listener is closed.
func (Control) Inherited(f *os.File) (net.Listener, error) {
	defer f.Close()
	return net.FileListener(f)
}
