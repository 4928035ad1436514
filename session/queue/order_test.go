package queue

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"shoal/status"
)

func TestMove(t *testing.T) {
	for _, c := range []struct {
		order, keys string
		to          status.QueueMove
		want        string
	}{
		{"abcdef", "e", status.QueueTop, "eabcdf"},
		{"abcdef", "fc", status.QueueTop, "cfabde"},
		{"abcdef", "ca", status.QueueBottom, "bdefac"},
		{"abcdef", "c", status.QueueUp, "acbdef"},
		{"abcdef", "cd", status.QueueUp, "acdbef"},
		{"abcdef", "abd", status.QueueUp, "abdcef"},
		{"abcdef", "ace", status.QueueUp, "acbedf"},
		{"abcdef", "d", status.QueueDown, "abcedf"},
		{"abcdef", "cd", status.QueueDown, "abecdf"},
		{"abcdef", "cef", status.QueueDown, "abdcef"},
		{"abcdef", "abcdef", status.QueueUp, "abcdef"},
		{"abcdef", "xx", status.QueueTop, "abcdef"},
		{"abcdef", "bb", status.QueueBottom, "acdefb"},
		{"abcdef", "", status.QueueDown, "abcdef"},
		{"", "a", status.QueueTop, ""},
		{"abc", "b", status.QueueMove(9), "abc"},
	} {
		if got := string(Move([]byte(c.order), []byte(c.keys), c.to)); got != c.want {
			t.Errorf("%s of %s to %d: %s, want %s", c.keys, c.order, c.to, got, c.want)
		}
	}
}

func TestPlaceInsertRemove(t *testing.T) {
	for _, c := range []struct {
		keys                  string
		at                    int
		place, insert, remove string
	}{
		{"b", 0, "bacde", "abcde", "acde"},
		{"b", 3, "acdbe", "abcde", "acde"},
		{"db", 1, "abdce", "abcde", "ace"},
		{"xa", 99, "bcdea", "abcdex", "bcde"},
		{"yxy", -5, "abcde", "yxabcde", "abcde"},
		{"yxd", 2, "abdce", "abyxcde", "abce"},
	} {
		for i, f := range []func([]byte, []byte) []byte{
			func(o, k []byte) []byte { return Place(o, k, c.at) }, func(o, k []byte) []byte { return Insert(o, k, c.at) }, Remove[byte],
		} {
			if got, want := string(f([]byte("abcde"), []byte(c.keys))), []string{c.place, c.insert, c.remove}[i]; got != want {
				t.Errorf("%s at %d: %s, want %s", c.keys, c.at, got, want)
			}
		}
	}
}

func TestDense(t *testing.T) {
	positions := map[byte]int{'a': 7, 'b': -1, 'c': 7, 'd': 3}
	if got := string(Dense([]byte("abcda"), func(k byte) int { return positions[k] })); got != "bdac" {
		t.Errorf("dense: %s", got)
	}
}

// TestQ02Permutations: moves change nothing but the order, and keep that of those who move and of those who stay.
func TestQ02Permutations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		order := rnd.Perm(rnd.IntN(30))
		before := slices.Clone(order)
		keys := rnd.Perm(40)[:rnd.IntN(12)]
		at := rnd.IntN(44) - 2
		if to := rnd.IntN(5); to == 4 {
			order = Place(order, keys, at)
		} else {
			order = Move(order, keys, status.QueueMove(to))
		}
		sorted := slices.Sorted(slices.Values(order))
		if len(sorted) != len(before) || !slices.Equal(slices.Compact(sorted), slices.Sorted(slices.Values(before))) {
			t.Fatalf("%v became %v", before, order)
		}
		for _, moving := range []bool{true, false} {
			of := func(list []int) []int {
				return slices.DeleteFunc(slices.Clone(list), func(k int) bool { return slices.Contains(keys, k) != moving })
			}
			if !slices.Equal(of(before), of(order)) {
				t.Fatalf("moving %v: the order among each other changed: %v, %v", keys, before, order)
			}
		}
	}
}

// TestQ02Large: a hundred thousand torrents are moved and dealt with in a small multiple of what it takes to sort their keys and
// put them into a map. Anything quadratic takes far more.
func TestQ02Large(t *testing.T) {
	const n = 100_000
	rnd := rand.New(rand.NewPCG(7, 8))
	times := math.Inf(1)
	for range 5 {
		order := rnd.Perm(n)
		keys := slices.Clone(order[:n/2])
		list := make([]Torrent, n)
		for i, p := range order {
			list[i].Position = p
		}
		began := time.Now()
		slices.Sort(slices.Clone(order))
		set(order)
		least := time.Since(began)
		began = time.Now()
		for to := range status.QueueBottom + 1 {
			order = Move(order, keys, to)
		}
		order = Insert(Remove(Place(order, keys, n/3), keys), keys, 5)
		order = Dense(order, func(k int) int { return -k })
		Decide(start, list, Limits{n / 10, 0, Hold}, nil)
		if len(order) != n {
			t.Fatalf("%d of %d are left", len(order), n)
		}
		times = min(times, float64(time.Since(began))/float64(least))
	}
	if times > 30 {
		t.Errorf("it takes %.0f times as long", times)
	}
}
