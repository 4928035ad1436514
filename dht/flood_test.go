package dht

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// idle returns a node that nobody runs.
func idle(t *testing.T) *Node {
	t.Helper()
	n, err := New(Config{Conn: newFeed(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stranger is the i-th address, each in a network of its own.
func stranger(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 9}), 6881)
}

// TestD06Knocking: a flood of forged queries does not push out the nodes that peers and torrents name, nor those
// that wait for a place in the table.
func TestD06Knocking(t *testing.T) {
	n, now := idle(t), time.Now()
	flood := func(from int) {
		for i := range 1000 {
			n.answer(now, question{method: "ping", from: stranger(from + i), t: "t", id: infoHash(i)})
		}
	}
	flood(0)
	named := netip.MustParseAddrPort("99.1.2.3:6881")
	n.Add(named)
	flood(1000)
	if len(n.knocking) > maxKnocking {
		t.Errorf("%d wait", len(n.knocking))
	}
	if next := n.takeKnocking(pingsABeat); !slices.Contains(next, contact{addr: named}) {
		t.Errorf("of those that are pinged next none was named by us: %v", next)
	}
	if next := n.takeKnocking(pingsABeat); len(next) != pingsABeat {
		t.Errorf("strangers are not pinged: %v", next)
	}
}

// TestD06Store: who holds an IPv6 /64 gets no more places in a swarm than who holds an address, and a store that
// somebody has filled still takes what is new.
func TestD06Store(t *testing.T) {
	n, now := idle(t), time.Now()
	for i := range 1000 {
		n.peers.add(now, infoHash(1), netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x2a, 1, 2, 3, 4, 5, 6, 7, 14: byte(i >> 8), 15: byte(i)}), 6881))
	}
	if got := len(n.peers.get(now, infoHash(1), -1)); got != maxPortsBy {
		t.Errorf("%d peers of one /64", got)
	}
	for i := range maxPeersInAll {
		n.peers.add(now, infoHash(1000+i%200), netip.AddrPortFrom(stranger(i).Addr(), 7000))
	}
	if n.peers.total < maxPeersInAll {
		t.Fatalf("%d peers fill it not", n.peers.total)
	}
	for i := range 100 {
		p := netip.AddrPortFrom(stranger(100_000+i).Addr(), 7000)
		if !n.peers.add(now, infoHash(5000+i), p) || !slices.Equal(n.peers.get(now, infoHash(5000+i), -1), []netip.AddrPort{p}) {
			t.Fatalf("the announce of hash %d is refused", i)
		}
	}
	if n.peers.total > maxPeersInAll {
		t.Errorf("%d peers", n.peers.total)
	}
}

// TestD08NewID: votes for our address that flap, by chance or by liars, do not make us take a new id each time, while
// a first and a later honest change take effect at once.
func TestD08NewID(t *testing.T) {
	now, k, changes := time.Now(), &keeper{}, 0
	look := func(fits bool, walks int) bool {
		if now = now.Add(beat); !k.newID(now, fits, walks) {
			return false
		}
		changes++
		return true
	}
	if look(false, 3) || !look(false, 0) {
		t.Error("the first one waits for walks and for nothing else")
	}
	now = now.Add(time.Hour)
	for !look(false, 3) {
	}
	if at := k.changed; at.IsZero() {
		t.Error("not noted")
	}
	for changes = 0; now.Before(k.changed.Add(20 * time.Minute)); {
		look(true, 0)
	}
	for end := now.Add(24 * time.Hour); now.Before(end); {
		look(false, 0)
	}
	if changes < 10 || changes > 40 {
		t.Errorf("%d new ids in a day of flapping votes", changes)
	}
}

// TestD06FullFilter: a filter (BEP 33) in which a liar has set every bit counts as many, and not as a number that is none.
func TestD06FullFilter(t *testing.T) {
	var f [256]byte
	for i := range f {
		f[i] = 0xff
	}
	if n := estimate(f); !(n > 5000 && n < 10_000) {
		t.Errorf("the estimate of a full filter is %v", n)
	}
}
