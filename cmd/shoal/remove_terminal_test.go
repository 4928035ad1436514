//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"shoal/internal/screen"
)

// TestRemoveAsks: at a terminal remove --with-data shows what it deletes, and only a y deletes it.
func TestRemoveAsks(t *testing.T) {
	d := fakeFor(t, 2)
	for _, c := range []struct {
		typed   string
		removed bool
		code    int
	}{
		{"n\n", false, exitDone}, {"\n", false, exitDone}, {"yn\n", false, exitDone}, {"\x04", false, exitDone}, {"\x03", false, exitUnfinished}, {"y\n", true, exitDone},
	} {
		before := len(d.engine.Calls())
		s := screen.New(100, 12)
		cmd := exec.Command("shoal", "remove", "--with-data", "2")
		cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
		p, err := screen.Start(cmd, s)
		if err != nil {
			t.Fatal(err)
		}
		onScreen(t, s, `torrent 2  1\.0 MB in /data\n.*delete 1\.0 MB of 1 torrent\? This cannot be undone\. \[y/N\]`)
		fmt.Fprint(p.Keyboard, c.typed)
		if code := exitCode(p.Wait()); code != c.code {
			t.Errorf("%q: exit code %d\n%s", c.typed, code, s)
		}
		calls := d.engine.Calls()[before:]
		if removed := slices.Contains(calls, "remove torrent 2 data=true undo=0s"); removed != c.removed || !c.removed && len(calls) > 0 {
			t.Errorf("%q: %s", c.typed, strings.Join(calls, ", "))
		}
	}
}
