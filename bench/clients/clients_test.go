//go:build linux

package clients

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVersion(t *testing.T) {
	for _, c := range []struct{ name, out, want string }{
		{"aria2", "aria2 version 1.36.0\nCopyright (C) 2006", "1.36.0"},
		{"transmission", "transmission-daemon 3.00 (bb6b5a062e)\n", "3.00"},
		{"libtorrent", "2.0.8.0\n", "2.0.8.0"},
		{"shoal", "shoal 0.1.0-dev (go1.26.8, linux/amd64)\n", "0.1.0-dev"},
		{"x", "no digits\n", "no digits"},
		{"x", "", ""},
	} {
		if got := version(c.name, c.out); got != c.want {
			t.Errorf("version of %q is %q, want %q", c.out, got, c.want)
		}
	}
	name := filepath.Join(t.TempDir(), "shoal")
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho 'shoal 0.1.0-dev (commit abc1234+, go1.26.8, linux/amd64)'\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if got := (Programs{Shoal: name}).shoal().Version(); got != "0.1.0-dev (abc1234+)" {
		t.Errorf("shoal has the version %q", got)
	}
}

// TestCommands: each client is told where to listen, what to do, and its limits.
func TestCommands(t *testing.T) {
	all := Programs{Shoal: "/shoal", Python: "/python", Self: "/bench"}.All()
	job := Job{Torrent: "/t.torrent", Folder: "/data", State: t.TempDir(), Addr: netip.MustParseAddrPort("10.78.1.2:17801"), Up: 512, Peers: 500, Slots: 9}
	seed, stay, rc4 := job, job, job
	seed.Seed, seed.More = true, []string{"/more.torrent"}
	stay.Stay = true
	rc4.RC4 = true
	for _, c := range []struct {
		client string
		job    Job
		want   []string
	}{
		{"shoal", job, []string{"get", "/t.torrent", "/data", "10.78.1.2:17801", "512KiB", "--max-peers 550", "--upload-slots 9"}},
		{"shoal", seed, []string{"seed /t.torrent /more.torrent --data /data"}},
		{"shoal", stay, []string{"--keep-seeding"}},
		{"shoal", rc4, []string{"--encryption require"}},
		{"aria2", job, []string{"--listen-port=17801", "--interface=10.78.1.2", "--dir=/data", "--max-overall-upload-limit=512K", "--seed-time=0", "/t.torrent"}},
		{"aria2", seed, []string{"--check-integrity=true"}},
		{"aria2", stay, []string{"--seed-ratio=0.0"}},
		{"libtorrent", seed, []string{`"address":"10.78.1.2:17801"`, `"up":524288`, `"seed":true`, `"peers":500`}},
		{"libtorrent", rc4, []string{`"rc4":true`}},
		{"transmission", job, []string{"-f -g " + job.State}},
		{"limit", Job{Addr: job.Addr, Folder: "/data"}, []string{"partner", `"Role":"receive"`, "/data/limit"}},
	} {
		cmd, err := all[c.client].command(c.job)
		if err != nil {
			t.Errorf("%s: %v", c.client, err)
			continue
		}
		line := strings.Join(cmd.Args, " ")
		for _, want := range c.want {
			if !strings.Contains(line, want) {
				t.Errorf("%s is not told %q: %s", c.client, want, line)
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join(job.State, "settings.json")); err != nil || !strings.Contains(string(b), `"speed-limit-up":512`) {
		t.Errorf("settings of transmission: %s, %v", b, err)
	}
	for _, name := range []string{"aria2", "limit"} {
		if _, err := all[name].command(rc4); err == nil {
			t.Errorf("%s takes RC4", name)
		}
	}
	cmd, err := all["shoal"].command(job)
	if err != nil || !slices.Contains(cmd.Env, "XDG_STATE_HOME="+job.State) {
		t.Errorf("shoal keeps its state elsewhere: %v, %v", cmd, err)
	}
}

// TestProcess: what a program costs and says is seen while it runs and after it has ended.
func TestProcess(t *testing.T) {
	p, err := Start(exec.Command("/bin/sh", "-c", "echo begin; while :; do :; done"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := says("begin")(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := until(ctx, func() (bool, error) { return p.CPU() > 20*time.Millisecond, nil }); err != nil {
		t.Fatal(err)
	}
	if n, err := p.Resident(); err != nil || n <= 0 || p.Peak() < n/2 {
		t.Errorf("resident %d of %d, %v", n, p.Peak(), err)
	}
	over, stop := context.WithCancelCause(t.Context())
	stop(errors.New("enough"))
	if err := p.Wait(over); err == nil || err.Error() != "enough" {
		t.Errorf("waiting ended with %v", err)
	}
	before := p.CPU()
	p.Stop()
	p.Stop()
	if p.CPU() < before || p.Peak() <= 0 || p.Tail() != "begin" || p.Failure() == nil || p.Wait(ctx) != nil {
		t.Errorf("after its end: %v of %v, %d, %q, %v", p.CPU(), before, p.Peak(), p.Tail(), p.Failure())
	}
}
