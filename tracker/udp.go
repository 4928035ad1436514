package tracker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"shoal/metainfo"
)

// udpPatience is how long a UDP announce lasts unless Options say otherwise: requests
// at 0, 15 and 45 s. The pauses of BEP 15 go on doubling in the Schedule, which meanwhile
// asks other trackers.
const udpPatience = time.Minute

// request sends a request until it is answered, with the pauses of BEP 15:
// 15 s, doubling eight times. When a host has several addresses of the family each
// time another one is asked; one that cannot be reached at all is passed over at once.
func (p *packets) request(ctx context.Context, to []netip.AddrPort, action uint32, body []byte) ([]byte, error) {
	start, unsent, retried := time.Now(), 0, false
	for n, i := 0, 0; n <= udpRetries; i++ {
		at, wait := to[i%len(to)], udpPeriod<<n
		id, got, err := p.connection(ctx, at, wait)
		var reply []byte
		if err == nil {
			reply, err = p.ask(ctx, at, id, action, body, wait)
		}
		if err == nil {
			return reply, nil
		}
		// An id from before this request may be worth nothing by now: the tracker has
		// restarted, or our address has changed.
		old := !got.IsZero() && got.Before(start)
		if old {
			p.forget(at, id)
		}
		_, refused := errors.AsType[*Failure](err)
		_, local := errors.AsType[writeError](err)
		switch {
		case errors.Is(err, errSilent):
			n, unsent = n+1, 0
		case refused && old && !retried:
			retried, i = true, i-1
		case local && unsent < len(to)-1:
			unsent++
		default:
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w to %d requests", errSilent, udpRetries+1)
}

// udpTargets returns the addresses of a UDP tracker by family.
func (c *Client) udpTargets(ctx context.Context, u *url.URL) (map[family][]netip.AddrPort, []family, error) {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return nil, nil, fmt.Errorf("%w: a udp address must name a port", ErrUnsupported)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil && c.opt.Lookup == nil {
		return nil, nil, fmt.Errorf("%w: host names of udp trackers cannot be looked up here", ErrUnsupported)
	}
	ips, err := c.dialer.addresses(ctx, u.Hostname(), loopback)
	if err != nil {
		return nil, nil, err
	}
	to := make(map[family][]netip.AddrPort)
	for _, f := range familiesOf(ips) {
		for _, ip := range ips {
			if f.has(ip) && oneMachine(ip.Unmap()) && len(to[f]) < maxAddrs {
				to[f] = append(to[f], netip.AddrPortFrom(ip.Unmap(), uint16(port)))
			}
		}
	}
	fams := slices.Sorted(maps.Keys(to))
	if len(fams) == 0 {
		return nil, nil, fmt.Errorf("%w: %s has only addresses of groups", ErrRefused, u.Hostname())
	}
	return to, fams, nil
}

// overUDP sends a request over every family the tracker has.
func overUDP[T any](ctx context.Context, c *Client, u *url.URL, grace time.Duration, action uint32, body []byte, parse func(b []byte, v6 bool) T) ([]T, error) {
	to, fams, err := c.udpTargets(ctx, u)
	if err != nil {
		return nil, err
	}
	return overFamilies(ctx, fams, grace, func(ctx context.Context, f family) (r T, err error) {
		p := c.udp[f]
		reply, err := p.request(ctx, to[f], action, body)
		if err == nil {
			r = parse(reply, p.v6)
		}
		return r, err
	})
}

func (c *Client) announceUDP(ctx context.Context, u *url.URL, a *Announce) (Reply, error) {
	all, err := overUDP(ctx, c, u, secondFamily, actAnnounce, a.appendUDP(nil, pathAndQuery(u)), parseUDPAnnounce)
	if err != nil {
		return Reply{}, err
	}
	return joinReplies(all), nil
}

// scrapeUDP asks for at most udpScrapeMost torrents.
func (c *Client) scrapeUDP(ctx context.Context, u *url.URL, ids []metainfo.ID) ([]Counts, error) {
	all, err := overUDP(ctx, c, u, 0, actScrape, appendUDPScrape(nil, ids), func(b []byte, _ bool) []Counts {
		return parseUDPScrape(b, len(ids))
	})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}
