package piece

import (
	"fmt"
	"slices"
	"testing"

	"shoal/metainfo"
)

// filesInfo makes a torrent of files; a negative length is one of padding.
func filesInfo(t *testing.T, pieceLength int64, lengths ...int64) *metainfo.Info {
	t.Helper()
	var files []metainfo.File
	size := int64(0)
	for i, n := range lengths {
		files = append(files, metainfo.File{Path: fmt.Sprint("t/", i), Length: max(n, -n), Pad: n < 0})
		size += max(n, -n)
	}
	hashes := make([]byte, (size+pieceLength-1)/pieceLength*20)
	info, err := metainfo.NewInfo("t", pieceLength, hashes, files, true, false)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestPiecePriorities(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lengths []int64
		files   []uint8
		want    []uint8
	}{
		{"whole pieces", []int64{32 * kib, 32 * kib}, []uint8{Low, High}, []uint8{1, 1, 3, 3}},
		{"a shared piece has the higher", []int64{24 * kib, 24 * kib}, []uint8{Unwanted, Normal}, []uint8{0, 2, 2}},
		{"many in one piece", []int64{4 * kib, 4 * kib, 4 * kib, 20 * kib}, []uint8{0, 1, 0, 0}, []uint8{1, 0}},
		{"an empty file asks for nothing", []int64{16 * kib, 0, 16 * kib}, []uint8{0, 3, 0}, []uint8{0, 0}},
		{"an empty file at the end", []int64{16 * kib, 0}, []uint8{0, 3}, []uint8{0}},
		{"padding goes with the file before", []int64{8 * kib, -8 * kib, 16 * kib}, []uint8{0, 3, 1}, []uint8{0, 1}},
		{"padding after an empty file", []int64{8 * kib, 0, -8 * kib, 16 * kib}, []uint8{0, 3, 3, 0}, []uint8{0, 0}},
		{"too few and out of range", []int64{16 * kib, 16 * kib, 16 * kib}, []uint8{0, 9}, []uint8{0, 2, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewManager(filesInfo(t, 16*kib, tt.lengths...), metainfo.Bitfield{}, testRand(1), Options{})
			if got := m.piecePriorities(tt.files); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			m.SetPriorities(tt.files)
			for i, p := range tt.want {
				if m.Wanted(i) != (p > 0) {
					t.Errorf("piece %d wanted: %v", i, m.Wanted(i))
				}
			}
			m.SetPriorities(nil)
			if m.Left() != m.info.Size() {
				t.Error("nil does not mean all")
			}
		})
	}
}

func TestPickByPriority(t *testing.T) {
	info := filesInfo(t, 64*kib, 256*kib, 256*kib, 256*kib, 256*kib)
	for _, first := range []int{-1, 4} { // from the first pieces on at random, and with rarity
		for seed := range uint64(5) {
			w := newWorld(t, info, seed, Options{RandomFirst: first})
			a, b := w.join(setOf(16)), w.join(setOf(16))
			w.join(setOf(16, 0, 1, 2, 3, 8, 9, 10, 11)) // what is low and high is not what is rare
			w.m.SetPriorities([]uint8{Low, Normal, High, Unwanted})
			w.check()
			got := append(pieces(w.pick(a, 24)), pieces(w.pick(b, 24))...)
			tiers := []int{}
			for _, i := range got {
				tiers = append(tiers, i/4)
			}
			if want := []int{2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0}; !slices.Equal(tiers, want) {
				t.Fatalf("seed %d: pieces %v of files %v, want files %v", seed, got, tiers, want)
			}
			w.check()
		}
	}
}

// TestPriorityOfMany: the few pieces of a high priority are found among many others, with any bitfield.
func TestPriorityOfMany(t *testing.T) {
	const n = 10000
	info := filesInfo(t, 16*kib, 9000*16*kib, 3*16*kib, 997*16*kib)
	w := newWorld(t, info, 1, Options{RandomFirst: -1})
	all, some := w.join(setOf(n)), w.join(setOf(n, 1, 9001, 9500))
	w.m.SetPriorities([]uint8{Low, High, Normal})
	if got := pieces(w.pick(some, 3)); !slices.Equal(got, []int{9001, 9500, 1}) {
		t.Errorf("got %v", got)
	}
	got := pieces(w.pick(all, 3))
	if slices.Sort(got[:2]); !slices.Equal(got[:2], []int{9000, 9002}) || got[2] < 9003 {
		t.Errorf("got %v", got)
	}
	w.check()
}

func TestSequential(t *testing.T) {
	info := filesInfo(t, 64*kib, 256*kib, 256*kib)
	w := newWorld(t, info, 3, Options{})
	a, b := w.join(setOf(8)), w.join(setOf(8, 2, 5, 7))
	w.m.SetSequential(true)
	if got := pieces(w.pick(b, 5)); !slices.Equal(got, []int{2, 5}) {
		t.Errorf("the second has %v", got)
	}
	// What is open is finished first, in order.
	if got := pieces(w.pick(a, 3+4+4)); !slices.Equal(got, []int{5, 0, 1}) {
		t.Errorf("the first has %v", got)
	}
	w.m.SetPriorities([]uint8{Normal, High})
	if got := pieces(w.pick(a, 12)); !slices.Equal(got, []int{4, 6, 7}) {
		t.Errorf("with priorities the first has %v", got)
	}
	w.check()
	w.m.SetSequential(false)
	w.settle()
}

// TestUnwantedOpen: an open piece that is not wanted any more rests, and goes on when it is wanted again.
func TestUnwantedOpen(t *testing.T) {
	info := filesInfo(t, 64*kib, 64*kib, 64*kib)
	w := newWorld(t, info, 1, Options{})
	p := w.join(setOf(2, 0))
	q := w.join(setOf(2))
	w.pick(p, 2)
	w.send(p, p.asked[0])
	w.m.SetPriorities([]uint8{Unwanted, Normal})
	w.m.Cancelled(p.id, p.asked[0])
	p.asked = nil
	w.check()
	if got := w.pick(p, 9); len(got) != 0 {
		t.Errorf("picked %v of a file that is not wanted", got)
	}
	w.pick(q, 9)
	if !w.m.Endgame() {
		t.Error("what rests keeps the end game away")
	}
	w.m.SetPriorities(nil)
	w.check()
	if got := w.pick(p, 9); len(got) < 3 || got[0].Piece != 0 {
		t.Errorf("picked %v when it is wanted again", got)
	}
	w.m.SetPriorities([]uint8{Unwanted, Unwanted})
	if !w.m.Complete() || w.m.Left() != 0 {
		t.Error("nothing wanted, but not complete")
	}
	w.settle()
}
