package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"shoal/internal/text"
)

// manager is the service manager that started this process, as systemd does (sd_notify(3)). Without one
// its methods do nothing. They may be called from any goroutine.
type manager struct {
	say   func(state string) error
	every time.Duration // between signs of life; 0: none are awaited

	mu   sync.Mutex
	last string // status line
}

// newManager reads from the environment who wants to know about us.
func newManager() (*manager, error) {
	m := &manager{say: func(state string) error {
		_, err := sd.SdNotify(false, state)
		return err
	}}
	limit, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("WATCHDOG_USEC and WATCHDOG_PID in the environment: %w", err)
	}
	m.every = limit / 2
	return m, nil
}

// ready says that the daemon answers, after its start and after a reload.
func (m *manager) ready() error { return m.say(sd.SdNotifyReady) }

// reloading says that the configuration is being read again; ready must follow.
func (m *manager) reloading() error {
	return m.say(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
}

// stopping says that the end has begun.
func (m *manager) stopping() error { return m.say(sd.SdNotifyStopping) }

// status tells in one line what the daemon does, if that is not what it said last.
func (m *manager) status(line string) error {
	line = text.Clean(line, 200) // of one line in any case: a second one would be an assignment of its own
	m.mu.Lock()
	defer m.mu.Unlock()
	if line == m.last {
		return nil
	}
	if err := m.say("STATUS=" + line); err != nil {
		return err
	}
	m.last = line
	return nil
}

// watch gives signs of life until ctx ends, twice in the time that the manager waits for one, as long as alive answers. When it
// fails or does not return, none is given, and the manager ends this process and starts another. ill is told
// why, once for each time that things go wrong.
func (m *manager) watch(ctx context.Context, alive func(context.Context) error, ill func(error)) {
	if m.every <= 0 {
		return
	}
	tick := time.NewTicker(m.every)
	defer tick.Stop()
	well := true
	for {
		err := answers(ctx, m.every, alive)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = m.say(sd.SdNotifyWatchdog)
		}
		if err != nil && well {
			ill(err)
		}
		well = err == nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// answers calls f with limit as its deadline.
func answers(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}
