//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// evil steers terminals, forges lines and turns text around.
const evil = "e\x1b]52;c;aGk=\x07\u009b6n\u202egpj.\u200b\nshoal: forged\r\x1b[2J\u2028x"

// TestT01HostileNamesEverywhere: whatever a torrent, a file or an argument is called, no line of
// any command has a character of it that does something, and none is forged.
func TestT01HostileNamesEverywhere(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src-"+evil)
	for name, size := range map[string]int64{evil + ".bin": 300_000, evil + "/" + evil: 70_000, "plain": 10} {
		file := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := fillRandom(file, size); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(dir, "state"), "NAME="+evil)
	torrent, out := evil+".torrent", "out-"+evil
	run := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command("shoal", args...)
		cmd.Dir, cmd.Env = dir, env
		said, err := cmd.CombinedOutput()
		if got := exitCode(err); got != code {
			t.Errorf("%q: exit code %d, not %d\n%q", args, got, code, said)
		}
		harmless(t, args, said)
		return string(said)
	}
	for _, how := range [][]string{nil, {"--json"}} {
		must := func(code int, args ...string) { t.Helper(); run(code, append(args, how...)...) }
		must(0, "create", src, "-o", torrent, "--overwrite", "--piece-size", "16KiB", "--comment", evil, "--source", evil, "--tracker", "http://t.example/\u202e\u200b/announce")
		must(13, "create", src, "-o", torrent)
		must(0, "inspect", torrent)
		must(0, "inspect", "--files", torrent)
		must(0, "inspect", "--magnet", torrent)
		must(0, "edit", torrent, "--comment", evil+"2", "--tracker", "http://127.0.0.1:9/announce")
		must(2, "edit", torrent, "--add-tracker", evil)
		must(2, "edit", torrent, "--remove-tracker", evil)
		must(0, "get", "--list", torrent)
		must(2, "get", "--only", "["+evil, torrent)
		must(2, "get", "--files", evil, torrent)
		must(2, "get", "--on-done", evil, torrent)
		must(2, "get", "--peer", evil, torrent)
		must(6, "get", "-o", out+"-none", "--listen", "127.0.0.1:0", "--deadline", "200ms", torrent)
		must(8, "check", torrent, dir)
		must(1, "check", torrent, evil+"-missing")
		must(2, evil)
		must(2, "help", evil)
		must(2, "get", "--"+evil)
		for _, command := range []string{"get", "inspect", "check", "seed", "create"} {
			must(1, command, evil+"-missing", "--quiet")
		}
		must(5, "inspect", "magnet:?xt="+evil)
		must(5, "get", src)
	}

	seed := &running{cmd: exec.Command("shoal", "seed", src, "--listen", "127.0.0.1:0", "--save-torrent", "seed.torrent", "--progress", "plain"), ended: make(chan struct{})}
	seed.cmd.Dir, seed.cmd.Env = dir, env
	address, err := seed.begin(regexp.MustCompile(`seeding .* on (\S+)`))
	if err != nil {
		t.Fatal(err)
	}
	defer seed.kill()
	said := run(0, "get", "--peer", address, "--listen", "127.0.0.1:0", "-o", out, "--on-done", `sh -c 'echo "$SHOAL_TORRENT_NAME in $TR_TORRENT_NAME"'`, "seed.torrent")
	if !strings.Contains(said, "src-e") {
		t.Errorf("no result in %q", said)
	}
	run(0, "get", "--json", "-o", out, "--listen", "127.0.0.1:0", "seed.torrent")
	run(0, "check", "seed.torrent", out)
	harmless(t, seed.cmd.Args, []byte(seed.said.String()))

	// Nothing on the disk has such a name either.
	err = filepath.WalkDir(filepath.Join(dir, out), func(name string, _ os.DirEntry, err error) error {
		if base := filepath.Base(name); base != out {
			harmless(t, []string{"on disk"}, []byte(base))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// harmless fails for what could steer a terminal, and for lines that the name has made.
func harmless(t *testing.T, args []string, said []byte) {
	t.Helper()
	if !utf8.Valid(said) {
		t.Errorf("%q: not UTF-8: %q", args, said)
	}
	for _, r := range string(said) {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) {
			t.Errorf("%q: %U in %q", args, r, said)
			return
		}
	}
	for line := range strings.Lines(string(said)) {
		if strings.HasPrefix(line, "shoal: forged") {
			t.Errorf("%q: a forged line in %q", args, said)
		}
		if strings.HasPrefix(line, "{") && !json.Valid([]byte(line)) {
			t.Errorf("%q: not JSON: %q", args, line)
		}
	}
}
