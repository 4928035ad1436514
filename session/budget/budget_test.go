package budget

import (
	"net/netip"
	"testing"
	"time"
)

var start = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// run asks the dealer every tick for d and returns what each torrent got; the
// demand of each is renewed before every tick.
func run(b *Bytes, d time.Duration, demands map[Key]int64, keys ...Key) map[Key]int64 {
	got := map[Key]int64{}
	for t := time.Duration(0); t < d; t += Tick {
		for _, k := range keys {
			b.Demand(k, demands[k])
		}
		b.Deal(start.Add(t), func(k Key, n int64) { got[k] += n })
	}
	return got
}

func near(t *testing.T, what string, got, want int64, percent int64) {
	t.Helper()
	if got < want*(100-percent)/100 || got > want*(100+percent)/100 {
		t.Errorf("%s: got %d, want %d within %d %%", what, got, want, percent)
	}
}

func TestBytesKeepsTheRate(t *testing.T) {
	for _, limit := range []int64{10_000, 100_000, 1_000_000, 40_000_000, 1_000_000_000} {
		b := NewBytes(limit)
		got := run(b, 20*time.Second, map[Key]int64{1: 1 << 40}, 1)
		near(t, "one torrent", got[1], limit*20, 2+int64(100*2*quantum/(limit*20)))
	}
}

func TestBytesSharesEqually(t *testing.T) {
	b := NewBytes(1_000_000)
	big := int64(1 << 30)
	got := run(b, 30*time.Second, map[Key]int64{1: big, 2: big, 3: big}, 1, 2, 3)
	for k := Key(1); k <= 3; k++ {
		near(t, "share", got[k], 10_000_000, 3)
	}
}

// TestBytesLeavesNothing: who wants little gets all of it, the rest goes to
// those who want more.
func TestBytesLeavesNothing(t *testing.T) {
	b := NewBytes(10_000_000)
	got := run(b, 10*time.Second, map[Key]int64{1: 1 << 30, 2: 2000}, 1, 2)
	near(t, "small", got[2], 2000*500, 1)
	near(t, "big", got[1], 100_000_000-2000*500, 2)
}

func TestBytesUnlimited(t *testing.T) {
	b := NewBytes(0)
	if b.Limited(1) {
		t.Fatal("limit 0 must be unlimited")
	}
	got := run(b, Tick, map[Key]int64{7: 1 << 40}, 7)
	if got[7] != 1<<40 {
		t.Fatalf("got %d", got[7])
	}
	if b.Waiting() {
		t.Fatal("a satisfied demand must go")
	}
}

func TestBytesDemandGoes(t *testing.T) {
	b := NewBytes(1000)
	b.Demand(1, 5)
	b.Demand(1, 0)
	b.Demand(2, 0)
	if b.Waiting() {
		t.Fatal("demand of 0 must take the torrent out")
	}
}

func TestMemory(t *testing.T) {
	m := NewMemory(100)
	if !m.Reserve(1, 60) || m.Reserve(1, 60) {
		t.Fatal("limit not kept")
	}
	if !m.Reserve(2, 4000) {
		t.Fatal("the first piece of a torrent must be granted")
	}
	if m.Reserve(2, 1) {
		t.Fatal("only the first piece is guaranteed")
	}
	m.Release(2, 4000)
	if !m.Reserve(1, 40) || m.Used() != 100 {
		t.Fatalf("used %d", m.Used())
	}
	m.Release(1, 1<<40)
	m.Release(9, 5)
	m.Drop(2)
	if m.Used() != 0 {
		t.Fatalf("used %d after all was given back", m.Used())
	}
}

// TestMemoryHeld: what torrents hold all the time leaves less room for pieces, but never less than a quarter, and is given back.
func TestMemoryHeld(t *testing.T) {
	m := NewMemory(100)
	m.Hold(1, 90)
	m.Hold(1, 30)
	if !m.Reserve(1, 60) || m.Reserve(1, 11) || !m.Reserve(1, 10) {
		t.Fatalf("70 of 100 were left, %d are used", m.Used())
	}
	m.Hold(2, 1000)
	m.Release(1, 70)
	if !m.Reserve(1, 15) || m.Reserve(1, 11) || !m.Reserve(1, 10) {
		t.Fatalf("25 of 100 were left, %d are used", m.Used())
	}
	m.Drop(2)
	m.Drop(1)
	if !m.Reserve(3, 90) || !m.Reserve(3, 10) {
		t.Fatalf("all was given back, %d are used", m.Used())
	}
}

func TestDials(t *testing.T) {
	a := netip.MustParseAddrPort("10.0.0.1:1")
	d := NewDials(3, 5)
	for range 4 {
		d.Want(Target{1, a})
	}
	d.Want(Target{2, a})
	var order []Key
	for {
		x, ok := d.Next()
		if !ok {
			break
		}
		order = append(order, x.Key)
	}
	if len(order) != 3 || order[0] != 1 || order[1] != 2 || order[2] != 1 {
		t.Fatalf("order %v: torrents must take turns, three at a time", order)
	}
	d.Dialed(true)
	d.Dialed(false)
	if !d.Accept() || !d.Accept() || !d.Accept() || d.Accept() {
		t.Fatal("five connections: one made, one dialling, three accepted")
	}
	if _, ok := d.Next(); ok {
		t.Fatal("no dial while all connections are in use")
	}
	d.Closed()
	if _, ok := d.Next(); !ok {
		t.Fatal("a closed connection makes room for a dial")
	}
	d.Closed()
	d.Drop(1)
	if _, ok := d.Next(); ok {
		t.Fatal("the queue of a dropped torrent must be gone")
	}
}
