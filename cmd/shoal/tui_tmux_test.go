//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tmuxTime is how long the screen may take to show what is awaited.
const tmuxTime = 30 * time.Second

// tmux is a terminal with a shell in it, of a server of its own.
type tmux struct {
	t      *testing.T
	socket string
}

// newTmux starts one of 80x24. The shell's prompt is "ready>".
func newTmux(t *testing.T, home string, env ...string) *tmux {
	t.Helper()
	x := &tmux{t, filepath.Join(home, "tmux")}
	cmd := x.command("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "exec env PS1='ready> ' bash --norc --noprofile -i")
	cmd.Dir = home
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "TMUX") }), "LC_ALL=C.UTF-8", "HISTFILE=")
	cmd.Env = append(cmd.Env, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	t.Cleanup(func() { _ = x.command("kill-server").Run() })
	x.await(`ready>`)
	return x
}

func (x *tmux) command(args ...string) *exec.Cmd {
	return exec.Command("tmux", append([]string{"-u", "-S", x.socket}, args...)...)
}

func (x *tmux) do(args ...string) string {
	x.t.Helper()
	out, err := x.command(args...).CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// keys presses keys, by tmux's names.
func (x *tmux) keys(names ...string) { x.t.Helper(); x.do(append([]string{"send-keys"}, names...)...) }

// typed types text, character by character.
func (x *tmux) typed(s string) { x.t.Helper(); x.do("send-keys", "-l", s) }

// paste has the terminal paste text, with brackets around it where the program asked for them.
func (x *tmux) paste(s string) { x.t.Helper(); x.do("set-buffer", s); x.do("paste-buffer", "-p") }

// agree answers a question with y: once it is seen, and again if that was so soon that nobody can have read it.
func (x *tmux) agree(question string) {
	x.t.Helper()
	x.await(question)
	looked := 0 // the key is pressed once in several looks, so that the shell gets none of them
	within(x.t, tmuxTime, "an end of the question", func() error {
		if screen := x.screen(); regexp.MustCompile(question).MatchString(screen) {
			if looked%8 == 0 {
				x.keys("y")
			}
			looked++
			return fmt.Errorf("it asks\n%s", strings.TrimSpace(screen))
		}
		return nil
	})
}

// run has the shell run a line.
func (x *tmux) run(line string) { x.t.Helper(); x.typed(line); x.keys("Enter") }

func (x *tmux) resize(w, h int) {
	x.t.Helper()
	x.do("resize-window", "-x", strconv.Itoa(w), "-y", strconv.Itoa(h))
}

// screen is what is seen.
func (x *tmux) screen() string { x.t.Helper(); return x.do("capture-pane", "-p") }

// is returns a format of tmux's: what the program has switched on.
func (x *tmux) is(format string) string {
	x.t.Helper()
	return strings.TrimSpace(x.do("display-message", "-p", format))
}

// await waits until the screen matches every pattern and returns it. A pattern after "!" must not match.
func (x *tmux) await(patterns ...string) (screen string) {
	x.t.Helper()
	within(x.t, tmuxTime, "the screen", func() error {
		screen = x.screen()
		for _, p := range patterns {
			p, not := strings.CutPrefix(p, "!")
			if regexp.MustCompile(p).MatchString(screen) == not {
				return fmt.Errorf("it matches %q: %v\n%s", p, not, strings.TrimSpace(screen))
			}
		}
		return nil
	})
	return screen
}

// restored waits until the shell has the terminal again, as it was before.
func (x *tmux) restored() {
	x.t.Helper()
	within(x.t, tmuxTime, "the terminal", func() error {
		if modes := x.is("#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{pane_current_command}"); modes != "0 1 0 bash" {
			return fmt.Errorf("alternate screen, cursor, mouse and program are %s\n%s", modes, x.screen())
		}
		return nil
	})
}

// tmuxWorld is what the scenarios share: a binary, and two torrents that a real libtorrent has.
type tmuxWorld struct {
	dir, shoal string
	magnets    []string // with the seed's address in them
}

var tmuxNames = []string{"field-recordings.flac", "lecture-notes.pdf"}

func newTmuxWorld(t *testing.T) *tmuxWorld {
	t.Helper()
	var lack []string
	for _, program := range []string{"tmux", "bash", "stty"} {
		if _, err := exec.LookPath(program); err != nil {
			lack = append(lack, program+" is not installed")
		}
	}
	if exec.Command(systemPython, "-c", "import libtorrent").Run() != nil {
		lack = append(lack, "python3-libtorrent is not installed")
	}
	switch {
	case len(lack) > 0 && os.Getenv("CI") != "":
		t.Fatalf("the terminal interface cannot be tested: %s", strings.Join(lack, "; "))
	case len(lack) > 0:
		t.Skipf("the terminal interface is not tested in tmux: %s", strings.Join(lack, "; "))
	}
	w := &tmuxWorld{dir: t.TempDir()}
	w.shoal = buildShoal(t, w.dir)
	for i, name := range tmuxNames {
		src := filepath.Join(w.dir, "src", strconv.Itoa(i))
		if err := os.MkdirAll(src, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := fillRandom(filepath.Join(src, name), 12<<20); err != nil {
			t.Fatal(err)
		}
		torrent := filepath.Join(w.dir, name+".torrent")
		output(t, w.shoal, "create", filepath.Join(src, name), "-o", torrent)
		at := freeAddress(t)
		seed := &running{cmd: exec.Command(systemPython, filepath.Join("testdata", "interop", "lt.py"), torrent, src, at), ended: make(chan struct{})}
		if err := seed.start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(seed.kill)
		eventually(t, "libtorrent listens", func() error {
			c, err := net.Dial("tcp", at)
			if err == nil {
				c.Close()
			}
			return err
		})
		w.magnets = append(w.magnets, strings.TrimSpace(output(t, w.shoal, "inspect", "--magnet", torrent))+"&x.pe="+at)
	}
	return w
}

// freeAddress is one of this machine at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// home makes a place for one run and returns it with the environment of that run.
func (w *tmuxWorld) home(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "shoal") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	env = []string{"HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "RUNTIME_DIRECTORY=", "XDG_STATE_HOME=" + filepath.Join(dir, "state"),
		"XDG_CONFIG_HOME=" + filepath.Join(dir, "config"), "XDG_CACHE_HOME=" + filepath.Join(dir, "cache"),
		"PATH=" + w.dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "SHOAL_DOWNLOAD_DIR=" + filepath.Join(dir, "down"),
		"SHOAL_LISTEN=127.0.0.1:0", "SHOAL_NO_DHT=true", "SHOAL_NO_LSD=true", "SHOAL_NO_PORTMAP=true", "SHOAL_RPC=" + freeAddress(t)}
	return dir, env
}

// TestTUITmux: a person at a real terminal goes from an empty list to a finished download of what a real libtorrent has, and about.
func TestTUITmux(t *testing.T) {
	w := newTmuxWorld(t)
	t.Run("T02 without a terminal", w.testNoTerminal)
	t.Run("in this process", w.testOwn)
	t.Run("plain terminals", w.testPlain)
	t.Run("T04 a daemon that comes and goes", w.testDaemon)
	t.Run("T04 ended by a signal", w.testSignals)
}

func (w *tmuxWorld) testNoTerminal(t *testing.T) {
	_, env := w.home(t)
	for _, args := range [][]string{{"tui"}, {"tui", w.magnets[0]}} {
		cmd := exec.Command(w.shoal, args...)
		cmd.Env = append(os.Environ(), env...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		out, err := cmd.CombinedOutput()
		if code := exitCode(err); code != exitUsage || !strings.Contains(string(out), "needs a terminal") {
			t.Errorf("exit code %d, %q", code, out)
		}
	}
}

func (w *tmuxWorld) testOwn(t *testing.T) {
	home, env := w.home(t)
	x := newTmux(t, home, env...)
	x.run("echo earlier; stty -g > before")
	x.await(`(?m)^earlier`)
	x.run("shoal tui; echo code $?; stty -g > after")
	x.await(`No torrents yet`, `a +add a magnet link`, `shoal in this window`, `run in this window`, `\? help`)
	if modes := x.is("#{alternate_on} #{cursor_flag}"); modes != "1 0" {
		t.Errorf("alternate screen and cursor are %s", modes)
	}

	// One is typed, the other pasted into the list.
	x.keys("a")
	x.await(`Add`, `source`, `enter add`)
	x.typed(w.magnets[0])
	x.await(`x\.pe=127`)
	x.keys("Enter")
	x.await(`(added|complete:) field-recordings`, `field-recordings\.flac +13 MB +100%`)
	x.paste(w.magnets[1])
	x.await(`Add`, `x\.pe=127`)
	x.keys("Enter")
	x.await(`lecture-notes\.pdf +13 MB +100%`, `1 All 2`, `3 Seed 2`)
	for i, name := range tmuxNames {
		if err := same(filepath.Join(w.dir, "src", strconv.Itoa(i), name), filepath.Join(home, "down", name), false); err != nil {
			t.Error(err)
		}
	}

	// What fits is shown as it is typed; esc shows all again.
	x.typed("/lect")
	x.await(`/lect`, `lecture`, `!field`)
	x.keys("Escape")
	x.await(`lecture`, `field`, `!/lect`)
	x.keys("2")
	x.await(`\[2 Down 0\]`, `!lecture`)
	x.keys("1", "g")
	x.await(`(?m)^.? ?\S+ lecture|^. +\S+ lecture`)

	x.typed("/field")
	x.keys("Enter", "Enter")
	x.await(`\[Overview\]`, `seeding`, `field-recordings\.flac`, `why +\S+`, `pieces`)
	for _, tab := range []struct{ key, shows string }{
		{"2", `(?s)\[Files 1\].*\[x\] +field-recordings\.flac`}, {"3", `\[Peers`}, {"4", `(?s)\[Trackers\].*no trackers`}, {"5", `(?s)\[Log\].*download complete`}, {"Tab", `\[Overview\]`},
	} {
		x.keys(tab.key)
		x.await(tab.shows)
	}
	for _, size := range [][2]int{{40, 10}, {20, 5}, {160, 50}, {80, 24}} {
		x.resize(size[0], size[1])
		if size[0] < 30 {
			x.await(`^shoal \S+`)
			continue
		}
		x.await(`\[Overview\]`, `(?m)field-recordings\.flac`)
	}
	x.keys("q")
	x.await(`1 All`)
	x.keys("Escape") // with a key right after it, it would be that key with alt
	x.await(`1 All 2`, `lecture`)
	x.resize(40, 10)
	x.await(`lecture-notes`, `(?m)100%`)
	x.resize(160, 50)
	x.await(`Rates, last 5 min`, `\[Overview\]`, `this process: ends with this window`)
	x.resize(80, 24)
	x.await(`1 All 2`, `\? help`, `!Rates`)

	w.removeAndKeep(x, home)

	x.keys("q")
	x.await(`Leave\?`, `> Stay <`)
	x.keys("Enter")
	x.await(`!Leave\?`)
	x.keys("q")
	x.agree(`Leave\?`)
	x.restored()
	x.await(`earlier`, `code 0`, `(?m)^ready> $|ready>\s*$`, `!Seed`)
	sameSettings(t, home)
}

// removeAndKeep: a removal is undone, and one with the files is not carried out unless y is pressed.
func (w *tmuxWorld) removeAndKeep(x *tmux, home string) {
	x.t.Helper()
	file := filepath.Join(home, "down", tmuxNames[1])
	x.typed("/lect")
	x.keys("Enter", "d")
	x.await(`Take 1 torrent out of the list\?`, `The files stay`, `> Keep in the list <`)
	x.agree(`Take 1 torrent out of the list\?`)
	x.await(`removed lecture-notes`, `u brings back`, `1 All 1`)
	x.keys("u")
	x.await(`brought back`, `1 All 2`, `lecture-notes\.pdf +13 MB +100%`)
	for _, no := range []string{"n", "Enter", "Escape", "q"} {
		x.keys("D")
		x.await(`AND delete`, `lecture-notes\.pdf`, `Deletes 13 MB`, `> Keep everything <`)
		x.keys(no)
		x.await(`!AND delete`, `1 All 2`, `lecture-notes`)
		if _, err := os.Stat(file); err != nil {
			x.t.Errorf("after D and %s: %v", no, err)
		}
	}
	x.keys("Escape")
	x.await(`!/lect`, `field`)
}

// sameSettings compares what stty said before and after.
func sameSettings(t *testing.T, home string) {
	t.Helper()
	var after []byte
	eventually(t, "stty's second word", func() (err error) {
		if after, err = os.ReadFile(filepath.Join(home, "after")); err == nil && len(after) == 0 {
			err = os.ErrNotExist
		}
		return err
	})
	before, err := os.ReadFile(filepath.Join(home, "before"))
	if err != nil || string(before) != string(after) {
		t.Errorf("the settings of the terminal were %s and are %s, %v", before, after, err)
	}
}

// testPlain: terminals that can do little get what they can show.
func (w *tmuxWorld) testPlain(t *testing.T) {
	home, env := w.home(t)
	x := newTmux(t, home, env...)
	colour := regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;[0-9;]*)?m`)
	for _, c := range []struct {
		name, env   string
		ascii, mono bool
	}{
		{"as it is", "TERM=tmux-256color", false, false},
		{"TERM=linux", "TERM=linux", true, false},
		{"NO_COLOR", "NO_COLOR=1", false, true},
		{"LANG=C", "LC_ALL= LANG=C", true, false},
		{"TERM=dumb", "TERM=dumb", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.t = t
			defer func() {
				x.keys("q")
				x.agree(`Leave\?`)
				x.restored()
			}()
			x.run("clear; env " + c.env + " shoal tui '" + w.magnets[0] + "'")
			x.await(`field-recordings\.flac +13 MB +100%`, `1 All 1`)
			x.keys("Enter")
			x.await(`\[Overview\]`, `pieces`)
			plain := x.screen()
			if ascii := strings.IndexFunc(plain, func(r rune) bool { return r > '~' }) < 0; ascii != c.ascii {
				t.Errorf("nothing but ASCII: %v\n%s", ascii, plain)
			}
			if mono := !colour.MatchString(x.do("capture-pane", "-p", "-e")); mono != c.mono {
				t.Errorf("no colour: %v\n%q", mono, x.do("capture-pane", "-p", "-e"))
			}
			x.keys("q")
			x.await(`\[1 All 1\]`)
		})
	}
}

// testDaemon: the screen is attached to a daemon, outlives it, and is sent to sleep.
func (w *tmuxWorld) testDaemon(t *testing.T) {
	home, env := w.home(t)
	daemon := func() *running {
		d := &running{cmd: exec.Command(w.shoal, "daemon", "--json"), ended: make(chan struct{})}
		d.cmd.Dir, d.cmd.Env, d.cmd.Stdout = home, append(os.Environ(), env...), &d.said
		if _, err := d.begin(regexp.MustCompile(`"type":"daemon"`)); err != nil {
			t.Fatalf("%v\n%s", err, d.said.String())
		}
		t.Cleanup(d.kill)
		return d
	}
	d := daemon()
	x := newTmux(t, home, env...)
	x.run("stty -g > before; shoal")
	x.await(`attached to the daemon on unix socket`, `No torrents yet`, `!in this window`)
	x.do("set-buffer", w.magnets[0])
	x.do("paste-buffer") // no brackets around it: one cannot tell it from somebody who types fast
	x.await(`Add`, `x\.pe=127`)
	x.keys("Enter")
	x.await(`field-recordings\.flac +13 MB +100%`)
	x.typed(":list")
	x.keys("Enter")
	x.await(`:list`, `(?i)field-recordings\.flac.*100%|100%.*field-recordings\.flac`)
	x.keys("Escape")
	x.await(`!:list`)

	x.typed(":add nonsense")
	x.keys("Enter")
	x.await(`! .*nonsense: no such file`)

	d.kill()
	x.await(`no answer since`, `field-recordings\.flac`)
	x.keys("p")
	x.await(`daemon`)
	daemon()
	x.await(`!no answer`, `field-recordings\.flac +13 MB +100%`, `1 All 1`)

	x.keys("C-z")
	x.restored()
	x.await(`ready>`, `Stopped`)
	x.run("stty -g > after")
	sameSettings(t, home)
	x.run("fg; echo code $?")
	x.await(`field-recordings\.flac +13 MB +100%`, `1 All 1`)
	within(t, tmuxTime, "the modes", func() error {
		if modes := x.is("#{alternate_on} #{cursor_flag} #{mouse_any_flag}"); modes != "1 0 1" {
			return fmt.Errorf("after fg alternate screen, cursor and mouse are %s", modes)
		}
		return nil
	})
	x.keys("Enter")
	x.await(`\[Overview\]`)
	x.keys("q", "q")
	x.restored()
	x.await(`code 0`)
}

// testSignals: whoever ends the program from outside leaves a terminal that works.
func (w *tmuxWorld) testSignals(t *testing.T) {
	home, env := w.home(t)
	x := newTmux(t, home, env...)
	for _, signal := range []string{"TERM", "HUP", "INT"} {
		x.run("clear; stty -g > before; shoal tui; echo end $?; stty -g > after")
		x.await(`No torrents yet`)
		x.do("run-shell", "kill -"+signal+" $(pgrep -P #{pane_pid} shoal)")
		x.restored()
		x.await(`end 0`)
		sameSettings(t, home)
		_ = os.Remove(filepath.Join(home, "after"))
	}
}
