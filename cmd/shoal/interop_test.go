//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The interoperability tests: clients that nobody of this project wrote serve
// us and are served by us. Some of them refuse loopback addresses, so the tests run in a
// network namespace of their own whose lo has the addresses below; that takes root. Where
// something is missing they are skipped, but with CI=true they fail.
const (
	ourV4, theirV4 = "10.88.0.1", "10.88.0.2"
	ourV6, theirV6 = "fd00:88::1", "fd00:88::2"

	caseTime = time.Minute
	inside   = "TEST_INSIDE_NAMESPACE"
)

func TestInterop(t *testing.T) {
	if os.Getenv(inside) == "" {
		enterNamespace(t)
		return
	}
	w := newInteropWorld(t)
	for _, make := range []func(*interopWorld, netip.AddrPort) *foreign{libtorrent, transmission, aria2, qbittorrent} {
		// Both directions, both sides dialling, both shapes of torrent.
		for _, c := range []interopCase{
			{get: true, weDial: true, torrent: w.single},
			{get: true, weDial: false, torrent: w.folder},
			{get: false, weDial: true, torrent: w.folder},
			{get: false, weDial: false, torrent: w.single},
		} {
			c.client = make
			w.run(t, c)
		}
	}
	w.run(t, interopCase{client: libtorrent, get: true, weDial: true, torrent: w.single6, v6: true})
	w.run(t, interopCase{client: libtorrent, get: false, weDial: false, torrent: w.single6, v6: true})
	w.run(t, interopCase{client: libtorrent, get: true, weDial: true, torrent: w.mktorrent})
	w.run(t, interopCase{client: transmission, get: false, weDial: false, torrent: w.mktorrent})
	t.Run("magnet links", w.testMagnets)
	t.Run("trackers", w.testTrackers)
	t.Run("interrupted and resumed", w.testResume)
	t.Run("torrents of others", w.testReadTheirs)
	t.Run("our torrents", w.testTheyReadOurs)
}

// enterNamespace runs this test once more where the addresses exist.
func enterNamespace(t *testing.T) {
	demand(t, "transmission-daemon", "transmission-show", "aria2c", "mktorrent", "opentracker", "qbittorrent-nox")
	again(t, "-n", `ip link set lo up
for i in 1 2 3; do ip addr add 10.88.0.$i/24 dev lo; ip addr add fd00:88::$i/64 dev lo nodad; done`)
}

// again runs the calling test once more, inside of new namespaces that the script has prepared.
func again(t *testing.T, namespaces, script string) {
	cmd := exec.Command("unshare", namespaces, "sh", "-c", "set -e\n"+script+"\nexec \"$@\"", "sh",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.parallel=4", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
		return
	}
	t.Logf("%s", out)
}

// demand ends a test that needs more than this machine has: namespaces, libtorrent and these programs.
func demand(t *testing.T, programs ...string) {
	t.Helper()
	why := missing(programs)
	if why != "" && os.Getenv("CI") == "true" {
		t.Fatalf("interoperability cannot be tested: %s", why)
	}
	if why != "" {
		t.Skipf("interoperability is not tested: %s", why)
	}
}

// missing says what this machine lacks, "" for nothing.
func missing(programs []string) string {
	var lack []string
	if os.Geteuid() != 0 {
		lack = append(lack, "root is needed for a network namespace")
	}
	for _, program := range append(programs, "unshare", "nsenter", "ip") {
		if _, err := exec.LookPath(program); err != nil {
			lack = append(lack, program+" is not installed")
		}
	}
	if exec.Command(systemPython, "-c", "import libtorrent").Run() != nil {
		lack = append(lack, "python3-libtorrent is not installed")
	}
	if len(lack) == 0 && exec.Command("unshare", "-n", "true").Run() != nil {
		lack = append(lack, "unshare -n is not allowed here")
	}
	return strings.Join(lack, "; ")
}

// content is a torrent with what it names.
type content struct {
	name string // of the file or folder
	dir  string // where it is
	file string // the .torrent
}

// interopWorld is what all cases share.
type interopWorld struct {
	dir                                string
	tracker                            *stageTracker
	single, folder, single6, mktorrent content
	port                               uint16 // the last one given out
	opentracked                        opentracked
}

