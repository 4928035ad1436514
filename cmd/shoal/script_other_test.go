//go:build !unix

package main

import "github.com/rogpeppe/go-internal/testscript"

func scriptAsk(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("there is no USR1 here") }

func scriptHangup(ts *testscript.TestScript, neg bool, args []string) {
	ts.Fatalf("there is no HUP here")
}
