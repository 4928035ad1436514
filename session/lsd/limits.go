package lsd

import (
	"net/netip"
	"time"

	"shoal/metainfo"
)

// What others may make us do in a minute, at most.
const (
	maxSources    = 1000 // addresses that are listened to
	maxMessages   = 2000 // messages of one of them that are read
	maxPerSource  = 100  // candidates that one of them may name
	maxPorts      = 4    // of them for one torrent
	maxPerTorrent = 50   // candidates for one torrent
)

// limits counts what was heard in a minute. It is pure; the zero value is ready. Its tables hold at most
// maxSources sources, maxPerSource pairs for each, and torrents of ours.
type limits struct {
	until    time.Time // when the counting begins anew
	sources  map[netip.Addr]heard
	pairs    map[pair]int
	torrents map[metainfo.Hash]int
}

// heard counts what one source did.
type heard struct{ messages, candidates int }

// pair is one source and one torrent.
type pair struct {
	from netip.Addr
	hash metainfo.Hash
}

// message reports whether one more message of a source may be read.
func (l *limits) message(now time.Time, from netip.Addr) bool {
	if !now.Before(l.until) {
		*l = limits{
			until:   now.Add(time.Minute),
			sources: make(map[netip.Addr]heard), pairs: make(map[pair]int), torrents: make(map[metainfo.Hash]int),
		}
	}
	n, known := l.sources[from]
	if !known && len(l.sources) >= maxSources {
		return false
	}
	n.messages++
	l.sources[from] = n
	return n.messages <= maxMessages
}

// candidate reports whether a source, of which message has just allowed a message, may name itself for a torrent of ours.
func (l *limits) candidate(from netip.Addr, h metainfo.Hash) bool {
	n, p := l.sources[from], pair{from, h}
	if n.candidates >= maxPerSource || l.pairs[p] >= maxPorts || l.torrents[h] >= maxPerTorrent {
		return false
	}
	n.candidates++
	l.sources[from] = n
	l.pairs[p]++
	l.torrents[h]++
	return true
}
