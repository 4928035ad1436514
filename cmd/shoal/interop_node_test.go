//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestInteropNode: two programs for Node.js, a library that many others use and a web interface, drive the daemon. TEST_NODE_MODULES names the
// folder that npm put them into; `.ci/run` has their versions.
func TestInteropNode(t *testing.T) {
	modules := os.Getenv("TEST_NODE_MODULES")
	if modules == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("TEST_NODE_MODULES names no folder")
		}
		t.Skip("not tested: TEST_NODE_MODULES names no folder with @ctrl/transmission and flood")
	}
	for _, c := range []struct {
		script string
		port   bool
		want   string
	}{
		{"ctrl.mjs", false, `added single.bin true
listed 1
complete
set one,two 100 true 50 true
queueTop success
queueBottom success
queueUp success
queueDown success
reannounceTorrent success
paused, resumed, verified
moved
space true
session string true
removed 0
`},
		{"flood.mjs", true, `connected
added single.bin flood
labelled
limited true true
stopped, started
verified
files 1 trackers 1
moved
removed
`},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			r := newRemoted(t, "shoal")
			r.startShoal(t)
			words := []string{filepath.Join("testdata", "interop", c.script), modules, fmt.Sprintf("http://127.0.0.1:%d/", r.port), "u", "p",
				filepath.Join(r.folder, "single.torrent"), r.folder}
			if c.port {
				words = append(words, strconv.Itoa(freePort(t)))
			}
			out, err := exec.Command("node", words...).CombinedOutput()
			if err != nil || string(out) != c.want {
				t.Errorf("%v:\n%s\nwant:\n%s", err, out, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(r.folder, "*", "single.bin")); len(left) > 0 {
				t.Errorf("its files are still there: %s", left)
			}
		})
	}
}
