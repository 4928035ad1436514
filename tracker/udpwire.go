package tracker

import (
	"encoding/binary"
	"net/url"
	"time"

	"shoal/metainfo"
)

// Actions of BEP 15, in requests and in the replies to them.
const (
	actConnect = iota
	actAnnounce
	actScrape
	actError
)

const (
	udpMagic      = 0x41727101980 // marks a connect request
	udpHeader     = 8             // action and transaction id, before everything a tracker sends
	udpConnect    = udpHeader + 8
	udpAnnounce   = udpHeader + 12 // before the peers
	udpScrape     = 12             // of one torrent
	udpScrapeMost = 74             // torrents in one request
	// udpBuffer holds as many peers as are taken; of a longer packet the rest is lost.
	udpBuffer = udpAnnounce + maxPeers*18

	optionURL = 2 // BEP 41: a part of the URL follows, after one byte of length
)

func appendConnect(b []byte, tid uint32) []byte {
	b = binary.BigEndian.AppendUint64(b, udpMagic)
	b = binary.BigEndian.AppendUint32(b, actConnect)
	return binary.BigEndian.AppendUint32(b, tid)
}

// appendUDPHeader begins a request on a connection.
func appendUDPHeader(b []byte, id uint64, action, tid uint32) []byte {
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint32(b, action)
	return binary.BigEndian.AppendUint32(b, tid)
}

// appendUDP appends the body of an announce request and, in options of BEP 41, the
// path and query of its URL: where trackers put passkeys.
func (a *Announce) appendUDP(b []byte, pathAndQuery string) []byte {
	hash := a.ID.Wire()
	b = append(append(b, hash[:]...), a.PeerID[:]...)
	for _, n := range []int64{a.Downloaded, a.Left, a.Uploaded} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	event := [...]uint32{None: 0, Started: 2, Completed: 1, Stopped: 3}[min(a.Event, Stopped)]
	b = binary.BigEndian.AppendUint32(b, event)
	b = binary.BigEndian.AppendUint32(b, 0) // our address: the one the packet comes from
	b = binary.BigEndian.AppendUint32(b, a.Key)
	b = binary.BigEndian.AppendUint32(b, uint32(int32(min(max(a.NumWant, -1), 1<<20))))
	b = binary.BigEndian.AppendUint16(b, a.Port)
	for len(pathAndQuery) > 0 {
		n := min(len(pathAndQuery), 255)
		b = append(append(b, optionURL, byte(n)), pathAndQuery[:n]...)
		pathAndQuery = pathAndQuery[n:]
	}
	return b
}

// pathAndQuery returns what BEP 41 sends of a URL; "" when there is nothing.
func pathAndQuery(u *url.URL) string {
	s := u.EscapedPath()
	if u.RawQuery != "" {
		s += "?" + u.RawQuery
	}
	if s != "" && s[0] != '/' {
		s = "/" + s
	}
	return s
}

func appendUDPScrape(b []byte, ids []metainfo.ID) []byte {
	for _, id := range ids {
		hash := id.Wire()
		b = append(b, hash[:]...)
	}
	return b
}

// udpReplyHead reads what every packet of a tracker begins with.
func udpReplyHead(b []byte) (action, tid uint32, ok bool) {
	if len(b) < udpHeader {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), true
}

// udpLeast is the shortest packet that answers a request with the given action.
func udpLeast(action uint32) int {
	switch action {
	case actConnect:
		return udpConnect
	case actAnnounce:
		return udpAnnounce
	case actScrape:
		return udpHeader + udpScrape
	}
	return udpHeader
}

// udpFailure reads an error packet.
func udpFailure(b []byte) error {
	return &Failure{Reason: limited(b[udpHeader:], maxText)}
}

// parseUDPAnnounce reads the reply to an announce, of at least udpLeast bytes. The
// family of the socket says how long an address is.
func parseUDPAnnounce(b []byte, v6 bool) Reply {
	at := func(i int) int32 { return int32(binary.BigEndian.Uint32(b[udpHeader+i:])) }
	size := 4
	if v6 {
		size = 16
	}
	return Reply{
		// A number that is there is never absent: 0 becomes the shortest interval.
		Interval:   clampInterval(max(time.Duration(at(0)), 1) * time.Second),
		Incomplete: max(int(at(4)), -1),
		Complete:   max(int(at(8)), -1),
		Peers:      appendCompact(nil, b[udpAnnounce:], size),
	}
}

// parseUDPScrape reads the reply to a scrape of n torrents; what is missing at the
// end is unknown.
func parseUDPScrape(b []byte, n int) []Counts {
	b = b[udpHeader:]
	all := unknownCounts(n)
	for i := range all {
		if len(b) < udpScrape {
			break
		}
		at := func(i int) int { return max(int(int32(binary.BigEndian.Uint32(b[i:]))), -1) }
		all[i] = Counts{Complete: at(0), Downloaded: at(4), Incomplete: at(8)}
		b = b[udpScrape:]
	}
	return all
}
