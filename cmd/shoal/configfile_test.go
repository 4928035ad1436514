package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"shoal/internal/config"
	"shoal/session"
)

// TestKeysAreFlags: a key that says it means the same as a flag does: the flag exists, takes what the key gives it, and has
// the same default.
func TestKeysAreFlags(t *testing.T) {
	cfg, _, err := config.Load("", "", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	root, _ := newRoot(newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}))
	get, _, err := root.Find([]string{"get"})
	if err != nil {
		t.Fatal(err)
	}
	daemon, _, err := root.Find([]string{"daemon"})
	if err != nil {
		t.Fatal(err)
	}
	screen, _, err := root.Find([]string{"tui"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range config.Keys {
		k := &config.Keys[i]
		if k.Flag == "" {
			continue
		}
		f := get.Flags().Lookup(k.Flag)
		if f == nil {
			f = screen.Flags().Lookup(k.Flag)
		}
		if f == nil {
			f = daemon.Flags().Lookup(k.Flag)
		}
		if f == nil {
			f = root.PersistentFlags().Lookup(k.Flag)
		}
		if f == nil {
			t.Errorf("%s: there is no flag --%s", k.Name, k.Flag)
			continue
		}
		if variable(f.Name) != k.Variable() {
			t.Errorf("%s has the variable %s, its flag %s", k.Name, k.Variable(), variable(f.Name))
		}
		before := f.Value.String()
		if err := f.Value.Set(cfg.Value(k)); err != nil {
			t.Errorf("%s: --%s does not take %q: %v", k.Name, k.Flag, cfg.Value(k), err)
		}
		if after := f.Value.String(); after != before && k.Name != "network.max_peers_per_torrent" { // whose 0 means its 100
			t.Errorf("%s: default %q, of --%s %q", k.Name, after, k.Flag, before)
		}
	}
	if got := config.Find("network.listen").Default; got != session.DefaultListen {
		t.Errorf("network.listen: %v", got)
	}
}

// TestPrecedence: a flag goes before the environment, that before the file, and that before the default.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	content := "[limits]\ndown = \"1MB\"\nup = \"1MB\"\nper_torrent_up = \"1500kB\"\n[network]\ndht = true\nlsd = false\nbootstrap = [\"a.example:1\", \"b.example:2\"]\nlisten = \"127.0.0.1:7000\"\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHOAL_LIMIT_UP", "2MB")
	t.Setenv("SHOAL_LIMIT_DOWN", "2MB")
	t.Setenv("SHOAL_CONFIG", file)
	t.Setenv("SHOAL_NO_LSD", "")
	con := newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
	root, _ := newRoot(con)
	get, _, err := root.Find([]string{"get"})
	if err != nil {
		t.Fatal(err)
	}
	if err := get.ParseFlags([]string{"--limit-down", "3MB", "--no-dht"}); err != nil {
		t.Fatal(err)
	}
	if err := root.PersistentPreRunE(get, nil); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"limits.down": "--limit-down", "limits.up": "environment SHOAL_LIMIT_UP", "limits.per_torrent_up": file + ":4",
		"limits.per_torrent_down": "default", "network.dht": "--no-dht", "network.lsd": file + ":7"} {
		if got := con.cfg.Origin(key); got != want {
			t.Errorf("%s comes from %s, not %s", key, got, want)
		}
	}
	for name, want := range map[string]string{"limit-down": "2.9 MiB/s", "limit-up": "1.9 MiB/s", "limit-up-each": "1.4 MiB/s", "limit-down-each": "",
		"no-dht": "true", "no-lsd": "true", "no-pex": "false", "bootstrap": "[a.example:1,b.example:2]", "listen": "127.0.0.1:7000"} {
		if got := get.Flags().Lookup(name).Value.String(); got != want {
			t.Errorf("--%s is %s, not %s", name, got, want)
		}
	}
	if s := con.cfg.Settings(); s.DownLimit != 3e6 || s.UpLimit != 2e6 || s.UpEach != 15e5 || s.DHT || s.LSD || s.Port != 7000 {
		t.Errorf("%+v", s)
	}
	if get.Flags().Changed("listen") {
		t.Error("the port of a file counts as typed: get beside a daemon could not listen")
	}
}

// TestWhoHeedsTheFile: a mistake in the file stops only those commands that it means something to.
func TestWhoHeedsTheFile(t *testing.T) {
	root, _ := newRoot(newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}))
	heeds := map[string]bool{}
	for _, c := range documented(root) {
		heeds[c.CommandPath()] = heedsConfig(c)
	}
	for name, want := range map[string]bool{"shoal get": true, "shoal seed": true, "shoal dht": true, "shoal config show": true,
		"shoal": false, "shoal config check": false, "shoal config init": false, "shoal config password": false, "shoal inspect": false, "shoal create": false, "shoal version": false} {
		if heeds[name] != want {
			t.Errorf("%s: %v", name, heeds[name])
		}
	}
}

func TestLogLevel(t *testing.T) {
	for _, c := range []struct {
		verbose     int
		level, file string
		want        slog.Level
	}{
		{0, "", "", slog.LevelWarn}, {0, "auto", "", slog.LevelWarn}, {0, "auto", "f", slog.LevelInfo}, {0, "warn", "f", slog.LevelWarn},
		{0, "info", "", slog.LevelInfo}, {0, "debug", "", slog.LevelDebug}, {1, "debug", "", slog.LevelInfo}, {2, "warn", "", slog.LevelDebug},
	} {
		con := &console{verbose: c.verbose, logLevel: c.level, logFile: c.file}
		if got := con.level(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestTyped: only what stands on the command line and is a key counts as typed.
func TestTyped(t *testing.T) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	var r rate
	f.Var(&r, "limit-up", "")
	f.StringSlice("bootstrap", nil, "")
	f.Bool("no-pex", false, "")
	f.Bool("other", false, "")
	if err := f.Parse([]string{"--limit-up=1MB", "--bootstrap=a:1", "--bootstrap=b:2", "--other"}); err != nil {
		t.Fatal(err)
	}
	got := typed(f)
	if len(got) != 2 || got["limit-up"] != "1000000" || got["bootstrap"] != "a:1,b:2" {
		t.Errorf("%v", got)
	}
}
