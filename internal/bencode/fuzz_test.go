package bencode

import (
	"bytes"
	"errors"
	"testing"

	zeebo "github.com/zeebo/bencode"
)

// FuzzScan holds the scanner against zeebo: what it accepts decodes, spans
// agree with zeebo's raw messages, and a canonical value encodes to itself.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"i-0e", "i007e", "d1:ai1e1:bl2:hie1:cd0:0:ee", "2147483647:x", "d1:bi1e1:ai2ee", "ld1:ai1eee", "i1e",
		"lllleeee", "d1:ai1e1:ai1ee", "d4:infod6:lengthi5eee", "i99999999999999999999e", "d-1:ae",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Bytes: 1 << 16, Depth: 20, Items: 1000}
		n, err := Scan(b, lim)
		if err != nil {
			if n != 0 || !errors.Is(err, ErrSyntax) {
				t.Fatalf("%d, %v", n, err)
			}
			return
		}
		// The value is itself, whatever follows it, and no prefix of it is one.
		if m, err := Scan(b[:n], lim); m != n || err != nil {
			t.Fatalf("alone: %d, %v; before: %d", m, err, n)
		}
		if _, err := Scan(b[:n-1], lim); !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut by one byte: %v", err)
		}
		c := NewCursor(b[:n])
		if raw := c.Skip(); !bytes.Equal(raw, b[:n]) || c.Kind() != 0 {
			t.Fatalf("Skip gives %q of %q", raw, b[:n])
		}
		var raw zeebo.RawMessage
		if err := zeebo.DecodeBytes(b[:n], &raw); err != nil || !bytes.Equal(raw, b[:n]) {
			t.Fatalf("raw %q, %v", raw, err)
		}
		compare(t, b[:n])
		var s sample
		if err := Unmarshal(b[:n], lim, &s); err != nil && !errors.Is(err, ErrType) {
			t.Fatal(err)
		}
	})
}

// compare decodes with both and looks for differences.
func compare(t *testing.T, b []byte) {
	if b[0] != 'd' {
		return
	}
	byZeebo := map[string]zeebo.RawMessage{}
	if err := zeebo.DecodeBytes(b, &byZeebo); err != nil {
		t.Fatalf("zeebo: %v", err)
	}
	count, sorted, last := 0, true, ""
	for key, val := range Dict(b) {
		if !bytes.Equal(byZeebo[key], val) {
			t.Fatalf("key %q: %q, zeebo %q", key, val, byZeebo[key])
		}
		sorted = sorted && (count == 0 || last < key)
		last = key
		count++
	}
	if count != len(byZeebo) {
		t.Fatalf("%d keys, zeebo %d", count, len(byZeebo))
	}
	if out, err := Marshal(byZeebo); sorted && (err != nil || !bytes.Equal(out, b)) {
		t.Fatalf("%q becomes %q, %v", b, out, err)
	}
}
