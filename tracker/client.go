package tracker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"
)

// Limits of one announce, redirects included.
const (
	announceTimeout = 15 * time.Second
	maxHeader       = 64 << 10 // bytes
	maxRedirects    = 5
	idleTimeout     = 30 * time.Second // of a kept connection
)

// DialFunc opens one connection, like net.Dialer.DialContext.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options of a Client; the zero value is usable.
type Options struct {
	// Lookup resolves host names. When set, the client resolves first and dials
	// addresses only, so that what was allowed is what is connected to. When nil
	// names go to the dial function (a proxy, say) and the address is checked
	// once the connection stands, before a byte is sent.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Allow decides at connect time whether an address may be used; nil allows all.
	// It is called from several goroutines.
	Allow func(netip.Addr) bool
	// UserAgent goes into the header of that name; "" stands for "shoal".
	UserAgent string
	// Roots are the certificate authorities for HTTPS; nil means the system's.
	Roots *x509.CertPool
	// ListenPacket opens the sockets for UDP trackers, one for "udp4" and one for "udp6",
	// each on ":0"; without it such trackers are ErrUnsupported. Their host names need Lookup.
	ListenPacket func(ctx context.Context, network, address string) (net.PacketConn, error)
	// UDPPatience is how long one announce or scrape over UDP repeats its request
	// when its context does not end sooner; 0 stands for one minute. BEP 15 itself
	// gives up after nine requests in 7665 s.
	UDPPatience time.Duration
}

// Client announces to trackers. Its methods may be called from any goroutine.
// It must be closed.
//
// A redirect is followed only to http and https, five times at most, and
// only to an address whose scope (loopback, link, private, global) is at least
// as wide as that of the server that sent it: a tracker on the internet cannot
// point us into the local network. Loopback is asked only if the last element of
// the path begins with "announce": a torrent shall not press the buttons of other
// programs on this machine. For that each scope has a transport of its own, so
// that a kept connection cannot carry what would not have been dialled.
//
// A tracker whose name has addresses of both IP versions is told of us over both at once, over
// HTTP as over UDP, since it knows of us only the address that we come from (BEP 7); the
// replies are joined. One version that fails or is slow does not harm the other. Without
// Lookup HTTP goes over whichever version the dial function chooses.
//
// UDP trackers share one socket for each version, which closes a minute after it was
// used last. No tracker delays another.
type Client struct {
	opt        Options
	dialer     dialer
	transports [scopes][families]*http.Transport
	udp        map[family]*packets // nil without Options.ListenPacket; never changed
	ctx        context.Context     // ends with Close
	cancel     context.CancelFunc
}

// NewClient returns a client that opens all its connections through dial.
func NewClient(dial DialFunc, opt Options) *Client {
	if opt.UserAgent == "" {
		opt.UserAgent = "shoal"
	}
	c := &Client{opt: opt, dialer: dialer{dial: dial, lookup: opt.Lookup, allow: opt.Allow}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	for least := range scopes {
		for f := range families {
			c.transports[least][f] = c.transport(least, f)
		}
	}
	if opt.ListenPacket != nil {
		c.udp = map[family]*packets{ipv4: newPackets(false, opt.ListenPacket), ipv6: newPackets(true, opt.ListenPacket)}
	}
	if opt.UDPPatience <= 0 {
		c.opt.UDPPatience = udpPatience
	}
	return c
}

// transport makes the one for connections of at least a scope over one family.
func (c *Client) transport(least scope, f family) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, announceTimeout)
			defer cancel()
			defer context.AfterFunc(c.ctx, cancel)()
			return c.dialer.connect(ctx, network, address, least, f)
		},
		TLSClientConfig:        &tls.Config{RootCAs: c.opt.Roots},
		TLSHandshakeTimeout:    announceTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true, // the size limit needs to see both sides
	}
}

// Close ends all connections; announces under way fail soon after.
func (c *Client) Close() {
	c.cancel()
	for _, ts := range c.transports {
		for _, t := range ts {
			t.CloseIdleConnections()
		}
	}
	for _, p := range c.udp {
		p.close()
	}
}

// Announce asks one tracker once. It ends after 15 s, over UDP after Options.UDPPatience,
// when ctx ends, or when the client is closed, and reads at most 1 MiB. Errors wrap *Failure when the
// tracker refused in words, ErrUnsupported when asking again is pointless, ErrReply,
// ErrTooLarge or ErrRefused, or the cause; they name the tracker by Mask.
func (c *Client) Announce(ctx context.Context, a Announce) (r Reply, err error) {
	err = c.within(ctx, a.URL, func(ctx context.Context, u *url.URL) (err error) {
		if u.Scheme == "udp" {
			r, err = c.announceUDP(ctx, u, &a)
		} else {
			r, err = c.announceHTTP(ctx, u, &a)
		}
		return err
	})
	return r, err
}

