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

// interruptible returns a context that the first INT, TERM or HUP ends. A
// second signal ends the process at once, and so does the end of
// stopWithin. release gives the signals back.
func interruptible(parent context.Context, con *console) (ctx context.Context, release func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	over := make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-signals:
			if s == os.Interrupt {
				con.interrupted()
			}
			cancel()
		case <-over:
			return
		}
		late := time.NewTimer(stopWithin)
		defer late.Stop()
		select {
		case s := <-signals:
			code := exitKilled
			if n, ok := s.(syscall.Signal); ok {
				code += int(n)
			}
			os.Exit(code)
		case <-late.C:
			con.Warn("the clean stop took more than %v; leaving now", stopWithin)
			os.Exit(exitUnfinished)
		case <-over:
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(); close(over) }
}
