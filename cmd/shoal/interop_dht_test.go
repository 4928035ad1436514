//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// village is a few machines with private addresses on one network, without any server.
type village struct{ machines []*netspace }

// The node through which all enter the DHT lives on the first machine. The public routers have its address there, for
// clients that know nothing else.
const (
	villageNode = "10.73.0.1:6881"
	villageHome = `ip link set lo up; ip link add br0 type bridge; ip link set br0 up
hosts=$(mktemp); echo 10.73.0.1 router.bittorrent.com router.utorrent.com dht.transmissionbt.com dht.aelitis.com > $hosts
mount --bind $hosts /etc/hosts; rm $hosts`
)

func newVillage(t *testing.T) *village {
	t.Helper()
	v := &village{}
	for i := range 3 {
		m, port := newNetspace(t), fmt.Sprint("vil", i)
		cable(t, nil, port, m, "eth0")
		(*netspace)(nil).ip(t, "link set "+port+" master br0")
		(*netspace)(nil).ip(t, "link set "+port+" up")
		m.ip(t, fmt.Sprintf("addr add %v/24 dev eth0", v.address(i)))
		m.ip(t, "link set eth0 up")
		v.machines = append(v.machines, m)
	}
	return v
}

func (v *village) address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 73, 0, byte(i + 1)}) }

// on returns a client that runs on a machine.
func (v *village) on(i int, f *foreign) *foreign {
	plain := f.command
	f.command = func(torrent, dir string) *exec.Cmd {
		cmd := plain(torrent, dir)
		return v.machines[i].command(cmd.Args[0], cmd.Args[1:]...)
	}
	return f
}

// libtorrentDHT is libtorrent with nothing but the DHT. What it has against nodes with private addresses is switched off.
func libtorrentDHT(at netip.AddrPort, bootstrap string) *foreign {
	settings, err := json.Marshal(map[string]any{
		"enable_dht": true, "dht_bootstrap_nodes": bootstrap, "dht_restrict_routing_ips": false, "dht_restrict_search_ips": false,
		"dht_ignore_dark_internet": false,
	})
	if err != nil {
		panic(err) // the test's own words
	}
	return &foreign{name: "libtorrent", command: func(torrent, dir string) *exec.Cmd {
		return exec.Command(systemPython, filepath.Join("testdata", "interop", "lt.py"), torrent, dir, at.String(), string(settings))
	}}
}

// ariaDHT is aria2 with the DHT.
func ariaDHT(dir string, at netip.AddrPort) *foreign {
	return ariaWith(at, "--enable-dht=true", "--dht-listen-port="+fmt.Sprint(at.Port()), "--dht-entry-point="+villageNode,
		"--dht-file-path="+filepath.Join(dir, "dht.dat"), "--bt-save-metadata=false", "--follow-torrent=mem")
}

// dhtCase is one transfer with nothing but a magnet link and the DHT.
type dhtCase struct {
	seed, get string
	within    time.Duration
	routers   bool // we are not told of the node, but know the names of the public ones
}

// TestInteropDHT: a seed on one machine, a magnet link with nothing but the info hash on another, on a third a libtorrent that is
// only a node of the DHT: shoal finds shoal, and in both directions libtorrent, qBittorrent and aria2.
func TestInteropDHT(t *testing.T) {
	if os.Getenv(inside) == "" {
		demand(t, "aria2c", "qbittorrent-nox")
		again(t, "-nm", villageHome)
		return
	}
	v := newVillage(t)
	soon, theirTime := 15*time.Second, 90*time.Second // timers of others are not ours
	for _, c := range []dhtCase{
		{"shoal", "shoal", soon, false}, {"libtorrent", "shoal", soon, false}, {"shoal", "libtorrent", soon, false}, {"shoal", "shoal", soon, true},
		{"aria2", "shoal", theirTime, false}, {"shoal", "aria2", theirTime, false},
		{"qbittorrent", "shoal", theirTime, false}, {"shoal", "qbittorrent", theirTime, false},
	} {
		name := c.seed + " has, " + c.get + " gets"
		if c.routers {
			name += ", through routers"
		}
		t.Run(name, func(t *testing.T) {
			// A new one each time: libtorrent waits 15 s for each node that the last transfer has left behind.
			node := v.on(0, libtorrentDHT(netip.MustParseAddrPort(villageNode), ""))
			node.start(t, "-", t.TempDir())
			if _, err := node.running.await(regexp.MustCompile("listening")); err != nil {
				t.Fatal(err)
			}
			v.transfer(t, c)
		})
	}
}

// TestInteropOurNodes: libtorrent enters the DHT through our nodes alone, and two of them find each other there.
func TestInteropOurNodes(t *testing.T) {
	if os.Getenv(inside) == "" {
		demand(t)
		again(t, "-nm", villageHome)
		return
	}
	v := newVillage(t)
	node := &running{cmd: v.machines[0].command("shoal", "dht", "--serve", "--listen", villageNode), ended: make(chan struct{})}
	node.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	if _, err := node.begin(regexp.MustCompile("a DHT node listens on " + regexp.QuoteMeta(villageNode))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.kill)
	v.transfer(t, dhtCase{"libtorrent", "libtorrent", 30 * time.Second, false})
	interruptIt(t, node)
}

