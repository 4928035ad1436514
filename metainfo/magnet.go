package metainfo

import (
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits on magnet links: bytes of the whole link, and how many of each list are kept.
const (
	maxMagnet      = 64 << 10
	maxMagnetList  = 100
	maxMagnetRange = 1000
)

// Magnet is what a magnet link says (BEP 9, BEP 53 for Select).
type Magnet struct {
	ID ID
	// Name is dn, foreign text: clean before showing; empty when absent.
	Name string
	// Trackers (tr), WebSeeds (ws) and Peers (x.pe, host:port) are in link order, without
	// repetitions, at most 100 of each.
	Trackers, WebSeeds, Peers []string
	// Length is xl, the size of the content in bytes; 0 when absent.
	Length int64
	// Select are the file indexes of so, sorted, not overlapping; nil selects all.
	Select []Range
	// Warnings says what was left out, one line each, not yet cleaned for a terminal.
	Warnings []string
}

// Range is the run of file indexes First to Last, both included.
type Range struct{ First, Last int }

// IsMagnet reports whether s begins like a magnet link.
func IsMagnet(s string) bool {
	return len(s) >= 7 && strings.EqualFold(s[:7], "magnet:")
}

// ParseMagnet reads a magnet link of at most 64 KiB with one v1 info hash (btih, hex or
// base32), one v2 info hash (btmh), or both. Trackers, web seeds and peers that are
// malformed, of a foreign scheme or beyond 100 are left out with a warning. Errors wrap ErrInvalid.
func ParseMagnet(s string) (Magnet, error) {
	if len(s) > maxMagnet {
		return Magnet{}, invalid("the magnet link is longer than %d KiB", maxMagnet>>10)
	}
	s = strings.TrimSpace(s)
	_, query, ok := strings.Cut(s, "?")
	if !IsMagnet(s) || !ok || strings.Trim(s[7:len(s)-len(query)-1], "/") != "" {
		return Magnet{}, invalid("%s is not a magnet link: it does not begin with magnet:?", short(s))
	}
	p := newMagnetParser()
	for param := range strings.SplitSeq(query, "&") {
		key, val, _ := strings.Cut(param, "=")
		// Links copied from the source of a web page have "&amp;" between the parameters.
		key = strings.ToLower(strings.TrimPrefix(key, "amp;"))
		val, err := url.QueryUnescape(val)
		if err != nil {
			p.warn.addf("parameter %s is left out: its escapes are broken", short(param))
			continue
		}
		// Several of a kind may be numbered: xt.1, tr.2; x.pe is a name of its own.
		if base, n, ok := strings.Cut(key, "."); ok && isNumber(n) {
			key = base
		}
		if err := p.param(key, val); err != nil {
			return Magnet{}, err
		}
	}
	return p.finish()
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

type magnetParser struct {
	m        Magnet
	warn     warnings
	trackers *urls
	seeds    *urls
	peers    *urls
	unknown  string // an xt that is no torrent
}

func newMagnetParser() *magnetParser {
	p := &magnetParser{}
	p.trackers = newURLs(maxMagnetList, "tracker", CheckTracker, &p.warn)
	p.seeds = newURLs(maxMagnetList, "web seed", checkWebSeed, &p.warn)
	p.peers = newURLs(maxMagnetList, "peer", checkPeer, &p.warn)
	return p
}

func (p *magnetParser) param(key, val string) error {
	switch key {
	case "xt":
		return p.topic(val)
	case "dn":
		if p.m.Name == "" {
			p.m.Name = val
		}
	case "xl":
		if n, err := strconv.ParseInt(val, 10, 64); err == nil && n > 0 {
			p.m.Length = n
		}
	case "tr":
		p.m.Trackers = p.trackers.add(p.m.Trackers, val)
	case "ws":
		p.m.WebSeeds = p.seeds.add(p.m.WebSeeds, val)
	case "x.pe":
		p.m.Peers = p.peers.add(p.m.Peers, val)
	case "so":
		sel, err := parseSelect(val)
		if err != nil {
			return err
		}
		p.m.Select = append(p.m.Select, sel...)
	}
	return nil
}

// topic reads an exact topic. The same hash may be named twice, in any form.
func (p *magnetParser) topic(val string) error {
	urn := strings.ToLower(val)
	switch {
	case strings.HasPrefix(urn, "urn:btih:"):
		h, err := parseV1(val[9:])
		if err != nil {
			return err
		}
		if p.m.ID.HasV1() && p.m.ID.V1 != h {
			return invalid("the magnet link names two different torrents, btih %s and %s", p.m.ID.V1, h)
		}
		p.m.ID.V1 = h
	case strings.HasPrefix(urn, "urn:btmh:"):
		h, err := parseV2(strings.TrimPrefix(urn[9:], "1220"), len(urn[9:]) == 68)
		if err != nil {
			return err
		}
		if p.m.ID.HasV2() && p.m.ID.V2 != h {
			return invalid("the magnet link names two different torrents, btmh %s and %s", p.m.ID.V2, h)
		}
		p.m.ID.V2 = h
	default:
		p.unknown = val
	}
	return nil
}

func (p *magnetParser) finish() (Magnet, error) {
	if p.m.ID == (ID{}) {
		if p.unknown != "" {
			return Magnet{}, invalid("the magnet link names %s, which is no torrent (xt=urn:btih:... or urn:btmh:...)", short(p.unknown))
		}
		return Magnet{}, invalid("the magnet link has no info hash (xt=urn:btih:...)")
	}
	sel, err := mergeRanges(p.m.Select)
	if err != nil {
		return Magnet{}, err
	}
	p.m.Select = sel
	p.trackers.close()
	p.seeds.close()
	p.peers.close()
	p.m.Warnings = p.warn.all()
	return p.m, nil
}

// ParseID reads a bare info hash: 40 hex digits or 32 base32 characters for v1,
// 64 hex digits for v2. Errors wrap ErrInvalid.
func ParseID(s string) (ID, error) {
	if len(s) == 64 {
		h, err := parseV2(s, true)
		return ID{V2: h}, err
	}
	h, err := parseV1(s)
	return ID{V1: h}, err
}

func parseV1(s string) (h Hash, err error) {
	var b []byte
	switch len(s) {
	case 40:
		b, err = hex.DecodeString(s)
	case 32:
		b, err = base32.StdEncoding.DecodeString(strings.ToUpper(s))
	default:
		return h, invalid("info hash %s has %d characters; 40 hex digits or 32 base32 characters are needed", short(s), len(s))
	}
	if err != nil || len(b) != len(h) {
		return h, invalid("info hash %s is neither hex nor base32", short(s))
	}
	if h = Hash(b); h == (Hash{}) {
		return h, invalid("the info hash is all zeros")
	}
	return h, nil
}

func parseV2(s string, sha256 bool) (h Hash2, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || !sha256 || len(b) != len(h) {
		return h, invalid("v2 info hash %s is not 64 hex digits (after 1220 in a magnet link)", short(s))
	}
	if h = Hash2(b); h == (Hash2{}) {
		return h, invalid("the info hash is all zeros")
	}
	return h, nil
}

// checkPeer returns an x.pe address as host:port. Ports below 1024 belong to
// services that a link could be made to annoy; no client listens there.
func checkPeer(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || !validHost(host) {
		return "", errors.New("not host:port")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("the port is not between 1 and 65535")
	}
	if n < 1024 {
		return "", fmt.Errorf("port %d: ports below 1024 are not dialled", n)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		host = a.Unmap().String()
	}
	return net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
}

// parseSelect reads "0,2,4-6" (BEP 53).
func parseSelect(s string) ([]Range, error) {
	var out []Range
	for part := range strings.SplitSeq(s, ",") {
		if len(out) == maxMagnetRange {
			return nil, invalid("so has more than %d ranges", maxMagnetRange)
		}
		from, to, isRun := strings.Cut(part, "-")
		if !isRun {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 31)
		last, err2 := strconv.ParseUint(to, 10, 31)
		if err1 != nil || err2 != nil || last < first || last >= maxFiles {
			return nil, invalid("so: %s is not a file index or a range of them", short(part))
		}
		out = append(out, Range{int(first), int(last)})
	}
	return out, nil
}

// mergeRanges sorts and joins ranges that touch.
func mergeRanges(in []Range) ([]Range, error) {
	if len(in) > maxMagnetRange {
		return nil, invalid("so has more than %d ranges", maxMagnetRange)
	}
	slices.SortFunc(in, func(a, b Range) int { return a.First - b.First })
	var out []Range
	for _, r := range in {
		if n := len(out); n > 0 && r.First <= out[n-1].Last+1 {
			out[n-1].Last = max(out[n-1].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out, nil
}

// String returns the link, shortest form first: hashes, name, size, trackers, web seeds, peers, files.
func (m Magnet) String() string {
	var b strings.Builder
	b.WriteString("magnet:?")
	sep := ""
	add := func(key, val string) {
		b.WriteString(sep + key + "=" + val)
		sep = "&"
	}
	if m.ID.HasV1() {
		add("xt", "urn:btih:"+m.ID.V1.String())
	}
	if m.ID.HasV2() {
		add("xt", "urn:btmh:1220"+m.ID.V2.String())
	}
	if m.Name != "" {
		add("dn", escape(m.Name))
	}
	if m.Length > 0 {
		add("xl", strconv.FormatInt(m.Length, 10))
	}
	for _, u := range m.Trackers {
		add("tr", escape(u))
	}
	for _, u := range m.WebSeeds {
		add("ws", escape(u))
	}
	for _, p := range m.Peers {
		add("x.pe", p)
	}
	if len(m.Select) > 0 {
		add("so", formatSelect(m.Select))
	}
	return b.String()
}

// escape is url.QueryEscape with %20 for blanks, which every client understands.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func formatSelect(sel []Range) string {
	parts := make([]string, len(sel))
	for i, r := range sel {
		parts[i] = strconv.Itoa(r.First)
		if r.Last > r.First {
			parts[i] += "-" + strconv.Itoa(r.Last)
		}
	}
	return strings.Join(parts, ",")
}
