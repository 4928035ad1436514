package session

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"shoal/internal/fakepeer"
	"shoal/internal/fsys"
	"shoal/metainfo"
)

// dir opens a real folder.
func dir(t *testing.T, path string) fsys.FS {
	t.Helper()
	d, err := fsys.OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// running starts a session on the machine's own network and ends it with the test.
func running(t *testing.T, cfg Config) *Session {
	t.Helper()
	cfg.NoLSD, cfg.NoPortMap = true, true // this is the real network
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

// TestTransferTCP: over real sockets of both families, between real folders, with pieces that are held in memory and with
// some that are written block by block.
func TestTransferTCP(t *testing.T) {
	const size = 24<<20 + 12345
	for name, c := range map[string]struct {
		host        string
		pieceLength int
	}{"IPv4": {"127.0.0.1", 256 << 10}, "IPv6": {"::1", 256 << 10}, "large pieces": {"127.0.0.1", 16 << 20}} {
		host := c.host
		info, data := fakepeer.Content("file.bin", size, c.pieceLength, 3)
		tor := &metainfo.Torrent{ID: metainfo.ID{V1: metainfo.Hash{9}}, Info: info}
		t.Run(name, func(t *testing.T) {
			if l, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
				t.Skipf("this machine has no %s: %v", host, err)
			} else {
				l.Close()
			}
			from, to := dir(t, t.TempDir()), dir(t, t.TempDir())
			put(t, from, "file.bin", data)
			seed := running(t, Config{Listen: net.JoinHostPort(host, "0")})
			if _, err := seed.Add(t.Context(), Add{Torrent: tor, Folder: from, Seed: true}); err != nil {
				t.Fatal(err)
			}
			if err := seed.Wait(t.Context(), tor.ID); err != nil { // while it checks it answers nobody
				t.Fatal(err)
			}
			state := dir(t, t.TempDir())
			defer state.Close()
			leech := running(t, Config{Listen: net.JoinHostPort(host, "0"), State: state, BootID: BootID()})
			path := filepath.Join(to.Path(), "file.bin")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			begun := time.Now()
			id, err := leech.Add(ctx, Add{Torrent: tor, Folder: to, Peers: []string{seed.Addrs()[0].String()}})
			if err != nil {
				t.Fatal(err)
			}
			if err := leech.Wait(ctx, id); err != nil {
				t.Fatal(err)
			}
			took := time.Since(begun)
			if err := leech.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if got := get(t, to, "file.bin"); !bytes.Equal(got, data) {
				t.Fatalf("%s differs", path)
			}
			t.Logf("%d MiB in %v: %.0f MiB/s", size>>20, took, size/took.Seconds()/(1<<20))
		})
	}
}
