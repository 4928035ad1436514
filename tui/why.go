package tui

import (
	"fmt"
	"time"

	"shoal/status"
)

// whyAfter is how much of the last seconds must have been spent on downloading before a line says what was in the way: less
// than that a start takes.
const whyAfter = 5 * time.Second

// why says in a few words what has kept a download back in the last ten seconds, "" when nothing did.
func why(t *status.Torrent) string {
	c, _ := t.Time.Lately.Main()
	if t.Phase != status.Leeching || t.Time.Lately.Total() < whyAfter {
		return ""
	}
	switch c {
	case status.NoPeers:
		if t.Peers == 0 {
			return "no peers found"
		}
		return "no peer has what is missing"
	case status.Unreachable:
		return "known peers do not answer"
	case status.Choked:
		switch n := t.PeersChoking; {
		case n == 0: // it is over as we speak
			return "choked by its peers"
		case n == 1 && t.Peers == 1:
			return "choked by its only peer"
		case n == t.Peers:
			return fmt.Sprintf("choked by all %d peers", n)
		default:
			return fmt.Sprintf("choked by %d of %d peers", n, t.Peers)
		}
	case status.Limited:
		return "held by the download limit"
	case status.DiskBound:
		return "waiting for disk or memory"
	case status.WindowBound:
		return "slowed by long round trips"
	}
	return ""
}
