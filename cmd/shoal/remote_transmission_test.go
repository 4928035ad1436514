//go:build linux

package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRemoteTransmission: the commands steer Debian's transmission-daemon. Where that is missing they are not tested, but with CI=true
// the test fails.
func TestRemoteTransmission(t *testing.T) {
	if _, err := exec.LookPath("transmission-daemon"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("transmission-daemon is not installed: %v", err)
		}
		t.Skipf("not tested against Transmission: %v", err)
	}
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	ln.Close()
	cmd := exec.Command("transmission-daemon", "-f", "-g", filepath.Join(dir, "config"), "-w", dir, "-p", port, "-r", "127.0.0.1", "-P", "0", "-i", "127.0.0.1",
		"--no-portmap", "--no-dht", "--no-lpd", "--auth", "-u", "me", "-v", "secret")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOAL_CONNECT", address)
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		code, _, said := here("list")
		if code == exitPassword {
			break
		}
		if code != exitNoDaemon || time.Now().After(late) {
			t.Fatalf("code %d: %s", code, said)
		}
	}
	t.Setenv("SHOAL_USER", "me")
	t.Setenv("SHOAL_PASSWORD_FILE", secret)
	if err := fillRandom(filepath.Join(dir, "x.bin"), 300_000); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "x.torrent")
	for _, c := range []struct {
		code int
		want string // in what it prints
		args string
	}{
		{exitDone, "x.torrent", "create " + filepath.Join(dir, "x.bin") + " -o " + file},
		{exitDone, "added  x.bin, number 1", "add --stopped --label a " + file},
		{exitDuplicate, "in the list already", "add " + file},
		{exitDone, "verifying", "verify 1"},
		{exitDone, "done  x.bin", "wait 1 --deadline 30s"},
		{exitDone, "started  x.bin", "start 1"},
		{exitDone, `"state":"`, "list --filter label:a --json"},
		{exitDone, "labelled", "label 1 --set b"},
		{exitDone, "limited", "limit 1 --down 1MB --ratio none"},
		{exitFailure, "not offered by this daemon", "limit 1 --seed-time 7d"},
		{exitDone, "the alternative ones count now", "limit --session --alternative"},
		{exitDone, "kB of 300 kB wanted here", "show 1"},
		{exitDone, "down 1.0 MB/s", "show 1 --files --trackers --pieces --peers"},
		{exitDone, "Transmission ", "stats"},
		{exitNoTorrent, "no such torrent", "stop 2"},
		{exitDone, "1\tx.bin", "__complete stop 1"},
		{exitDone, "deleted  x.bin", "remove 1 --with-data --yes"},
		{exitDone, "no torrents", "list"},
	} {
		code, stdout, stderr := here(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%s: code %d, want %d and %q\n%s%s", c.args, code, c.code, c.want, stdout, stderr)
		}
	}
	eventually(t, "the file is gone", func() error {
		if _, err := os.Stat(filepath.Join(dir, "x.bin")); err == nil {
			return errors.New("it is there")
		}
		return nil
	})
}
