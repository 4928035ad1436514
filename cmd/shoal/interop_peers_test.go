//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// systemPython is the one that Debian's python3-libtorrent belongs to.
const systemPython = "/usr/bin/python3"

// foreign is a client that nobody of this project wrote.
type foreign struct {
	name    string
	command func(torrent, dir string) *exec.Cmd
	running *running
	// Transmission is asked directly, because it announces late; nil: the tracker hears it.
	after func(t *testing.T, torrent, dir string) // until it is ready
	done  func(t *testing.T)                      // until it has everything
	// noEmpty: it does not make empty files.
	noEmpty bool
}

// start runs the client with one torrent until the test ends.
func (f *foreign) start(t *testing.T, torrent, dir string) {
	t.Helper()
	cmd := f.command(torrent, dir)
	f.running = &running{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &f.running.said, &f.running.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		f.running.err = cmd.Wait()
		close(f.running.ended)
	}()
	t.Cleanup(f.running.kill)
	if f.after != nil {
		f.after(t, torrent, dir)
	}
}

func libtorrent(_ *interopWorld, at netip.AddrPort) *foreign {
	return &foreign{name: "libtorrent", command: func(torrent, dir string) *exec.Cmd {
		return exec.Command(systemPython, filepath.Join("testdata", "interop", "lt.py"), torrent, dir, at.String())
	}}
}

// aria2 seeds what is there already; what it had to download it does not serve, but ends.
func aria2(_ *interopWorld, at netip.AddrPort) *foreign {
	return ariaWith(at, "--enable-dht=false")
}

// ariaUDP asks UDP trackers, which it does through the socket of its DHT only; nobody answers at the node that it knows.
func ariaUDP(w *interopWorld, at netip.AddrPort) *foreign {
	return ariaWith(at, "--enable-dht=true", "--dht-listen-port="+strconv.Itoa(int(at.Port())), "--dht-entry-point=127.0.0.1:9",
		"--dht-file-path="+filepath.Join(w.dir, fmt.Sprint("aria2-", at.Port(), ".dht")))
}

func ariaWith(at netip.AddrPort, dht ...string) *foreign {
	return &foreign{name: "aria2", command: func(torrent, dir string) *exec.Cmd {
		until := "--seed-ratio=0.0"
		if entries, err := os.ReadDir(dir); err == nil && len(entries) == 0 {
			until = "--seed-time=0"
		}
		return exec.Command("aria2c", append(dht, "--no-conf=true", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
			"--listen-port="+strconv.Itoa(int(at.Port())), "--dir", dir, "--file-allocation=none", "--summary-interval=0",
			"--console-log-level=notice", "--show-console-readout=false", "--interface="+at.Addr().String(),
			"--check-integrity=true", "--bt-hash-check-seed=true", until, "--allow-overwrite=true", torrent)...)
	}}
}

// transmission is driven through its RPC.
func transmission(w *interopWorld, at netip.AddrPort) *foreign {
	home := filepath.Join(w.dir, fmt.Sprint("transmission-", at.Port()))
	rpc := &transmissionRPC{url: fmt.Sprintf("http://127.0.0.1:%d/transmission/rpc", at.Port()+10000)}
	return &foreign{name: "transmission",
		command: func(_, dir string) *exec.Cmd {
			settings, err := json.Marshal(map[string]any{
				"peer-port": at.Port(), "rpc-port": at.Port() + 10000, "rpc-bind-address": "127.0.0.1", "rpc-whitelist-enabled": false,
				"download-dir": dir, "dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, "utp-enabled": false, "encryption": 0,
				"port-forwarding-enabled": false, "bind-address-ipv4": at.Addr().String(), "preallocation": 0, "watch-dir-enabled": false,
			})
			if err == nil {
				err = os.MkdirAll(home, 0o777)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(home, "settings.json"), settings, 0o666)
			}
			if err != nil {
				return &exec.Cmd{Err: err}
			}
			return exec.Command("transmission-daemon", "-f", "-g", home)
		},
		after: func(t *testing.T, torrent, dir string) {
			t.Helper()
			rpc.add(t, torrent, dir)
		},
		done: func(t *testing.T) {
			t.Helper()
			eventually(t, "transmission has everything", func() error {
				left, err := rpc.torrent()
				if err == nil && (left.LeftUntilDone != 0 || left.PercentDone < 1) {
					err = fmt.Errorf("it says %+v", left)
				}
				return err
			})
		},
		noEmpty: true,
	}
}

// transmissionRPC is the little of the RPC that is needed here.
type transmissionRPC struct{ url, session string }

// transmissionTorrent is how its only torrent is doing.
type transmissionTorrent struct {
	Status        int
	PercentDone   float64
	LeftUntilDone int64
}

func (r *transmissionRPC) torrent() (transmissionTorrent, error) {
	var reply struct{ Torrents []transmissionTorrent }
	err := r.call("torrent-get", map[string]any{"fields": []string{"status", "percentDone", "leftUntilDone"}}, &reply)
	if err == nil && len(reply.Torrents) != 1 {
		err = fmt.Errorf("it has %d torrents", len(reply.Torrents))
	}
	if err != nil {
		return transmissionTorrent{}, err
	}
	return reply.Torrents[0], nil
}

