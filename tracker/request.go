package tracker

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// maxURL is the longest tracker URL, in bytes.
const maxURL = 4 << 10

// parseURL accepts what trackers of this client look like: http, https and udp with a host.
func parseURL(raw string) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("%w: the address is longer than %d bytes", ErrUnsupported, maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL with its passkey.
		return nil, fmt.Errorf("%w: the address is not a URL", ErrUnsupported)
	}
	switch u.Scheme {
	case "http", "https", "udp":
	case "ws", "wss":
		return nil, fmt.Errorf("WebRTC trackers are %w; use an http or https address of it", ErrUnsupported)
	default:
		return nil, fmt.Errorf("%w: trackers speak http, https or udp, this address does not", ErrUnsupported)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%w: the address names no host", ErrUnsupported)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// withQuery returns u with the announce parameters of BEP 3 and 23 after
// whatever query the URL already has.
func (a *Announce) withQuery(u *url.URL) *url.URL {
	var b strings.Builder
	b.WriteString(u.RawQuery)
	add := func(key, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(key)
		b.WriteByte('=')
		escape(&b, value)
	}
	hash := a.ID.Wire()
	add("info_hash", string(hash[:]))
	add("peer_id", string(a.PeerID[:]))
	add("port", strconv.Itoa(int(a.Port)))
	add("uploaded", strconv.FormatInt(a.Uploaded, 10))
	add("downloaded", strconv.FormatInt(a.Downloaded, 10))
	add("left", strconv.FormatInt(a.Left, 10))
	add("compact", "1")
	add("no_peer_id", "1")
	add("key", fmt.Sprintf("%08X", a.Key))
	if a.NumWant >= 0 {
		add("numwant", strconv.Itoa(a.NumWant))
	}
	if a.Event != None {
		add("event", a.Event.String())
	}
	if a.TrackerID != "" {
		add("trackerid", a.TrackerID)
	}
	out := *u
	out.RawQuery = b.String()
	return &out
}

// escape writes s with every byte but the unreserved ones as %XX. It differs from
// url.QueryEscape in the space, which some trackers do not read back from "+".
func escape(b *strings.Builder, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}
