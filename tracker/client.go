package tracker

import (
	"bytes"
	"compress/gzip"
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

	"shoal/internal/text"
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
type Client struct {
	opt        Options
	dialer     dialer
	transports [scopes]*http.Transport
	ctx        context.Context // ends with Close
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
		c.transports[least] = &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				ctx, cancel := context.WithTimeout(ctx, announceTimeout)
				defer cancel()
				defer context.AfterFunc(c.ctx, cancel)()
				return c.dialer.connect(ctx, network, address, least)
			},
			TLSClientConfig:        &tls.Config{RootCAs: opt.Roots},
			TLSHandshakeTimeout:    announceTimeout,
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        idleTimeout,
			DisableCompression:     true, // the size limit needs to see both sides
		}
	}
	return c
}

// Close ends all connections; announces under way fail soon after.
func (c *Client) Close() {
	c.cancel()
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// Announce asks one tracker once. It ends after 15 s, when ctx ends, or when the
// client is closed, and reads at most 1 MiB. Errors wrap *Failure when the
// tracker refused in words, ErrUnsupported when asking again is pointless, ErrReply,
// ErrTooLarge or ErrRefused, or the cause; they name the tracker by Mask.
func (c *Client) Announce(ctx context.Context, a Announce) (Reply, error) {
	if c.ctx.Err() != nil {
		return Reply{}, fmt.Errorf("tracker %s: %w", Mask(a.URL), net.ErrClosed)
	}
	ctx, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	r, err := c.announce(ctx, &a)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("no complete answer in time: %w", ctx.Err())
		}
		return Reply{}, fmt.Errorf("tracker %s: %w", Mask(a.URL), err)
	}
	return r, nil
}

func (c *Client) announce(ctx context.Context, a *Announce) (Reply, error) {
	u, err := parseURL(a.URL)
	if err != nil {
		return Reply{}, err
	}
	u = a.withQuery(u)
	least := loopback
	for range maxRedirects + 1 {
		if !strings.HasPrefix(path.Base(u.Path), "announce") {
			least = max(least, link)
		}
		resp, from, err := c.roundTrip(ctx, u, least)
		if err != nil {
			return Reply{}, safeError(err)
		}
		if !isRedirect(resp.StatusCode) {
			defer resp.Body.Close()
			return readReply(resp)
		}
		// A short body read to its end leaves the connection fit for the next hop.
		io.CopyN(io.Discard, resp.Body, 4<<10)
		resp.Body.Close()
		if u, err = redirect(u, resp.Header.Get("Location")); err != nil {
			return Reply{}, err
		}
		least = max(least, from)
	}
	return Reply{}, fmt.Errorf("%w: more than %d redirects", ErrReply, maxRedirects)
}

// roundTrip sends one GET over a connection of at least the given scope and
// tells the scope of the server that answered.
func (c *Client) roundTrip(ctx context.Context, u *url.URL, least scope) (*http.Response, scope, error) {
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
	resp, err := c.transports[least].RoundTrip(req)
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

// readReply reads and parses the body within the limits.
func readReply(resp *http.Response) (Reply, error) {
	body, err := readBody(resp)
	if err != nil {
		return Reply{}, err
	}
	r, err := parseReply(body)
	if resp.StatusCode == http.StatusOK {
		return r, err
	}
	// Some trackers put the reason for a 4xx into a proper reply.
	if f, ok := errors.AsType[*Failure](err); ok {
		return Reply{}, f
	}
	return Reply{}, fmt.Errorf("%w: HTTP status %d %s", ErrReply, resp.StatusCode, http.StatusText(resp.StatusCode))
}

// readBody returns the decoded body; neither what comes over the wire nor what
// it decodes to may pass maxBody.
func readBody(resp *http.Response) ([]byte, error) {
	var from io.Reader = &capped{r: resp.Body, left: maxBody}
	switch strings.ToLower(resp.Header.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return nil, fmt.Errorf("%w: damaged gzip: %w", ErrReply, err)
		}
		from = &capped{r: z, left: maxBody}
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(from); err != nil {
		return nil, safeError(err)
	}
	return b.Bytes(), nil
}

// capped passes on left bytes and then fails, unless the reader ends there.
type capped struct {
	r    io.Reader
	left int
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(len(p), c.left+1)])
	if n > c.left {
		return c.left, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBody)
	}
	c.left -= n
	return n, err
}

// cleanError keeps the chain of an error but shows its text cleaned: errors of
// the HTTP client may repeat what the server sent.
type cleanError struct{ error }

func (e cleanError) Error() string { return text.Clean(e.error.Error(), maxReason) }
func (e cleanError) Unwrap() error { return e.error }

func safeError(err error) error { return cleanError{err} }
