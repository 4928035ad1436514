//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"shoal/internal/screen"
)

// TestPlainShoalIsTheScreen: without a command, at a terminal, flags are those of tui; a word is a command all the same, and what only prints does.
func TestPlainShoalIsTheScreen(t *testing.T) {
	fakeFor(t, 2)
	for _, tt := range []struct {
		name string
		args []string
		want string // on the screen
		code int
		tui  bool
	}{
		{"no words", nil, `torrent 1`, exitDone, true},
		{"a flag", []string{"--no-mouse"}, `torrent 1`, exitDone, true},
		{"a flag of all commands, and one with a value", []string{"-q", "--theme", "light"}, `torrent 1`, exitDone, true},
		{"no such theme", []string{"--theme", "lihgt"}, `maybe you mean light`, exitUsage, false},
		{"no such flag", []string{"--frob"}, `unknown flag: --frob; see .shoal help tui`, exitUsage, false},
		{"a command, misspelt", []string{"-q", "lsit"}, `unknown command "lsit"`, exitUsage, false},
		{"a command", []string{"-q", "version"}, `shoal`, exitDone, false},
		{"help", []string{"--theme", "light", "--help"}, `Usage:|unknown flag`, exitUsage, false},
		{"version", []string{"--version"}, `shoal`, exitDone, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := screen.New(100, 30)
			cmd := exec.Command("shoal", tt.args...)
			cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
			p, err := screen.Start(cmd, s)
			if err != nil {
				t.Fatal(err)
			}
			onScreen(t, s, tt.want)
			if tt.tui {
				onScreen(t, s, `1 All 2`)
				fmt.Fprint(p.Keyboard, "q")
			}
			if code := exitCode(p.Wait()); code != tt.code {
				t.Errorf("exit code %d\n%s", code, s)
			}
		})
	}
}