// interopCase is one transfer between shoal and another client.
type interopCase struct {
	client  func(*interopWorld, netip.AddrPort) *foreign
	get     bool // we download, else we seed
	weDial  bool // the tracker tells only the dialling side of the other
	v6      bool
	torrent content
}

func newInteropWorld(t *testing.T) *interopWorld {
	w := &interopWorld{dir: t.TempDir(), tracker: newStageTracker(t), port: 20000}
	src := filepath.Join(w.dir, "src")
	for name, size := range map[string]int64{
		"single.bin": 64 << 20, "folder/odd.bin": 3_000_001, "folder/sub/one.bin": 1, "folder/sub/block.bin": 16384,
		"folder/sub/deep/more.bin": 777_777, "folder/empty": 0, "folder/zz.bin": 131_073,
	} {
		file := filepath.Join(src, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := fillRandom(file, size); err != nil {
			t.Fatal(err)
		}
	}
	ours := func(name, file, tracker string) content {
		c := content{name, src, filepath.Join(w.dir, file)}
		output(t, "shoal", "create", filepath.Join(src, name), "-o", c.file, "--tracker", tracker)
		return c
	}
	w.single = ours("single.bin", "single.torrent", w.tracker.url(ourV4))
	w.single6 = ours("single.bin", "single6.torrent", w.tracker.url(ourV6))
	w.folder = ours("folder", "folder.torrent", w.tracker.url(ourV4))
	w.mktorrent = content{"folder", src, filepath.Join(w.dir, "mktorrent.torrent")}
	output(t, "mktorrent", "-l", "15", "-a", w.tracker.url(ourV4), "-o", w.mktorrent.file, filepath.Join(src, "folder"))
	return w
}

// output runs a program that must succeed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

// address gives out an address that nobody uses yet.
func (w *interopWorld) address(ip string) netip.AddrPort {
	w.port++
	return netip.AddrPortFrom(netip.MustParseAddr(ip), w.port)
}

// run moves one torrent. Who is to be dialled starts first and is ready before the other starts.
func (w *interopWorld) run(t *testing.T, c interopCase) {
	us, them := w.address(ourV4), w.address(theirV4)
	if c.v6 {
		us, them = w.address(ourV6), w.address(theirV6)
	}
	other := c.client(w, them)
	t.Run(c.name(other.name), func(t *testing.T) {
		t.Parallel()
		began := time.Now()
		out := t.TempDir()
		mine, yours := c.torrent.dir, out
		if c.get {
			mine, yours = out, c.torrent.dir
		}
		weTell, theyTell := netip.AddrPort{}, us
		if c.weDial {
			weTell, theyTell = them, netip.AddrPort{}
		}
		we, they := w.tracker.actor(us, weTell), w.tracker.actor(them, theyTell)
		var shoal *running
		startUs := func() { shoal = w.shoal(t, c, us, mine); we.wait(t, shoal, !c.get) }
		startThem := func() {
			other.start(t, c.torrent.file, yours)
			if other.after == nil {
				they.wait(t, other.running, c.get)
			}
		}
		if c.weDial {
			startThem()
			startUs()
		} else {
			startUs()
			startThem()
		}
		same := func() error {
			return same(filepath.Join(c.torrent.dir, c.torrent.name), filepath.Join(out, c.torrent.name), !c.get && other.noEmpty)
		}
		if c.get {
			shoal.mustEnd(t, 0)
			if err := same(); err != nil {
				t.Error(err)
			}
		} else {
			if other.done != nil {
				other.done(t)
			} else {
				they.done(t, other.running)
			}
			eventually(t, other.name+" has written everything", same) // some say it before
			w.interrupt(t, shoal, 0)
		}
		t.Logf("done in %v", time.Since(began).Round(time.Millisecond))
	})
}

func (c interopCase) name(other string) string {
	words := []string{other}
	if c.get {
		words = append(words, "serves us")
	} else {
		words = append(words, "is served by us")
	}
	if c.weDial {
		words = append(words, "we dial")
	} else {
		words = append(words, "they dial")
	}
	words = append(words, strings.TrimSuffix(filepath.Base(c.torrent.file), ".torrent"))
	if c.v6 {
		words = append(words, "over IPv6")
	}
	return strings.Join(words, ", ")
}

// shoal starts our side.
func (w *interopWorld) shoal(t *testing.T, c interopCase, at netip.AddrPort, dir string, more ...string) *running {
	t.Helper()
	args := []string{"get", "-o", dir}
	if !c.get {
		args = []string{"seed", "--data", dir}
	}
	args = append(args, "--listen", at.String(), "--progress", "plain", c.torrent.file)
	r := &running{cmd: exec.Command("shoal", append(args, more...)...), ended: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(w.dir, "state", strings.ReplaceAll(t.Name(), "/", "_")))
	if _, err := r.begin(regexp.MustCompile(`.`)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return r
}

// mustEnd waits for a command to end with the code.
func (r *running) mustEnd(t *testing.T, code int) {
	t.Helper()
	r.mustEndWithin(t, code, caseTime)
}

func (r *running) mustEndWithin(t *testing.T, code int, limit time.Duration) {
	t.Helper()
	select {
	case <-r.ended:
		if got := exitCode(r.err); got != code {
			t.Fatalf("%v: exit code %d, not %d\n%s", r.cmd.Args, got, code, r.said.String())
		}
	case <-time.After(limit):
		t.Fatalf("%v: no end after %v\n%s", r.cmd.Args, limit, r.said.String())
	}
}

// interrupt ends shoal as Ctrl-C does; it has five seconds for that.
func (w *interopWorld) interrupt(t *testing.T, r *running, code int) {
	t.Helper()
	began := time.Now()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.mustEnd(t, code)
	if took := time.Since(began); took > stopWithin {
		t.Errorf("the clean stop took %v", took)
	}
}

// same compares two files or folders; b must have all that a has, but for empty
// files where noEmpty says so.
func same(a, b string, noEmpty bool) error {
	return filepath.WalkDir(a, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(a, name)
		if err != nil {
			return err
		}
		if st, err := d.Info(); err != nil || st.Size() == 0 && noEmpty {
			return err
		}
		if equal, err := sameFile(name, filepath.Join(b, rel)); err != nil || !equal {
			return fmt.Errorf("%s: equal %v, %v", rel, equal, err)
		}
		return nil
	})
}

// testMagnets: we fetch the info dictionary from libtorrent, and libtorrent from us by the link that we print. Then
// the content follows over the same connection, and names whom to ask besides.
func (w *interopWorld) testMagnets(t *testing.T) {
	us, them, us2, them2 := w.address(ourV4), w.address(theirV4), w.address(ourV4), w.address(theirV4)
	t.Run("libtorrent has it", func(t *testing.T) {
		t.Parallel()
		out := t.TempDir()
		libtorrent(w, them).start(t, w.folder.file, w.folder.dir)
		link := strings.TrimSpace(output(t, "shoal", "inspect", "--magnet", w.folder.file)) + "&x.pe=" + them.String()
		w.shoalDoes(t, "get", "--no-trackers", "-o", out, "--listen", us.String(), link).mustEnd(t, 0)
		if err := same(filepath.Join(w.folder.dir, w.folder.name), filepath.Join(out, w.folder.name), false); err != nil {
			t.Error(err)
		}
		file := filepath.Join(out, "x.torrent")
		w.shoalDoes(t, "get", "--no-trackers", "--metadata-only", "--save-torrent", file, "--peer", them.String(), "--listen", us.String(),
			regexp.MustCompile("[0-9a-f]{40}").FindString(link)).mustEnd(t, 0)
		want, got := output(t, "shoal", "inspect", "--json", w.folder.file), output(t, "shoal", "inspect", "--json", file)
		hash := regexp.MustCompile(`"hash_v1":"[0-9a-f]{40}"`)
		if a := hash.FindString(want); a == "" || a != hash.FindString(got) {
			t.Errorf("%s\n%s", want, got)
		}
	})
	t.Run("we have it", func(t *testing.T) {
		t.Parallel()
		us, them := us2, them2
		out := t.TempDir()
		seed := w.shoalDoes(t, "seed", "--no-trackers", "--json", "--data", w.folder.dir, "--listen", us.String(), w.folder.file)
		link, err := seed.await(regexp.MustCompile(`"magnet":"(magnet:[^"]*)"`))
		if err != nil {
			t.Fatal(err)
		}
		link = strings.ReplaceAll(link, `\u0026`, "&")
		link = regexp.MustCompile("&tr=[^&]*").ReplaceAllString(link, "")
		if !strings.HasSuffix(link, "&x.pe="+us.String()) {
			t.Errorf("the link is %s", link)
		}
		libtorrent(w, them).start(t, link, out)
		eventually(t, "libtorrent has written everything", func() error {
			return same(filepath.Join(w.folder.dir, w.folder.name), filepath.Join(out, w.folder.name), false)
		})
		w.interrupt(t, seed, 0)
	})
}

// shoalDoes starts a command of ours; both of its outputs can be awaited.
func (w *interopWorld) shoalDoes(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{cmd: exec.Command("shoal", args...), ended: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(w.dir, "state", strings.ReplaceAll(t.Name(), "/", "_")))
	r.cmd.Stdout = &r.said
	if _, err := r.begin(regexp.MustCompile(`.`)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.kill)
	return r
}

// testResume: a download from libtorrent is interrupted once and killed once, and
// fetches nothing twice but what a kill may lose.
func (w *interopWorld) testResume(t *testing.T) {
	us, them := w.address(ourV4), w.address(theirV4)
	c := interopCase{get: true, torrent: w.single}
	w.tracker.actor(us, them)
	they := w.tracker.actor(them, netip.AddrPort{})
	other := libtorrent(w, them)
	other.start(t, w.single.file, w.single.dir)
	they.wait(t, other.running, true)
	out := t.TempDir()
	until := func(r *running, pattern string) {
		t.Helper()
		if _, err := r.await(regexp.MustCompile(pattern)); err != nil {
			t.Fatal(err)
		}
	}
	first := w.shoal(t, c, us, out, "--limit-down", "20MB")
	until(first, `downloading, [1-5]\d%`)
	w.interrupt(t, first, exitUnfinished)
	second := w.shoal(t, c, us, out, "--limit-down", "20MB")
	until(second, `downloading, [4-8]\d%`)
	second.kill()
	cmd := exec.Command("shoal", "get", "-o", out, "--listen", us.String(), "--json", w.single.file)
	cmd.Env = second.cmd.Env
	last, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := same(filepath.Join(w.single.dir, w.single.name), filepath.Join(out, w.single.name), false); err != nil {
		t.Error(err)
	}
	var done doneEvent
	for line := range strings.Lines(string(last)) {
		if strings.Contains(line, `"type":"done"`) {
			if err := json.Unmarshal([]byte(line), &done); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("the last of three runs fetched %d of %d bytes", done.Downloaded, done.Size)
	if done.Size != 64<<20 || done.Downloaded > 60<<20 {
		t.Errorf("the last run fetched %d of %d bytes", done.Downloaded, done.Size)
	}
}

// testReadTheirs: what mktorrent wrote says the same to us as to it.
func (w *interopWorld) testReadTheirs(t *testing.T) {
	var d description
	if err := json.Unmarshal([]byte(output(t, "shoal", "inspect", "--json", w.mktorrent.file)), &d); err != nil {
		t.Fatal(err)
	}
	lt := strings.Fields(output(t, systemPython, filepath.Join("testdata", "interop", "show.py"), w.mktorrent.file))
	if got := []string{d.HashV1, fmt.Sprint(d.Size), fmt.Sprint(d.PieceLength), fmt.Sprint(len(d.Files))}; strings.Join(got, " ") != strings.Join(lt, " ") {
		t.Errorf("we read %v, libtorrent %v", got, lt)
	}
}

// testTheyReadOurs: what we wrote says the same to everybody.
func (w *interopWorld) testTheyReadOurs(t *testing.T) {
	for _, c := range []content{w.single, w.folder} {
		var d description
		if err := json.Unmarshal([]byte(output(t, "shoal", "inspect", "--json", c.file)), &d); err != nil {
			t.Fatal(err)
		}
		lt := output(t, systemPython, filepath.Join("testdata", "interop", "show.py"), c.file)
		if want := fmt.Sprintf("%s %d %d %d\n", d.HashV1, d.Size, d.PieceLength, len(d.Files)); lt != want {
			t.Errorf("libtorrent reads %q, not %q", lt, want)
		}
		for program, args := range map[string][]string{"transmission-show": {c.file}, "aria2c": {"-S", c.file}} {
			got := strings.ToLower(output(t, program, args...))
			for _, want := range []string{d.HashV1, strings.ToLower(d.Name)} {
				if !strings.Contains(got, want) {
					t.Errorf("%s does not say %q:\n%s", program, want, got)
				}
			}
		}
	}
}
