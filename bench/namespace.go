//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// insideEnv is set inside of the namespaces to the work folder of this start.
const insideEnv = "BENCH_INSIDE"

// outside makes the work folder and the binary, and runs the harness once more where the network is lo alone and mounts are seen by
// nobody else. Without root a user namespace gives the rights for that.
func outside(ctx context.Context, o options, args []string) error {
	if err := os.MkdirAll(workFolder(), 0o777); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(workFolder(), "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.shoal == "" {
		build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-X main.commit="+commit(ctx), "-o", filepath.Join(dir, "shoal"), "shoal/cmd/shoal")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build shoal: %w\n%s", err, out)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), insideEnv+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) {
			return fmt.Errorf("a network namespace takes root here: %w", err)
		}
		return err
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return errors.New("not everything was measured") // it has said why
	}
	return nil
}

// commit names the source that is tested, with a plus when there is more than what was committed; "" where git does not know.
func commit(ctx context.Context) string {
	id, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(id))
	if exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", "*.go", "*.s").Run() != nil {
		name += "+"
	}
	return name
}

// prepareNamespace gives lo its addresses: all of network, some clients refuse 127.0.0.1.
func prepareNamespace() error {
	for _, line := range []string{"link set lo up", "addr add " + network + ".0.1/16 dev lo"} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w\n%s", line, err, out)
		}
	}
	// What is started has many connections.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
