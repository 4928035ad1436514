package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
)

func TestMetadata(t *testing.T) {
	for name, m := range map[string]Metadata{
		"request": {Type: MetadataRequest, Piece: 3},
		"reject":  {Type: MetadataReject},
		"data":    {Type: MetadataData, Piece: 2, Total: 40_000, Data: []byte("d4:name1:xe")},
		"empty":   {Type: MetadataData, Piece: 2, Total: 40_000, Data: []byte{}},
		"unknown": {Type: 77, Piece: 1},
	} {
		b := AppendMetadata(nil, &m)
		got, err := ParseMetadata(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: %q became %+v, %v", name, b, got, err)
		}
		for cut := range len(b) - len(m.Data) {
			if _, err := ParseMetadata(b[:cut]); !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: cut at %d: %v", name, cut, err)
			}
		}
	}
	// As libtorrent writes them: other keys, no size, and trailing bytes after what has none.
	for in, want := range map[string]Metadata{
		"d8:msg_typei0e5:piecei0e1:xli1eee":         {},
		"d8:msg_typei1e5:piecei0eeabc":              {Type: 1, Data: []byte("abc")},
		"d8:msg_typei0e5:piecei5e10:total_sizei9ee": {Piece: 5},
		"d8:msg_typei2e5:piecei5eexyz":              {Type: 2, Piece: 5},
	} {
		if got, err := ParseMetadata([]byte(in)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

func TestX03HostileMetadata(t *testing.T) {
	long := AppendMetadata(nil, &Metadata{Type: MetadataData, Total: 1 << 20, Data: make([]byte, MetadataPiece+1)})
	for name, in := range map[string]string{
		"too much data": string(long), "nothing": "", "no dictionary": "i1e", "no piece": "d8:msg_typei0ee", "no type": "d5:piecei0ee",
		"negative piece": "d8:msg_typei0e5:piecei-1ee", "negative type": "d8:msg_typei-1e5:piecei1ee", "piece a string": "d8:msg_typei0e5:piece1:1e",
		"piece beyond 64 bits": "d8:msg_typei0e5:piecei18446744073709551616ee", "twice": "d8:msg_typei0e5:piecei0e5:piecei1ee",
		"deep": "d1:alllllee8:msg_typei0e5:piecei0ee",
	} {
		if m, err := ParseMetadata([]byte(in)); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for _, tt := range []struct{ piece, size, off, n int64 }{
		{0, 1, 0, 1}, {0, MetadataPiece, 0, MetadataPiece}, {1, MetadataPiece + 1, MetadataPiece, 1}, {2047, MaxMetadata, 2047 * MetadataPiece, MetadataPiece},
	} {
		if off, n, ok := (&Metadata{Piece: tt.piece}).Span(tt.size); !ok || off != tt.off || n != tt.n {
			t.Errorf("piece %d of %d: %d %d %v", tt.piece, tt.size, off, n, ok)
		}
	}
	for _, tt := range [][2]int64{
		{1, 1}, {1, MetadataPiece}, {-1, 100}, {262144, MaxMetadata}, {2048, MaxMetadata}, {1 << 50, MaxMetadata}, {math.MaxInt64, MaxMetadata},
		{0, 0}, {0, -1}, {0, MaxMetadata + 1}, {0, math.MaxInt64},
	} {
		if off, n, ok := (&Metadata{Piece: tt[0]}).Span(tt[1]); ok {
			t.Errorf("piece %d of %d: %d %d", tt[0], tt[1], off, n)
		}
	}
}

// FuzzUTMetadata: nothing panics, what is accepted is within bounds and encodes to something that means the same.
func FuzzUTMetadata(f *testing.F) {
	f.Add([]byte("d8:msg_typei0e5:piecei0ee"))
	f.Add([]byte("d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxxxxxx"))
	f.Add([]byte("d8:msg_typei2e5:piecei262144ee"))
	f.Add(fmt.Appendf(nil, "d8:msg_typei0e5:piecei%dee", math.MaxInt64))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := ParseMetadata(in)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		if m.Type < 0 || m.Piece < 0 || m.Total < 0 || len(m.Data) > MetadataPiece || len(m.Data) > 0 && m.Type != MetadataData {
			t.Fatalf("out of bounds: %+v", m)
		}
		for _, size := range []int64{1, MetadataPiece, MaxMetadata, m.Total} {
			if off, n, ok := m.Span(size); ok && (off < 0 || n < 1 || n > MetadataPiece || off+n > size) {
				t.Fatalf("piece %d of %d bytes lies at %d, %d long", m.Piece, size, off, n)
			}
		}
		again, err := ParseMetadata(AppendMetadata(nil, &m))
		if err != nil || again.Type != m.Type || again.Piece != m.Piece || again.Total != m.Total || !bytes.Equal(again.Data, m.Data) {
			t.Fatalf("%+v became %+v, %v", m, again, err)
		}
	})
}
