package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"time"

	"shoal/internal/text"
)

// Limits of a fetch: for all of it, for one connection attempt, and on redirects.
const (
	fetchWithin  = time.Minute
	fetchDial    = 15 * time.Second
	maxRedirects = 10
	maxTargets   = 8 // addresses of a host that are tried
)

// ErrScope is wrapped where a URL leads into a nearer network than it may: see Fetch.
var ErrScope = errors.New("leads into the local network, where this address may not lead")

// Fetch says how a file is fetched by HTTP. The zero value lets the URL lead anywhere.
type Fetch struct {
	// Agent is the User-Agent, Cookies the header of that name, which goes to the URL's own host only.
	Agent, Cookies string
	// Global allows addresses of the internet only: for URLs that come from others than this machine's user.
	Global bool
	// Limit is the most bytes that are read.
	Limit int64
}

// Get fetches what rawURL names through n, within a minute. A redirect may lead only to an address that reaches as far as the one that
// sent it (loopback, link, private, global): a server on the internet cannot point us into the local network; else the error wraps
// ErrScope. One byte more than Limit is returned of what is larger.
func (f Fetch) Get(ctx context.Context, n Net, rawURL string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is not an http or https URL", text.Clean(rawURL, 80))
	}
	// No goroutine but this one follows redirects, and no connection is used twice: each has the scope of its own hop.
	w := walk{net: n}
	if f.Global {
		w.least = globalScope
	}
	transport := &http.Transport{DialContext: w.dial, Proxy: nil, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) >= maxRedirects {
			return fmt.Errorf("more than %d redirects", maxRedirects)
		}
		w.least = max(w.least, w.last)
		return nil
	}}
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { w.last = connScope(i.Conn) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", f.Agent)
	if f.Cookies != "" {
		req.Header.Set("Cookie", f.Cookies)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %q", text.Clean(resp.Status, 80))
	}
	return io.ReadAll(io.LimitReader(resp.Body, f.Limit+1))
}

// walk is one fetch on its way from server to server.
type walk struct {
	net         Net
	least, last scope // what the next address must have at least, and what the last one had
}

// dial connects to the first address of a host that may be used and answers.
func (w *walk) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := w.net.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%s has no address", text.Clean(host, 80))
	tried := 0
	for _, a := range addrs {
		if s := scopeOf(a); s == noScope || s < w.least {
			err = fmt.Errorf("%s (%v) %w", text.Clean(host, 80), a, ErrScope)
			continue
		}
		if tried++; tried > maxTargets || ctx.Err() != nil {
			break
		}
		var c net.Conn
		one, cancel := context.WithTimeout(ctx, fetchDial)
		c, err = w.net.Dial(one, network, net.JoinHostPort(a.String(), port))
		cancel()
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}

// connScope is the scope of the other end; where it is not known, as behind a proxy, the widest.
func connScope(c net.Conn) scope {
	if a := c.RemoteAddr(); a != nil {
		if ap, err := netip.ParseAddrPort(a.String()); err == nil {
			return scopeOf(ap.Addr())
		}
	}
	return globalScope
}
