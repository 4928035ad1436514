//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"shoal/internal/screen"
)

// TestPasswordAtATerminal: it is asked for twice, never shown, and no hash comes of two that differ, of none and after Ctrl-C.
func TestPasswordAtATerminal(t *testing.T) {
	for _, c := range []struct {
		first, second string
		code          int
	}{
		{"geheim\n", "geheim\n", exitDone}, {"geheim\n", "geheimer\n", exitUsage}, {"\n", "", exitUsage}, {"\x03", "", exitUnfinished}, {"geheim\n", "\x03", exitUnfinished},
	} {
		s := screen.New(140, 12)
		cmd := exec.Command("shoal", "config", "password")
		cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
		p, err := screen.Start(cmd, s)
		if err != nil {
			t.Fatal(err)
		}
		onScreen(t, s, `Password:`)
		fmt.Fprint(p.Keyboard, c.first)
		if c.second != "" {
			onScreen(t, s, `The same again:`)
			fmt.Fprint(p.Keyboard, c.second)
		}
		if code := exitCode(p.Wait()); code != c.code {
			t.Errorf("%q: exit code %d\n%s", c.first+c.second, code, s)
		}
		if shown := s.String(); strings.Contains(shown, "geheim") || strings.Contains(shown, "pbkdf2-sha256$600000$") != (c.code == exitDone) {
			t.Errorf("%q:\n%s", c.first+c.second, shown)
		}
	}
}
