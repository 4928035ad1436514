//go:build !unix

package hooks

import (
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

// interrupt ends a process where it cannot be asked to.
func interrupt(p *os.Process, _ bool) error { return p.Kill() }

func killGroup(int) {}
