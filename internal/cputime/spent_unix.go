//go:build unix

package cputime

import (
	"syscall"
	"time"
)

// Spent is how long processors have worked for this process so far, on all its threads. Any goroutine may ask.
func Spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // of these arguments the system has nothing to complain about
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
