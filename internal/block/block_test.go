package block

import "testing"

// A Block comes back empty and keeps its room, whatever its last owner did with it.
func TestPool(t *testing.T) {
	var p, other Pool
	for n := range 100 {
		b := p.Get()
		if len(b.Bytes()) != 0 {
			t.Fatalf("a new block has %d bytes", len(b.Bytes()))
		}
		if got := b.Resize(Size - n); len(got) != Size-n || len(b.Bytes()) != Size-n || &got[0] != &b.Bytes()[0] {
			t.Fatalf("resized to %d: %d and %d bytes", Size-n, len(got), len(b.Bytes()))
		}
		b.Release()
		if o := other.Get(); o == b || o.pool != &other {
			t.Fatal("a block went to another pool")
		}
	}
}
