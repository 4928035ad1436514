package fsys

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPortableTwins runs here what systems without pwritev and SEEK_DATA use.
func TestPortableTwins(t *testing.T) {
	o, err := os.OpenFile(filepath.Join(t.TempDir(), "f"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	f := newFile(o)
	n, err := f.writeEach([][]byte{[]byte("ab"), nil, []byte("cde")}, 10)
	if n != 5 || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if got := content(t, f); !bytes.Equal(got, append(make([]byte, 10), "abcde"...)) {
		t.Errorf("content %q", got)
	}
	if start, end, err := restOf(o, 3); start != 3 || end != 15 || err != nil {
		t.Errorf("rest is %d to %d, %v", start, end, err)
	}
	if _, _, err := restOf(o, 15); err != io.EOF {
		t.Errorf("rest at the end: %v", err)
	}
	f.Close()
	if n, err := f.writeEach([][]byte{{1}, {2}}, 0); n != 0 || err == nil {
		t.Errorf("after Close: %d, %v", n, err)
	}
}
