package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestManagerHears: what is said arrives at the socket that the environment names, in the words of sd_notify(3).
func TestManagerHears(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is a matter of Linux")
	}
	dir, err := os.MkdirTemp("", "shoal") // t.TempDir may be longer than the 107 bytes that a socket's name may have
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	at := &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}
	c, err := net.ListenUnixgram("unixgram", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", at.Name)
	t.Setenv("WATCHDOG_USEC", "20000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	m, err := newManager()
	if err != nil {
		t.Fatal(err)
	}
	if m.every != 10*time.Second {
		t.Errorf("a sign of life every %v, not twice in the 20 s", m.every)
	}
	hears := func(want ...string) {
		t.Helper()
		b := make([]byte, 4096)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b[:n]), "\n")
		for i, w := range want {
			if i >= len(lines) || !strings.HasPrefix(lines[i], w) {
				t.Errorf("heard %q, not %q", lines, want)
			}
		}
	}
	say := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	say(m.ready())
	hears("READY=1")
	say(m.status("3 torrents\nMAINPID=1"))
	hears("STATUS=3 torrents MAINPID=1")
	say(m.status("3 torrents\nMAINPID=1")) // not again
	say(m.reloading())
	hears("RELOADING=1", "MONOTONIC_USEC=")
	say(m.stopping())
	hears("STOPPING=1")

	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		m.watch(ctx, func(context.Context) error { return nil }, func(err error) { t.Error(err) })
	}()
	hears("WATCHDOG=1")
	cancel()
	<-over
}

// TestNoManager: without a manager nothing is said, and nothing is wrong.
func TestNoManager(t *testing.T) {
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	m, err := newManager()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.ready(), m.status("x"), m.stopping()); err != nil {
		t.Error(err)
	}
	m.watch(t.Context(), nil, nil) // returns
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := newManager(); err == nil || !strings.Contains(err.Error(), "WATCHDOG_USEC") {
		t.Error("nonsense in WATCHDOG_USEC:", err)
	}
}

// TestO02SignsOfLife: they come while the engine answers, and neither while it fails nor while it hangs.
func TestO02SignsOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said, ills atomic.Int64
		m := &manager{every: 10 * time.Second, say: func(state string) error {
			if state != "WATCHDOG=1" {
				t.Errorf("said %q", state)
			}
			said.Add(1)
			return nil
		}}
		var now atomic.Pointer[func(context.Context) error]
		alive := func(f func(context.Context) error) { now.Store(&f) }
		alive(func(context.Context) error { return nil })
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			m.watch(ctx, func(ctx context.Context) error { return (*now.Load())(ctx) }, func(error) { ills.Add(1) })
		}()
		pass := func(what string, d time.Duration, want, wantIlls int64) {
			t.Helper()
			before, illsBefore := said.Load(), ills.Load()
			time.Sleep(d)
			synctest.Wait()
			if said.Load()-before != want || ills.Load()-illsBefore != wantIlls {
				t.Errorf("%s: %d signs of life and %d complaints in %v, not %d and %d", what, said.Load()-before, ills.Load()-illsBefore, d, want, wantIlls)
			}
		}
		pass("well", 45*time.Second, 5, 0)
		alive(func(context.Context) error { return errors.New("no") })
		pass("failing", time.Minute, 0, 1)
		alive(func(context.Context) error { return nil })
		pass("well again", 30*time.Second, 3, 0)
		alive(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		pass("slow", time.Minute, 0, 1)
		stuck := make(chan struct{})
		alive(func(ctx context.Context) error { <-stuck; return nil })
		pass("stuck", time.Hour, 0, 0)
		cancel()
		close(stuck)
		<-over
	})
}
