package main

import (
	"fmt"
	"strings"

	"shoal/dht"
	"shoal/dht/guard"
	"shoal/session"
)

// peerEvent is a JSON line for a peer that the DHT names, by the node at By.
type peerEvent struct {
	event
	Addr string `json:"addr"`
	By   string `json:"by"`
}

// lookupEvent is the JSON line at the end of a look-up.
type lookupEvent struct {
	event
	ID        string  `json:"id"`
	Asked     int     `json:"asked"` // nodes, as the next and Announced
	Answered  int     `json:"answered"`
	Peers     int     `json:"peers"`
	Announced int     `json:"announced"`
	Seconds   float64 `json:"seconds"`
}

// scrapeEvent is the JSON line of an estimate; both numbers count peers.
type scrapeEvent struct {
	event
	ID     string `json:"id"`
	Seeds  int    `json:"seeds"`
	Others int    `json:"others"`
}

// dhtEvent is the JSON line for our node of one family.
type dhtEvent struct {
	event
	Family    string            `json:"family"`
	ID        string            `json:"id"`
	Good      int               `json:"good"`
	External  string            `json:"external,omitempty"`
	Received  uint64            `json:"received"` // datagrams
	Sent      uint64            `json:"sent"`
	Dropped   map[string]uint64 `json:"dropped"` // incoming datagrams, by reason
	Refused   map[string]uint64 `json:"refused"` // outgoing datagrams, by reason
	Strangers uint64            `json:"strangers"`
	Nodes     []nodeEvent       `json:"nodes"`
}

type nodeEvent struct {
	ID   string `json:"id"`
	Addr string `json:"addr"`
	Bits int    `json:"bits"` // that the id has in common with ours
	Fits bool   `json:"fits"` // the id belongs to the address (BEP 42)
	Good bool   `json:"good"`
}

// showDHT prints our nodes and whom they know.
func (c *console) showDHT(nodes []session.DHTNode) {
	for i, n := range nodes {
		if i > 0 {
			c.Result("")
		}
		ev := dhtEvent{
			event: newEvent("dht"), Family: family(n.IPv6), ID: n.ID.String(), Good: n.Good,
			Received: n.Guard.Passed, Sent: n.Guard.Sent, Strangers: n.Strangers,
			Dropped: byReason(n.Guard.Dropped[:]), Refused: byReason(n.Guard.Refused[:]), Nodes: []nodeEvent{},
		}
		c.Result("%s      id %v", ev.Family, n.ID)
		c.Result("nodes     %d, of which %d have answered lately", len(n.Known), n.Good)
		seen := "not known yet: it takes the word of ten networks"
		if n.External.IsValid() {
			ev.External = n.External.String()
			seen = "others see us at " + ev.External
		}
		c.Result("address   %s", seen)
		c.Result("datagrams %d in, %d out; dropped %d%s, held back %d%s", n.Guard.Passed, n.Guard.Sent,
			n.Guard.AllDropped()+n.Strangers+n.Missed, reasonWords(n.Guard.Dropped[:]), n.Guard.AllRefused(), reasonWords(n.Guard.Refused[:]))
		for _, k := range n.Known {
			c.Result("%s", nodeWords(&k))
			ev.Nodes = append(ev.Nodes, nodeEvent{k.ID.String(), k.Addr.String(), k.Bucket, k.Fits, k.Good})
		}
		c.Event(ev)
	}
}

func family(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}

// nodeWords is one line of the table.
func nodeWords(k *dht.NodeInfo) string {
	state := "good"
	switch {
	case k.Fails > 0:
		state = "silent"
	case !k.Good:
		state = "not asked lately"
	}
	return fmt.Sprintf("%3d bits  %v  %-21v  %s", k.Bucket, k.ID, k.Addr, state)
}

func byReason(counts []uint64) map[string]uint64 {
	out := map[string]uint64{}
	for _, r := range guard.Reasons() {
		if n := counts[r]; n > 0 {
			out[r.String()] = n
		}
	}
	return out
}

// reasonWords says in brackets why datagrams went no further, "" for none.
func reasonWords(counts []uint64) string {
	var words []string
	for _, r := range guard.Reasons() {
		if n := counts[r]; n > 0 {
			words = append(words, fmt.Sprintf("%s %d", r, n))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}
