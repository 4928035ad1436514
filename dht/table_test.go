package dht

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"shoal/metainfo"
)

var day = time.Unix(1_000_000, 0)

func all(*entry) bool { return true }

func TestTableClosest(t *testing.T) {
	tab := newTable(hashOf(3, 999), fitting)
	w := &world{seed: 3}
	for i := range 300 {
		tab.answered(day, w.contactOf(i))
	}
	var in []contact
	tab.each(func(e *entry) { in = append(in, e.contact) })
	for i := range 50 {
		target := infoHash(i)
		slices.SortFunc(in, func(a, b contact) int { return compareDistance(target, a.id, b.id) })
		if got := tab.closest(target, 8, all); !slices.Equal(got, in[:8]) {
			t.Fatalf("target %d: %v, want %v", i, got, in[:8])
		}
	}
	if got := tab.closest(infoHash(1), 1000, all); len(got) != len(in) {
		t.Errorf("%d of %d", len(got), len(in))
	}
	for i := range tab.buckets {
		if n := len(tab.buckets[i].entries); n > capacity(i) {
			t.Errorf("bucket %d holds %d", i, n)
		}
	}
}

// TestD08Table: one node an address, one a network in a bucket, and fitting ids first.
func TestD08Table(t *testing.T) {
	own := metainfo.Hash{0x80}
	rnd := rand.New(rand.NewPCG(1, 1))
	tab := newTable(own, fitting)
	for port := range uint16(300) {
		tab.answered(day, contact{near(own, rnd, 0), netip.AddrPortFrom(netip.MustParseAddr("66.1.2.3"), 1024+port)})
	}
	if tab.find(netip.MustParseAddrPort("66.1.2.3:1024")) == nil {
		t.Error("a second id of an address drives the first one out")
	}
	for host := range byte(200) {
		tab.answered(day, contact{near(own, rnd, 1), netip.AddrPortFrom(netip.AddrFrom4([4]byte{67, 1, 2, host}), 6881)})
	}
	if good, total := tab.counts(day); total != 2 || good != 2 {
		t.Errorf("%d entries, %d good", total, good)
	}
	w := &world{seed: 3}
	deep := 12 // a bucket of eight, full of misfits
	for i := range 20 {
		tab.answered(day, contact{near(own, rnd, deep), netip.AddrPortFrom(w.address(i), 6881)})
	}
	b := &tab.buckets[deep]
	if len(b.entries) != bucketSize || len(b.spares) != spareSize {
		t.Fatalf("%d entries, %d spares", len(b.entries), len(b.spares))
	}
	tab.fitting = func(contact) bool { return true }
	for i := range 20 {
		tab.answered(day, contact{near(own, rnd, deep), netip.AddrPortFrom(w.address(100+i), 6881)})
	}
	for _, e := range b.entries {
		if !e.fits {
			t.Errorf("%v stays although others fit", e.contact)
		}
	}
	if len(tab.seats) != 2+bucketSize {
		t.Errorf("%d seats", len(tab.seats))
	}
}

func TestTableFailures(t *testing.T) {
	own := metainfo.Hash{0x80}
	rnd := rand.New(rand.NewPCG(1, 1))
	tab := newTable(own, all2)
	w := &world{seed: 3}
	var in []contact
	for i := range bucketSize + 1 {
		c := contact{near(own, rnd, 20), netip.AddrPortFrom(w.address(i), 6881)}
		in = append(in, c)
		tab.answered(day, c)
	}
	if _, ok := tab.failed(day, in[0].addr); ok || tab.find(in[0].addr) == nil {
		t.Error("one failure moves nobody")
	}
	next, ok := tab.failed(day, in[0].addr)
	if !ok || next != in[bucketSize] {
		t.Errorf("after two failures %v waits", next)
	}
	tab.answered(day, next)
	if tab.find(in[0].addr) != nil || tab.find(next.addr) == nil {
		t.Error("who waited has not taken the place")
	}
	for range failsToDrop {
		tab.failed(day, in[1].addr)
	}
	if tab.find(in[1].addr) != nil {
		t.Error("it stays whatever happens")
	}
	if got := tab.due(day.Add(goodFor), 3); len(got) != 3 {
		t.Errorf("due: %v", got)
	}
	if got := tab.due(day.Add(goodFor-1), 3); len(got) != 0 {
		t.Errorf("due too early: %v", got)
	}
	tab.asked(day.Add(goodFor-1), in[2])
	if got := tab.due(day.Add(goodFor), 100); slices.Contains(got, in[2]) {
		t.Error("a node that asks us is pinged")
	}
	in[3].id = near(own, rnd, 21)
	tab.answered(day, in[3])
	if e := tab.find(in[3].addr); e == nil || e.id != in[3].id {
		t.Error("a node with a new id is not kept")
	}
}

func all2(contact) bool { return true }

func TestPeerStoreBounds(t *testing.T) {
	s := newPeerStore(rand.New(rand.NewPCG(1, 1)))
	a := netip.MustParseAddr("20.1.1.1")
	for i := range 1000 {
		s.add(day, infoHash(i), netip.AddrPortFrom(a, 7000))
	}
	if len(s.order) != maxHashesBy {
		t.Errorf("one address began %d hashes", len(s.order))
	}
	for port := range uint16(100) {
		s.add(day, infoHash(0), netip.AddrPortFrom(a, 1024+port))
	}
	if got := s.get(day, infoHash(0), -1); len(got) != maxPortsBy {
		t.Errorf("one address has %d peers", len(got))
	}
	w := &world{}
	for i := range 100_000 {
		s.add(day, infoHash(i%3000), netip.AddrPortFrom(w.address(i%40_000), uint16(1024+i%20_000)))
	}
	for i := range 2000 {
		s.add(day, infoHash(1), netip.AddrPortFrom(w.address(i), 7000))
	}
	if len(s.order) > maxHashes || s.total > maxPeersInAll || len(s.swarms) != len(s.order) {
		t.Errorf("%d hashes, %d peers", len(s.order), s.total)
	}
	sum := 0
	for i, o := range s.order {
		if sum += len(o.peers); len(o.peers) > maxPeers || o.index != i {
			t.Errorf("%d peers of one hash", len(o.peers))
		}
	}
	if sum != s.total {
		t.Errorf("total %d, counted %d", s.total, sum)
	}
	if s.get(day.Add(peerLife), infoHash(1), 50) != nil {
		t.Error("peers do not leave")
	}
	if s.sweep(day.Add(peerLife)); len(s.order)+len(s.swarms)+len(s.begun)+s.total != 0 {
		t.Errorf("after the sweep: %d hashes, %d beginners, %d peers", len(s.order), len(s.begun), s.total)
	}
}

func TestFlipped(t *testing.T) {
	own := metainfo.Hash(hashOf(1, 2))
	for i := range idLen {
		if got := prefixLen(own, flipped(own, infoHash(i), i)); got != i {
			t.Errorf("%d bits in common, want %d", got, i)
		}
	}
	if prefixLen(own, own) != idLen {
		t.Error("an id differs from itself")
	}
}
