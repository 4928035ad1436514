package main

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shoal/metainfo"
)

// TestM17WhatIsNoTorrentSaysWhy: each mistake has words of its own, whether the file
// is here or comes from a URL.
func TestM17WhatIsNoTorrentSaysWhy(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.torrent")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(metainfo.MaxTorrentFile + 1<<20); err != nil { // sparse
		t.Fatal(err)
	}
	f.Close()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("d4:infod6:lengthi0e4:name1:a12:piece lengthi16384e6:pieces0:ee"))
	z.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/big":
			_, _ = w.Write(bytes.Repeat([]byte("d"), metainfo.MaxFetched+1<<20))
		case "/gzip":
			_, _ = w.Write(zipped.Bytes())
		case "/page":
			_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Please log in</body></html>"))
		case "/good":
			_, _ = w.Write([]byte("d4:infod6:lengthi0e4:name1:a12:piece lengthi16384e6:pieces0:ee"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		source string
		code   int
		words  string
	}{
		{big, exitBadTorrent, "100 MiB"},
		{server.URL + "/big", exitBadTorrent, "10 MiB"},
		{server.URL + "/gzip", exitBadTorrent, "gzip"},
		{server.URL + "/page", exitBadTorrent, "web page"},
		{server.URL + "/none", exitFailure, "404"},
		{server.URL + "/good", exitDone, ""},
		{"http://127.0.0.1:1/", exitFailure, "refused"},
	} {
		var stdout, stderr bytes.Buffer
		code := run([]string{"inspect", c.source}, strings.NewReader(""), &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.words) {
			t.Errorf("%s: code %d, not %d; it says %q, which should have %q", c.source, code, c.code, stderr.String(), c.words)
		}
	}
}
