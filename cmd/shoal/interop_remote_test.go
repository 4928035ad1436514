//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInteropRemote: transmission-remote, a program that nobody of this project wrote, is given the same words for Debian's
// transmission-daemon and for ours. What it prints, and how it ends, must mean the same.
func TestInteropRemote(t *testing.T) {
	demand(t, "transmission-daemon", "transmission-remote")
	reference, ours := newRemoted(t, "reference"), newRemoted(t, "ours")
	reference.startTransmission(t)
	ours.startShoal(t)
	for _, step := range remoteSteps {
		if step.look {
			within(t, caseTime, fmt.Sprintf("the same answer to %q", step.words), func() error {
				return alike(step, reference.run(t, step), ours.run(t, step))
			})
			continue
		}
		if err := alike(step, reference.run(t, step), ours.run(t, step)); err != nil {
			t.Errorf("transmission-remote %s: %v", step.words, err)
		}
	}
}

// remoteStep is one run of transmission-remote. FOLDER in words stands for the folder of each daemon.
type remoteStep struct {
	words string
	look  bool     // changes nothing: repeated until both say the same
	skip  []string // lines with these words are left out: what they say is each program's own
}

// Every option that a daemon hears of, as far as it does anything without other machines. Where the answers may differ says why.
var remoteSteps = []remoteStep{
	{words: "--start-paused"},
	{words: "-a FOLDER/single.torrent"},
	{words: "-a FOLDER/single.torrent"}, // twice
	{words: "-l", look: true},
	{words: "--no-start-paused"},
	{words: "-a FOLDER/album.torrent -w FOLDER/downloads"},
	{words: "-a FOLDER/damaged.torrent"},
	{words: "-l", look: true},
	{words: "-t 1 -s"},
	{words: "-t all -l", look: true},
	{words: "-t active -l", look: true},
	{words: "-t 1 -i", look: true},
	{words: "-t 2 -i", look: true},
	{words: "-t 1,2 -f", look: true},
	{words: "-t 1 -ic", look: true},
	{words: "-t 1 -ip", look: true},
	// When it asks whom next is each program's own choice, and so are the words of an error.
	{words: "-t 2 -it", look: true, skip: []string{"Got an error", "Asking for", "Queued", "ago"}},
	{words: "-t 2 -td http://127.0.0.1:10/announce"},
	{words: "-t 2 -it", look: true, skip: []string{"Got an error", "Asking for", "Queued", "ago"}},
	{words: "-t 2 -tr 0"},
	{words: "-t 2 -i", look: true},
	{words: "-t 2 -L flac,music"},
	{words: "-t 2 -i", look: true},
	{words: "-t 2 -G 1"},
	{words: "-t 2 -ph 2"},
	{words: "-t 2 -pl 0"},
	{words: "-t 2 -f", look: true},
	{words: "-t 2 -g all -pn all"},
	{words: "-t 2 -f", look: true},
	{words: "-t 2 -G 17"},
	{words: "-t 1 -d 100 -u 50 -sr 2.5 -pr 7 -HL -Bh"},
	{words: "-t 1 -i", look: true},
	{words: "-t 1 -D -U -SR -hl -Bl"},
	{words: "-t 1 -i", look: true},
	{words: "-t 1 -srd -Bn"},
	{words: "-t 1 -v"},
	{words: "-t 1 -i", look: true},
	{words: "-t 1,2 --reannounce"},
	{words: "-t 1 -S"},
	{words: "-t 1 -i", look: true},
	{words: "-t 99 -i"},
	{words: "-t 99 -S"},
	{words: "-t 2 --move FOLDER/elsewhere"},
	{words: "-t 2 -i", look: true},
	{words: "-t 2 --find FOLDER/elsewhere"},
	{words: "-t 2 -i", look: true},
	{words: "-pr 123 -d 200 -u 30 -asd 20 -asu 10 -gsr 1.5"},
	{words: "-as"},
	{words: "-si", look: true, skip: ownSession},
	{words: "-AS -D -U -GSR"},
	{words: "-er -o -y -x"},
	{words: "-si", look: true, skip: ownSession},
	{words: "-ep -O -Y -X -M"},
	{words: "-si", look: true, skip: ownSession},
	{words: "-asc --alt-speed-time-begin 0800 --alt-speed-time-end 1700 --alt-speed-days 1-5"},
	{words: "-ASC -AS"},
	{words: "-c FOLDER/incomplete"},
	{words: "-C"},
	{words: "-w FOLDER/downloads"},
	{words: "-st", look: true},
	{words: "-t 2 -r"},
	{words: "-l", look: true},
	{words: "-t 1 -rad"},
	{words: "-l", look: true},
	{words: "--exit"},
}

// ownSession are the lines of the session's details that name the program, its place and its cache, and uTP, which only one of them has.
var ownSession = []string{"Daemon version", "RPC version", "RPC minimum", "Configuration directory", "Listenport", "memory cache", "uTP"}

// remoted is one daemon with its files.
type remoted struct {
	name, folder string
	port         int
}

