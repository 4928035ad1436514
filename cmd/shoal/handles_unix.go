//go:build unix

package main

import "syscall"

// handleLimit is how many files and connections this process may have open; 0 when unknown. The
// runtime has raised it to what is allowed.
func handleLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(uint64(l.Cur), 1<<20))
}
