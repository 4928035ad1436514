//go:build unix

package metainfo

import (
	"syscall"
	"testing"
	"time"
)

// spent is how long processors have worked for this process. Differences of it hold on a busy machine, where the clock on the wall
// also counts the work of others.
func spent(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
