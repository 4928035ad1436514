package metainfo

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// sampleInfo has 100 bytes in pieces of 32: files of 40, 0, 8 (padding), 52 bytes.
func sampleInfo(t *testing.T) *Info {
	t.Helper()
	in, err := NewInfo("n", 32, []byte(strings.Repeat("a", 20)+strings.Repeat("b", 60)),
		[]File{{Path: "n/a", Length: 40}, {Path: "n/b"}, {Length: 8, Pad: true}, {Path: "n/c", Length: 52}}, true, false)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestInfoPieces(t *testing.T) {
	in := sampleInfo(t)
	checkInfo(t, in)
	if in.NumPieces() != 4 || in.Size() != 100 || in.Payload() != 92 || in.PieceSize(3) != 4 || in.PieceSize(2) != 32 || in.PieceOffset(3) != 96 {
		t.Errorf("%d pieces, %d bytes, last %d", in.NumPieces(), in.Size(), in.PieceSize(3))
	}
	if in.PieceHash(0) != Hash([]byte(strings.Repeat("a", 20))) || in.PieceHash(3) != Hash([]byte(strings.Repeat("b", 20))) {
		t.Error("hashes")
	}
}

func TestInfoAppendSpans(t *testing.T) {
	in := sampleInfo(t)
	for _, c := range []struct {
		off, n int64
		want   []Span
	}{
		{0, 32, []Span{{0, 0, 32}}},
		{32, 32, []Span{{0, 32, 8}, {2, 0, 8}, {3, 0, 16}}},
		{96, 4, []Span{{3, 48, 4}}},
		{40, 1, []Span{{2, 0, 1}}},
		{0, 100, []Span{{0, 0, 40}, {2, 0, 8}, {3, 0, 52}}},
		{50, 0, nil},
	} {
		if got := in.AppendSpans(nil, c.off, c.n); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d+%d: %v, want %v", c.off, c.n, got, c.want)
		}
	}
	buf := make([]Span, 0, 4)
	if n := testing.AllocsPerRun(10, func() { in.AppendSpans(buf, 32, 32) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestInfoBlocks(t *testing.T) {
	const size = 2*BlockSize + 100
	in, err := NewInfo("n", size, make([]byte, 40), []File{{Path: "n", Length: size + 5}}, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if in.NumBlocks(0) != 3 || in.NumBlocks(1) != 1 {
		t.Errorf("%d and %d blocks", in.NumBlocks(0), in.NumBlocks(1))
	}
	if b := in.BlockAt(0, 2); b != (Block{0, 2 * BlockSize, 100}) {
		t.Errorf("%+v", b)
	}
	for _, c := range []struct {
		index, begin, length uint32
		ok                   bool
	}{
		{0, 0, BlockSize, true}, {0, 7, 100, true}, {0, 2 * BlockSize, 100, true}, {1, 0, 5, true}, {1, 4, 1, true},
		{0, 2 * BlockSize, 101, false}, {0, 0, 0, false}, {0, 0, BlockSize + 1, false}, {1, 0, 6, false}, {1, 5, 1, false},
		{2, 0, 1, false}, {math.MaxUint32, 0, 1, false}, {0, math.MaxUint32, 1, false}, {0, math.MaxUint32, math.MaxUint32, false},
		{0, 1, math.MaxUint32, false},
	} {
		b, err := in.Block(c.index, c.begin, c.length)
		if (err == nil) != c.ok || c.ok && b != (Block{int(c.index), int(c.begin), int(c.length)}) {
			t.Errorf("%+v: %+v, %v", c, b, err)
		}
	}
}

func TestNewInfoRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		pieceLength int64
		hashes      int
		files       []File
	}{
		"piece length 0":    {0, 20, []File{{Length: 1}}},
		"piece length":      {MaxPieceLength + 1, 20, []File{{Length: 1}}},
		"negative":          {16, 20, []File{{Length: -1}}},
		"sum":               {16, 20, []File{{Length: math.MaxInt64}, {Length: math.MaxInt64}}},
		"too few hashes":    {16, 20, []File{{Length: 17}}},
		"too many hashes":   {16, 40, []File{{Length: 16}}},
		"half a hash":       {16, 30, []File{{Length: 17}}},
		"too many pieces":   {1, (MaxPieces + 1) * 20, []File{{Length: MaxPieces + 1}}},
		"hashes of nothing": {16, 20, []File{{}}},
	} {
		if in, err := NewInfo("n", c.pieceLength, make([]byte, c.hashes), c.files, false, false); !errors.Is(err, ErrInvalid) || in != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestID(t *testing.T) {
	a := ID{V1: Hash{1}, V2: Hash2{2}}
	if a.Wire() != a.V1 || a.String() != a.V1.String() || !a.HasV1() || !a.HasV2() {
		t.Errorf("%+v", a)
	}
	b := ID{V2: Hash2{2, 3}}
	if b.Wire() != (Hash{2, 3}) || b.String() != b.V2.String() || b.HasV1() || len(b.String()) != 64 {
		t.Errorf("%+v", b)
	}
}

func TestBitfield(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 64, 1001} {
		f := NewBitfield(n)
		for i := 0; i < n; i += 3 {
			if !f.Set(i) || f.Set(i) || !f.Has(i) {
				t.Errorf("%d: Set(%d)", n, i)
			}
		}
		if f.Set(-1) || f.Set(n) || f.Has(-1) || f.Has(n) || f.Clear(n) || f.Count() != (n+2)/3 {
			t.Errorf("%d: out of range, or %d set", n, f.Count())
		}
		g, ok := ParseBitfield(f.Bytes(), n)
		if !ok || !bytes.Equal(f.Bytes(), g.Bytes()) || g.Count() != f.Count() || g.Len() != n {
			t.Errorf("%d: parsed %+v", n, g)
		}
		c := f.Clone()
		c.SetAll()
		if !c.All() || c.Count() != n || n > 1 && f.All() {
			t.Errorf("%d: SetAll", n)
		}
		if d, ok := ParseBitfield(c.Bytes(), n); !ok || !d.All() {
			t.Errorf("%d: spare bits are set", n)
		}
		if n > 0 && (!c.Clear(0) || c.Clear(0) || c.All()) {
			t.Errorf("%d: Clear", n)
		}
		if _, ok := ParseBitfield(make([]byte, (n+7)/8+1), n); ok {
			t.Errorf("%d: too long is accepted", n)
		}
		if n%8 != 0 {
			b := make([]byte, (n+7)/8)
			b[len(b)-1] = 1
			if _, ok := ParseBitfield(b, n); ok {
				t.Errorf("%d: a spare bit is accepted", n)
			}
		}
	}
}

// TestBitfieldSets: And and Without say of each piece what they should, count it, and leave spare bits alone, also
// for sets of different lengths.
func TestBitfieldSets(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 8, 13, 64, 100} {
		for _, m := range []int{0, 5, 13, 64, 200} {
			a, b := NewBitfield(n), NewBitfield(m)
			for i := range max(n, m) {
				if rnd.IntN(2) == 0 {
					a.Set(i)
				}
				if rnd.IntN(2) == 0 {
					b.Set(i)
				}
			}
			and, without := a.And(&b), a.Without(&b)
			for i := range n {
				if and.Has(i) != (a.Has(i) && b.Has(i)) || without.Has(i) != (a.Has(i) && !b.Has(i)) {
					t.Errorf("%d and %d: piece %d is wrong", n, m, i)
				}
			}
			if and.Count()+without.Count() != a.Count() {
				t.Errorf("%d and %d: counted %d and %d of %d", n, m, and.Count(), without.Count(), a.Count())
			}
			for _, s := range []Bitfield{and, without} {
				if _, ok := ParseBitfield(s.Bytes(), n); !ok {
					t.Errorf("%d and %d: not a bitfield of %d: %08b", n, m, n, s.Bytes())
				}
			}
		}
	}
}
