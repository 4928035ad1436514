package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"shoal/internal/text"
	"shoal/status"
)

// Reason is what a torrent's pace comes from. The zero value is: nothing to say.
type Reason struct {
	Say    string       // what is the matter; clean text without a full stop
	Advice string       // what can be done about it, "" for nothing
	Cause  status.Cause // what Say speaks of, if there are Shares
	// Shares are where the time of the last minute went, the largest first; none unless it downloads.
	Shares []Part
}

// Part is how much of the time went to one cause.
type Part struct {
	Cause status.Cause
	Name  string
	Share float64 // 0 to 1; those of one Reason add up to 1
}

// String returns the reason as one sentence, "" for the zero value.
func (r Reason) String() string {
	switch {
	case r.Say == "":
		return ""
	case r.Advice == "":
		return r.Say + "."
	}
	return r.Say + "; " + r.Advice + "."
}

// Around is what is known besides a torrent.
type Around struct {
	// Those that are asked for peers, as far as they are known: they matter to a magnet link without metadata.
	Trackers []status.Tracker
	DHT      []status.DHT
	// Limit is the download limit of the settings that is in force, bytes a second: 0 for none, less when it is not known.
	Limit int64
}

// Why says what keeps a torrent back, in the last seconds if it downloads, and what can be done.
func Why(e *status.Entry, a Around) Reason {
	switch e.State() {
	case "error":
		return Reason{Say: strings.TrimSuffix("It failed: "+cmp.Or(text.Clean(e.Err, 0), "no cause is known"), ".")}
	case "checking":
		return Reason{Say: "What is on the disk is being checked", Advice: "it goes on when that is done"}
	case "moving":
		return Reason{Say: "Its files are being moved", Advice: "it goes on when they are there"}
	case "stopped":
		if e.GoalReached {
			return Reason{Say: "It is stopped: the goal of its seeding is reached", Advice: "start it to seed on"}
		}
		return Reason{Say: "It is stopped", Advice: "start it to go on"}
	case "waiting":
		return Reason{Say: fmt.Sprintf("It waits for its turn, at place %d of the queue", e.QueuePosition+1), Advice: "move it up, or allow more torrents at a time"}
	case "opening":
		return Reason{Say: "Its files are being looked at"}
	case "metadata":
		return searchingFor(e, a.Trackers, a.DHT)
	case "seeding", "partial":
		return sending(&e.Torrent)
	}
	return downloading(e, a.Limit)
}

func downloading(e *status.Entry, limit int64) Reason {
	if e.Time.Lately.Total() < whyAfter {
		if e.Time.All.Total() == 0 {
			return Reason{} // an engine that does not count
		}
		return Reason{Say: "It has just begun"}
	}
	c := now(&e.Torrent, e.DownLimit > 0 || limit != 0)
	say := causes[c].say(e)
	if c == status.Limited {
		say = sayLimited(e.DownLimit, limit)
	}
	return Reason{Say: say, Advice: causes[c].advice(e), Cause: c, Shares: shares(&e.Time.Minute)}
}

// shares lists what took any time, the largest first, of equals in the order of the causes.
func shares(s *status.Shares) (list []Part) {
	total := 0.0
	for _, d := range s {
		total += max(d.Seconds(), 0) // a daemon on the other side of a wire may say anything
	}
	for c, d := range s {
		if d > 0 {
			list = append(list, Part{status.Cause(c), causes[c].name, d.Seconds() / total})
		}
	}
	slices.SortStableFunc(list, func(a, b Part) int { return cmp.Compare(b.Share, a.Share) })
	return list
}

// Percents returns the shares in whole percents that add up to 100, as the largest remainders have it.
func Percents(list []Part) []int {
	out := make([]int, len(list))
	order := make([]int, len(list))
	left := 100
	for i, s := range list {
		out[i] = int(s.Share * 100)
		left -= out[i]
		order[i] = i
	}
	rest := func(i int) float64 { return list[i].Share*100 - float64(out[i]) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest(b), rest(a)) })
	for _, i := range order[:min(max(left, 0), len(order))] {
		out[i]++
	}
	return out
}

// searchingFor says what is tried to find the info dictionary of a magnet link.
func searchingFor(e *status.Entry, trackers []status.Tracker, dht []status.DHT) Reason {
	var tried []string
	if len(trackers) > 0 {
		answered := 0
		for i := range trackers {
			if trackers[i].Working {
				answered++
			}
		}
		tried = append(tried, fmt.Sprintf("%d of %s", answered, text.Count(len(trackers), "tracker answers", "trackers answer")))
	}
	if len(dht) > 0 {
		nodes := 0
		for i := range dht {
			nodes += dht[i].Good
		}
		tried = append(tried, "the DHT with "+text.Count(nodes, "node", "nodes"))
	}
	if e.Dialing > 0 {
		tried = append(tried, text.Count(e.Dialing, "peer")+" being dialled")
	}
	tried = append(tried, text.Count(e.Asked, "peer")+" asked")
	if e.Metadata > 0 {
		tried = append(tried, fmt.Sprintf("%d of %s here", e.MetadataHave, text.Count(e.Metadata, "piece", "pieces")))
	}
	r := Reason{Say: "It looks for its metadata: " + strings.Join(tried, ", ")}
	switch {
	case e.Metadata > 0:
	case e.Peers == 0 && len(trackers) == 0 && len(dht) == 0:
		r.Advice = "neither a tracker nor the DHT is asked for peers: add a tracker, or turn the DHT on"
	case e.Peers == 0 && len(trackers) == 0:
		r.Advice = "the link names no tracker: one peer that has the torrent must be online, wait or add a tracker"
	case e.Peers == 0:
		r.Advice = "one peer that has the torrent must be online: wait, or add a tracker"
	default:
		r.Advice = "those who are connected do not have it yet: wait for somebody who has"
	}
	return r
}

// sending says why a torrent that wants nothing more sends, or does not.
func sending(t *status.Torrent) Reason {
	done := "Everything is here"
	if t.Phase == status.Partial {
		done = "Everything that is wanted is here"
	}
	switch {
	case t.Up > 0:
		return Reason{Say: fmt.Sprintf("%s; it sends %s to %s", done, text.Rate(t.Up), text.Count(max(t.PeersReceiving, 1), "peer"))}
	case t.Peers == 0:
		return Reason{Say: done + "; nobody asks: no peer is connected"}
	case t.Interested == 0:
		return Reason{Say: fmt.Sprintf("%s; nobody asks: of %s none wants what is here", done, text.Count(t.Peers, "connected peer", "connected peers"))}
	case t.PeersReceiving == 0:
		return Reason{Say: fmt.Sprintf("%s; %s for an upload slot", done, text.Count(t.Interested, "peer waits", "peers wait")),
			Advice: "allow more slots or more upload, if the line has room"}
	}
	return Reason{Say: fmt.Sprintf("%s; %s ask, but took nothing in the last seconds", done, text.Count(t.PeersReceiving, "peer may", "peers may"))}
}
