//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// onStatusSignal calls f at every USR1, on a goroutine of its own, until release.
func onStatusSignal(f func()) (release func()) {
	signals, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for {
			select {
			case <-signals:
				f()
			case <-over:
				return
			}
		}
	}()
	return func() { signal.Stop(signals); close(over) }
}
