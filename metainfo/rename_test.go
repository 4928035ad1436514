package metainfo

import (
	"errors"
	"strings"
	"testing"
)

// TestWithPaths: other names are taken as long as every system can keep them apart, and nothing else changes.
func TestWithPaths(t *testing.T) {
	files := []File{{Path: "dir/a", Length: 1}, {Path: "dir/sub/b", Length: 2}, {Path: "dir/c", Length: 0}}
	in, err := NewInfo("dir", 16, make([]byte, 20), files, true, false)
	if err != nil {
		t.Fatal(err)
	}
	out, err := in.WithPaths(map[int]string{0: "new/x", 2: "dir/sub/c"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"new/x", "dir/sub/b", "dir/sub/c"} {
		if f := out.Files()[i]; f.Path != want || f.Offset != in.Files()[i].Offset || f.Length != in.Files()[i].Length {
			t.Errorf("file %d: %+v", i, f)
		}
	}
	if in.Files()[0].Path != "dir/a" || out.Name() != "dir" || out.NumPieces() != 1 {
		t.Error("more than the names has changed")
	}
	if moved, err := in.WithPaths(map[int]string{0: "x/a", 1: "x/sub/b", 2: "x/c"}); err != nil || moved.Name() != "x" {
		t.Error("the folder has another name, the torrent has not", err)
	}
	for _, bad := range []map[int]string{
		{-1: "x"}, {3: "x"}, {0: ""}, {0: "/x"}, {0: "x/"}, {0: "x//y"}, {0: ".."}, {0: "x/../y"}, {0: "."}, {0: "nul"}, {0: "a:b"}, {0: "x "},
		{0: "a\\b"}, {0: "a\x00"}, {0: "dir/c"}, {0: "DIR/C"}, {0: "dir/sub"}, {0: "dir/sub/b/x"}, {0: "DIR/Sub"}, {0: strings.Repeat("x/", 600) + "x"},
	} {
		if _, err := in.WithPaths(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.40v: %v", bad, err)
		}
	}
}
