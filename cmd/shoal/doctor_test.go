package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"shoal/internal/fsys"
	"shoal/status"
)

// expects compares findings with "level words", words being a part of what is said or advised.
func expects(t *testing.T, name string, got []diagnosis, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %v, not %v", name, got, want)
		return
	}
	for i, w := range want {
		level, words, _ := strings.Cut(w, " ")
		if got[i].level.String() != level || !strings.Contains(got[i].says+" -> "+got[i].advice, words) {
			t.Errorf("%s: %v %q -> %q, not %q", name, got[i].level, got[i].says, got[i].advice, w)
		}
		if got[i].level >= warning && got[i].advice == "" {
			t.Errorf("%s: %q without advice", name, got[i].says)
		}
		if strings.HasSuffix(got[i].says, ".") || got[i].says == "" || got[i].check == "" {
			t.Errorf("%s: %+v is no sentence", name, got[i])
		}
	}
}

func addrPorts(list ...string) (out []netip.AddrPort) {
	for _, s := range list {
		out = append(out, netip.MustParseAddrPort(s))
	}
	return out
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestDoctorPort(t *testing.T) {
	taken := []string{"deluged (pid 7)"}
	for name, x := range map[string]struct {
		facts portFacts
		want  string
	}{
		"free":            {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6881", "[::]:6881"), udp: true, wantUDP: true}, "ok 0.0.0.0:6881 and [::]:6881"},
		"any":             {portFacts{asked: "127.0.0.1:0", addrs: addrPorts("127.0.0.1:4444"), udp: true, wantUDP: true}, "ok 4444"},
		"chosen, taken":   {portFacts{asked: ":6881", exact: true, err: errors.New("port 6881: in use"), holders: taken}, "problem in use by deluged (pid 7) -> choose another"},
		"default, taken":  {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6882"), udp: true, wantUDP: true, holders: taken}, "warning port 6881 is taken by deluged (pid 7): we would listen on 0.0.0.0:6882"},
		"taken, unknown":  {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6882"), udp: true, wantUDP: true}, "warning port 6881 is taken: we"},
		"no UDP":          {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6881"), wantUDP: true}, "warning the UDP port beside it is taken -> the DHT needs it"},
		"no UDP, by whom": {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6881"), wantUDP: true, holders: taken}, "warning taken by deluged"},
		"no UDP, no DHT":  {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6881")}, "ok 6881"},
		"the daemon":      {portFacts{asked: ":6881", addrs: addrPorts("0.0.0.0:6890"), daemon: true}, "ok the daemon listens on 0.0.0.0:6890"},
	} {
		expects(t, name, []diagnosis{x.facts.judge()}, x.want)
	}
}

func TestDoctorReach(t *testing.T) {
	home := addrs("192.168.1.5")
	mapped := func(external string) status.Reach {
		r := status.Reach{Mapped: true, Method: "UPnP"}
		if external != "" {
			r.External = netip.MustParseAddrPort(external)
		}
		return r
	}
	for name, x := range map[string]struct {
		facts reachFacts
		want  string
	}{
		"proof":            {reachFacts{Reach: status.Reach{Incoming: true}, own: home}, "ok one has connected"},
		"public machine":   {reachFacts{own: addrs("10.0.0.1", "198.41.0.4")}, "ok 198.41.0.4"},
		"only IPv6 public": {reachFacts{own: addrs("192.168.1.5", "2001:500:2::c"), port: 6881, waited: 7 * time.Second}, "warning no router agreed to let connections through to us within 7.0s (UPnP, NAT-PMP) -> forward port 6881"},
		"IPv6 machine":     {reachFacts{own: addrs("2001:500:2::c")}, "ok 2001:500:2::c"},
		"loopback":         {reachFacts{own: addrs("127.0.0.1", "::1"), unasked: true}, "note only this machine can come in, at 127.0.0.1 and ::1"},
		"mapped":           {reachFacts{Reach: mapped("198.41.0.4:6881"), own: home, external: addrs("198.41.0.4")}, "ok the router lets connections to 198.41.0.4:6881 through to us (UPnP)"},
		"mapped, unseen":   {reachFacts{Reach: mapped("198.41.0.4:6881"), own: home, external: addrs("2001:500:2::c")}, "ok the router"},
		"second NAT":       {reachFacts{Reach: mapped("100.64.3.2:6881"), own: home}, "warning 100.64.3.2 is not public: there is a second router"},
		"tunnel":           {reachFacts{Reach: mapped("198.41.0.4:6881"), own: home, external: addrs("199.7.83.42")}, "warning others see us as 199.7.83.42"},
		"address unknown":  {reachFacts{Reach: status.Reach{Mapped: true, Method: "NAT-PMP", External: netip.AddrPortFrom(netip.Addr{}, 7000)}, own: home}, "note port 7000"},
		"not asked":        {reachFacts{own: home, unasked: true, port: 6881}, "note switched off -> make sure that port 6881"},
		"no answer":        {reachFacts{own: home, port: 51413}, "warning no router agreed"},
	} {
		expects(t, name, []diagnosis{x.facts.judge()}, x.want)
	}
}

func TestDoctorDHT(t *testing.T) {
	for name, x := range map[string]struct {
		facts dhtFacts
		want  []string
	}{
		"off":       {dhtFacts{off: true}, []string{"note switched off"}},
		"no socket": {dhtFacts{}, []string{"warning no UDP socket"}},
		"good":      {dhtFacts{nodes: []status.DHT{{Good: 9, External: netip.MustParseAddr("198.41.0.4")}, {IPv6: true, Good: 3}}}, []string{"ok IPv4: 9 nodes answer and see us at 198.41.0.4", "ok IPv6: 3 nodes answer"}},
		"no IPv6":   {dhtFacts{nodes: []status.DHT{{Good: 9}, {IPv6: true}}}, []string{"ok IPv4", "note IPv6: no node answers"}},
		"silence":   {dhtFacts{nodes: []status.DHT{{}, {IPv6: true}}, waited: 7 * time.Second}, []string{"problem IPv4: no node answered within 7.0s -> is there a network", "note IPv6"}},
		"no names":  {dhtFacts{nodes: []status.DHT{{}}, names: errors.New("no such host")}, []string{"problem names cannot be resolved (no such host)"}},
		"closed":    {dhtFacts{nodes: []status.DHT{{}}, closed: true, names: errors.New("no such host")}, []string{"problem --bootstrap"}},
	} {
		expects(t, name, x.facts.judge(), x.want...)
	}
}

func TestDoctorClock(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, x := range map[string]struct {
		facts clockFacts
		want  []string
	}{
		"right":              {clockFacts{now: now}, []string{"ok it is 2026-03-01 12:00:00 UTC"}},
		"never set":          {clockFacts{now: time.Unix(100, 0)}, []string{"problem 1970"}},
		"set meanwhile":      {clockFacts{now: now, jump: -3 * time.Second}, []string{"warning moved by -3s"}},
		"being slewed":       {clockFacts{now: now, jump: 40 * time.Millisecond}, []string{"ok it is"}},
		"tracker agrees":     {clockFacts{now: now, tracker: "t.example", date: now.Add(-2 * time.Second)}, []string{"ok it is", "ok t.example answers"}},
		"an hour ahead":      {clockFacts{now: now, tracker: "t.example", date: now.Add(-time.Hour)}, []string{"ok it is", "warning 1h0m0s apart -> let the system"}},
		"an hour behind":     {clockFacts{now: now, tracker: "t.example", date: now.Add(time.Hour)}, []string{"ok it is", "warning 1h0m0s apart"}},
		"a slow answer":      {clockFacts{now: now, tracker: "t.example", date: now.Add(-125 * time.Second), took: 7 * time.Second}, []string{"ok it is", "ok t.example"}},
		"tracker is no help": {clockFacts{now: now, tracker: "t.example"}, []string{"ok it is", "note does not say"}},
		"tracker is gone":    {clockFacts{now: now, tracker: "t.example", err: errors.New("connection refused")}, []string{"ok it is", "warning connection refused -> is its address right"}},
	} {
		expects(t, name, x.facts.judge(), x.want...)
	}
}

func TestDoctorHandles(t *testing.T) {
	for limit, want := range map[int]string{
		0: "ok no limit", 20: "problem only 20", 128: "warning few peers", 512: "note more peers", handleNeeds - 1: "note more peers", handleNeeds: "ok up to", 1 << 20: "ok up to 1048576",
	} {
		expects(t, fmt.Sprint(limit), []diagnosis{judgeHandles(limit)}, want)
	}
}

func TestDoctorDaemon(t *testing.T) {
	none := errors.New("no such file")
	for name, x := range map[string]struct {
		facts daemonFacts
		want  string
	}{
		"none":      {daemonFacts{address: "unix:/s", err: none, ours: "1"}, "note no daemon runs"},
		"answers":   {daemonFacts{address: "unix:/s", kind: "shoal", version: "1", ours: "1"}, "ok unix:/s answers, version 1"},
		"older":     {daemonFacts{address: "unix:/s", kind: "shoal", version: "0.9", ours: "1"}, "warning version 0.9, and this is 1"},
		"other":     {daemonFacts{address: "host:9091", kind: "Transmission", version: "4.0.6", ours: "1"}, "note not one of shoal's"},
		"not ours":  {daemonFacts{err: none, wants: true, ours: "1"}, "note wants user and password"},
		"is silent": {daemonFacts{address: "unix:/s", err: none, holder: "pid 7: shoal daemon", ours: "1"}, "problem pid 7: shoal daemon"},
	} {
		expects(t, name, []diagnosis{x.facts.judge()}, x.want)
	}
}

func TestDoctorFolder(t *testing.T) {
	good := folderFacts{check: "download", path: "/d", need: roomForData, free: 50 << 30, kind: "ext4", sparse: true, tried: true}
	with := func(change func(*folderFacts)) folderFacts {
		d := good
		change(&d)
		return d
	}
	for name, x := range map[string]struct {
		facts folderFacts
		want  []string
	}{
		"good":          {good, []string{"ok /d: writable, 54 GB free"}},
		"free unknown":  {with(func(d *folderFacts) { d.free = -1 }), []string{"ok /d: writable"}},
		"missing":       {with(func(d *folderFacts) { d.missing = true }), []string{"problem no such folder"}},
		"will be made":  {with(func(d *folderFacts) { d.missing, d.made = true, true }), []string{"ok can be made"}},
		"not permitted": {with(func(d *folderFacts) { d.err = &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES} }), []string{"problem may not write"}},
		"read-only":     {with(func(d *folderFacts) { d.err = syscall.EROFS }), []string{"problem may not write there -> give"}},
		"full":          {with(func(d *folderFacts) { d.err = fmt.Errorf("write: %w", syscall.ENOSPC) }), []string{"problem full"}},
		"hangs":         {with(func(d *folderFacts) { d.err = errHangs }), []string{"problem does not answer -> is it on a disk"}},
		"broken":        {with(func(d *folderFacts) { d.err = syscall.EIO }), []string{"problem input/output"}},
		"nearly full":   {with(func(d *folderFacts) { d.free = 10 << 20 }), []string{"problem only 10 MB free"}},
		"little":        {with(func(d *folderFacts) { d.free = 500 << 20 }), []string{"warning only 524 MB free"}},
		"FAT":           {with(func(d *folderFacts) { d.limits, d.sparse, d.kind = fsys.Limits{MaxFile: 1<<32 - 1}, false, "vfat" }), []string{"warning no file over 4.3 GB"}},
		"no holes":      {with(func(d *folderFacts) { d.sparse = false }), []string{"note no holes"}},
		"memory":        {with(func(d *folderFacts) { d.kind = "tmpfs" }), []string{"warning gone after a restart"}},
		"far away":      {with(func(d *folderFacts) { d.kind = "nfs4" }), []string{"note nfs4"}},
		"no locks":      {with(func(d *folderFacts) { d.unlocked = syscall.ENOLCK }), []string{"warning cannot be locked"}},
		"two things":    {with(func(d *folderFacts) { d.kind, d.free = "tmpfs", 500<<20 }), []string{"warning free", "warning memory"}},
		"read":          {folderFacts{check: "config", path: "/c", reading: true, free: -1}, []string{"ok readable"}},
		"nothing there": {folderFacts{check: "config", path: "/c", reading: true, made: true, missing: true, free: -1}, []string{"ok the defaults hold"}},
		"unreadable":    {folderFacts{check: "config", path: "/c", reading: true, err: syscall.EACCES}, []string{"problem permission denied"}},
	} {
		expects(t, name, x.facts.judge(), x.want...)
	}
}

// TestO03TriesFolders: a real folder is tried, and nothing is left in it.
func TestO03TriesFolders(t *testing.T) {
	dir := t.TempDir()
	d := lookAtFolder(folderFacts{check: "download", path: dir})
	if d.err != nil || !d.tried || d.unlocked != nil || d.missing || d.free <= 0 {
		t.Errorf("%+v", d)
	}
	d = lookAtFolder(folderFacts{check: "state", path: filepath.Join(dir, "a", "b"), made: true})
	if d.err != nil || !d.tried || !d.missing {
		t.Errorf("%+v", d)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if d = lookAtFolder(folderFacts{path: file}); d.err == nil || d.tried {
		t.Errorf("a file passes for a folder: %+v", d)
	}
	if d = lookAtFolder(folderFacts{path: filepath.Join(file, "below"), made: true}); d.err == nil || d.tried {
		t.Errorf("a file passes for a folder above: %+v", d)
	}
	if d = lookAtFolder(folderFacts{path: filepath.Join(dir, "no")}); !d.missing || d.tried {
		t.Errorf("%+v", d)
	}
	if d = lookAtFolder(folderFacts{path: dir, reading: true}); d.tried || d.err != nil {
		t.Errorf("%+v", d)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("left behind: %v %v", names, err)
	}
}

func TestDoctorMounts(t *testing.T) {
	const table = `22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:25 / /srv rw - xfs /dev/sdb1 rw
31 30 0:26 / /srv/my\040films rw master:1 - fuse.sshfs host: rw
32 22 0:27 / /srv rw shared:9 - vfat /dev/sdc1 rw
short line
33 22 0:28 / /tmp rw -
`
	for dir, want := range map[string]string{
		"/": "ext4", "/home/me": "ext4", "/srv": "vfat", "/srv/x": "vfat", "/srvx": "ext4", "/srv/my films": "fuse.sshfs", "/srv/my films/a": "fuse.sshfs", "/tmp": "ext4",
	} {
		if got := mountOf(strings.NewReader(table), dir); got != want {
			t.Errorf("%s is on %q, not %q", dir, got, want)
		}
	}
	if got := mountOf(strings.NewReader(""), "/"); got != "" {
		t.Errorf("without a table: %q", got)
	}
	for in, want := range map[string]string{`a\040b`: "a b", `a\134b`: `a\b`, `a\`: `a\`, `a\04`: `a\04`, `a\999b`: `a\999b`} {
		if got := unescaped(in); got != want {
			t.Errorf("unescaped(%q) is %q", in, got)
		}
	}
}

func TestDoctorSockets(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1AE1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1AE1 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
   3: nonsense
`
	if got := socketInodes(table, 6881, true); len(got) != 1 || got[0] != "4711" {
		t.Error(got)
	}
	if got := socketInodes(table, 6881, false); len(got) != 2 {
		t.Error(got)
	}
	if got := socketInodes(table, 80, true); got != nil {
		t.Error(got)
	}
}
