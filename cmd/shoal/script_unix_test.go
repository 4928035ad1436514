//go:build unix

package main

import (
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

func scriptHangup(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(begun(ts, args, 2).cmd.Process.Signal(syscall.SIGHUP))
	scriptAwaits(ts, neg, args)
}

func scriptAsk(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(begun(ts, args, 2).cmd.Process.Signal(syscall.SIGUSR1))
	scriptAwaits(ts, neg, args)
}
