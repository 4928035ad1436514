//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"shoal/internal/hostile"
)

// TestD01D02D03KillersOverUDP: what ends the DHT library, and what burdens it, is sent over a real socket to running
// processes. They live on, answer a ping and end as they should.
func TestD01D02D03KillersOverUDP(t *testing.T) {
	dir := t.TempDir()
	if err := fillRandom(filepath.Join(dir, "data.bin"), 100_000); err != nil {
		t.Fatal(err)
	}
	if out, err := shoalIn(dir, "create", "data.bin", "-o", "data.torrent").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seeding := regexp.MustCompile(`seeding .* on (\S+)`)
	for name, c := range map[string]struct {
		args []string
		code int
		wait *regexp.Regexp
	}{
		"seed": {[]string{"seed", "data.torrent", "--progress", "none"}, 0, seeding},
		"get":  {[]string{"get", "data.torrent", "-o", "out", "--progress", "plain"}, exitUnfinished, regexp.MustCompile(`downloading, 0%`)},
		"dht":  {[]string{"dht", "--serve"}, 0, regexp.MustCompile(`a DHT node listens`)},
	} {
		t.Run(name, func(t *testing.T) {
			to := idleAddress(t)
			args := append(c.args, "--listen", to.String())
			if name != "dht" {
				args = append(args, "--no-dht=false")
			}
			r := &running{cmd: shoalIn(dir, args...), ended: make(chan struct{})}
			if _, err := r.begin(c.wait); err != nil {
				t.Fatal(err)
			}
			defer r.kill()
			killers := hostile.Killers()
			for round := range 20 { // each round from another port, for rates are by source
				s := dialUDP(t, to)
				for _, k := range killers {
					_, _ = s.Write(k) // too large for a datagram, some of them
				}
				if round%5 == 4 {
					pong(t, dialUDP(t, to))
				}
			}
			pong(t, dialUDP(t, to))
			if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			select {
			case <-r.ended:
				if got := exitCode(r.err); got != c.code {
					t.Errorf("exit code %d, not %d\n%s", got, c.code, r.said.String())
				}
			case <-time.After(stopWithin):
				t.Errorf("still running after %v\n%s", stopWithin, r.said.String())
			}
		})
	}
}

// shoalIn is the program in dir, with its state there.
func shoalIn(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("shoal", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"))
	return cmd
}

// idleAddress is one of loopback whose port nobody has at the moment.
func idleAddress(t *testing.T) *net.UDPAddr {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr)
}

func dialUDP(t *testing.T, to *net.UDPAddr) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pong asks until an answer comes: datagrams may be lost.
func pong(t *testing.T, c *net.UDPConn) {
	t.Helper()
	b := make([]byte, 1500)
	for i := range 20 {
		if _, err := fmt.Fprintf(c, "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:%02d1:y1:qe", i); err != nil {
			t.Logf("ping: %v", err)
		}
		_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		if n, err := c.Read(b); err == nil && n > 0 && b[0] == 'd' {
			return
		}
	}
	t.Error("no answer to twenty pings")
}
