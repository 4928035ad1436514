//go:build unix

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The kill loop: a download of the real binary is killed with -9 again and
// again at moments that chance chooses, and goes on. In the end the file is
// right, and the seed has sent at most lossPerKill more for every kill.
//
//	TEST_KILLS=50 TEST_KILL_MIB=1024 go test ./cmd/shoal -run TestR01 -v
const lossPerKill = 16 << 20

// killRate is the download limit in bytes a second. It keeps the transfer long
// enough for all the kills.
const killRate = 40_000_000

func TestR01KillLoop(t *testing.T) {
	kills, mib := envInt(t, "TEST_KILLS", 8), envInt(t, "TEST_KILL_MIB", 160)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("TEST_KILL_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))

	dir := t.TempDir()
	shoal := buildShoal(t, dir)
	size := int64(mib) << 20
	payload := filepath.Join(dir, "src", "payload.bin")
	want := writeRandom(t, payload, size)
	torrent := filepath.Join(dir, "payload.torrent")
	command(t, dir, shoal, "create", payload, "-o", torrent, "--piece-size", "1MiB").mustRun(t)

	seeder := command(t, dir, shoal, "seed", torrent, "--data", filepath.Dir(payload), "--listen", "127.0.0.1:0")
	address := seeder.startSeeding(t)
	relay := newRelay(t, address)

	out := filepath.Join(dir, "out")
	get := func() *process {
		return command(t, dir, shoal, "get", torrent, "-o", out, "--peer", relay.address, "--listen", "127.0.0.1:0",
			"--limit-down", strconv.Itoa(killRate), "--progress", "none")
	}
	// Kills are spread so that the last one still finds a download under way.
	mean := time.Duration(float64(size) / killRate * float64(time.Second) / float64(kills+1))
	killed := 0
	for range kills {
		p := get()
		p.start(t)
		select {
		case <-time.After(time.Duration(rnd.Int64N(int64(2*mean))) + time.Millisecond):
			if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killed++
		case <-p.ended:
			t.Logf("complete after %d kills", killed)
		}
		if err := p.wait(); err == nil {
			break
		} else if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("get ended by itself: %v\n%s", err, p.output.String())
		}
	}
	get().mustRun(t)

	if got := digestFile(t, filepath.Join(out, "payload.bin")); got != want {
		t.Error("the file is not the one that was seeded")
	}
	sent, most := relay.fromSeed.Load(), size+int64(killed)*lossPerKill
	t.Logf("%d kills, %d MiB: the seed sent %d bytes more than the size, %.2f MiB a kill (at most %d MiB allowed)",
		killed, mib, sent-size, float64(sent-size)/float64(max(1, killed))/(1<<20), lossPerKill>>20)
	// Frames around the payload are 13 bytes in 16 KiB.
	if sent > most+most/1000+1<<20 {
		t.Errorf("the seed sent %d bytes, at most %d are allowed", sent, most)
	}
	if killed*2 < kills {
		t.Errorf("only %d of %d kills found a download to kill", killed, kills)
	}
}

func envInt(t *testing.T, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// buildShoal compiles the program into dir, without the race detector, as users get it.
func buildShoal(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "shoal")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// process is a running program with its output kept.
type process struct {
	cmd    *exec.Cmd
	output lockedBuffer
	ended  chan struct{}
	err    error
}

// command prepares the program with state folders of its own below dir.
func command(t *testing.T, dir, program string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{cmd: exec.CommandContext(ctx, program, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"),
		"XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_RUNTIME_DIR="+filepath.Join(dir, "runtime"))
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	t.Cleanup(func() {
		cancel()
		if p.cmd.Process != nil {
			<-p.ended
		}
	})
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
}

func (p *process) wait() error {
	<-p.ended
	return p.err
}

func (p *process) mustRun(t *testing.T) {
	t.Helper()
	p.start(t)
	if err := p.wait(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(p.cmd.Args, " "), err, p.output.String())
	}
}

// startSeeding starts `shoal seed` and returns the address it listens on, which
// its line with "seeding" names.
func (p *process) startSeeding(t *testing.T) string {
	t.Helper()
	p.start(t)
	deadline := time.After(time.Minute)
	for {
		news := p.output.changed() // before the look, so that no line is missed
		for line := range strings.Lines(p.output.String()) {
			if _, at, ok := strings.Cut(line, "127.0.0.1:"); ok && strings.Contains(line, "seeding") {
				return "127.0.0.1:" + strings.TrimRight(strings.Fields(at)[0], ",.;)")
			}
		}
		select {
		case <-p.ended:
			t.Fatalf("seed ended: %v\n%s", p.err, p.output.String())
		case <-deadline:
			t.Fatalf("seed is not ready:\n%s", p.output.String())
		case <-news:
		}
	}
}

// relay forwards connections to one address and counts what comes from there.
type relay struct {
	address  string
	fromSeed atomic.Int64
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.forward(c, to)
		}
	}()
	return r
}

func (r *relay) forward(c net.Conn, to string) {
	defer c.Close()
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		io.Copy(up, c)
		up.Close()
	}()
	io.Copy(c, io.TeeReader(up, counter{&r.fromSeed}))
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

func writeRandom(t *testing.T, path string, size int64) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	src := rand.NewChaCha8([32]byte{1})
	if _, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(src, size)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func digestFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
