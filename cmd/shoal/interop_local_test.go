//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"shoal/session"
	"shoal/session/portmap"
)

// netspace is a network namespace beside that of the test; nil is that one.
type netspace struct{ pid string }

// newNetspace makes one that lasts as long as the test.
func newNetspace(t *testing.T) *netspace {
	t.Helper()
	cmd := exec.Command("unshare", "-n", "sleep", "infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	n := &netspace{fmt.Sprint(cmd.Process.Pid)}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a network namespace", func() error {
		theirs, err := os.Readlink("/proc/" + n.pid + "/ns/net")
		if err == nil && theirs == ours {
			err = fmt.Errorf("it is still in ours")
		}
		return err
	})
	n.ip(t, "link set lo up")
	return n
}

// command is a command that runs in the namespace.
func (n *netspace) command(name string, args ...string) *exec.Cmd {
	if n == nil {
		return exec.Command(name, args...)
	}
	return exec.Command("nsenter", append([]string{"-t", n.pid, "-n", name}, args...)...)
}

// ip runs ip with these words.
func (n *netspace) ip(t *testing.T, words string) {
	t.Helper()
	if out, err := n.command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", words, err, out)
	}
}

// cable joins two namespaces.
func cable(t *testing.T, a *netspace, nameA string, b *netspace, nameB string) {
	t.Helper()
	a.ip(t, "link add "+nameA+" type veth peer name "+nameB+" netns "+b.pid)
}

// shoal starts shoal in the namespace with the search in the local network or the port mapping switched on.
func (n *netspace) shoal(t *testing.T, on string, args ...string) *running {
	t.Helper()
	r := &running{cmd: n.command("shoal", append(args, "--no-trackers", "--progress", "none")...), ended: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir())
	if on != "" {
		r.cmd.Env = append(r.cmd.Env, "SHOAL_NO_"+on+"=false")
	}
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return r
}

// localContent is a torrent of 16 MiB without any tracker.
func localContent(t *testing.T) content {
	t.Helper()
	dir := t.TempDir()
	c := content{"file.bin", dir, filepath.Join(dir, "file.torrent")}
	if err := fillRandom(filepath.Join(dir, c.name), 16<<20); err != nil {
		t.Fatal(err)
	}
	output(t, "shoal", "create", filepath.Join(dir, c.name), "-o", c.file)
	return c
}

// TestLocalDiscovery: two programs that know nothing but one torrent find each other in the local network: on two
// machines over IPv4, over IPv6, with nothing but the addresses of the link, and on one machine;
// and so do libtorrent and we, in both directions.
func TestLocalDiscovery(t *testing.T) {
	if os.Getenv(inside) == "" {
		demand(t)
		again(t, "-n", "ip link set lo up")
		return
	}
	for _, c := range []struct{ name, ours, theirs string }{
		{"IPv4", "10.71.0.1/24", "10.71.0.2/24"}, {"IPv6", "fd71::1/64", "fd71::2/64"}, {"the link's own addresses", "", ""}, {"one machine", "10.71.0.1/24", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := localPair(t, c.ours, c.theirs)
			if c.name == "one machine" {
				other = nil
			}
			torrent, out := localContent(t), t.TempDir()
			seed := (*netspace)(nil).shoal(t, "LSD", "seed", "--data", torrent.dir, torrent.file)
			awaits(t, seed, "seeding")
			began := time.Now()
			other.shoal(t, "LSD", "get", "-o", out, torrent.file).mustEnd(t, 0)
			t.Logf("found and moved in %v", time.Since(began).Round(time.Millisecond))
			if err := same(filepath.Join(torrent.dir, torrent.name), filepath.Join(out, torrent.name), false); err != nil {
				t.Error(err)
			}
			interruptIt(t, seed)
		})
	}
	for _, weGet := range []bool{true, false} {
		t.Run(fmt.Sprintf("libtorrent, we get: %v", weGet), func(t *testing.T) {
			other := localPair(t, "10.71.0.1/24", "10.71.0.2/24")
			torrent, out := localContent(t), t.TempDir()
			theirs := torrent.dir
			if !weGet {
				theirs = out
			}
			lt := &foreign{name: "libtorrent", command: func(file, dir string) *exec.Cmd {
				return other.command(systemPython, filepath.Join("testdata", "interop", "lt.py"), file, dir, "10.71.0.2:6999", `{"enable_lsd": true}`)
			}}
			lt.start(t, torrent.file, theirs)
			if weGet {
				(*netspace)(nil).shoal(t, "LSD", "get", "-o", out, torrent.file).mustEnd(t, 0)
			} else {
				seed := (*netspace)(nil).shoal(t, "LSD", "seed", "--data", torrent.dir, torrent.file)
				defer interruptIt(t, seed)
			}
			eventually(t, "it is there", func() error {
				return same(filepath.Join(torrent.dir, torrent.name), filepath.Join(out, torrent.name), false)
			})
		})
	}
}

