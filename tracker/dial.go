package tracker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// nextAfter is how long one address of a host may take before the next one is
// tried beside it (RFC 8305); maxAddrs is how many are tried.
const (
	nextAfter = 300 * time.Millisecond
	maxAddrs  = 8
)

// scope says how far an address reaches, from narrow to wide.
type scope int

const (
	loopback scope = iota
	link
	private
	global
	scopes // how many there are
)

func scopeOf(ip netip.Addr) scope {
	ip = ip.Unmap()
	switch {
	case ip.IsLoopback() || ip.IsUnspecified():
		return loopback
	case ip.IsLinkLocalUnicast() || ip.IsMulticast():
		return link
	case ip.IsPrivate() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(ip):
		return private
	}
	return global
}

// remoteIP returns the address at the other end, or the zero Addr (which
// counts as global) when it has none.
func remoteIP(nc net.Conn) netip.Addr {
	if a := nc.RemoteAddr(); a != nil {
		ap, _ := netip.ParseAddrPort(a.String())
		return ap.Addr()
	}
	return netip.Addr{}
}

// Where cloud machines fetch their secrets: never a tracker, whatever the scope.
var (
	metadata4 = netip.AddrFrom4([4]byte{169, 254, 169, 254})
	metadata6 = netip.MustParseAddr("fd00:ec2::254")
)

// dialer connects to the addresses of a host that may be used.
type dialer struct {
	dial   DialFunc
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	allow  func(netip.Addr) bool
}

func (d *dialer) check(ip netip.Addr, least scope) error {
	switch {
	case d.allow != nil && !d.allow(ip.Unmap()):
		return fmt.Errorf("%w: %s may not be connected to", ErrRefused, ip)
	case scopeOf(ip) < least:
		return fmt.Errorf("%w: %s is in the local network, where this tracker address may not lead", ErrRefused, ip)
	case ip.Unmap() == metadata4 || ip == metadata6:
		return fmt.Errorf("%w: %s is the key store of cloud machines", ErrRefused, ip)
	}
	return nil
}

// addresses returns those of a host that have at least the given scope and may be
// used: at least one, or an error.
func (d *dialer) addresses(ctx context.Context, host string, least scope) ([]netip.Addr, error) {
	ip, err := netip.ParseAddr(host)
	ips := []netip.Addr{ip}
	if err != nil {
		if ips, err = d.lookup(ctx, host); err != nil {
			return nil, fmt.Errorf("looking up %s: %w", host, err)
		}
	}
	err = fmt.Errorf("%s has no address", host)
	var fit []netip.Addr
	for _, ip := range ips {
		if bad := d.check(ip, least); bad != nil {
			err = bad
		} else {
			fit = append(fit, ip)
		}
	}
	if fit == nil {
		return nil, err
	}
	return fit, nil
}

// connect opens a connection to address, a host or IP with a port, whose
// remote end has at least the given scope and is of the given family.
func (d *dialer) connect(ctx context.Context, network, address string, least scope, f family) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err != nil && d.lookup == nil {
		return d.byName(ctx, network, address, least)
	}
	ips, err := d.addresses(ctx, host, least)
	if err != nil {
		return nil, err
	}
	var targets []string
	for _, ip := range ips {
		if f.has(ip) && len(targets) < maxAddrs {
			targets = append(targets, net.JoinHostPort(ip.String(), port))
		}
	}
	if targets == nil {
		return nil, fmt.Errorf("%s has no address of %s", host, f)
	}
	return d.first(ctx, network, targets)
}

// byName leaves the resolving to the dial function and looks at what came of it.
func (d *dialer) byName(ctx context.Context, network, address string, least scope) (net.Conn, error) {
	nc, err := d.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if ip := remoteIP(nc); ip.IsValid() {
		if err := d.check(ip, least); err != nil {
			nc.Close()
			return nil, err
		}
	}
	return nc, nil
}

// first dials the targets in order, each some time after the one before or
// as soon as that one fails, and returns the first connection that stands. It
// returns after all attempts have ended, so that nothing runs on unseen.
func (d *dialer) first(ctx context.Context, network string, targets []string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		nc  net.Conn
		err error
	}
	results := make(chan result)
	var won net.Conn
	var errs []error
	started, running := 0, 0
	timer := time.NewTimer(nextAfter)
	defer timer.Stop()
	for next := true; ; {
		if next && won == nil && started < len(targets) && ctx.Err() == nil {
			target := targets[started]
			go func() {
				nc, err := d.dial(ctx, network, target)
				results <- result{nc, err}
			}()
			started, running = started+1, running+1
			timer.Reset(nextAfter)
		}
		if running == 0 {
			break
		}
		select {
		case r := <-results:
			running--
			next = r.err != nil
			switch {
			case r.err != nil:
				errs = append(errs, r.err)
			case won != nil:
				r.nc.Close()
			default:
				won = r.nc
				cancel()
			}
		case <-timer.C:
			next = true
		}
	}
	if won == nil {
		return nil, errors.Join(append(errs, ctx.Err())...)
	}
	return won, nil
}
