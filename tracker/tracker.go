// Package tracker announces torrents to trackers over HTTP, HTTPS and UDP (BEP 3, 7,
// 15, 23, 24, 31, 41), scrapes them (BEP 48), and decides which tracker is asked when
// (BEP 12). It owns its connections and its UDP sockets and nothing else: a Client may be
// used by any goroutine, a Schedule belongs to one goroutine. The only work it does by
// itself is to read the UDP sockets, from the first announce until they were idle for a minute.
//
// Everything a tracker sends is foreign: replies are limited in size and time,
// numbers are clamped, and texts are kept as they came, to be cleaned where they
// are shown. Error texts of this package are already clean and hold no passkeys.
package tracker

import (
	"net/netip"
	"time"

	"shoal/metainfo"
)

// Event is the announce event of BEP 3.
type Event uint8

const (
	None Event = iota
	Started
	Completed
	Stopped
)

// String returns the word that goes into the announce; None is "".
func (e Event) String() string {
	return [...]string{"", "started", "completed", "stopped"}[min(e, Stopped)]
}

// Announce is one request to one tracker. Sizes are in bytes.
type Announce struct {
	URL                        string
	ID                         metainfo.ID
	PeerID                     [20]byte
	Port                       uint16
	Uploaded, Downloaded, Left int64
	Event                      Event
	NumWant                    int // how many peers are wanted; 0 for none, negative for as many as the tracker likes
	Key                        uint32
	TrackerID                  string // as the tracker gave it before, or ""
}

// Reply is what a tracker answered, already limited and clamped.
type Reply struct {
	Interval, MinInterval time.Duration // clamped to 60 s .. 24 h; MinInterval 0 when absent
	Peers                 []netip.AddrPort
	Complete, Incomplete  int // -1 when absent
	TrackerID             string
	ExternalIP            netip.Addr // BEP 24; zero when absent
	Warning               string     // foreign text, not cleaned
}

// State is what there is to see of one tracker.
type State struct {
	URL                  string // may hold a passkey: show Mask(URL)
	Tier                 int
	Next, Last           time.Time // of announces; zero for never
	Working              bool      // the last announce succeeded
	UnderWay             bool      // an announce is
	Err                  string    // why the last one failed, or its warning; foreign text, not cleaned
	Complete, Incomplete int       // -1 when unknown
	Peers                int       // how many addresses the last reply had
}
