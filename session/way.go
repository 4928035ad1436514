package session

import (
	"context"
	"strings"

	"shoal/tracker"
)

// maxAnnounces bounds the announces under way in a session over HTTP, where each is a connection;
// maxPackets those over UDP, which cost next to nothing but last long when a tracker is silent. They are
// counted apart so that silent trackers hold up nobody else.
const (
	maxAnnounces = 30
	maxPackets   = 1000
)

// way is how trackers are asked, over HTTP or UDP: its places, one token a request under way, and who waits for one without a goroutine.
type way struct {
	places chan struct{}
	queue  []asking // announcer.mu guards it
}

// asking is one announce that is due.
type asking struct {
	e     *announced
	sched *tracker.Schedule // e may have another one by now
	r     tracker.Request
}

func (a *announcer) way(url string) *way {
	if strings.HasPrefix(url, "udp:") {
		return &a.packet
	}
	return &a.http
}

// take returns the announce of l whose turn it is, with a place for it. Those of torrents that were removed meanwhile are
// dropped. The caller holds mu.
func (a *announcer) take(l *way) (asking, bool) {
	for len(l.queue) > 0 {
		j := l.queue[0]
		if a.byKey[j.e.torrent] == j.e && j.e.sched == j.sched {
			select {
			case l.places <- struct{}{}:
			default:
				return asking{}, false // who leaves wakes the announcer
			}
			l.queue = l.queue[1:]
			return j, true
		}
		l.queue = l.queue[1:]
	}
	l.queue = nil
	return asking{}, false
}

// enter waits until one more request to a tracker may be under way; leave gives its place back.
func (a *announcer) enter(ctx context.Context, url string) (leave func(), err error) {
	places := a.way(url).places
	select {
	case places <- struct{}{}:
		return func() { <-places; poke(a.wake) }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
