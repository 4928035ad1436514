package mse

import (
	"bytes"
	"crypto/rc4"
	"testing"
)

// sameStream compares our cipher, and that of other processors, with the library's: cuts are the lengths of the parts in which the
// stream is taken. There is a byte around each part that must stay as it is.
func sameStream(t *testing.T, key []byte, cuts []int) {
	t.Helper()
	want, err := rc4.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	ours, goes := newARC4(key), newARC4(key)
	for at, n := range cuts {
		clear := make([]byte, n+2)
		for i := range clear {
			clear[i] = byte(i * 7)
		}
		wire, mine := bytes.Clone(clear), bytes.Clone(clear)
		want.XORKeyStream(wire[1:n+1], clear[1:n+1])
		ours.xor(mine[1 : n+1])
		if !bytes.Equal(mine, wire) {
			t.Fatalf("part %d of %v differs for the key %x", at, cuts, key)
		}
		copy(mine, clear)
		whole := n &^ 7
		goes.goWords(mine[1 : whole+1])
		goes.bytes(mine[whole+1 : n+1])
		if !bytes.Equal(mine, wire) {
			t.Fatalf("part %d of %v differs without assembly for the key %x", at, cuts, key)
		}
	}
	if *ours != *goes {
		t.Fatalf("the state differs after %v for the key %x", cuts, key)
	}
}

// TestRC4: every length, from every place of a word, and keys of all lengths, give what crypto/rc4 gives.
func TestRC4(t *testing.T) {
	for first := range 9 {
		for n := range 300 {
			sameStream(t, []byte("a key of 20 bytes..."), []int{first, n, 1, 20 - n%20, 0, 64})
		}
	}
	key := make([]byte, 256)
	for i := range key {
		key[i] = byte(i*i + 3)
		sameStream(t, key[:i+1], []int{discard, 16 << 10})
	}
}

// FuzzRC4: any key, and any way to cut the stream into parts, give what crypto/rc4 gives.
func FuzzRC4(f *testing.F) {
	f.Add([]byte{0}, []byte{1, 7, 8, 9, 255})
	f.Add([]byte("keyA"), []byte{0, 200, 3, 64, 64})
	f.Fuzz(func(t *testing.T, key, cuts []byte) {
		if len(key) == 0 || len(key) > 256 || len(cuts) > 64 {
			return
		}
		parts := make([]int, len(cuts))
		for i, n := range cuts {
			parts[i] = int(n)
		}
		sameStream(t, key, parts)
	})
}
