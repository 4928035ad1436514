package hostile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"shoal/internal/bencode"
)

// TestMutate: reproducible, seeds untouched, and a mixture of well-formed and broken.
func TestMutate(t *testing.T) {
	seeds := Seeds()
	before := bytes.Join(seeds, nil)
	a, b := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
	const n = 5000
	different, good := map[string]bool{}, 0
	for range n {
		x, y := Mutate(a, seeds), Mutate(b, seeds)
		if !bytes.Equal(x, y) {
			t.Fatalf("%q and %q from one seed", x, y)
		}
		different[string(x)] = true
		if m, err := bencode.Scan(x, bencode.Limits{}); err == nil && m == len(x) {
			good++
		}
	}
	if !bytes.Equal(before, bytes.Join(seeds, nil)) {
		t.Fatal("the seeds were written to")
	}
	if len(different) < n/2 || good < n/3 || good > n*9/10 {
		t.Fatalf("%d different and %d well-formed of %d", len(different), good, n)
	}
}

// TestSeedsAreValid: queries and replies are one canonical value each.
func TestSeedsAreValid(t *testing.T) {
	for _, b := range append(Queries(), Replies()...) {
		if n, err := bencode.Scan(b, bencode.Limits{}); err != nil || n != len(b) {
			t.Errorf("%q: %d, %v", b, n, err)
		}
		v, ok := parse(b)
		if !ok || !bytes.Equal(v.append(nil), b) {
			t.Errorf("%q does not survive the tree", b)
		}
	}
}
