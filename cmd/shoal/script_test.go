package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"shoal/internal/text"
)

// TestMain makes this test binary act as the program when it is called shoal, and puts
// it on the PATH under that name for all tests.
func TestMain(m *testing.M) {
	testscript.Main(alone{m}, map[string]func(){"shoal": main})
}

// alone keeps the programs of the tests from finding each other, and from bothering a router; tests
// of just that give the flags. Nor do they read the configuration of whoever runs them.
type alone struct{ m *testing.M }

var aloneEnv = []string{"SHOAL_NO_LSD", "SHOAL_NO_PORTMAP", "SHOAL_NO_DHT"}

func (a alone) Run() int {
	for _, name := range aloneEnv {
		_ = os.Setenv(name, "true") // fails on names with a '=' only
	}
	dir, err := os.MkdirTemp("", "shoal-config-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	_ = os.Setenv("XDG_CONFIG_HOME", dir)
	_ = os.Unsetenv("CONFIGURATION_DIRECTORY")
	return a.m.Run()
}

// TestScript runs testdata/script: the program as a person or another program calls it.
// Beside testscript's own commands there are:
//
//	exits CODE COMMAND...           run it and compare the exit code
//	random FILE SIZE                make a file of random bytes that are always the same
//	damage FILE OFFSET              change one byte of it
//	begin NAME PATTERN COMMAND...   start it, wait until a line on standard error matches, set
//	                                $NAME to the first group of the match
//	interrupt NAME CODE [SIGNAL]    send it INT, TERM or HUP; it must end with CODE within 5 s
//	awaits NAME PATTERN             wait until a line on its standard error matches
//	ask NAME PATTERN                the same, after USR1
//	! awaited NAME PATTERN          no line so far matches
//	hangup NAME PATTERN             the same, after HUP
//	crash NAME                      end it with SIGKILL
//	capture NAME PATTERN            set $NAME to the first group of the match in what the last command printed
//	daemon N, daemon stop           let a daemon with N torrents answer at the default socket, or end it
//	called PATTERN                  compare the last thing that it was told
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
			for _, name := range aloneEnv {
				e.Setenv(name, "true")
			}
			e.Values["running"] = map[string]*running{}
			e.Values["daemon"] = &fakeDaemon{}
			run, err := os.MkdirTemp("", "shoal") // the path of a socket is short
			e.Setenv("XDG_RUNTIME_DIR", run)
			e.Defer(func() { _ = os.RemoveAll(run) })
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": scriptExits, "random": scriptRandom, "damage": scriptDamage, "begin": scriptBegin, "interrupt": scriptInterrupt, "crash": scriptCrash,
			"awaits": scriptAwaits, "ask": scriptAsk, "hangup": scriptHangup, "awaited": scriptAwaited, "capture": scriptCapture, "becomes": scriptBecomes,
			"daemon": scriptDaemon, "called": scriptCalled,
		},
	})
}

// scriptPatience is how long a script waits for what must come.
const scriptPatience = 30 * time.Second

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

// exitCode is the code that a command ended with.
func exitCode(err error) int {
	var ee *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ee):
		return ee.ExitCode()
	}
	return -1
}

func scriptRandom(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: random FILE SIZE")
	}
	n, err := text.ParseSize(args[1])
	ts.Check(err)
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o777))
	ts.Check(fillRandom(name, n))
}

func scriptDamage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: damage FILE OFFSET")
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	b[at] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

// fillRandom makes a file of n bytes that depend only on its name and size.
func fillRandom(name string, n int64) error {
	b := make([]byte, n)
	var seed [32]byte
	copy(seed[:], fmt.Sprint(n, filepath.Base(name)))
	_, _ = rand.NewChaCha8(seed).Read(b)
	return os.WriteFile(name, b, 0o644)
}

// running is a command in the background.
type running struct {
	cmd   *exec.Cmd
	said  lockedBuffer // standard error
	ended chan struct{}
	err   error // once it has ended
}

func scriptBegin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: begin NAME PATTERN COMMAND...")
	}
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = os.Environ()
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	r := &running{cmd: cmd, ended: make(chan struct{})}
	found, err := r.begin(regexp.MustCompile(args[1]))
	if r.cmd.Process != nil {
		ts.Defer(r.kill)
	}
	ts.Check(err)
	ts.Setenv(args[0], found)
	ts.Value("running").(map[string]*running)[args[0]] = r
}

// begin starts the command and awaits a line.
func (r *running) begin(pattern *regexp.Regexp) (string, error) {
	if err := r.start(); err != nil {
		return "", err
	}
	return r.await(pattern)
}

// start starts it.
func (r *running) start() error {
	r.cmd.Stderr = &r.said
	if err := r.cmd.Start(); err != nil {
		return err
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.ended)
	}()
	return nil
}

// await waits for a line on standard error that matches and returns the first group
// of the match.
func (r *running) await(pattern *regexp.Regexp) (string, error) {
	late := time.After(scriptPatience)
	for {
		news := r.said.changed()
		for line := range strings.Lines(r.said.String()) {
			if m := pattern.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
				return append(m, "")[1], nil
			}
		}
		select {
		case <-news:
		case <-r.ended:
			return "", fmt.Errorf("%v ended: %v\n%s", r.cmd.Args, r.err, r.said.String())
		case <-late:
			return "", fmt.Errorf("%v said nothing that matches %v:\n%s", r.cmd.Args, pattern, r.said.String())
		}
	}
}

func (r *running) kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
}

// begun returns the command that a script began as NAME.
func begun(ts *testscript.TestScript, args []string, n int) *running {
	if len(args) != n {
		ts.Fatalf("wrong number of arguments")
	}
	r := ts.Value("running").(map[string]*running)[args[0]]
	if r == nil {
		ts.Fatalf("nothing was begun as %s", args[0])
	}
	return r
}

func scriptAwaits(ts *testscript.TestScript, _ bool, args []string) {
	_, err := begun(ts, args, 2).await(regexp.MustCompile(args[1]))
	ts.Check(err)
}

func scriptAwaited(ts *testscript.TestScript, neg bool, args []string) {
	found := regexp.MustCompile("(?m)" + args[1]).MatchString(begun(ts, args, 2).said.String())
	if found == neg {
		ts.Fatalf("%s: %v", args[1], found)
	}
}

// scriptBecomes runs a command again and again until it prints something that a pattern matches.
func scriptBecomes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: becomes PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(scriptPatience); ; time.Sleep(50 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("nothing matches %s", args[0])
		}
	}
}

func scriptCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("nothing matches %s", args[1])
	}
	ts.Setenv(args[0], m[1])
}

func scriptCrash(ts *testscript.TestScript, _ bool, args []string) { begun(ts, args, 1).kill() }

func scriptInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	sig := syscall.SIGINT
	if len(args) == 3 {
		sig = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[args[2]]
		args = args[:2]
	}
	r := begun(ts, args, 2)
	ts.Check(r.cmd.Process.Signal(sig))
	select {
	case <-r.ended:
		if got := fmt.Sprint(exitCode(r.err)); got != args[1] {
			ts.Fatalf("exit code %s, not %s\n%s", got, args[1], r.said.String())
		}
	case <-time.After(stopWithin):
		ts.Fatalf("still running %v after %v", stopWithin, sig)
	}
}
