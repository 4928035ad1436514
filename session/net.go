package session

import (
	"context"
	"net"
	"net/netip"
)

// Net is the network as the session uses it. All methods may be called from
// any goroutine; networks are those of package net ("tcp", "tcp4", "udp6", ...).
type Net interface {
	// Dial connects to a literal address or to a host name.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
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
	if n.From.IsValid() && !n.From.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: n.From.AsSlice(), Zone: n.From.Zone()}
	}
	return d.DialContext(ctx, network, address)
}

// Listen implements Net.
func (SystemNet) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, network, address)
}

// ListenPacket implements Net.
func (SystemNet) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, network, address)
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
