package rpc

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
)

// TestTransmissionRemote lets Transmission's own program steer the server, and looks at what it prints and what the engine was told.
func TestTransmissionRemote(t *testing.T) {
	if _, err := exec.LookPath("transmission-remote"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("transmission-remote is not installed: %v", err)
		}
		t.Skipf("not tested with Transmission's program: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := fakeengine.New(2)
	s := NewServer(e, Options{User: "u", Password: "p", Version: "0.1.0"})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln, Door{}) }()
	magnet := "magnet:?xt=urn:btih:" + strings.Repeat("a", 40)
	for _, c := range []struct{ args, want string }{
		{"-l", "33%    1.05 MB  1 min       10.0   250.0    0.5  Up & Down    torrent 2"},
		{"-t 1 -i", "Availability: 33.3%"},
		{"-t 1 -i", "Labels: linux, tests"},
		{"-t 1 -if", "1:   0% Normal   Yes   1.05 MB  torrent 1/read me.txt"},
		{"-t 1 -ip", "192.0.2.7                                 DE            100.0  200.0     0.0  Some client 1.0"},
		{"-t 1 -it", "Tracker 1: udp://other.example.org:1337"},
		{"-t 1 -ic", "11110000 0000"},
		{"-si", "Daemon version: 4.0.6 (shoal 0.1.0)"},
		{"-st", "Duration:   4 days (360000 seconds)"},
		{"-pt", "Port is open: Yes"},
		{"--blocklist-update", "success"},
		{"-t 1 -S", "success"}, {"-t 1 -s", "success"}, {"-t all -v", "success"}, {"-t 1 --reannounce", "success"}, {"-t 1 -L a,b", "success"},
		{"-d 50", "success"}, {"-D", "success"}, {"-as", "success"}, {"-er", "success"}, {"-t 1 -sr 2.5", "success"}, {"-t 1 -G 0", "success"},
		{"-t 1 -td http://a.example/announce", "success"}, {"-t 1 -tr 0", "success"}, {"-t 1 --move /x", "success"}, {"-t 1 -Bh", "success"},
		{"-a " + magnet, "success"},
		{"-a " + magnet + " -w relative", "download directory path is not absolute"},
		{"-t 2 --remove-and-delete", "success"},
		{"-l", "3    n/a       None  Unknown      0.0     0.0   None"},
	} {
		out, err := exec.Command("transmission-remote", append([]string{ln.Addr().String(), "-n", "u:p"}, strings.Fields(c.args)...)...).CombinedOutput()
		if !strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v: %s\nwithout %s", c.args, err, out, c.want)
		}
	}
	got := fmt.Sprint(e.Calls())
	if want := "remove torrent 2 data=true undo=0s"; !strings.Contains(got, want) {
		t.Errorf("the engine was told %s, and not %s", got, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