// add waits for the daemon, adds the torrent, and has what is there already verified.
func (r *transmissionRPC) add(t *testing.T, torrent, dir string) {
	t.Helper()
	eventually(t, "transmission takes the torrent", func() error {
		return r.call("torrent-add", map[string]any{"filename": torrent, "download-dir": dir}, nil)
	})
	if entries, err := os.ReadDir(dir); err != nil || len(entries) == 0 {
		return
	}
	eventually(t, "transmission seeds", func() error {
		state, err := r.torrent()
		if err == nil && state.Status == 0 && state.PercentDone < 1 {
			err = r.call("torrent-verify", map[string]any{}, nil)
		}
		if err == nil && state.Status != 6 {
			err = fmt.Errorf("it says %+v", state)
		}
		return err
	})
}

func (r *transmissionRPC) call(method string, arguments, reply any) error {
	body, err := json.Marshal(map[string]any{"method": method, "arguments": arguments})
	if err != nil {
		return err
	}
	for range 2 {
		req, err := http.NewRequest(http.MethodPost, r.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("X-Transmission-Session-Id", r.session)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusConflict {
			r.session = resp.Header.Get("X-Transmission-Session-Id")
			continue
		}
		answer := struct {
			Result    string
			Arguments any
		}{Arguments: reply}
		if err := json.Unmarshal(b, &answer); err != nil || answer.Result != "success" {
			return fmt.Errorf("%s: %q, %v", method, b, err)
		}
		return err
	}
	return fmt.Errorf("%s: no session id", method)
}

// eventually repeats what may still fail for a while.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	within(t, caseTime, what, try)
}

// within repeats what may still fail until the time is over.
func within(t *testing.T, limit time.Duration, what string, try func() error) {
	t.Helper()
	late := time.After(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-late:
			t.Fatalf("%s: not after %v: %v", what, limit, err)
		case <-tick.C:
		}
	}
}

// stageTracker is a tracker that tells each peer, known by its port, exactly the one
// address it was told to, and notes how far each one says it is.
type stageTracker struct {
	v4, v6 net.Listener
	mu     sync.Mutex
	actors map[uint16]*actor
}

// actor is one peer on the stage. left is what it said last that it lacks; -1 before its first word.
type actor struct {
	tell netip.AddrPort
	left int64
	news chan struct{} // closed and replaced at every announce
	mu   *sync.Mutex
}

func newStageTracker(t *testing.T) *stageTracker {
	s := &stageTracker{actors: map[uint16]*actor{}}
	for _, l := range []struct {
		network, address string
		to               *net.Listener
	}{{"tcp4", ourV4 + ":0", &s.v4}, {"tcp6", "[" + ourV6 + "]:0", &s.v6}} {
		var err error
		if *l.to, err = net.Listen(l.network, l.address); err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: s}
		go server.Serve(*l.to)
		t.Cleanup(func() { server.Close() })
	}
	return s
}

// url is the announce URL at one of our addresses.
func (s *stageTracker) url(host string) string {
	l := s.v4
	if strings.Contains(host, ":") {
		l = s.v6
	}
	return "http://" + l.Addr().String() + "/announce"
}

// actor puts a peer on the stage.
func (s *stageTracker) actor(at, tell netip.AddrPort) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := &actor{tell: tell, left: -1, news: make(chan struct{}), mu: &s.mu}
	s.actors[at.Port()] = a
	return a
}

func (s *stageTracker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	port, err1 := strconv.ParseUint(q.Get("port"), 10, 16)
	left, err2 := strconv.ParseInt(q.Get("left"), 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.actors[uint16(port)]
	if err1 != nil || err2 != nil || a == nil {
		http.Error(w, "who are you?", http.StatusBadRequest)
		return
	}
	peers, peers6 := "", ""
	if a.tell.IsValid() {
		b, _ := a.tell.MarshalBinary()
		compact := string(b[:len(b)-2]) + string([]byte{byte(a.tell.Port() >> 8), byte(a.tell.Port())})
		if a.tell.Addr().Is4() {
			peers = compact
		} else {
			peers6 = compact
		}
	}
	if q.Get("event") != "stopped" {
		a.left = left
		close(a.news)
		a.news = make(chan struct{})
	}
	fmt.Fprintf(w, "d8:completei1e10:incompletei1e8:intervali10e12:min intervali10e5:peers%d:%s6:peers6%d:%se", len(peers), peers, len(peers6), peers6)
}

// wait returns when the peer has come to the tracker; a seed when it says that it lacks nothing.
func (a *actor) wait(t *testing.T, r *running, seed bool) {
	t.Helper()
	a.until(t, r, "it announces itself", func(left int64) bool { return left == 0 || left > 0 && !seed })
}

// done returns when the peer says that it lacks nothing any more.
func (a *actor) done(t *testing.T, r *running) {
	t.Helper()
	a.until(t, r, "it has everything", func(left int64) bool { return left == 0 })
}

func (a *actor) until(t *testing.T, r *running, what string, enough func(left int64) bool) {
	t.Helper()
	late := time.After(caseTime)
	for {
		a.mu.Lock()
		left, news := a.left, a.news
		a.mu.Unlock()
		if enough(left) {
			return
		}
		select {
		case <-news:
		case <-r.ended:
			if exitCode(r.err) == 0 {
				return // what it did is looked at afterwards
			}
			t.Fatalf("%v ended before %s: %v\n%s", r.cmd.Args, what, r.err, r.said.String())
		case <-late:
			t.Fatalf("%v: not after %v: %s (left %d)\n%s", r.cmd.Args, caseTime, what, left, r.said.String())
		}
	}
}
