package portmap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/huin/goupnp/ssdp"
)

// The search for a router (UPnP Device Architecture 1.1, section 1.3).
const (
	searchTime  = 2500 * time.Millisecond
	searchRest  = 300 * time.Millisecond // after the first answer
	searchSends = 2
	maxAnswers  = 8
	maxEach     = 2 // of them from one address, so that it does not hide the router
	maxOwn      = 8 // own addresses to search from
	deviceType  = "urn:schemas-upnp-org:device:InternetGatewayDevice:"
)

var ssdpGroup = netip.MustParseAddrPort("239.255.255.250:1900")

// search returns where routers describe themselves, each at its own address in the local network. Those at first come first.
func search(ctx context.Context, n Net, own []netip.Addr, first netip.Addr) ([]*url.URL, error) {
	from := []string{":0"}
	if len(own) > 0 {
		from = nil
		for _, a := range own {
			if local(a) && len(from) < maxOwn {
				from = append(from, netip.AddrPortFrom(a, 0).String())
			}
		}
	}
	var out []*url.URL
	var err error
	for _, version := range []string{"1", "2"} { // a newer router should answer to the older name, but not all do
		if len(from) == 0 || len(out) > 0 {
			break
		}
		var replies []*http.Response
		timed, cancel := context.WithTimeout(ctx, searchTime)
		replies, err = ssdp.RawSearch(timed, &searcher{n, from}, deviceType+version, searchSends)
		cancel()
		for _, r := range replies {
			if u, err := r.Location(); err == nil {
				out = append(out, u)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *url.URL) int {
		switch at := first.String(); {
		case a.Hostname() == b.Hostname():
			return 0
		case a.Hostname() == at:
			return -1
		case b.Hostname() == at:
			return 1
		}
		return 0
	})
	return out, err
}

// local reports whether an address can be that of a router of ours, or ours behind one: private or of the link.
func local(a netip.Addr) bool { return a.Is4() && (a.IsPrivate() || a.IsLinkLocalUnicast()) }

// searcher sends requests over UDP from several addresses (ssdp.HTTPUClientCtx).
type searcher struct {
	net  Net
	from []string
}

// DoWithContext sends a search and returns the answers that came until shortly after the first. An answer counts
// only if it leads to the address that it came from.
func (s *searcher) DoWithContext(req *http.Request, sends int) (out []*http.Response, err error) {
	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	var conns []net.PacketConn
	for _, from := range s.from {
		c, err2 := s.net.ListenPacket(ctx, "udp4", from)
		if err2 != nil {
			err = errors.Join(err, err2)
			continue
		}
		conns = append(conns, c)
	}
	answers := make(chan *http.Response)
	var readers sync.WaitGroup
	for _, c := range conns {
		readers.Go(func() { hearAnswers(ctx, c, req, answers) })
	}
	defer func() {
		cancel()
		for _, c := range conns {
			_ = c.Close() // ends its reader
		}
		readers.Wait()
	}()
	if len(conns) == 0 {
		return nil, err
	}
	sent := 0
	again := time.NewTimer(0)
	defer again.Stop()
	var enough <-chan time.Time
	each := make(map[string]int)
	for len(out) < maxAnswers {
		select {
		case <-again.C:
			for _, c := range conns { // one that fails is no loss while others do not
				_, _ = c.WriteTo(searchBytes(req), net.UDPAddrFromAddrPort(ssdpGroup))
			}
			if sent++; sent < sends {
				again.Reset(100 * time.Millisecond)
			}
		case r := <-answers:
			at, _ := r.Location() // was looked at
			if each[at.Hostname()]++; each[at.Hostname()] > maxEach {
				continue
			}
			out = append(out, r)
			if enough == nil {
				enough = time.After(searchRest)
			}
		case <-enough:
			return out, nil
		case <-ctx.Done():
			return out, nil
		}
	}
	return out, nil
}

// searchBytes is the request without what package net/http would add.
func searchBytes(req *http.Request) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", req.Method, req.URL.RequestURI())
	_ = req.Header.Write(&b) // a buffer takes everything
	b.WriteString("\r\n")
	return b.Bytes()
}

// hearAnswers passes on the answers that one socket hears until it is closed.
func hearAnswers(ctx context.Context, c net.PacketConn, req *http.Request, to chan<- *http.Response) {
	buf := make([]byte, 4096)
	for n := 0; n < 64*maxAnswers; n++ {
		k, from, err := c.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		a, ok := from.(*net.UDPAddr)
		if err != nil || !ok {
			continue
		}
		r, err := parseAnswer(buf[:k], a.AddrPort().Addr().Unmap(), req)
		if err != nil {
			continue
		}
		select {
		case to <- r:
		case <-ctx.Done():
			return
		}
	}
}

// parseAnswer reads one answer to a search.
func parseAnswer(b []byte, from netip.Addr, req *http.Request) (*http.Response, error) {
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), req)
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusOK || !local(from) {
		return nil, errElsewhere
	}
	u, err := r.Location()
	if err != nil {
		return nil, err
	}
	return r, (&near{router: from}).allowed(u)
}
