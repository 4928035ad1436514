//go:build linux

package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"shoal/rpc"
	"shoal/session"
)

// TestDaemonUnderManager: started as systemd does it, the daemon takes its socket over, answers there, says how it is and gives
// signs of life, and leaves the socket's file in place.
func TestDaemonUnderManager(t *testing.T) {
	dir := shortDir(t)
	notices, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notices.Close()
	path := filepath.Join(dir, "rpc.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	handed, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer handed.Close()

	// The number of the process is known to itself only.
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec shoal daemon --listen 127.0.0.1:0 --rpc= --state-dir "$0"`, filepath.Join(dir, "state"))
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+notices.LocalAddr().String(), "LISTEN_FDS=1", "LISTEN_FDNAMES=rpc", "WATCHDOG_USEC=2000000",
		"XDG_RUNTIME_DIR="+filepath.Join(dir, "run"), "XDG_CONFIG_HOME="+dir, "HOME="+dir, "JOURNAL_STREAM=1:2")
	cmd.ExtraFiles = []*os.File{handed} // number 3
	r := &running{cmd: cmd, ended: make(chan struct{})}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	defer r.kill()

	hears := func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		_ = notices.SetReadDeadline(time.Now().Add(20 * time.Second))
		for { // signs of life come at any time
			n, err := notices.Read(b)
			if err != nil {
				t.Fatalf("nobody says %s: %v\n%s", want, err, r.said.String())
			}
			if strings.Contains(string(b[:n]), want) {
				return
			}
		}
	}
	hears("READY=1")
	hears("WATCHDOG=1")
	c, err := rpc.Dial("unix:"+path, rpc.Credentials{}, session.SystemNet{}.Dial)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.Settings(context.Background()); err != nil || s.Kind != "shoal" || s.Dir != filepath.Join(dir, "Downloads") {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "run")); err == nil {
		t.Error("there is a socket of its own beside the one that was handed over")
	}
	if _, err := r.await(regexp.MustCompile(`user and password are in .*rpc\.credentials`)); err != nil {
		t.Error(err)
	}
	if strings.Contains(r.said.String(), "the password ") {
		t.Error("the password is in a log that others read:", r.said.String())
	}
	_ = cmd.Process.Signal(syscall.SIGHUP)
	hears("RELOADING=1")
	hears("READY=1")
	hears("WATCHDOG=1")
	_ = cmd.Process.Signal(syscall.SIGTERM)
	hears("STOPPING=1")
	<-r.ended
	if r.err != nil {
		t.Errorf("%v\n%s", r.err, r.said.String())
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error("the manager's socket is gone:", err)
	}
}

// TestDaemonRefusesOpenSocket: a port that is open to other machines is not taken over without a password.
func TestDaemonRefusesOpenSocket(t *testing.T) {
	dir := shortDir(t)
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	handed, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer handed.Close()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec shoal daemon --listen 127.0.0.1:0 --rpc= --state-dir "$0" --rpc-password-file "$1"`, filepath.Join(dir, "state"), empty)
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "XDG_RUNTIME_DIR="+dir, "XDG_CONFIG_HOME="+dir, "HOME="+dir)
	cmd.ExtraFiles = []*os.File{handed} // number 3
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "password") {
		t.Errorf("%v\n%s", err, out)
	}
}
