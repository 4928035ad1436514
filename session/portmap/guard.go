package portmap

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"
)

// Bounds of what a router may answer.
const (
	maxBody     = 256 << 10 // some routers send 100 KiB; attributes take fifty times their size while they are looked at
	maxHeader   = 16 << 10
	maxElements = 4000 // descriptions have a few hundred
	maxDepth    = 32
	httpTime    = 5 * time.Second
)

var (
	errElsewhere = errors.New("the router sends us elsewhere")
	errXML       = errors.New("the router's XML is beyond all bounds")
)

// near is an HTTP client that talks to one router and nobody else: plain HTTP, no
// redirects, no proxy, at most maxBody of XML that passes scanXML.
type near struct {
	net    Net
	router netip.Addr
	local  atomic.Pointer[netip.Addr] // where we are, as seen from the router
	http   http.Client
	tr     *http.Transport
}

func newNear(n Net, router netip.Addr) *near {
	c := &near{net: n, router: router}
	c.tr = &http.Transport{
		DialContext: c.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
	}
	c.http = http.Client{
		Transport: c, Timeout: httpTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errElsewhere },
	}
	return c
}

// allowed reports whether a URL leads to the router.
func (c *near) allowed(u *url.URL) error {
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil || u.Scheme != "http" || a != c.router || u.User != nil {
		return errElsewhere
	}
	return nil
}

func (c *near) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.net.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if a, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		local := a.AddrPort().Addr().Unmap()
		c.local.Store(&local)
	}
	return conn, nil
}

// RoundTrip implements http.RoundTripper. The body was read and looked at when it returns.
func (c *near) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := c.allowed(req.URL); err != nil {
		return nil, err
	}
	resp, err := c.tr.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("%w: more than %d bytes", errXML, maxBody)
	}
	if err == nil {
		err = scanXML(b)
	}
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return resp, nil
}

// scanXML counts the elements and their nesting before anything is built of them. What is not XML at
// all is left to whoever reads it.
func scanXML(b []byte) error {
	d := newDecoder(b)
	depth := 0
	for n := 0; ; {
		t, err := d.RawToken()
		if err != nil {
			return nil // the end, or not XML from here on
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			if n += 1 + len(t.Attr); n > maxElements || depth > maxDepth {
				return errXML
			}
		case xml.EndElement:
			depth--
		case xml.Directive:
			return errXML // nobody needs entities here
		}
	}
}

// newDecoder reads a router's XML. Some name an encoding that they do not use, so that is passed over.
func newDecoder(b []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}
