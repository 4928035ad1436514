package tracker

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"time"

	"shoal/internal/bencode"
	"shoal/internal/text"
)

// Limits on what is taken from a reply.
const (
	maxBody      = 1 << 20 // bytes, before and after decompression
	maxPeers     = 1000
	maxTrackerID = 1 << 10 // bytes; a longer one is dropped
	maxText      = 4 << 10 // bytes of a failure reason or warning

	minInterval     = time.Minute
	maxInterval     = 24 * time.Hour
	defaultInterval = 30 * time.Minute
)

// clampInterval brings an interval into 60 s .. 24 h; 0 means absent.
func clampInterval(d time.Duration) time.Duration {
	if d == 0 {
		return defaultInterval
	}
	return min(max(d, minInterval), maxInterval)
}

// seconds reads a number of seconds; what is no number is absent. A number
// that is there never gives 0.
func seconds(raw []byte) (time.Duration, bool) {
	n, ok := bencode.Int(raw)
	n = min(max(n, 1), int64(maxInterval/time.Second))
	return time.Duration(n) * time.Second, ok
}

// checkBody makes sure that a body begins with a dictionary.
func checkBody(body []byte) error {
	if _, err := bencode.Scan(body, bencode.Limits{Bytes: maxBody, Depth: 20}); err != nil {
		return fmt.Errorf("%w but %s: %w", ErrReply, glimpse(body), err)
	}
	if body[0] != 'd' {
		return fmt.Errorf("%w: the outermost value is no dictionary", ErrReply)
	}
	return nil
}

// parseReply reads the body of an HTTP announce reply (BEP 3, 7, 23, 24, 31). One
// unusable key or peer costs that key or peer; a failure reason is returned
// as *Failure. Bytes after the dictionary are ignored.
func parseReply(body []byte) (Reply, error) {
	if err := checkBody(body); err != nil {
		return Reply{}, err
	}
	r := Reply{Interval: defaultInterval, Complete: -1, Incomplete: -1}
	var failure *Failure
	var retry time.Duration
	for key, raw := range bencode.Dict(body) {
		switch key {
		case "failure reason":
			reason, _ := bencode.String(raw)
			failure = &Failure{Reason: limited(reason, maxText)}
		case "retry in":
			retry = retryIn(raw)
		case "warning message":
			s, _ := bencode.String(raw)
			r.Warning = limited(s, maxText)
		case "interval":
			if d, ok := seconds(raw); ok {
				r.Interval = clampInterval(d)
			}
		case "min interval":
			if d, ok := seconds(raw); ok {
				r.MinInterval = clampInterval(d)
			}
		case "complete":
			r.Complete = count(raw)
		case "incomplete":
			r.Incomplete = count(raw)
		case "tracker id":
			if s, ok := bencode.String(raw); ok && len(s) <= maxTrackerID {
				r.TrackerID = string(s)
			}
		case "external ip":
			s, _ := bencode.String(raw)
			if ip, ok := netip.AddrFromSlice(s); ok {
				r.ExternalIP = ip.Unmap()
			}
		case "peers":
			r.Peers = appendPeers(r.Peers, raw)
		case "peers6":
			s, _ := bencode.String(raw)
			r.Peers = appendCompact(r.Peers, s, 16)
		}
	}
	if failure != nil {
		failure.Retry = retry
		return Reply{}, failure
	}
	// A minimum above the interval is what the tracker insists on.
	r.Interval = max(r.Interval, r.MinInterval)
	return r, nil
}

// retryIn reads BEP 31: minutes as an integer or in digits, or "never" (negative).
func retryIn(raw []byte) time.Duration {
	n, ok := bencode.Int(raw)
	if s, isString := bencode.String(raw); isString {
		if string(s) == "never" {
			return -1
		}
		v, err := strconv.ParseInt(string(s), 10, 64)
		n, ok = v, err == nil
	}
	if !ok || n <= 0 {
		return 0
	}
	return time.Duration(min(n, int64(maxInterval/time.Minute))) * time.Minute
}

// count reads a number of peers; -1 for what is none.
func count(raw []byte) int {
	n, ok := bencode.Int(raw)
	if !ok || n < 0 {
		return -1
	}
	return int(min(n, math.MaxInt32))
}

// appendPeers reads "peers", a compact string or a list of dictionaries.
// Entries with host names are passed over: a tracker shall not make us resolve names.
func appendPeers(dst []netip.AddrPort, raw []byte) []netip.AddrPort {
	if s, ok := bencode.String(raw); ok {
		return appendCompact(dst, s, 4)
	}
	for entry := range bencode.List(raw) {
		var ip netip.Addr
		var port int64
		for key, v := range bencode.Dict(entry) {
			switch key {
			case "ip":
				s, _ := bencode.String(v)
				ip, _ = netip.ParseAddr(limited(s, 64))
			case "port":
				port, _ = bencode.Int(v)
			}
		}
		if port > 0 && port <= math.MaxUint16 {
			dst = appendPeer(dst, ip, uint16(port))
		}
		if len(dst) >= maxPeers {
			break
		}
	}
	return dst
}

// appendCompact reads addresses of size bytes, each followed by two bytes of
// port (BEP 23, BEP 7). An incomplete one at the end is ignored.
func appendCompact(dst []netip.AddrPort, b []byte, size int) []netip.AddrPort {
	for ; len(b) >= size+2 && len(dst) < maxPeers; b = b[size+2:] {
		ip, _ := netip.AddrFromSlice(b[:size])
		dst = appendPeer(dst, ip, binary.BigEndian.Uint16(b[size:]))
	}
	return dst
}

// appendPeer adds an address that one can connect to at all. Zones are cut off: they
// name interfaces of another machine.
func appendPeer(dst []netip.AddrPort, ip netip.Addr, port uint16) []netip.AddrPort {
	ip = ip.Unmap().WithZone("")
	if port == 0 || !oneMachine(ip) {
		return dst
	}
	return append(dst, netip.AddrPortFrom(ip, port))
}

// oneMachine reports whether an address names one machine.
func oneMachine(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// limited copies at most n bytes of s.
func limited(s []byte, n int) string { return string(s[:min(len(s), n)]) }

// glimpse says what a body that is no bencoding looks like.
func glimpse(body []byte) string {
	if len(body) == 0 {
		return "empty"
	}
	return fmt.Sprintf("%d bytes that begin with %q", len(body), text.Clean(limited(body, 160), 40))
}