// localPair joins another machine to that of the test.
func localPair(t *testing.T, ours, theirs string) *netspace {
	t.Helper()
	other := newNetspace(t)
	cable(t, nil, "lan0", other, "lan1")
	t.Cleanup(func() { (*netspace)(nil).ip(t, "link del lan0") })
	for _, end := range []struct {
		n          *netspace
		name, addr string
	}{{nil, "lan0", ours}, {other, "lan1", theirs}} {
		if end.addr != "" {
			end.n.ip(t, strings.TrimSpace("addr add "+end.addr+" dev "+end.name+map[bool]string{true: " nodad"}[strings.Contains(end.addr, ":")]))
		}
		if out, err := end.n.command("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/"+end.name+"/accept_dad").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		end.n.ip(t, "link set "+end.name+" up")
	}
	for _, end := range []*netspace{nil, other} {
		eventually(t, "the link's own address", func() error {
			out, err := end.command("ip", "-6", "addr", "show", "scope", "link").CombinedOutput()
			if err == nil && (!strings.Contains(string(out), "fe80") || strings.Contains(string(out), "tentative")) {
				err = fmt.Errorf("%s", out)
			}
			return err
		})
	}
	return other
}

// awaits waits for a line on standard error.
func awaits(t *testing.T, r *running, pattern string) {
	t.Helper()
	if _, err := r.await(regexp.MustCompile(pattern)); err != nil {
		t.Fatalf("%v\n%s", err, r.said.String())
	}
}

// interruptIt ends a command as Ctrl-C does.
func interruptIt(t *testing.T, r *running) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.mustEnd(t, 0)
}

// The network of TestPortMapping: us, a router with miniupnpd, and a machine outside.
const (
	homeUs, homeRouter     = "10.7.0.2", "10.7.0.1"
	outsideRouter, outside = "1.2.3.4", "1.2.3.9"
)

const natRules = `table inet filter {
	chain forward { type filter hook forward priority 0; policy drop; jump miniupnpd; ct state established,related accept; iifname "lan1" accept; }
	chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
	chain postrouting { type nat hook postrouting priority 100; policy accept; jump postrouting_miniupnpd; oifname "wan0" masquerade; }
	chain miniupnpd { }
	chain prerouting_miniupnpd { }
	chain postrouting_miniupnpd { }
}
`

// home is a machine behind a real router; outside is one on the internet.
type home struct {
	router, outside *netspace
	leases          string // the router's file of mappings
}

