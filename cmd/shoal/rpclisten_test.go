package main

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"shoal/session"
)

// shortDir is a folder whose name is short enough for a socket in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "shoal")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestO01OnlyWithPassword: beyond this machine the RPC listens with a password only.
func TestO01OnlyWithPassword(t *testing.T) {
	for _, x := range []struct {
		at                         string
		password, tls, ok, unnaked bool
	}{
		{"127.0.0.1:9091", false, false, true, true},
		{"127.9.9.9:9091", false, false, true, true},
		{"[::1]:9091", false, false, true, true},
		{"[::ffff:127.0.0.1]:9091", false, false, true, true},
		{"localhost:9091", false, false, true, true},
		{":9091", false, false, false, false},
		{"0.0.0.0:9091", false, true, false, false},
		{"[::]:9091", false, false, false, false},
		{"192.168.1.2:9091", false, false, false, false},
		{"localhost.example:9091", false, false, false, false},
		{"0.0.0.0:9091", true, false, true, false},
		{":9091", true, true, true, true},
		{"9091", true, true, false, false},
	} {
		naked, err := mayListen(x.at, x.password, x.tls)
		if (err == nil) != x.ok || err == nil && naked == x.unnaked {
			t.Errorf("%+v: naked %v, %v", x, naked, err)
		}
		if err != nil && codeOf(err) != exitUsage {
			t.Errorf("%+v: code %d", x, codeOf(err))
		}
	}
}

// TestInherited: a socket that the service manager opened is taken over, and its file is left to that.
func TestInherited(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is handed over there")
	}
	path := filepath.Join(shortDir(t), "rpc.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	taken, err := session.Control{}.Inherited(f)
	if err != nil {
		t.Fatal(err)
	}
	if taken.Addr().Network() != "unix" || taken.Addr().String() != path {
		t.Error(taken.Addr())
	}
	taken.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Error("the socket's file is gone:", err)
	}
	none, err := os.Open(os.DevNull) // no socket
	if err != nil {
		t.Fatal(err)
	}
	if l, err := (session.Control{}).Inherited(none); err == nil {
		l.Close()
		t.Error("a device passes for a socket")
	}
}
