package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shoal/internal/fakepeer"
	"shoal/metainfo"
)

// TestKeepLongName: a torrent whose name is as long as names may be gets a .torrent file all the same.
func TestKeepLongName(t *testing.T) {
	made, _ := fakepeer.Content(strings.Repeat("a", 255), 1000, 16<<10, 1)
	raw := fakepeer.InfoBytes(made)
	info, id, err := metainfo.ParseInfo(raw)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	j := &job{torrent: &metainfo.Torrent{ID: id, Info: info, InfoBytes: raw}}
	if err := j.keep(newConsole(nil, io.Discard, io.Discard), &getOptions{output: dir}); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 || filepath.Ext(list[0].Name()) != ".torrent" {
		t.Error(list, err)
	}
}
