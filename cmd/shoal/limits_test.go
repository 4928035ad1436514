//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/peer/wire"
	"shoal/session"
)

// TestS06FewHandles: with 64 open files allowed, a torrent of 5,000 files is downloaded while 200
// peers are known or come in. They are useless and stay; one has the content.
func TestS06FewHandles(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	for i := range 5000 {
		file := filepath.Join(src, fmt.Sprintf("d%02d/e%d/f%d", i%70, i%7, i))
		if i < 500 {
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := fillRandom(file, int64(1000+i%5000)); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	start := func(pattern string, words ...string) (*running, string) {
		t.Helper()
		r := &running{cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{})}
		r.cmd.Dir, r.cmd.Env = dir, env
		found, err := r.begin(regexp.MustCompile(pattern))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.kill)
		return r, found
	}
	_, seed := start(`seeding .* on (\S+)`, "shoal", "seed", "src", "--save-torrent", "src.torrent", "--listen", "127.0.0.1:0", "--progress", "none")
	b, err := os.ReadFile(filepath.Join(dir, "src.torrent"))
	if err != nil {
		t.Fatal(err)
	}
	torrent, err := metainfo.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String() // free a moment later
	l.Close()
	get := []string{"sh", "-c", `ulimit -n 64; exec "$@"`, "sh", "shoal", "get", "-o", "out", "--listen", at,
		"--progress", "plain", "--limit-down", "5MB", "--stall-timeout", "50s"}
	get = append(get, "--peer", seed)
	for i := range 100 {
		get = append(get, "--peer", bystander(t, torrent.ID, byte(i)))
	}
	began := time.Now()
	r, _ := start(`downloading, [1-9]`, append(get, "src.torrent")...)
	for i := range 100 {
		comeIn(t, at, torrent.ID, byte(i))
	}
	r.mustEnd(t, 0)
	t.Logf("done in %v", time.Since(began).Round(time.Millisecond))
	if err := same(src, filepath.Join(dir, "out", "src"), false); err != nil {
		t.Error(err)
	}
}

// bystander listens on a loopback address of its own, answers the handshake, and says no more.
func bystander(t *testing.T, id metainfo.ID, n byte) string {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.1.%d:0", n+1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go idle(c, id, 1, n)
		}
	}()
	return l.Addr().String()
}

// comeIn dials from a loopback address of its own until it is let in, and says no more.
func comeIn(t *testing.T, at string, id metainfo.ID, n byte) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, n+1)}, Timeout: time.Minute}
	go func() {
		for t.Context().Err() == nil {
			c, err := d.DialContext(t.Context(), "tcp", at)
			if err != nil {
				return
			}
			idle(c, id, 2, n)
		}
	}()
}

func idle(c net.Conn, id metainfo.ID, kind, n byte) {
	defer c.Close()
	hs := wire.Handshake{InfoHash: id.Wire(), PeerID: [20]byte{'-', 'X', 'X', kind, n}}
	if _, err := c.Write(wire.AppendHandshake(nil, &hs)); err == nil {
		_, _ = io.Copy(io.Discard, c)
	}
}

// TestFit: what is kept open never passes what may be.
func TestFit(t *testing.T) {
	for _, most := range []int{600, 3000} {
		cfg := session.Config{MaxPeers: most}
		if fit(&cfg, 8000); cfg.Limits.Connections != most {
			t.Errorf("%d peers wanted: %d connections", most, cfg.Limits.Connections)
		}
	}
	for i := range 8000 {
		handles, most := i/4, []int{0, 600, 3000, math.MaxInt}[i%4]
		cfg := session.Config{MaxPeers: most}
		fit(&cfg, handles)
		if cfg.OpenFiles == 0 && cfg.Limits.Connections > 0 { // enough for the session's own files and dials
			cfg.OpenFiles, cfg.Limits.HalfOpen = 128, 30
		}
		if handles == 0 {
			continue // nobody knows
		}
		sum := cfg.OpenFiles + cfg.Limits.HalfOpen + cfg.Limits.Connections
		if sum == 0 {
			if handles < 600 {
				t.Fatalf("nothing was done about %d handles", handles)
			}
			continue
		}
		if handles >= 40 && sum+spareHandles > handles || cfg.OpenFiles < 2 || cfg.Limits.HalfOpen < 2 || cfg.Limits.Connections < 4 {
			t.Fatalf("%d handles: %d files, %+v", handles, cfg.OpenFiles, cfg.Limits)
		}
	}
}
