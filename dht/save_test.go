package dht

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"shoal/metainfo"
)

func manyContacts(n int, v6 bool) []contact {
	w := &world{v6: v6, seed: 5}
	var out []contact
	for i := range n {
		out = append(out, contact{metainfo.Hash(hashOf(5, i)), netip.AddrPortFrom(w.address(i), uint16(1024+i))})
	}
	return out
}

// TestD12Saved: whatever happened to the saved nodes, what is whole of them is used, and nothing is fatal.
func TestD12Saved(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		id, nodes := metainfo.Hash(hashOf(1, 1)), manyContacts(20, v6)
		b := writeSaved(id, v6, nodes)
		if gotID, got := readSaved(b, v6); gotID != id || !slices.Equal(got, nodes) {
			t.Fatalf("v6=%t: %v, %v", v6, gotID, got)
		}
		if gotID, got := readSaved(b, !v6); gotID != (metainfo.Hash{}) || len(got) != 0 {
			t.Errorf("the other family reads %v, %v", gotID, got)
		}
		if gotID, got := readSaved(WithoutID(b), v6); gotID != (metainfo.Hash{}) || !slices.Equal(got, nodes) {
			t.Errorf("without its id it reads %v, %v", gotID, got)
		}
		for cut := range b {
			gotID, got := readSaved(b[:cut], v6)
			if whole := max(0, cut-headerLen) / recordLen; len(got) != whole || !slices.Equal(got, nodes[:whole]) {
				t.Fatalf("cut at %d: %d nodes", cut, len(got))
			}
			if (gotID == id) != (cut >= headerLen) {
				t.Fatalf("cut at %d: id %v", cut, gotID)
			}
		}
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= 0x10
			gotID, got := readSaved(bad, v6)
			if i < headerLen && (gotID != metainfo.Hash{} || len(got) != 20) || i >= headerLen && (gotID != id || len(got) != 19) {
				t.Fatalf("byte %d changed: id %v, %d nodes", i, gotID, len(got))
			}
		}
		zero := bytes.Clone(b)
		clear(zero[headerLen+recordLen : headerLen+2*recordLen])
		if _, got := readSaved(zero, v6); len(got) != 19 {
			t.Errorf("a record of zeros: %d nodes", len(got))
		}
		huge := append(bytes.Clone(b), make([]byte, 100<<20)...)
		if _, got := readSaved(huge, v6); len(got) != 20 {
			t.Errorf("100 MiB: %d nodes", len(got))
		}
		if _, got := readSaved(writeSaved(id, v6, manyContacts(2000, v6)), v6); len(got) != maxSaved {
			t.Errorf("%d nodes read of 2000", len(got))
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		junk := make([]byte, rnd.IntN(500))
		for i := range junk {
			junk[i] = byte(rnd.Uint32())
		}
		readSaved(junk, false)
	}
}

// FuzzSaved: no input is fatal, and what is read can be written and read again.
func FuzzSaved(f *testing.F) {
	f.Add(writeSaved(metainfo.Hash{1}, false, manyContacts(3, false)))
	f.Add(make([]byte, headerLen+recordLen))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, nodes := readSaved(b, false)
		if _, again := readSaved(writeSaved(id, false, nodes), false); !slices.Equal(again, nodes) {
			t.Errorf("%v, then %v", nodes, again)
		}
	})
}
