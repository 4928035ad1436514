package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestQ08Queue: at most so many commands run at a time, in their order, and those too many are left out and logged.
func TestQ08Queue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := New(Config{AtOnce: 2, Queue: 5, Limit: time.Minute, Lines: 3, Log: slog.New(slog.NewTextHandler(&log, nil))})
		begun := make(chan string, 100)
		running := make(chan struct{}, 2)
		r.run = func(ctx context.Context, c Command) error {
			if !c.Group || c.Limit != time.Minute || c.Lines != 3 || !strings.HasPrefix(c.Env[0], "SHOAL_EVENT=") {
				t.Errorf("the command is %+v", c)
			}
			select {
			case running <- struct{}{}:
			default:
				t.Error("too many at once")
			}
			begun <- c.Argv[0]
			time.Sleep(time.Second)
			c.Line("says " + c.Argv[0])
			<-running
			if c.Argv[0] == "c1" {
				return errors.New("broken")
			}
			return nil
		}
		if !r.Add(nil, evil) {
			t.Error("no command is too many")
		}
		for i := range 6 {
			if r.Add([]string{fmt.Sprint("c", i)}, Torrent{Event: Added}) != (i < 5) {
				t.Errorf("command %d of 5", i)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		time.Sleep(2500 * time.Millisecond)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		close(begun)
		// Each second two begin, in any order.
		for second := range 3 {
			pair := ""
			for range 2 {
				pair += <-begun
			}
			if a, b := fmt.Sprint("c", 2*second), fmt.Sprint("c", 2*second+1); second < 2 && pair != a+b && pair != b+a || second == 2 && pair != a {
				t.Errorf("in second %d: %s", second, pair)
			}
		}
		for _, want := range []string{"too many wait already", "command=c5", `msg="says c3" hook=added`, "err=broken"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log.String())
			}
		}
	})
}

// TestQ08Stop: the end interrupts what runs, and leaves out what waits.
func TestQ08Stop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := New(Config{AtOnce: 1, Log: slog.New(slog.NewTextHandler(&log, nil))})
		r.run = func(ctx context.Context, c Command) error {
			if c.Argv[0] != "first" {
				t.Errorf("%s ran after the end", c.Argv[0])
			}
			<-ctx.Done()
			return ctx.Err()
		}
		for _, name := range []string{"first", "second", "third"} {
			r.Add([]string{name}, evil)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := r.Run(ctx); err != nil || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if !strings.Contains(log.String(), "commands=2") {
			t.Errorf("the log:\n%s", log.String())
		}
	})
}

// TestQ08Group: the end of a Runner with real commands is the end of all they started.
func TestQ08Group(t *testing.T) {
	c, _ := command(t, "hang")
	t.Setenv("ROLE", "hang")
	children := make(chan string, 100)
	r := New(Config{AtOnce: 3})
	r.run = func(ctx context.Context, c Command) error {
		c.Line = func(s string) { children <- s }
		return c.Run(ctx)
	}
	for range 3 {
		r.Add(c.Argv, evil)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	var pids []int
	for deaf := 0; deaf < 3 || len(pids) < 3; {
		var pid int
		if s := <-children; s == "deaf" {
			deaf++
		} else if _, err := fmt.Sscan(s, &pid); err == nil {
			pids = append(pids, pid)
		}
	}
	began := time.Now()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 2*Grace+5*time.Second {
		t.Errorf("the end took %v", took)
	}
	for _, pid := range pids {
		gone(t, pid)
	}
}
