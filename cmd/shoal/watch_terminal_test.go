//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"shoal/internal/fakeengine"
	"shoal/internal/screen"
	"shoal/status"
)

// TestListWatch: the list at a terminal follows what changes, outlives that the daemon is away, and ends with Ctrl-C without an error.
func TestListWatch(t *testing.T) {
	d := fakeFor(t, 2)
	s := screen.New(100, 12)
	cmd := exec.Command("shoal", "list", "--watch", "50ms", "--columns", "id,name")
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	p, err := screen.Start(cmd, s)
	if err != nil {
		t.Fatal(err)
	}
	onScreen(t, s, `2 torrents at unix:\S+, \d\d:\d\d:\d\d\n(.*\n)*.*torrent 1`)
	d.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Name = "renamed" })
	onScreen(t, s, `renamed`)
	if err := d.engine.Remove(t.Context(), fakeengine.Torrent(2).ID, status.Removal{}); err != nil {
		t.Fatal(err)
	}
	onScreen(t, s, `1 torrent at`)
	d.end()
	onScreen(t, s, `asking again`)
	fmt.Fprint(p.Keyboard, "\x03")
	if code := exitCode(p.Wait()); code != exitDone {
		t.Errorf("exit code %d\n%s", code, s)
	}
}
