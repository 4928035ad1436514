package tui

import (
	"fmt"
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// whyAfter is how much of the last seconds must have been spent on downloading before anything says what was in the way: less
// than that a start takes.
const whyAfter = 5 * time.Second

// cause has the words for one status.Cause.
type cause struct {
	name string // in a list of shares
	// line are a few words for a line of progress, "" for none.
	line func(t *status.Torrent) string
	// holds reports whether the figures of this moment agree with it: those of time tell of the last seconds.
	holds func(t *status.Torrent) bool
	// say and advice are what is the matter and what can be done about it: halves of one sentence, the second "" for nothing.
	say, advice func(e *status.Entry) string
}

// causes is the one table of words.
var causes = [status.NumCauses]cause{
	status.Running: {"running", always[status.Torrent](""), hasPeers, sayRunning, always[status.Entry]("the peers, or the line to them, set the pace: more peers may make it faster")},
	status.NoPeers: {"no peers", lineNoPeers, nobodyHas, sayNoPeers, adviseNoPeers},
	status.Unreachable: {"not reachable", always[status.Torrent]("known peers do not answer"), nobodyHas,
		func(e *status.Entry) string {
			return fmt.Sprintf("The peers that are known do not answer (%s yet to be tried again)", text.Count(e.Candidates, "address", "addresses"))
		},
		always[status.Entry]("they may be gone or behind a firewall: let the listening port through, so that they can connect to us")},
	status.Choked: {"choked", lineChoked, func(t *status.Torrent) bool { return t.PeersChoking > 0 }, sayChoked,
		always[status.Entry]("others are served first: who uploads is unchoked sooner, so leave room for upload, and find more peers")},
	status.Limited: {"our limit", always[status.Torrent]("held by the download limit"), hasPeers,
		always[status.Entry]("Our download limit holds it back"),
		always[status.Entry]("raise or lift it to go faster")},
	status.DiskBound: {"disk", always[status.Torrent]("waiting for disk or memory"), hasPeers,
		always[status.Entry]("The disk does not keep up: what is yet to be written takes all memory for pieces"),
		always[status.Entry]("use a faster disk, let fewer torrents run at a time, or allow more memory for pieces")},
	status.WindowBound: {"request window", always[status.Torrent]("slowed by long round trips"), hasPeers,
		always[status.Entry]("The way to the peers is long, and they take no more requests at a time"),
		always[status.Entry]("more peers help, or nearer ones: no setting here holds it back")},
}

func always[T any](s string) func(*T) string { return func(*T) string { return s } }

func hasPeers(t *status.Torrent) bool  { return t.Peers > 0 }
func nobodyHas(t *status.Torrent) bool { return t.PeersSending == 0 && t.PeersChoking == 0 }

// now is the cause that took the most of the last seconds of those that may still hold: it is spoken of as what is. Whether a limit may hold the torrent
// back is for the caller to know.
func now(t *status.Torrent, limited bool) status.Cause {
	left := t.Time.Lately
	if !limited {
		left[status.Limited] = 0
	}
	for c := range left {
		if !causes[c].holds(t) {
			left[c] = 0
		}
	}
	switch c, share := left.Main(); {
	case share > 0:
		return c
	case t.PeersSending > 0:
		return status.Running
	case t.PeersChoking > 0:
		return status.Choked
	}
	return status.NoPeers
}

// why says in a few words what keeps a download back, "" when nothing does.
func why(t *status.Torrent) string {
	if t.Phase != status.Leeching || t.Time.Lately.Total() < whyAfter {
		return ""
	}
	return causes[now(t, true)].line(t)
}

func lineNoPeers(t *status.Torrent) string {
	if t.Peers == 0 {
		return "no peers found"
	}
	return "no peer has what is missing"
}

func lineChoked(t *status.Torrent) string {
	switch n := t.PeersChoking; {
	case n == 1 && t.Peers == 1:
		return "choked by its only peer"
	case n == t.Peers:
		return "choked by all " + text.Count(n, "peer")
	default:
		return fmt.Sprintf("choked by %d of %s", n, text.Count(t.Peers, "peer"))
	}
}

func sayRunning(e *status.Entry) string {
	if e.PeersSending == 0 {
		return "Nothing here holds it back"
	}
	return fmt.Sprintf("Nothing here holds it back (%s, %s)", text.Count(e.PeersSending, "peer sends", "peers send"), text.Rate(e.Down))
}

func sayNoPeers(e *status.Entry) string {
	switch {
	case e.Peers > 0:
		return fmt.Sprintf("No peer has what is missing (%s connected, %s)", text.Count(e.Peers, "peer"), text.Count(e.Seeds, "of them a seed", "of them seeds"))
	case e.Dialing > 0:
		return fmt.Sprintf("No peers are connected yet (%s being dialled)", text.Count(e.Dialing, "is", "are"))
	}
	return "No peers are found"
}

func adviseNoPeers(e *status.Entry) string {
	switch {
	case e.Peers > 0:
		return "wait for a seed or look for one: the rest may be nowhere just now"
	case e.Private:
		return "it is private, so only its trackers name peers: look what they say"
	}
	return "look what the trackers say, add a tracker, or wait until somebody comes"
}

func sayChoked(e *status.Entry) string {
	they := ", who have what is missing and do not let us ask for it"
	if e.PeersChoking == 1 {
		they = ", who has what is missing and does not let us ask for it"
	}
	return "It is " + lineChoked(&e.Torrent) + they
}

// sayLimited names the limit of the torrent, or else that of the settings, as far as it is known.
func sayLimited(own, limit int64) string {
	switch {
	case own > 0 && limit > 0:
		return fmt.Sprintf("Our download limit holds it back (that of this torrent is %s, that of the settings %s)", text.Rate(own), text.Rate(limit))
	case own > 0:
		return fmt.Sprintf("Our download limit holds it back (that of this torrent is %s)", text.Rate(own))
	case limit > 0:
		return fmt.Sprintf("Our download limit holds it back (that of the settings is %s)", text.Rate(limit))
	}
	return "Our download limit, that of the settings, holds it back"
}
