package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// What Dial and the methods of Client fail with beside the errors of package status.
var (
	// ErrAddress says that the address cannot be one.
	ErrAddress = errors.New("not an address of a daemon: write unix:PATH, http://HOST:PORT, https://HOST:PORT or HOST:PORT")
	// ErrUnreachable says that nobody answers there.
	ErrUnreachable = errors.New("no daemon answers")
	// ErrCredentials says that user or password are wrong, or that this machine is not let in.
	ErrCredentials = errors.New("the daemon wants other credentials")
	// ErrAnswer says that what answers is no such daemon, or a broken one.
	ErrAnswer = errors.New("not an answer of a BitTorrent daemon")
)

const (
	// callWithin is how long one call may take, connecting and the reading of the answer included.
	callWithin = 10 * time.Second
	// maxReply is how many bytes of an answer are taken, unpacked: 10,000 torrents are a third of it.
	maxReply = 128 << 20
	// rpcPath is where Transmission answers.
	rpcPath = "/transmission/rpc"
)

// DialFunc connects to a literal address or a host name by "tcp", or by "unix" to a path, as session.Net does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Credentials are what a daemon may ask for; the zero value has none.
type Credentials struct{ User, Password string }

// Client steers a daemon over HTTP: one of shoal, or any other that speaks Transmission's RPC from version 14 of it on (2.40). It is a
// status.Engine, and all methods may be called by any goroutine. Of another daemon's torrents it leaves out what that cannot
// tell; what it cannot do fails with status.ErrNotOffered. Nothing is held open: a daemon that went away and came
// back is asked again by the next call. All text in what it returns is foreign.
type Client struct {
	// Timeout bounds each call, 0 for ten seconds. It is set before the first call.
	Timeout time.Duration
	// Name is what errors call the daemon, "" for its address. It is set before the first call.
	Name string

	address string
	url     string
	creds   Credentials
	http    *http.Client

	mu    sync.Mutex
	token string  // the session id that the next request carries
	who   *daemon // nil until it was asked, and after it was lost

	list clientList
}

var _ status.Engine = (*Client)(nil)

// Dial prepares a Client for address: unix:PATH, http(s)://HOST:PORT with or without a path, or HOST:PORT. It connects to nobody:
// the first call does. Errors wrap ErrAddress.
func Dial(address string, creds Credentials, dial DialFunc) (*Client, error) {
	target, path, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{DialContext: dial, MaxIdleConns: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2: false}
	if path != "" {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, "unix", path) }
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{address: address, url: target, creds: creds, http: &http.Client{Transport: tr, CheckRedirect: stay}}, nil
}

// parseAddress returns the URL to post to and, for a unix socket, the path of that.
func parseAddress(address string) (target, socket string, err error) {
	bad := func(why string) (string, string, error) {
		return "", "", fmt.Errorf("%q: %s: %w", text.Clean(address, 80), why, ErrAddress)
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return bad("no path follows unix:")
		}
		return "http://localhost" + rpcPath, path, nil
	}
	if !strings.Contains(address, "://") {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return bad("a port is missing")
		}
		address = "http://" + address
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return bad("no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("another scheme than http and https")
	case u.Hostname() == "":
		return bad("no host is named")
	case u.User != nil:
		return bad("user and password do not belong into it")
	case u.RawQuery != "" || u.Fragment != "":
		return bad("something follows the path")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = rpcPath
	}
	return u.String(), "", nil
}

// name is what errors call the daemon.
func (c *Client) name() string {
	if c.Name != "" {
		return c.Name
	}
	return text.Clean(c.address, 0)
}

// Address returns what Dial was given.
func (c *Client) Address() string { return c.address }

// Local reports whether the daemon is on this machine for sure, so that paths mean the same to both.
func (c *Client) Local() bool {
	u, err := url.Parse(c.url)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// Close lets go of idle connections. The Client may be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// daemon is what is known of who answers.
type daemon struct {
	shoal   bool
	kind    string
	version int // of the RPC
}

// daemon asks who answers, once for as long as it does.
func (c *Client) daemon(ctx context.Context) (daemon, error) {
	c.mu.Lock()
	who := c.who
	c.mu.Unlock()
	if who != nil {
		return *who, nil
	}
	_, d, err := c.session(ctx)
	return d, err
}

// needs fails when the daemon is another one than shoal and speaks an older RPC than version; 0 for what only shoal has.
func (d daemon) needs(version int, what string) error {
	switch {
	case d.shoal || version > 0 && d.version >= version:
		return nil
	case version == 0:
		return fmt.Errorf("%s: %w: %s has no such thing", what, status.ErrNotOffered, d.kind)
	}
	return fmt.Errorf("%s: %w: it speaks version %d of Transmission's RPC, and this needs %d", what, status.ErrNotOffered, d.version, version)
}
