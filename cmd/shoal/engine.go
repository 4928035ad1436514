package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"shoal/internal/fsys"
	"shoal/session"
)

// flushWithin is how long `get` waits for the disk after everything was written.
const flushWithin = 10 * time.Second

// gcPercent is how much garbage may gather before it is collected, in percent of what is in use. That is mostly payload
// and piece hashes, large and without a pointer: to go over it costs next to nothing, to have it twice costs a lot. GOGC in the
// environment goes before it.
const gcPercent = 20

// tuneGC puts that in force.
func tuneGC() {
	if _, given := lookupEnv("GOGC"); !given {
		debug.SetGCPercent(gcPercent)
	}
}

// engine is a running session with what it needs of this machine.
type engine struct {
	*session.Session
	stop    context.CancelFunc
	done    chan error
	cleanup []func()
}

// start runs a session in the background.
func start(cfg session.Config) (*engine, error) {
	tuneGC()
	s, err := session.New(cfg)
	if err != nil {
		return nil, err
	}
	// The session outlives the context of the command: it is stopped by Close, in order.
	ctx, cancel := context.WithCancel(context.Background())
	e := &engine{Session: s, stop: cancel, done: make(chan error, 1)}
	go func() { e.done <- s.Run(ctx) }()
	return e, nil
}

// open starts a session as the flags want it, with state and log.
func open(con *console, n *netFlags) (*engine, error) { return openWith(con, n.config()) }

// openWith starts a session with state and log.
func openWith(con *console, cfg session.Config) (*engine, error) {
	log, closeLog, err := con.logger()
	if err != nil {
		return nil, err
	}
	cfg.Log = log
	cleanup := []func(){closeLog}
	if dir, err := stateDir(); err != nil {
		con.Warn("nothing will be remembered between runs: %v", err)
	} else if cfg.State, err = fsys.CreateDir(dir); err != nil {
		con.Warn("nothing will be remembered between runs: %v", err)
	} else {
		cleanup = append(cleanup, func() { _ = cfg.State.Close() })
	}
	e, err := start(cfg)
	if err != nil {
		for _, f := range cleanup {
			f()
		}
		if errors.Is(err, session.ErrPort) {
			err = fmt.Errorf("%w; choose another with --listen, or leave it out", err)
		}
		return nil, err
	}
	ctx, quiet := context.WithCancel(context.Background())
	told := make(chan struct{})
	go func() { defer close(told); e.tellReach(ctx, con) }()
	e.cleanup = append(cleanup, func() { quiet(); <-told })
	return e, nil
}

// Close stops the session and returns when all has ended, with what the
// session had to say in the end.
func (e *engine) Close() error {
	e.stop()
	err := <-e.done
	for i := len(e.cleanup) - 1; i >= 0; i-- {
		e.cleanup[i]()
	}
	e.cleanup = nil
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// stateDir is the folder of records and locks: what systemd gives, else the XDG
// folder, else its usual place.
func stateDir() (string, error) {
	if d, ok := lookupEnv("STATE_DIRECTORY"); ok {
		return filepath.SplitList(d)[0], nil
	}
	if d, ok := lookupEnv("XDG_STATE_HOME"); ok && filepath.IsAbs(d) {
		return filepath.Join(d, "shoal"), nil
	}
	if runtime.GOOS == "windows" {
		if d, ok := lookupEnv("LOCALAPPDATA"); ok {
			return filepath.Join(d, "shoal"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no folder for state: set XDG_STATE_HOME: %w", err)
	}
	return filepath.Join(home, ".local", "state", "shoal"), nil
}
