//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestS01DiskFull: too little space is seen before the start; a disk that fills up on the
// way stops the download with code 9 and words, nothing false is claimed, and with
// space again the same command goes on. The disk is a small tmpfs, which takes root.
func TestS01DiskFull(t *testing.T) {
	if os.Getenv(inside) == "" {
		if err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", t.TempDir()).Run(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("a full disk cannot be tested: mounting a tmpfs in a namespace: %v", err)
			}
			t.Skipf("a full disk is not tested here: mounting a tmpfs in a namespace (as root): %v", err)
		}
		again(t, "-m", "mkdir -p "+filepath.Join(os.TempDir(), "shoal-tmpfs")+"\nmount -t tmpfs -o size=40m none "+filepath.Join(os.TempDir(), "shoal-tmpfs"))
		_ = os.Remove(filepath.Join(os.TempDir(), "shoal-tmpfs"))
		return
	}
	disk, dir := filepath.Join(os.TempDir(), "shoal-tmpfs"), t.TempDir()
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	start := func(pattern string, args ...string) (*running, string) {
		t.Helper()
		r := &running{cmd: exec.Command("shoal", args...), ended: make(chan struct{})}
		r.cmd.Env, r.cmd.Dir = env, dir
		found, err := r.begin(regexp.MustCompile(pattern))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.kill)
		return r, found
	}
	if err := fillRandom(filepath.Join(dir, "big.bin"), 32<<20); err != nil {
		t.Fatal(err)
	}
	_, seed := start(`seeding .* on (\S+)`, "seed", "big.bin", "--save-torrent", "big.torrent", "--listen", "127.0.0.1:0", "--progress", "none")
	get := []string{"get", "-o", disk, "--peer", seed, "--listen", "127.0.0.1:0", "--progress", "plain", "--limit-down", "10MB", "big.torrent"}

	other := filepath.Join(disk, "other")
	if err := fillRandom(other, 20<<20); err != nil {
		t.Fatal(err)
	}
	early, _ := start(`free`, get...)
	early.mustEnd(t, exitDiskFull)
	if _, err := os.Stat(filepath.Join(disk, "big.bin")); err == nil {
		t.Error("something was written where there is no room")
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}

	late, _ := start(`downloading, [1-3]\d%`, get...)
	if err := fillRandom(other, 39<<20); err == nil {
		t.Error("the disk should be full")
	}
	late.mustEnd(t, exitDiskFull)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}

	again, _ := start(`.`, get...)
	again.mustEnd(t, 0)
	if err := same(filepath.Join(dir, "big.bin"), filepath.Join(disk, "big.bin"), false); err != nil {
		t.Error(err)
	}
}
