package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// maxInterfaces bounds the interfaces that a group is joined on: a machine full of
// containers has hundreds.
const maxInterfaces = 16

// ListenMulticast implements Net. Sockets share their port with those of other programs.
func (n SystemNet) ListenMulticast(ctx context.Context, network string, group netip.AddrPort) ([]net.PacketConn, error) {
	if v4 := network == "udp4"; !group.Addr().IsMulticast() || group.Addr().Is4() != v4 || n.bound() && n.From.Unmap().Is4() != v4 {
		return nil, fmt.Errorf("join %s %v: %w", network, group, net.InvalidAddrError("not for this family"))
	}
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var out []net.PacketConn
	for _, s := range n.segments(ifs, network == "udp4") {
		c, err2 := s.join(ctx, network, group)
		if err2 != nil { // others may do
			err = errors.Join(err, fmt.Errorf("join %v on %s: %w", group, s.ifi.Name, err2))
			continue
		}
		out = append(out, c)
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

// segment is one interface and what can be reached there without a router.
type segment struct {
	ifi  net.Interface
	on   []netip.Prefix // of one family
	from netip.Addr     // what packets leave from; the zero value lets the system choose
}

// segments are the interfaces to join a group on: that of From alone, else all that are up and know multicast.
// A machine without any has the loopback interface, so that its programs find each other.
func (n SystemNet) segments(ifs []net.Interface, v4 bool) (out []segment) {
	var lo []segment
	for _, ifi := range ifs {
		s := segment{ifi: ifi, on: prefixesOf(&ifi, v4)}
		has := slices.ContainsFunc(s.on, func(p netip.Prefix) bool { return p.Addr() == n.From.Unmap().WithZone("") })
		switch {
		case ifi.Flags&net.FlagUp == 0 || len(s.on) == 0:
		case n.bound():
			if s.from = n.From.Unmap(); has {
				return []segment{s}
			}
		case ifi.Flags&net.FlagLoopback != 0:
			lo = append(lo, s)
		case ifi.Flags&net.FlagMulticast != 0 && len(out) < maxInterfaces:
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return lo
	}
	return out
}

// prefixesOf returns the addresses of an interface with the length of their networks.
func prefixesOf(ifi *net.Interface, v4 bool) (out []netip.Prefix) {
	list, err := ifi.Addrs()
	if err != nil {
		return nil
	}
	for _, x := range list {
		p, err := netip.ParsePrefix(x.String())
		if err == nil && p.Addr().Unmap().Is4() == v4 {
			out = append(out, p)
		}
	}
	return out
}

// join opens the socket of one interface. Package net lets sockets of multicast addresses share their
// port and binds them to no address, so ReadFrom looks where packets are from.
func (s segment) join(ctx context.Context, network string, group netip.AddrPort) (net.PacketConn, error) {
	c, err := SystemNet{}.ListenPacket(ctx, network, group.String())
	if err != nil {
		return nil, err
	}
	g := &groupConn{PacketConn: c, at: s}
	to := net.UDPAddrFromAddrPort(group)
	if network == "udp4" {
		p := ipv4.NewPacketConn(c)
		err = errors.Join(p.JoinGroup(&s.ifi, to), p.SetMulticastInterface(&s.ifi), p.SetMulticastTTL(1), p.SetMulticastLoopback(true))
		g.write = func(b []byte, dst net.Addr) (int, error) {
			return p.WriteTo(b, &ipv4.ControlMessage{Src: s.from.AsSlice(), IfIndex: s.ifi.Index}, dst)
		}
	} else {
		p := ipv6.NewPacketConn(c)
		err = errors.Join(p.JoinGroup(&s.ifi, to), p.SetMulticastInterface(&s.ifi), p.SetMulticastHopLimit(1), p.SetMulticastLoopback(true))
		g.write = func(b []byte, dst net.Addr) (int, error) {
			return p.WriteTo(b, &ipv6.ControlMessage{Src: s.from.AsSlice(), IfIndex: s.ifi.Index}, dst)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return g, nil
}

// groupConn is a member of a group on one interface.
type groupConn struct {
	net.PacketConn
	at    segment
	write func(b []byte, dst net.Addr) (int, error)
}

// ReadFrom passes over what does not come from the interface's own network: the system hands
// a socket also what came to the group on other interfaces, or to the port from anywhere.
func (g *groupConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := g.PacketConn.ReadFrom(b)
		if err != nil || g.at.near(addrOf(from).Addr()) {
			return n, from, err
		}
	}
}

// WriteTo sends from the host of --listen, if there is one.
func (g *groupConn) WriteTo(b []byte, dst net.Addr) (int, error) {
	if g.at.from.IsValid() {
		return g.write(b, dst)
	}
	return g.PacketConn.WriteTo(b, dst)
}

// near reports whether an address is on this segment.
func (s *segment) near(a netip.Addr) bool {
	if zone := a.Zone(); zone != "" && zone != s.ifi.Name {
		return false
	}
	a = a.WithZone("")
	return slices.ContainsFunc(s.on, func(p netip.Prefix) bool { return p.Contains(a) })
}
