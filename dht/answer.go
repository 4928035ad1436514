package dht

import (
	"context"
	"net"
	"net/netip"
	"time"

	"shoal/internal/bencode"
)

// What we answer with at most. The guard cuts what is still too large.
const (
	sampleSize  = 50  // peers (BEP 5 names no number)
	fullReply   = 900 // bytes for nodes, peers and filters, below the 1024 of BEP 32
	firstReply  = 195 // the same towards somebody who has never answered us: no use in flooding others
	nodesOfBoth = 3   // nodes that peers must leave room for
)

// krpcReply and krpcError are what we write; the guard puts in the asker's address.
type krpcReply struct {
	R bencode.RawMessage `bencode:"r"`
	T string             `bencode:"t"`
	Y string             `bencode:"y"`
}

type krpcError struct {
	E bencode.RawMessage `bencode:"e"`
	T string             `bencode:"t"`
	Y string             `bencode:"y"`
}

type krpcResult struct {
	BFpe   []byte   `bencode:"BFpe,omitempty"`
	BFsd   []byte   `bencode:"BFsd,omitempty"`
	ID     []byte   `bencode:"id"`
	Nodes  []byte   `bencode:"nodes,omitempty"`
	Nodes6 []byte   `bencode:"nodes6,omitempty"`
	Token  []byte   `bencode:"token,omitempty"`
	Values [][]byte `bencode:"values,omitempty"`
}

// badToken is BEP 5's protocol error.
var badToken = bencode.RawMessage("li203e9:bad tokene")

// ask takes a query of another node from the library. What finds the queue full is lost, as
// datagrams are.
func (n *Node) ask(q question) {
	select {
	case n.questions <- q:
	default:
	}
}

// answerAll answers the queries of others, one after the other.
func (n *Node) answerAll(ctx context.Context) {
	for {
		select {
		case q := <-n.questions:
			if b := n.answer(time.Now(), q); b != nil {
				n.guard.WriteTo(b, net.UDPAddrFromAddrPort(q.from)) // lost replies are the asker's to notice
			}
		case <-ctx.Done():
			return
		}
	}
}

// answer returns the datagram that answers q (BEP 5, 32, 33); nil for none.
func (n *Node) answer(now time.Time, q question) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.table.asked(now, contact{q.id, q.from})
	if !known && !q.readOnly {
		n.knock(contact{q.id, q.from}, false)
	}
	res := krpcResult{ID: n.table.own[:]}
	switch q.method {
	case "ping":
	case "find_node":
		n.putNodes(&res, now, q, closeEnough)
	case "get_peers":
		res.Token = n.tokens.at(now, q.from.Addr())
		n.putPeers(&res, now, q, known)
	case "announce_peer":
		if !n.tokens.valid(now, q.from.Addr(), []byte(q.token)) {
			return encode(krpcError{badToken, q.t, "e"})
		}
		port := q.port
		if port == 0 {
			port = q.from.Port()
		}
		n.peers.add(now, q.target, netip.AddrPortFrom(q.from.Addr(), port))
	default:
		return nil
	}
	raw := encode(res)
	if raw == nil {
		return nil
	}
	return encode(krpcReply{raw, q.t, "r"})
}

// putNodes names the closest good nodes that we know. A quarter may go to ids that do not fit their
// addresses (BEP 42), more only if there are no others. Both families are two networks, and this node
// knows one of them (BEP 32).
func (n *Node) putNodes(res *krpcResult, now time.Time, q question, most int) {
	honest := n.table.honest(q.target)
	pick := func(fits bool) []contact {
		return n.table.closest(q.target, most, func(e *entry) bool {
			return (e.fits && honest(e.contact)) == fits && e.good(now) && e.addr != q.from
		})
	}
	fit, misfit := pick(true), pick(false)
	misfit = misfit[:min(len(misfit), max(most/4, most-len(fit)))]
	nodes := compactNodes(append(fit[:min(len(fit), most-len(misfit))], misfit...))
	if n.cfg.IPv6 {
		res.Nodes6 = nodes
	} else {
		res.Nodes = nodes
	}
}

// putPeers names peers and nodes, so many of each as fit.
func (n *Node) putPeers(res *krpcResult, now time.Time, q question, known bool) {
	room, nodeLen, valueLen := fullReply, 26, 8 // "6:" and six bytes
	if n.cfg.IPv6 {
		nodeLen, valueLen = 38, 21
	}
	if !known {
		room = firstReply
	}
	if q.scrape && known {
		if all := n.peers.get(now, q.target, -1); len(all) > 0 {
			res.BFpe, res.BFsd = filterOf(all), filterOf(nil) // who announces does not tell us whether it is a seed
			room -= 2 * 266
		}
	}
	peers := n.peers.get(now, q.target, min(sampleSize, (room-nodesOfBoth*nodeLen)/valueLen))
	for _, p := range peers {
		res.Values = append(res.Values, compact(p))
	}
	if len(peers) == 0 {
		room = fullReply // the guard cuts what is too much
	}
	n.putNodes(res, now, q, min(closeEnough, (room-len(peers)*valueLen)/nodeLen))
}

// encode returns the bytes of v. What we write cannot fail to encode.
func encode(v any) []byte {
	b, err := bencode.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}
