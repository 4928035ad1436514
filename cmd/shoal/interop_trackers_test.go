//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/session"
	"shoal/tracker"
)

// trackerIP is where the trackers of this file live.
const (
	trackerV4 = "10.88.0.3"
	trackerV6 = "fd00:88::3"
)

// opentracked is Debian's tracker with its list of allowed torrents.
type opentracked struct {
	*running
	mu   sync.Mutex
	file string
	list []byte
}

// testTrackers: everybody finds everybody through trackers alone: Debian's opentracker over HTTP and
// UDP, and over IPv6, which that build cannot, our own.
func (w *interopWorld) testTrackers(t *testing.T) {
	http4, udp4 := w.opentracker(t)
	http6 := w.ownTracker(t)
	for _, get := range []bool{true, false} {
		for _, c := range []trackerCase{
			{make: libtorrent, url: http4},
			{make: libtorrent, url: udp4},
			{make: transmission, url: http4},
			{make: transmission, url: udp4},
			{make: aria2, url: http4},
			{make: ariaUDP, url: udp4},
			{make: qbittorrent, url: http4},
			{make: qbittorrent, url: udp4},
			{make: libtorrent, url: http6, v6: true},
			{make: qbittorrent, url: http6, v6: true},
			{make: aria2, url: http6, v6: true},
		} {
			c.get = get
			w.runTracker(t, c)
		}
	}
}

// trackerCase is one seed and two downloads of one torrent that nobody has told of each other.
type trackerCase struct {
	make func(*interopWorld, netip.AddrPort) *foreign
	url  string
	v6   bool
	get  bool // the other client has the seed, else we
}

// content makes a torrent of its own for the case.
func (w *interopWorld) trackerContent(t *testing.T, c trackerCase, name string) content {
	t.Helper()
	out := content{"folder", w.folder.dir, filepath.Join(w.dir, name+".torrent")}
	output(t, "shoal", "create", filepath.Join(out.dir, out.name), "-o", out.file, "--tracker", c.url, "--source", name)
	return out
}

func (w *interopWorld) runTracker(t *testing.T, c trackerCase) {
	us, them, third := w.address(ourV4), w.address(theirV4), w.address(ourV4)
	if c.v6 {
		us, them, third = w.address(ourV6), w.address(theirV6), w.address(ourV6)
	}
	other := c.make(w, them)
	name := fmt.Sprintf("%s, %s, %v", other.name, strings.SplitAfter(c.url, "://")[0], map[bool]string{true: "it seeds", false: "we seed"}[c.get])
	t.Run(name+map[bool]string{true: ", IPv6"}[c.v6], func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		torrent := w.trackerContent(t, c, fmt.Sprintf("tracked-%d", us.Port()))
		id := w.allow(t, torrent.file)
		same := func(dir string) error {
			return same(filepath.Join(torrent.dir, torrent.name), filepath.Join(dir, torrent.name), other.noEmpty && !c.get)
		}
		// The seed is there when the tracker counts it.
		theirs := torrent.dir
		if c.get {
			other.start(t, torrent.file, theirs)
		} else {
			theirs = t.TempDir()
			w.shoal(t, interopCase{torrent: torrent}, us, torrent.dir)
		}
		w.scraped(t, c.url, id, "one seed", func(n tracker.Counts) bool { return n.Complete == 1 && n.Incomplete == 0 })
		if !c.get {
			other.start(t, torrent.file, theirs)
			eventually(t, other.name+" has everything", func() error { return same(theirs) })
		}
		out := t.TempDir()
		get := w.shoal(t, interopCase{get: true, torrent: torrent}, third, out)
		get.mustEnd(t, 0)
		if err := same(out); err != nil {
			t.Error(err)
		}
		// We have said goodbye, and that it is complete; who seeds is still counted.
		w.scraped(t, c.url, id, "a download and seeds, but no us", func(n tracker.Counts) bool {
			return n.Complete >= 1 && n.Complete <= 2 && n.Incomplete <= 1 && (n.Downloaded >= 1 || c.v6)
		})
		t.Logf("done in %v", time.Since(began).Round(time.Millisecond))
	})
}

