//go:build unix

package hooks

import (
	"os/signal"
	"syscall"
	"testing"
	"time"
)

func deafen() { signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) }

// gone waits for the end of a process that is nobody's child.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		// One that has ended stays until it is looked at by who it was left to, where there is somebody.
		if syscall.Kill(pid, 0) == syscall.ESRCH || zombie(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the process %d goes on", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func end(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil && !zombie(pid) }
