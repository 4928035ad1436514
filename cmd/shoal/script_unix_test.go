//go:build unix

package main

import (
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

func scriptAsk(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(begun(ts, args, 2).cmd.Process.Signal(syscall.SIGUSR1))
	scriptAwaits(ts, neg, args)
}
