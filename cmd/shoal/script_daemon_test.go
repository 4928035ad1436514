package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"shoal/internal/fakeengine"
	"shoal/rpc"
)

// fakeDaemon answers at the default socket of a runtime folder for an engine that moves no byte.
type fakeDaemon struct {
	engine *fakeengine.Engine
	stop   context.CancelFunc
	ended  chan error
}

// startFake starts one below a runtime folder.
func startFake(runtimeDir string, torrents int) (*fakeDaemon, error) {
	path := filepath.Join(runtimeDir, "shoal", socketName)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &fakeDaemon{engine: fakeengine.New(torrents), stop: cancel, ended: make(chan error, 1)}
	server := rpc.NewServer(d.engine, rpc.Options{Version: "0.1.0"})
	go func() { d.ended <- server.Serve(ctx, ln, rpc.Door{Unix: true}) }()
	return d, nil
}

// end stops it; it may be called twice.
func (d *fakeDaemon) end() {
	d.stop()
	d.ended <- <-d.ended
}

// fakeFor starts one for a test, whose commands find it, and makes them find nothing else.
func fakeFor(t *testing.T, torrents int) *fakeDaemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "shoal") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("RUNTIME_DIRECTORY", "")
	d, err := startFake(dir, torrents)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.end(); _ = os.RemoveAll(dir) })
	return d
}

// scriptDaemon starts a daemon with a number of torrents, or ends it.
func scriptDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: daemon N|stop")
	}
	running := ts.Value("daemon").(*fakeDaemon)
	if args[0] == "stop" {
		running.end()
		return
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	d, err := startFake(ts.Getenv("XDG_RUNTIME_DIR"), n)
	ts.Check(err)
	ts.Defer(d.end)
	*running = *d
}

// scriptCalled compares the last thing that the daemon's engine was told.
func scriptCalled(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: called PATTERN")
	}
	calls := ts.Value("daemon").(*fakeDaemon).engine.Calls()
	last := ""
	if len(calls) > 0 {
		last = calls[len(calls)-1]
	}
	if regexp.MustCompile(args[0]).MatchString(last) == neg {
		ts.Fatalf("the calls are\n%s", strings.Join(calls, "\n"))
	}
}
