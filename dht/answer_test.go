package dht

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"shoal/internal/bencode"
	"shoal/internal/simnet"
)

// answered reads what a node answers.
type answeredMessage struct {
	E bencode.RawMessage `bencode:"e"`
	R bencode.RawMessage `bencode:"r"`
	T string             `bencode:"t"`
	Y string             `bencode:"y"`
}

func ask(t *testing.T, n *Node, now time.Time, q question) (answeredMessage, krpcResult) {
	t.Helper()
	var m answeredMessage
	var r krpcResult
	if err := bencode.Unmarshal(n.answer(now, q), bencode.Limits{}, &m); err != nil {
		t.Fatal(err)
	}
	if m.T != q.t {
		t.Errorf("transaction %q, want %q", m.T, q.t)
	}
	if m.Y == "r" {
		if err := bencode.Unmarshal(m.R, bencode.Limits{}, &r); err != nil {
			t.Fatal(err)
		}
	}
	return m, r
}

func testNode(t *testing.T) *Node {
	h := simnet.New(1).Host(netip.MustParseAddr("20.0.7.9"), simnet.Link{})
	conn, err := h.ListenPacket(t.Context(), "udp", "20.0.7.9:6881")
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Config{Conn: conn, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestD11Tokens: a token is good for the address that got it, for five to ten minutes.
func TestD11Tokens(t *testing.T) {
	n, now := testNode(t), time.Unix(1_000_000, 0)
	a, b := netip.MustParseAddrPort("21.1.1.1:1000"), netip.MustParseAddrPort("21.1.1.2:1000")
	q := question{method: "get_peers", from: a, t: "x", id: hashOf(1, 1), target: infoHash(1)}
	_, r := ask(t, n, now, q)
	if len(r.Token) != tokenLen {
		t.Fatalf("token %q", r.Token)
	}
	for i, c := range []struct {
		name  string
		from  netip.AddrPort
		token string
		after time.Duration
		ok    bool
	}{
		{"at once", a, string(r.Token), 0, true},
		{"after five minutes", a, string(r.Token), tokenLife, true},
		{"another port of the same address", netip.AddrPortFrom(a.Addr(), 9), string(r.Token), 0, true},
		{"another address", b, string(r.Token), 0, false},
		{"after ten minutes", a, string(r.Token), 2 * tokenLife, false},
		{"before it was given", a, string(r.Token), -2 * tokenLife, false},
		{"none", a, "", 0, false},
		{"half of it", a, string(r.Token[:3]), 0, false},
		{"made up", a, "aaaaaa", 0, false},
	} {
		hash := infoHash(i)
		m, _ := ask(t, n, now.Add(c.after), question{method: "announce_peer", from: c.from, t: "y", target: hash, port: 77, token: c.token})
		stored := len(n.peers.get(now.Add(c.after), hash, 9)) == 1
		if (m.Y == "r") != c.ok || stored != c.ok || !c.ok && !bytes.Equal(m.E, badToken) {
			t.Errorf("%s: %q, stored %t", c.name, m.Y, stored)
		}
	}
	if other := testNode(t); other.tokens.valid(now, a.Addr(), r.Token) {
		t.Error("another node takes our token")
	}
}

// TestD11Ports: ports that do not exist never reach the store, also over the network.
func TestD11Ports(t *testing.T) {
	inBubble(t, 1, simnet.Link{}, func(w *world) {
		w.grow(1, 0)
		m := w.nodes[0]
		client := newClient(w, 600)
		_, r := client.ask(m.addr, fmt.Sprintf("d1:ad2:id20:%s9:info_hash20:%se1:q9:get_peers1:t1:a1:y1:qe", client.id, client.id))
		for _, port := range []string{"-5", "0", "70000", "65536", "99999999999999999999"} {
			reply, _ := client.ask(m.addr, fmt.Sprintf("d1:ad2:id20:%s9:info_hash20:%s4:porti%se5:token6:%se1:q13:announce_peer1:t1:b1:y1:qe", client.id, client.id, port, r.Token))
			if reply.Y == "r" || m.Stats().Peers != 0 {
				t.Errorf("port %s: answer %q, %d stored", port, reply.Y, m.Stats().Peers)
			}
		}
		reply, _ := client.ask(m.addr, fmt.Sprintf("d1:ad2:id20:%s9:info_hash20:%s4:porti4000e5:token6:%se1:q13:announce_peer1:t1:b1:y1:qe", client.id, client.id, r.Token))
		if reply.Y != "r" || m.Stats().Peers != 1 {
			t.Errorf("port 4000: answer %q, %d stored", reply.Y, m.Stats().Peers)
		}
	})
}

// TestAnswerSizes: a first answer is small and still has what is sought.
func TestAnswerSizes(t *testing.T) {
	n, now := testNode(t), time.Unix(1_000_000, 0)
	w := &world{seed: 5}
	for i := range 60 {
		n.table.answered(now, contact{hashOf(5, i), netip.AddrPortFrom(w.address(100+i), 6881)})
	}
	for i := range 80 {
		n.peers.add(now, infoHash(1), netip.AddrPortFrom(w.address(i), 7000))
	}
	stranger, friend := netip.MustParseAddrPort("21.1.1.1:1000"), n.table.closest(n.table.own, 1, func(*entry) bool { return true })[0]
	q := question{method: "get_peers", from: stranger, t: "12345678", target: infoHash(1), scrape: true}
	if b := n.answer(now, q); len(b) > 288 { // and 12 bytes for his address
		t.Errorf("%d bytes to a stranger", len(b))
	}
	_, r := ask(t, n, now, q)
	if len(r.Values) < 10 || len(r.Nodes) < 26*nodesOfBoth {
		t.Errorf("%d peers, %d bytes of nodes to a stranger", len(r.Values), len(r.Nodes))
	}
	q.from, q.id = friend.addr, friend.id
	if b := n.answer(now, q); len(b) > 1012 {
		t.Errorf("%d bytes with filters", len(b))
	}
	q.scrape = false
	_, r = ask(t, n, now, q)
	if len(r.Values) != sampleSize || len(r.Nodes) != 26*closeEnough {
		t.Errorf("%d peers, %d bytes of nodes", len(r.Values), len(r.Nodes))
	}
	q.target = infoHash(2)
	if _, r = ask(t, n, now, q); len(r.Values) != 0 || len(r.Nodes) != 26*closeEnough {
		t.Errorf("unknown hash: %d peers, %d bytes of nodes", len(r.Values), len(r.Nodes))
	}
}
