//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// TestS01DiskFull: too little space is seen before the start, code 9. A disk that fills up on the
// way stops the download with the cause in words, and it goes on by itself when there is
// space again; impatience ends it with code 9. Nothing false is claimed. The disk is a tmpfs of 8 MiB, which takes root.
func TestS01DiskFull(t *testing.T) {
	disk := filepath.Join(os.TempDir(), "shoal-tmpfs")
	if os.Getenv(inside) == "" {
		if err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", t.TempDir()).Run(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("a full disk cannot be tested: mounting a tmpfs in a namespace: %v", err)
			}
			t.Skipf("a full disk is not tested here: mounting a tmpfs in a namespace (as root): %v", err)
		}
		again(t, "-m", "mkdir -p "+disk+"\nmount -t tmpfs -o size=8m none "+disk)
		_ = os.Remove(disk)
		return
	}
	dir := t.TempDir()
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
	fill := func(size int64) (err error) { return fillRandom(filepath.Join(disk, "other"), size) }
	empty := func() {
		t.Helper()
		if err := os.Remove(filepath.Join(disk, "other")); err != nil {
			t.Fatal(err)
		}
	}
	const size = 7 << 20
	if err := fillRandom(filepath.Join(dir, "big.bin"), size); err != nil {
		t.Fatal(err)
	}
	_, seed := start(`seeding .* on (\S+)`, "seed", "big.bin", "--save-torrent", "big.torrent", "--listen", "127.0.0.1:0", "--progress", "none")
	get := []string{"get", "-o", disk, "--peer", seed, "--listen", "127.0.0.1:0", "--progress", "plain", "--limit-down", "2MB", "big.torrent"}

	if err := fill(4 << 20); err != nil {
		t.Fatal(err)
	}
	early, _ := start(`free`, get...)
	early.mustEnd(t, exitDiskFull)
	if _, err := os.Stat(filepath.Join(disk, "big.bin")); err == nil {
		t.Error("something was written where there is no room")
	}
	empty()

	hasty, _ := start(`downloading, [1-2]\d%`, append(get, "--stall-timeout", "1s")...)
	if err := fill(8 << 20); err == nil {
		t.Error("the disk should be full")
	}
	hasty.mustEnd(t, exitDiskFull)
	empty()

	patient, _ := start(`downloading, [3-5]\d%`, get...)
	if err := fill(8 << 20); err == nil {
		t.Error("the disk should be full")
	}
	if _, err := patient.await(regexp.MustCompile(`^shoal: big.torrent: .*no space left on device.*goes on`)); err != nil {
		t.Fatal(err)
	}
	empty()
	freed := time.Now()
	patient.mustEnd(t, 0)
	t.Logf("went on and ended %v after there was space again", time.Since(freed).Round(time.Millisecond))
	if err := same(filepath.Join(dir, "big.bin"), filepath.Join(disk, "big.bin"), false); err != nil {
		t.Error(err)
	}
}
