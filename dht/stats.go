package dht

import (
	"net/netip"
	"time"

	"shoal/dht/guard"
	"shoal/metainfo"
)

// Stats is a Node in numbers.
type Stats struct {
	ID       metainfo.Hash
	External netip.Addr // as others see us; invalid until ten networks agree
	Good     int        // nodes that answered lately
	Nodes    int        // nodes in the table
	Online   bool       // somebody was heard within the last minute
	Lookups  int        // walks under way
	Hashes   int        // for which peers are stored
	Peers    int        // stored for others
	Guard    guard.Counts
}

// Stats returns the node's numbers of this moment.
func (n *Node) Stats() Stats {
	ext, _ := n.guard.External()
	counts := n.guard.Counts()
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	good, total := n.table.counts(now)
	return Stats{
		ID: n.table.own, External: ext, Good: good, Nodes: total, Online: now.Sub(n.heard) <= silentAfter,
		Lookups: n.walks, Hashes: len(n.peers.order), Peers: n.peers.total, Guard: counts,
	}
}

// NodeInfo is one node of the table.
type NodeInfo struct {
	ID      metainfo.Hash
	Addr    netip.AddrPort
	Bucket  int       // leading bits of the id that are ours, too
	Fits    bool      // the id fits the address (BEP 42)
	Good    bool      // it answered lately
	Replied time.Time // its last answer
	Fails   int       // queries unanswered since
}

// Nodes returns the table, the nodes far away from our own id first.
func (n *Node) Nodes() []NodeInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	var out []NodeInfo
	n.table.each(func(e *entry) {
		out = append(out, NodeInfo{e.id, e.addr, prefixLen(n.table.own, e.id), e.fits, e.good(now), e.replied, e.fails})
	})
	return out
}
