//go:build unix

package hooks

import (
	"os"
	"os/exec"
	"syscall"
)

func group(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// interrupt asks a process to end, or with all every one of its group: those get the signal that is not ignored in the background.
func interrupt(p *os.Process, all bool) error {
	if !all {
		return p.Signal(os.Interrupt)
	}
	if err := syscall.Kill(-p.Pid, syscall.SIGTERM); err != syscall.ESRCH {
		return err
	}
	return os.ErrProcessDone
}

// killGroup ends what is left of a group whose first process has ended.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
