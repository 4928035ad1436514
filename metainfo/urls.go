package metainfo

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL is the longest URL kept, in bytes.
const maxURL = 4 << 10

// CheckTracker returns the tracker URL s without surrounding blanks and with inner blanks
// escaped, or why a torrent or magnet must not name it: the scheme is not http, https
// or udp, there is no host, or it is an HTTP address of this machine other than
// /announce, which could be any local service (the user's own tracker still works).
func CheckTracker(s string) (string, error) {
	u, err := parseURL(s)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "udp":
		if u.Port() == "" {
			return "", errors.New("a udp tracker needs a port")
		}
	case "http", "https":
		if thisMachine(u.Hostname()) && u.Path != "/announce" && u.Path != "/announce.php" {
			return "", errors.New("on this machine only /announce is asked")
		}
	default:
		return "", fmt.Errorf("scheme %s is not supported", short(u.Scheme))
	}
	return u.String(), nil
}

// checkWebSeed is CheckTracker for BEP 19 URLs.
func checkWebSeed(s string) (string, error) {
	u, err := parseURL(s)
	if err != nil {
		return "", err
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("scheme %s is not supported", short(u.Scheme))
	}
	return u.String(), nil
}

func parseURL(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxURL {
		return nil, fmt.Errorf("longer than %d bytes", maxURL)
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" {
		return nil, errors.New("not a URL")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	if u.Scheme == "" {
		return nil, errors.New("it has no scheme")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("port %s", short(p))
		}
	}
	switch u.Scheme {
	case "http", "https", "udp":
		if !validHost(u.Hostname()) {
			return nil, errors.New("it has no valid host")
		}
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20")
	return u, nil
}

// validHost says whether s can be an address or a name: printable ASCII, no blanks.
// International names come in their ASCII form or percent-encoded by the sender, so UTF-8 letters pass too.
func validHost(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, r := range s {
		if r <= ' ' || r >= 0x7f && r < 0xa1 || r == 0xfffd || strings.ContainsRune(`/\@?#[]`, r) || unsafeRune(r) && r != ':' {
			return false
		}
	}
	return true
}

// thisMachine tells whether a host of a URL is this machine by its spelling.
func thisMachine(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	a = a.Unmap()
	return err == nil && (a.IsLoopback() || a.IsUnspecified())
}

// urls keeps those URLs that pass a check, each once, up to a limit, and says what it leaves out.
type urls struct {
	limit   int
	what    string
	check   func(string) (string, error)
	warn    *warnings
	seen    map[string]bool
	tried   int
	dropped int
}

func newURLs(limit int, what string, check func(string) (string, error), w *warnings) *urls {
	return &urls{limit: limit, what: what, check: check, warn: w, seen: map[string]bool{}}
}

func (c *urls) add(list []string, s string) []string {
	if strings.TrimSpace(s) == "" {
		return list
	}
	// Bad ones are counted too, so that millions of them cost no time.
	if c.tried++; len(c.seen) == c.limit || c.tried > 10*c.limit {
		c.dropped++
		return list
	}
	u, err := c.check(s)
	if err != nil {
		c.warn.addf("%s %s is left out: %v", c.what, short(s), err)
		return list
	}
	if c.seen[u] {
		return list
	}
	c.seen[u] = true
	return append(list, u)
}

// close says how many were beyond the limit.
func (c *urls) close() {
	if c.dropped > 0 {
		c.warn.sumf("%d %ss beyond the first %d are left out", c.dropped, c.what, c.limit)
	}
}