// opentracker runs Debian's build with a list of allowed torrents inside of its chroot.
func (w *interopWorld) opentracker(t *testing.T) (http, udp string) {
	t.Helper()
	dir := filepath.Join(w.dir, "opentracker")
	o := &w.opentracked
	o.file = filepath.Join(dir, "list")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil { // it becomes nobody
			t.Fatal(err)
		}
	}
	at := netip.AddrPortFrom(netip.MustParseAddr(trackerV4), 6969)
	o.running = &running{cmd: exec.Command("opentracker", "-i", trackerV4, "-p", "6969", "-P", "6969", "-d", dir, "-w", "list"), ended: make(chan struct{})}
	cmd := o.cmd
	cmd.Stdout, cmd.Stderr = &o.said, &o.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { o.err = cmd.Wait(); close(o.ended) }()
	t.Cleanup(o.kill)
	eventually(t, "opentracker listens", func() error {
		c, err := net.DialTimeout("tcp", at.String(), time.Second)
		if err == nil {
			c.Close()
		}
		return err
	})
	return "http://" + at.String() + "/announce", "udp://" + at.String() + "/announce"
}

// allow puts a torrent on opentracker's list, which it reads again at HUP.
func (w *interopWorld) allow(t *testing.T, file string) metainfo.ID {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := metainfo.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	o := &w.opentracked
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, hex.EncodeToString(m.ID.V1[:])...)
	o.list = append(o.list, '\n')
	if err := os.WriteFile(o.file+".new", o.list, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(o.file+".new", o.file); err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	return m.ID
}

// ownTracker runs ours over IPv6.
func (w *interopWorld) ownTracker(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp6", "["+trackerV6+"]:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: tracker.NewServer(10 * time.Second)}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return "http://" + l.Addr().String() + "/announce"
}

// scraped waits until the tracker's figures are as they should be.
func (w *interopWorld) scraped(t *testing.T, url string, id metainfo.ID, what string, enough func(tracker.Counts) bool) {
	t.Helper()
	n := session.SystemNet{}
	client := tracker.NewClient(n.Dial, tracker.Options{Lookup: n.Lookup, ListenPacket: n.ListenPacket})
	defer client.Close()
	eventually(t, "the tracker counts "+what, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if strings.Contains(url, trackerV6) { // ours counts in its replies only
			r, err := client.Announce(ctx, tracker.Announce{URL: url, ID: id, PeerID: [20]byte{1}, Port: 1, Left: 1, Event: tracker.Stopped})
			if err == nil && !enough(tracker.Counts{Complete: r.Complete, Incomplete: r.Incomplete}) {
				err = fmt.Errorf("it counts %+v", r)
			}
			return err
		}
		counts, err := client.Scrape(ctx, url, []metainfo.ID{id})
		if err == nil && !enough(counts[0]) {
			err = fmt.Errorf("it counts %+v", counts[0])
		}
		return err
	})
}

// qbittorrent without a window; its settings are in a profile of its own.
func qbittorrent(w *interopWorld, at netip.AddrPort) *foreign {
	return qbittorrentWith(filepath.Join(w.dir, fmt.Sprint("qbittorrent-", at.Port())), at, false)
}

// qbittorrentWith is the same with the DHT, or not.
func qbittorrentWith(profile string, at netip.AddrPort, dht bool) *foreign {
	return &foreign{name: "qbittorrent", command: func(torrent, dir string) *exec.Cmd {
		conf := fmt.Sprintf(`[LegalNotice]
Accepted=true
[BitTorrent]
Session\Port=%d
Session\InterfaceAddress=%s
Session\DHTEnabled=%t
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\BTProtocol=TCP
Session\Encryption=0
Session\MultiConnectionsPerIp=true
Session\QueueingSystemEnabled=false
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\Address=127.0.0.1
WebUI\UseUPnP=false
`, at.Port(), at.Addr(), dht)
		file := filepath.Join(profile, "qBittorrent", "config", "qBittorrent.conf")
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return &exec.Cmd{Err: err}
		}
		if err := os.WriteFile(file, []byte(conf), 0o666); err != nil {
			return &exec.Cmd{Err: err}
		}
		return exec.Command("qbittorrent-nox", "--profile="+profile, fmt.Sprint("--webui-port=", at.Port()+10000),
			"--save-path="+dir, "--skip-dialog=true", torrent)
	}}
}