// newHome starts miniupnpd with one of its two protocols.
func newHome(t *testing.T, upnp bool) *home {
	t.Helper()
	h := &home{router: newNetspace(t), outside: newNetspace(t)}
	dir := t.TempDir()
	h.leases = filepath.Join(dir, "leases")
	cable(t, nil, "lan0", h.router, "lan1")
	t.Cleanup(func() { (*netspace)(nil).ip(t, "link del lan0") })
	cable(t, h.router, "wan0", h.outside, "wan1")
	for _, end := range []struct {
		n          *netspace
		name, addr string
	}{{nil, "lan0", homeUs}, {h.router, "lan1", homeRouter}, {h.router, "wan0", outsideRouter}, {h.outside, "wan1", outside}} {
		end.n.ip(t, "addr add "+end.addr+"/24 dev "+end.name)
		end.n.ip(t, "link set "+end.name+" up")
	}
	(*netspace)(nil).ip(t, "route add default via "+homeRouter)
	conf, rules := filepath.Join(dir, "miniupnpd.conf"), filepath.Join(dir, "rules")
	yes := map[bool]string{true: "yes", false: "no"}
	for file, text := range map[string]string{rules: natRules, conf: `ext_ifname=wan0
listening_ip=lan1
http_port=5000
enable_upnp=` + yes[upnp] + `
enable_natpmp=` + yes[!upnp] + `
secure_mode=yes
lease_file=` + h.leases + `
uuid=00000000-0000-0000-0000-000000000001
upnp_table_name=filter
upnp_nat_table_name=filter
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
allow 1024-65535 10.7.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`} {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := h.router.command("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward && nft -f "+rules).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := &running{cmd: h.router.command("miniupnpd", "-d", "-f", conf, "-P", filepath.Join(dir, "pid")), ended: make(chan struct{})}
	if _, err := r.begin(regexp.MustCompile(`(?i)listening|HTTP`)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return h
}

// rules returns what the router's firewall lets through to a port of ours.
func (h *home) rules(t *testing.T) int {
	t.Helper()
	out, err := h.router.command("nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Count(string(out), "dnat ip to "+homeUs+":")
}

// until waits until the router maps so many ports to us, and returns the moment in its file at which the first ends.
func (h *home) until(t *testing.T, n int, after string) (ends string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d mappings that end after %q", n, after), func() error {
		b, err := os.ReadFile(h.leases)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		lines := strings.Fields(strings.ReplaceAll(string(b), " ", "_"))
		got := h.rules(t)
		if len(lines) != n || got != n {
			return fmt.Errorf("%d rules, leases %q", got, b)
		}
		if n > 0 {
			if ends = strings.Split(lines[0], ":")[4]; ends <= after {
				return fmt.Errorf("it ends at %s", ends)
			}
		}
		return nil
	})
	return ends
}

// TestPortMapping: behind Debian's miniupnpd our port is mapped by each protocol, a peer outside fetches through it,
// the mapping is renewed, and gone at the end.
func TestPortMapping(t *testing.T) {
	if os.Getenv(inside) == "" {
		demand(t, "miniupnpd", "nft")
		again(t, "-n", "ip link set lo up")
		return
	}
	for _, method := range []string{"UPnP", "NAT-PMP"} {
		t.Run(method, func(t *testing.T) {
			h := newHome(t, method == "UPnP")
			torrent, out := localContent(t), t.TempDir()
			seed := (*netspace)(nil).shoal(t, "PORTMAP", "seed", "--data", torrent.dir, torrent.file)
			awaits(t, seed, regexp.QuoteMeta("peers outside can connect to "+outsideRouter+":6881: the router lets them through to us ("+method+")"))
			h.until(t, 2, "")
			h.outside.shoal(t, "", "get", "-o", out, "--peer", outsideRouter+":6881", torrent.file).mustEnd(t, 0)
			if err := same(filepath.Join(torrent.dir, torrent.name), filepath.Join(out, torrent.name), false); err != nil {
				t.Error(err)
			}
			awaits(t, seed, "reachable from outside: a peer has connected")
			interruptIt(t, seed)
			h.until(t, 0, "")
			h.renewed(t, method)
		})
	}
}

// renewed maps a port for ten seconds at a time.
func (h *home) renewed(t *testing.T, method string) {
	t.Helper()
	n := session.SystemNet{}
	told := make(chan portmap.Mapping, 10)
	m := portmap.New(portmap.Config{Net: n, Port: 7777, Own: n.Addrs, Gateway: n.Gateway, Lease: 10 * time.Second,
		Rand: rand.New(rand.NewPCG(1, 1)), Changed: func(x portmap.Mapping) { told <- x }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx) }()
	first := h.until(t, 2, "")
	h.until(t, 2, first)
	cancel()
	<-ended
	h.until(t, 0, "")
	want := portmap.Mapping{Method: method, External: netip.AddrPortFrom(netip.MustParseAddr(outsideRouter), 7777)}
	if got := <-told; got != want {
		t.Errorf("told %+v", got)
	}
	if got := <-told; got != (portmap.Mapping{}) || len(told) > 0 {
		t.Errorf("told %+v in the end, and %d more", got, len(told))
	}
}
