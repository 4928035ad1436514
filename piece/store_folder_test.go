//go:build unix

package piece_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
)

// TestM15LinkedFolder: a link in the place of a folder is not followed, although it stays within the download folder
// and the file is there.
func TestM15LinkedFolder(t *testing.T) {
	path := t.TempDir()
	file := filepath.Join(path, "u", "b")
	if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o777), os.WriteFile(file, []byte("theirs"), 0o666),
		os.Symlink("u", filepath.Join(path, "t"))); err != nil {
		t.Fatal(err)
	}
	root, err := fsys.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tt := makeTorrent(t, 64*kib, metainfo.File{Path: "t/b", Length: 6})
	s := piece.NewStore(root, tt.info, piece.NewFiles(4))
	defer s.Close()
	_, err = s.ReadAt(make([]byte, 6), 0)
	wantIs(t, err, piece.ErrNotFolder)
	wantIs(t, s.WriteBlocks(0, tt.blocks(0)), piece.ErrNotFolder)
	if b, _ := os.ReadFile(file); string(b) != "theirs" {
		t.Errorf("the file behind the link holds %q", b)
	}
}
