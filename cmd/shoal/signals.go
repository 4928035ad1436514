package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopWithin is how long a clean stop may take before the program leaves anyway.
const stopWithin = 5 * time.Second

// interruptible returns a context that the first INT or TERM ends, and HUP where it means nothing else. A
// second signal ends the process at once, and so does the end of
// stopWithin. release gives the signals back.
func interruptible(parent context.Context, con *console) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	over := make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// next waits for a signal that ends something; HUP may mean something else to the command.
	next := func(late <-chan time.Time) (s os.Signal, ok bool) {
		for {
			select {
			case s = <-signals:
				if s == syscall.SIGHUP && con.hangup() {
					continue
				}
				return s, true
			case <-late:
				return nil, true
			case <-over:
				return nil, false
			}
		}
	}
	go func() {
		s, ok := next(nil)
		if !ok {
			return
		}
		if s == os.Interrupt {
			con.interrupted()
		}
		cancel()
		late := time.NewTimer(stopWithin)
		defer late.Stop()
		s, ok = next(late.C)
		switch n, number := s.(syscall.Signal); {
		case !ok:
		case s == nil:
			con.leave()
		case number:
			os.Exit(exitKilled + int(n))
		default:
			os.Exit(exitKilled)
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(); close(over) }
}