// client makes one of them on a machine.
func (v *village) client(t *testing.T, name string, machine int, at netip.AddrPort) *foreign {
	t.Helper()
	switch name {
	case "libtorrent":
		return v.on(machine, libtorrentDHT(at, villageNode))
	case "aria2":
		return v.on(machine, ariaDHT(t.TempDir(), at))
	}
	return v.on(machine, qbittorrentWith(t.TempDir(), at, true))
}

var villagePort uint16 = 7000 // the last one given out

// transfer moves 16 MiB.
func (v *village) transfer(t *testing.T, c dhtCase) {
	t.Helper()
	villagePort++
	from, to := netip.AddrPortFrom(v.address(1), villagePort), netip.AddrPortFrom(v.address(2), villagePort)
	dir, out := t.TempDir(), t.TempDir()
	torrent := content{"file.bin", dir, filepath.Join(dir, "file.torrent")}
	if err := fillRandom(filepath.Join(dir, torrent.name), 16<<20+int64(villagePort)); err != nil { // each its own info hash
		t.Fatal(err)
	}
	output(t, "shoal", "create", filepath.Join(dir, torrent.name), "-o", torrent.file)
	link := regexp.MustCompile(`magnet:\?xt=urn:btih:[0-9a-f]{40}`).FindString(output(t, "shoal", "inspect", "--magnet", torrent.file))
	way := []string{"--bootstrap", villageNode}
	if c.routers {
		way = nil
	}
	if c.seed == "shoal" {
		seed := v.machines[1].shoal(t, "DHT", slices.Concat([]string{"seed", "--listen", from.String(), "--data", dir, torrent.file}, way)...)
		awaits(t, seed, "seeding")
		defer interruptIt(t, seed)
	} else {
		seed := v.client(t, c.seed, 1, from)
		seed.start(t, torrent.file, dir)
		defer func() {
			if t.Failed() {
				t.Logf("%s: %s", c.seed, seed.running.said.String())
			}
		}()
	}
	began := time.Now()
	if c.get == "shoal" {
		v.machines[2].shoal(t, "DHT", slices.Concat([]string{"get", "--listen", to.String(), "-o", out, link}, way)...).mustEndWithin(t, 0, c.within)
	} else {
		get := v.client(t, c.get, 2, to)
		get.start(t, link, out)
		within(t, c.within, c.get+" has it", func() error {
			return same(filepath.Join(dir, torrent.name), filepath.Join(out, torrent.name), false)
		})
	}
	t.Logf("found and moved in %v", time.Since(began).Round(time.Millisecond))
	if err := same(filepath.Join(dir, torrent.name), filepath.Join(out, torrent.name), false); err != nil {
		t.Error(err)
	}
}

// TestInteropPEX: peer exchange alone. Who knows a peer that has almost nothing hears from it of the seed.
func TestInteropPEX(t *testing.T) {
	if os.Getenv(inside) == "" {
		demand(t)
		again(t, "-nm", villageHome)
		return
	}
	v := newVillage(t)
	for _, middle := range []string{"shoal", "libtorrent"} {
		t.Run("through "+middle, func(t *testing.T) {
			torrent, out := localContent(t), t.TempDir()
			villagePort++
			at := func(i int) string { return netip.AddrPortFrom(v.address(i), villagePort).String() }
			seed := v.machines[0].shoal(t, "", "seed", "--listen", at(0), "--data", torrent.dir, torrent.file)
			awaits(t, seed, "seeding")
			defer interruptIt(t, seed)
			if middle == "shoal" {
				v.machines[1].shoal(t, "", "get", "--limit-down", "20kB", "--listen", at(1), "--peer", at(0), "-o", t.TempDir(), torrent.file)
			} else {
				link := strings.TrimSpace(output(t, "shoal", "inspect", "--magnet", torrent.file)) + "&x.pe=" + at(0)
				v.on(1, &foreign{command: func(link, dir string) *exec.Cmd {
					return exec.Command(systemPython, filepath.Join("testdata", "interop", "lt.py"), link, dir, at(1), `{"download_rate_limit": 20000}`)
				}}).start(t, link, t.TempDir())
			}
			began := time.Now()
			get := v.machines[2].shoal(t, "", "get", "--listen", at(2), "--peer", at(1), "-o", out, torrent.file)
			get.mustEndWithin(t, 0, 2*caseTime) // addresses are exchanged once a minute
			t.Logf("moved in %v", time.Since(began).Round(time.Millisecond))
			if err := same(filepath.Join(torrent.dir, torrent.name), filepath.Join(out, torrent.name), false); err != nil {
				t.Error(err)
			}
		})
	}
}
