//go:build linux

// Command picture makes the pictures in the README from the real program. It builds shoal, seeds
// files on the loopback interface and writes as SVG what terminals in memory show: of `shoal get` the
// download halfway and at the end; of `shoal tui`, with a daemon whose torrents are in many states, the list, the details and a
// dialog. Run it from the root of the tree:
//
//	go run ./internal/tools/picture [get|tui]
//
// It takes two minutes and runs on Linux only. All of it happens on the main goroutine, but for what draws
// the terminal.
package main

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"shoal/internal/screen"
)

// What the picture shows.
const (
	file    = "testdata/picture/get.svg"
	name    = "summer-2026.tar"
	size    = 192 << 20
	limit   = "48MB"
	columns = 100
	rows    = 4
	half    = `\b[5-6]\d%` // when the first half of the picture is taken
)

func main() {
	if err := draw(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(which []string) error {
	dir, err := os.MkdirTemp("", "shoal-picture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	shoal := filepath.Join(dir, "shoal")
	if out, err := exec.Command("go", "build", "-ldflags", "-X main.version=0.1.0", "-o", shoal, "./cmd/shoal").CombinedOutput(); err != nil {
		return fmt.Errorf("building shoal: %w\n%s", err, out)
	}
	if len(which) == 0 || which[0] == "get" {
		err = drawGet(shoal, dir)
	}
	if err == nil && (len(which) == 0 || which[0] == "tui") {
		err = drawTUI(shoal, dir)
	}
	return err
}

// drawGet makes the picture of a download.
func drawGet(shoal, dir string) error {
	content := make([]byte, size)
	rand.Read(content)
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		return err
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=")
	create := exec.Command(shoal, "create", name)
	create.Dir, create.Env = dir, env
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("shoal create: %w\n%s", err, out)
	}
	address, stop, err := seed(shoal, dir, env)
	if err != nil {
		return err
	}
	defer stop()
	frames, err := get(shoal, dir, append(env, "SHOAL_PEER="+address, "SHOAL_LISTEN=127.0.0.1:0", "SHOAL_LIMIT_DOWN="+limit))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(svg(frames, columns, "shoal get in a terminal: halfway, and done")), 0o644)
}

// seed starts the other peer and returns its address.
func seed(shoal, dir string, env []string) (address string, stop func(), err error) {
	cmd := exec.Command(shoal, "seed", name, "--listen", "127.0.0.1:0", "--progress", "none")
	cmd.Dir, cmd.Env = dir, env
	said, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), " on 127.0.0.1:"); ok && strings.Contains(lines.Text(), "seeding") {
			return "127.0.0.1:" + after, stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("shoal seed ended before it was ready")
}

// get downloads in a terminal and returns what that showed halfway and at the end.
func get(shoal, dir string, env []string) (frames [][][]screen.Cell, err error) {
	s := screen.New(columns, rows)
	prompt := func(words string) { fmt.Fprintf(s, "\x1b[36m$\x1b[0m %s\r\n", words) }
	prompt("shoal get -o downloads " + name + ".torrent")
	cmd := exec.Command(shoal, "get", "-o", "downloads", name+".torrent")
	cmd.Dir, cmd.Env = dir, env
	p, err := screen.Start(cmd, s)
	if err != nil {
		return nil, err
	}
	percent := regexp.MustCompile(half)
	late := time.After(2 * time.Minute)
	for !percent.MatchString(s.String()) {
		news := s.Changed()
		if percent.MatchString(s.String()) {
			break
		}
		select {
		case <-news:
		case <-late:
			_ = p.Signal(syscall.SIGKILL)
			_ = p.Wait()
			return nil, fmt.Errorf("the download never showed %s:\n%s", half, s)
		}
	}
	frames = append(frames, s.Cells())
	if err := p.Wait(); err != nil {
		return nil, fmt.Errorf("shoal get: %w\n%s", err, s)
	}
	return append(frames, s.Cells()), nil
}
