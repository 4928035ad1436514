//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"shoal/internal/screen"
)

// TestQuietStart: a command that draws nothing leaves the terminal alone. Without
// internal/quietstart Bubble Tea would ask it for its colours and wait five seconds
// for an answer that this terminal never gives.
func TestQuietStart(t *testing.T) {
	s := screen.New(80, 5)
	cmd := exec.Command("shoal", "version")
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	p, err := screen.Start(cmd, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if asked := s.Other(); len(asked) > 0 {
		t.Errorf("the terminal was asked %q", asked)
	}
	if !strings.HasPrefix(s.String(), "shoal ") {
		t.Errorf("the screen shows %q", s)
	}
}

// TestT01GetOnATerminal: progress is drawn in place, foreign text does no harm, what is
// typed meanwhile waits for the shell, and the terminal is left as it was.
func TestT01GetOnATerminal(t *testing.T) {
	dir := t.TempDir()
	evil := "a\x1b[2Jb\x1b]0;title\x07c\u202Ed.bin"
	if err := os.Mkdir(filepath.Join(dir, "src"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := fillRandom(filepath.Join(dir, "src", "x.bin"), 8<<20); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "PS1=", "HOME="+dir)
	seed := &running{cmd: exec.Command("shoal", "seed", "src/x.bin", "--listen", "127.0.0.1:0", "--save-torrent", "x.torrent", "--progress", "none"), ended: make(chan struct{})}
	seed.cmd.Dir, seed.cmd.Env = dir, env
	address, err := seed.begin(regexp.MustCompile(`seeding .* on (\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	defer seed.kill()
	// The same content under another name would be another torrent: the evil name is the folder's.
	out := filepath.Join(dir, evil)

	s := screen.New(100, 10)
	shell := exec.Command("sh", "-c", `shoal get "$@"; echo "code $?"; read line; echo "typed $line"`, "sh",
		"--peer", address, "--listen", "127.0.0.1:0", "--limit-down", "4MB", "-o", out, "x.torrent")
	shell.Dir, shell.Env = dir, env
	p, err := screen.Start(shell, s)
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Mode()
	if err != nil {
		t.Fatal(err)
	}
	onScreen(t, s, `x\.bin +[1-6]\d%│█`)
	fmt.Fprint(p.Keyboard, "hello")
	during, err := p.Mode()
	if err != nil {
		t.Fatal(err)
	}
	if before != during {
		t.Errorf("the terminal's mode was changed: %+v, then %+v", before, during)
	}
	onScreen(t, s, `code 0`)
	after, err := p.Mode()
	if err != nil || before != after {
		t.Errorf("the terminal's mode was %+v, then %+v, %v", before, after, err)
	}
	fmt.Fprint(p.Keyboard, "\n")
	onScreen(t, s, `typed hello`)
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	for _, seq := range s.Other() {
		// Bubble Tea switches off at its end what it never switched on.
		if !strings.HasSuffix(seq, "l") {
			t.Errorf("the terminal was switched or asked with %q", seq)
		}
	}
	if s.CursorHidden() {
		t.Error("the cursor stays hidden")
	}
	lines := s.Lines()
	if n := strings.Count(s.String(), "│"); n != 2 || !strings.Contains(s.String(), "x.bin  100%│█") {
		t.Errorf("what is left of the progress:\n%s", s)
	}
	if !strings.Contains(strings.Join(lines, ""), "a␛[2Jb␛]0;title␇c\ufffdd.bin/x.bin  8.4 MB  in ") {
		t.Errorf("no result on the screen:\n%s", s)
	}
}

// TestInterruptOnATerminal: the ^C that the terminal shows is overwritten, and no bar that has
// ceased to move is left below the message.
func TestInterruptOnATerminal(t *testing.T) {
	dir := t.TempDir()
	if err := fillRandom(filepath.Join(dir, "x.bin"), 20<<20); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "TERM=xterm-256color", "LC_ALL=C.UTF-8", "HOME="+dir)
	seed := &running{cmd: exec.Command("shoal", "seed", "x.bin", "--listen", "127.0.0.1:0", "--save-torrent", "x.torrent", "--progress", "none"), ended: make(chan struct{})}
	seed.cmd.Dir, seed.cmd.Env = dir, env
	address, err := seed.begin(regexp.MustCompile(`seeding .* on (\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	defer seed.kill()
	s := screen.New(100, 10)
	get := exec.Command("shoal", "get", "--peer", address, "--listen", "127.0.0.1:0", "--limit-down", "2MB", "-o", "out", "x.torrent")
	get.Dir, get.Env = dir, env
	p, err := screen.Start(get, s)
	if err != nil {
		t.Fatal(err)
	}
	onScreen(t, s, `x\.bin +[1-6]\d%│█`)
	fmt.Fprint(p.Keyboard, "\x03")
	if code := exitCode(p.Wait()); code != exitUnfinished {
		t.Errorf("exit code %d", code)
	}
	if left := strings.TrimSpace(s.String()); !regexp.MustCompile(`^shoal: x\.torrent: interrupted with [^\n]*$`).MatchString(left) {
		t.Errorf("what is left on the screen:\n%s", left)
	}
}

// onScreen waits until the screen shows something that matches.
func onScreen(t *testing.T, s *screen.Screen, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(30 * time.Second)
	for {
		news := s.Changed()
		if re.MatchString(s.String()) {
			return
		}
		select {
		case <-news:
		case <-late:
			t.Fatalf("nothing on the screen matches %s:\n%s", pattern, s)
		}
	}
}