// within makes one request to a tracker within the limits of time and puts
// the tracker's name into its error.
func (c *Client) within(ctx context.Context, raw string, f func(context.Context, *url.URL) error) error {
	if c.ctx.Err() != nil {
		return fmt.Errorf("tracker %s: %w", Mask(raw), net.ErrClosed)
	}
	u, err := c.usable(raw)
	if err != nil {
		return fmt.Errorf("tracker %s: %w", Mask(raw), err)
	}
	limit := announceTimeout
	if u.Scheme == "udp" {
		limit = c.opt.UDPPatience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	if err := f(ctx, u); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no complete answer in time: %w", ctx.Err())
		}
		return fmt.Errorf("tracker %s: %w", Mask(raw), err)
	}
	return nil
}

// usable reads a URL that this client can speak to.
func (c *Client) usable(raw string) (*url.URL, error) {
	u, err := parseURL(raw)
	if err == nil && u.Scheme == "udp" && c.udp == nil {
		return nil, fmt.Errorf("udp trackers are %w; use an http or https address of it", ErrUnsupported)
	}
	return u, err
}

func (c *Client) announceHTTP(ctx context.Context, u *url.URL, a *Announce) (Reply, error) {
	fams := []family{anyFamily}
	if c.opt.Lookup != nil {
		// What is wrong with the addresses comes to light when they are dialled.
		ips, _ := c.dialer.addresses(ctx, u.Hostname(), loopback)
		if both := familiesOf(ips); len(both) > 1 {
			fams = both
		}
	}
	u = a.withQuery(u)
	all, err := overFamilies(ctx, fams, secondFamily, func(ctx context.Context, f family) (Reply, error) {
		return fetch(ctx, c, u, f, parseReply)
	})
	if err != nil {
		return Reply{}, err
	}
	return joinReplies(all), nil
}

// fetch gets what a URL answers, following redirects.
func fetch[T any](ctx context.Context, c *Client, u *url.URL, f family, parse func([]byte) (T, error)) (none T, err error) {
	least := loopback
	for range maxRedirects + 1 {
		if last := path.Base(u.Path); !strings.HasPrefix(last, "announce") && !strings.HasPrefix(last, "scrape") {
			least = max(least, link)
		}
		resp, from, err := c.roundTrip(ctx, u, least, f)
		if err != nil {
			return none, safeError(err)
		}
		if !isRedirect(resp.StatusCode) {
			defer resp.Body.Close()
			return readReply(resp, parse)
		}
		// A short body read to its end leaves the connection fit for the next hop.
		io.CopyN(io.Discard, resp.Body, 4<<10)
		resp.Body.Close()
		if u, err = redirect(u, resp.Header.Get("Location")); err != nil {
			return none, err
		}
		least = max(least, from)
	}
	return none, fmt.Errorf("%w: more than %d redirects", ErrReply, maxRedirects)
}

// roundTrip sends one GET over a connection of at least the given scope and
// tells the scope of the server that answered.
func (c *Client) roundTrip(ctx context.Context, u *url.URL, least scope, f family) (*http.Response, scope, error) {
	from := global
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		from = scopeOf(remoteIP(i.Conn))
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: the address cannot be requested", ErrUnsupported)
	}
	req.Header.Set("User-Agent", c.opt.UserAgent)
	req.Header.Set("Accept-Encoding", "gzip")
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	resp, err := c.transports[least][f].RoundTrip(req)
	return resp, from, err
}

func isRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirect resolves a Location against the URL that was asked.
func redirect(u *url.URL, location string) (*url.URL, error) {
	next, err := u.Parse(location)
	if err != nil || location == "" || len(location) > maxURL {
		return nil, fmt.Errorf("%w: a redirect to an unreadable address", ErrReply)
	}
	if next.Scheme != "http" && next.Scheme != "https" || next.Hostname() == "" {
		return nil, fmt.Errorf("%w: a redirect to something else than http or https", ErrRefused)
	}
	if u.Scheme == "https" && next.Scheme == "http" {
		return nil, fmt.Errorf("%w: a redirect from https to http", ErrRefused)
	}
	return next, nil
}
