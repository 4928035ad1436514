package tracker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// family chooses among the addresses of a host.
type family int

const (
	anyFamily family = iota
	ipv4
	ipv6
	families // how many there are
)

func (f family) String() string { return [...]string{"any", "IPv4", "IPv6"}[f] }

// has reports whether an address belongs to the family.
func (f family) has(ip netip.Addr) bool {
	return f == anyFamily || ip.Unmap().Is4() == (f == ipv4)
}

// familiesOf returns the families that have one of these addresses.
func familiesOf(ips []netip.Addr) (both []family) {
	for _, f := range []family{ipv4, ipv6} {
		if slices.ContainsFunc(ips, f.has) {
			both = append(both, f)
		}
	}
	return both
}

// secondFamily is how long the slower family may take after the faster one has
// answered: enough for a distant tracker, and short of the three seconds that a
// "stopped" announce gets.
const secondFamily = 2 * time.Second

// overFamilies asks over all these families at once and returns what
// was answered, waiting for a second answer no longer than grace. It fails when no family answered,
// and returns after all requests have ended.
func overFamilies[T any](ctx context.Context, fams []family, grace time.Duration, ask func(context.Context, family) (T, error)) ([]T, error) {
	if len(fams) == 1 {
		r, err := ask(ctx, fams[0])
		return []T{r}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		f   family
		r   T
		err error
	}
	results := make(chan result)
	for _, f := range fams {
		go func() {
			r, err := ask(ctx, f)
			results <- result{f, r, err}
		}()
	}
	var got []T
	var failed error
	for range fams {
		switch r := <-results; {
		case r.err == nil && got == nil:
			got = append(got, r.r)
			defer time.AfterFunc(grace, cancel).Stop()
		case r.err == nil:
			got = append(got, r.r)
		case failed == nil:
			failed = fmt.Errorf("over %s: %w", r.f, r.err)
		default:
			failed = fmt.Errorf("%w; over %s: %w", failed, r.f, r.err)
		}
	}
	if got != nil {
		return got, nil
	}
	return nil, failed
}

// joinReplies makes one reply of those of both families. The tracker counts one swarm
// whichever way it is asked, so numbers are not added.
func joinReplies(all []Reply) Reply {
	r := all[0]
	for _, o := range all[1:] {
		r.Interval = max(r.Interval, o.Interval)
		r.MinInterval = max(r.MinInterval, o.MinInterval)
		r.Complete = max(r.Complete, o.Complete)
		r.Incomplete = max(r.Incomplete, o.Incomplete)
		if r.TrackerID == "" {
			r.TrackerID = o.TrackerID
		}
		if !r.ExternalIP.IsValid() {
			r.ExternalIP = o.ExternalIP
		}
		if r.Warning == "" {
			r.Warning = o.Warning
		}
		for _, p := range o.Peers {
			if len(r.Peers) < maxPeers && !slices.Contains(r.Peers, p) {
				r.Peers = append(r.Peers, p)
			}
		}
	}
	return r
}