func newRemoted(t *testing.T, name string) *remoted {
	t.Helper()
	r := &remoted{name: name, folder: t.TempDir(), port: freePort(t)}
	for _, f := range []string{"downloads/album", "state"} {
		if err := os.MkdirAll(filepath.Join(r.folder, f), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []struct {
		name string
		size int64
	}{{"single.bin", 3 << 20}, {"album/one.flac", 400000}, {"album/two.flac", 800000}, {"album/three.flac", 1200000}} {
		if err := fillRandom(filepath.Join(r.folder, "downloads", f.name), f.size); err != nil {
			t.Fatal(err)
		}
	}
	for torrent, path := range map[string]string{"single": "single.bin", "album": "album"} {
		out := filepath.Join(r.folder, torrent+".torrent")
		if msg, err := exec.Command("shoal", "create", filepath.Join(r.folder, "downloads", path), "-o", out, "--tracker", "http://127.0.0.1:9/announce",
			"--piece-size", "32KiB", "--date", "0").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, msg)
		}
	}
	if err := os.WriteFile(filepath.Join(r.folder, "damaged.torrent"), []byte("d4:infoi1ee"), 0o666); err != nil {
		t.Fatal(err)
	}
	return r
}

// freePort returns a port of this machine that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (r *remoted) startTransmission(t *testing.T) {
	t.Helper()
	settings, err := json.Marshal(map[string]any{
		"rpc-port": r.port, "rpc-bind-address": "127.0.0.1", "rpc-whitelist-enabled": false, "rpc-authentication-required": true,
		"rpc-username": "u", "rpc-password": "p", "download-dir": filepath.Join(r.folder, "downloads"), "dht-enabled": false, "lpd-enabled": false,
		"utp-enabled": false, "port-forwarding-enabled": false, "peer-port": freePort(t), "bind-address-ipv4": "127.0.0.1", "preallocation": 0, "peer-limit-per-torrent": 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.folder, "state", "settings.json"), settings, 0o666); err != nil {
		t.Fatal(err)
	}
	r.start(t, exec.Command("transmission-daemon", "-f", "-g", filepath.Join(r.folder, "state")))
}

func (r *remoted) startShoal(t *testing.T) {
	t.Helper()
	password := filepath.Join(r.folder, "password")
	if err := os.WriteFile(password, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t, exec.Command("shoal", "daemon", "--download-dir", filepath.Join(r.folder, "downloads"), "--state-dir", filepath.Join(r.folder, "state"),
		"--rpc", fmt.Sprintf("127.0.0.1:%d", r.port), "--rpc-user", "u", "--rpc-password-file", password, "--listen", fmt.Sprintf("127.0.0.1:%d", freePort(t)),
		"--no-dht", "--no-lsd", "--no-portmap"))
}

// start runs a daemon until the test ends, and waits until it listens.
func (r *remoted) start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	d := &running{cmd: cmd, ended: make(chan struct{})}
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+r.folder)
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	eventually(t, r.name+" listens", func() error {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err != nil {
			return fmt.Errorf("%w\n%s", err, d.said.String())
		}
		return c.Close()
	})
}

// run returns what transmission-remote says to the words.
func (r *remoted) run(t *testing.T, step remoteStep) string {
	t.Helper()
	words := append([]string{fmt.Sprintf("127.0.0.1:%d", r.port), "-n", "u:p"}, strings.Fields(strings.ReplaceAll(step.words, "FOLDER", r.folder))...)
	var out bytes.Buffer
	cmd := exec.Command("transmission-remote", words...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	said := strings.NewReplacer(r.folder, "FOLDER", fmt.Sprintf("127.0.0.1:%d", r.port), "DAEMON").Replace(out.String())
	return fmt.Sprintf("%sends with %d", said, cmd.ProcessState.ExitCode())
}

// moments are what two runs of one program would differ in, and what ours adds.
var moments = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^  (Date \w+|Latest activity|Seeding Time|Downloading Time): .*\n`), ""},
	{regexp.MustCompile(`&xl=\d+`), ""}, // our magnet links have the size, too
	{regexp.MustCompile(`(invalid or corrupt torrent file|file index out of range): .*`), "$1"}, // and our errors say more
	{regexp.MustCompile(`\d+ (second|minute|hour|day)s?(, \d+ (second|minute|hour)s?)?( \(\d+ seconds?\))?`), "TIME"},
}

// alike compares what was said line by line, moments and what is each program's own aside.
func alike(step remoteStep, reference, ours string) error {
	a, b := meaning(step, reference), meaning(step, ours)
	if a == b {
		return nil
	}
	return fmt.Errorf("transmission-daemon:\n%s\nshoal:\n%s", a, b)
}

func meaning(step remoteStep, said string) string {
	for _, m := range moments {
		said = m.what.ReplaceAllString(said, m.with)
	}
	var out strings.Builder
lines:
	for line := range strings.Lines(said) {
		for _, own := range step.skip {
			if strings.Contains(line, own) {
				continue lines
			}
		}
		out.WriteString(line)
	}
	return out.String()
}
