package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/status"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// TestDocumented: the page is what the table says.
func TestDocumented(t *testing.T) {
	const page = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(page, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(page)
	if err != nil || string(b) != Markdown() {
		t.Errorf("docs/configuration.md is not what the table of keys says (%v): go test ./internal/config -update", err)
	}
}

// env is an environment of these variables.
func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		if name == "HOME" || name == "USERPROFILE" {
			return rooted("/home/me"), true
		}
		return "", false
	}
}

// rooted makes a path absolute on this system.
func rooted(p string) string {
	if runtime.GOOS == "windows" {
		return `C:` + filepath.FromSlash(p)
	}
	return p
}

// file writes a configuration file.
func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func load(t *testing.T, content, profile string, vars ...string) (*Config, []Warning, error) {
	t.Helper()
	return Load(file(t, content), profile, env(vars...))
}

func TestDefaults(t *testing.T) {
	c, warnings, err := Load("", "", env())
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	s := c.Settings()
	want := status.Settings{Dir: filepath.Join(rooted("/home/me"), "Downloads"), MaxPeers: 500, MaxPeersEach: 100, QueueDownloads: 5, StalledAfter: 30 * time.Minute, BlocklistEvery: 24 * time.Hour,
		Port: 6881, PortMapping: true, DHT: true, PEX: true, LSD: true, Encryption: "prefer",
		HookAdded: []string{}, HookDone: []string{}, HookSeeded: []string{}, HookError: []string{}, Roots: []string{}, AltSchedule: []status.Window{}}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v\nnot %+v", s, want)
	}
	if o := c.Origin("limits.up"); o != "default" || c.Given("limits.up") {
		t.Error(o)
	}
	if c, _, err = Load("", "", func(string) (string, bool) { return "", false }); err != nil || c.Download.Dir != "" {
		t.Error(err, c.Download.Dir)
	}
}

const full = `# everything
[download]
dir = "~/in"
incomplete_dir = "part"
preallocate = true
[network]
listen = "127.0.0.1:7000"
dht = false
bootstrap = ["a.example:1", "[::1]:2"]
max_peers_per_torrent = 60
[limits]
down = "2MB"
up = 500_000
alt_down = "1MiB/s"
alt_schedule = [
  "mon-fri 08:00-18:00", # at work
  'sat 22:00-06:00',
]
[queue]
stalled_after = 0
[seeding]
ratio = 2
idle = "7d"
[rpc]
roots = ["/srv/a"]
[trackers]
default = ["udp://t.example:1/announce", "https://u.example/announce"]
[blocklist]
file = "list.gz"
[hooks]
done = ["sh", "-c", "echo done"]
[profile.slow]
limits.down = "10kB"
[profile.slow.network]
dht = true
`

func TestLoad(t *testing.T) {
	name := file(t, full)
	c, warnings, err := Load(name, "", env("SHOAL_LIMIT_UP", "1MB", "SHOAL_NO_PEX", "true", "SHOAL_RPC_ALLOW_HOSTS", "a, b", "SHOAL_HOOKS_ERROR", "mail me"))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	s, dir := c.Settings(), filepath.Dir(name)
	for what, ok := range map[string]bool{
		"dir": s.Dir == filepath.Join(rooted("/home/me"), "in"), "incomplete": s.IncompleteDir == filepath.Join(dir, "part"), "preallocate": s.Preallocate,
		"port": s.Port == 7000, "dht": !s.DHT, "pex": !s.PEX, "lsd": s.LSD, "bootstrap": slices.Equal(c.Network.Bootstrap, []string{"a.example:1", "[::1]:2"}),
		"each": s.MaxPeersEach == 60, "down": s.DownLimit == 2e6, "up": s.UpLimit == 1e6, "alt": s.AltDown == 1<<20 && s.AltScheduled,
		"windows": len(s.AltSchedule) == 2 && s.AltSchedule[0].Days == 0b0111110 && s.AltSchedule[1].To == 6*time.Hour, "stalled": s.StalledAfter == 0,
		"ratio": s.Ratio == 2, "idle": s.Idle == 7*24*time.Hour, "roots": len(s.Roots) == 1, "trackers": len(s.Trackers) == 2 && len(s.Trackers[1]) == 1,
		"blocklist": s.BlocklistOn && s.BlocklistURL == filepath.Join(dir, "list.gz"), "hook": len(s.HookDone) == 3 && slices.Equal(s.HookError, []string{"mail", "me"}),
		"hosts": slices.Equal(c.RPC.AllowHosts, []string{"a", "b"}),
	} {
		if !ok {
			t.Errorf("%s: %+v", what, s)
		}
	}
	for key, want := range map[string]string{"limits.down": name + ":12", "limits.up": "environment SHOAL_LIMIT_UP", "limits.alt_schedule": name + ":15",
		"network.pex": "environment SHOAL_NO_PEX", "seeding.idle": name + ":23", "watch.after": "default"} {
		if got := c.Origin(key); got != want {
			t.Errorf("%s comes from %s, not %s", key, got, want)
		}
	}
	if c, _, err = Load(name, "slow", env()); err != nil || c.Limits.Down != 10000 || !c.Network.DHT || c.Limits.Up != 500000 {
		t.Error(err, c)
	}
	if got := c.Origin("limits.down"); got != name+":33" {
		t.Error(got)
	}
	if err := c.Override("limits.down", "3MB", "limit-down"); err != nil || c.Limits.Down != 3e6 || c.Origin("limits.down") != "--limit-down" {
		t.Error(err, c.Limits.Down)
	}
	if err := c.Override("network.dht", "true", "no-dht"); err != nil || c.Network.DHT {
		t.Error(err)
	}
}

// TestPrintedReadsBack: what show and init print means what it says.
func TestPrintedReadsBack(t *testing.T) {
	c, _, err := load(t, full, "slow")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, s := range c.Show() {
		fmt.Fprintf(&b, "%s = %s\n", s.Key.Name, s.Value)
	}
	again, _, err := load(t, b.String(), "")
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if !reflect.DeepEqual(again.Settings(), c.Settings()) || !reflect.DeepEqual(again.RPC, c.RPC) || !reflect.DeepEqual(again.Watch, c.Watch) {
		t.Errorf("%+v\nnot %+v", again.Settings(), c.Settings())
	}
	for _, sample := range []string{Sample(), uncommented(Sample())} {
		got, warnings, err := load(t, sample, "")
		want, _, _ := Load("", "", env())
		if err != nil || len(warnings) > 0 || !reflect.DeepEqual(got.Settings(), want.Settings()) {
			t.Errorf("%v, %v\n%s", err, warnings, sample)
		}
	}
	for _, k := range Keys {
		if !strings.Contains(Sample(), "\n#"+k.Short()+" = ") {
			t.Errorf("the sample has no %s", k.Name)
		}
	}
}

// uncommented takes the # from lines that have a key or a table.
func uncommented(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			line = line[1:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// TestTable: every key says what is needed of it, points somewhere of its own, and takes its own default.
func TestTable(t *testing.T) {
	var c Config
	at, vars := map[any]string{}, map[string]string{}
	for i := range Keys {
		k := &Keys[i]
		if err := k.put(&c, k.Default, place{home: rooted("/home/me")}); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		p := k.at(&c)
		if at[p] != "" || vars[k.Variable()] != "" {
			t.Errorf("%s is %s%s too", k.Name, at[p], vars[k.Variable()])
		}
		at[p], vars[k.Variable()] = k.Name, k.Name
		if !strings.HasSuffix(k.Says, ".") || (k.Kind == Choice) != (len(k.Choices) > 0) || Find(k.Name) != k || k.Flag != "" && ForFlag(k.Flag) != k {
			t.Errorf("%+v", k)
		}
		if (k.Kind == Int || k.Kind == Float || k.Kind == Rate || k.Kind == Duration) != (k.Max > 0) {
			t.Errorf("%s: a number needs bounds, nothing else has them", k.Name)
		}
		if !slices.ContainsFunc(sections, func(s struct{ name, says string }) bool { return s.name == k.Section() }) {
			t.Errorf("%s is in no section", k.Name)
		}
	}
	if Find("x") != nil || ForFlag("") != nil || ForFlag("x") != nil {
		t.Error("found what is not there")
	}
}

// TestK02Mistakes: each is named with its line, its key, what was given and what is allowed.
func TestK02Mistakes(t *testing.T) {
	for in, want := range map[string]string{
		"[limits]\ndonw = 1":                     ":2: unknown key limits.donw; maybe you mean limits.down",
		"[limits]\nencryption = \"off\"":         ":2: unknown key limits.encryption; maybe you mean network.encryption",
		"down = 1":                               ":1: unknown key down; maybe you mean limits.down",
		"[limit]\ndown = 1":                      ":1: unknown section [limit]; maybe you mean limits",
		"[zzzzzzzzzz]\n":                         ":1: unknown section [zzzzzzzzzz]",
		"limits = 3":                             ":1: limits is 3; write a table [limits]",
		"[[limits]]\ndown = 1":                   "limits is a table; write a table [limits]",
		"[limits]\ndown = true":                  ":2: limits.down is true; write bytes a second",
		"[limits]\n\ndown = \"much\"":            ":3: limits.down is \"much\"; write bytes a second",
		"[limits]\ndown = -1":                    ":2: limits.down is -1; write bytes a second",
		"[limits]\ndown = \"9000TB\"":            "from 0 to \"1TB\"",
		"[network]\nmax_peers = 0":               ":2: network.max_peers is 0; write a whole number, from 1 to 100000",
		"[network]\nmax_peers = 1.5":             "network.max_peers is 1.5; write a whole number",
		"[network]\nlisten = \"6881\"":           `network.listen is "6881"; write "HOST:PORT" or ":PORT"`,
		"[network]\nlisten = \"\"":               `network.listen is "";`,
		"[network]\nbootstrap = [\":1\"]":        `network.bootstrap is [":1"]; write a list of "HOST:PORT"`,
		"[network]\nencryption = \"on\"":         `network.encryption is "on"; write "prefer", "require", "off"`,
		"[seeding]\nratio = nan":                 "seeding.ratio is NaN; write a number, from 0 to 1000000",
		"[seeding]\ntime = 5":                    `seeding.time is 5; write a time like "90s"`,
		"[seeding]\ntime = \"5\"":                `seeding.time is "5"; write a time like`,
		"[queue]\nstalled_after = \"9999d\"":     `queue.stalled_after is "9999d"; write a time like "90s", "30m", "12h" or "7d"; 0 for none, from 0 to "365d"`,
		"[watch]\ndirs = \"x\"":                  `watch.dirs is "x"; write a list of paths`,
		"[watch]\ndirs = [1]":                    `watch.dirs is [1]; write`,
		"[watch]\ndirs = [\"\"]":                 `a path is empty`,
		"[download]\ndir = \"~you/x\"":           "~ means your own home folder only",
		"[download]\ndir = 1979-05-27":           "download.dir is 1979-05-27",
		"[trackers]\ndefault = [\"ftp://a/b\"]":  "is no URL of a tracker",
		"[hooks]\ndone = [\"\"]":                 "no program is named",
		"[hooks]\ndone = \"x\"":                  "write a program and its arguments",
		"[limits]\nalt_schedule = [\"someday\"]": "limits.alt_schedule is [\"someday\"]: ",
		"[rpc]\ntls_cert = \"/c\"":               ":2: rpc.tls_cert and rpc.tls_key go together only",
		"[blocklist]\nurl = \"a\"\nfile = \"b\"": ":3: blocklist.url and blocklist.file exclude each other",
		"profile = 1":                            ":1: profile is 1; write tables",
		"[profile]\nx = 1":                       ":2: profile.x is 1; write tables like [profile.x.limits]",
		"[profile.x.limits]\nupp = 1":            ":2: unknown key limits.upp; maybe you mean limits.up",
		"[limits]\ndown = 1\ndown = 2":           ":3: ",
		"[limits\ndown = 1":                      ":1: ",
		"\n\n= 3":                                ":3: ",
		"a = \"\"\"":                             ":1: ",
		"\xff":                                   ":1: ",
	} {
		_, _, err := load(t, in, "")
		var list Errors
		if !errors.As(err, &list) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nhas no %s", in, err, want)
		}
	}
	_, _, err := load(t, "[a]\n[limits]\nupp = 1\ndown = true\n[network]\nx = 1\n", "there", "SHOAL_LIMIT_UP", "much", "SHOAL_NO_DHT", "perhaps")
	var list Errors
	if !errors.As(err, &list) || len(list) != 7 {
		t.Fatal(err)
	}
	for i, line := range []int{0, 0, 0, 1, 3, 4, 6} {
		if list[i].Line != line {
			t.Errorf("%d: %+v", i, list[i])
		}
	}
	for _, want := range []string{`environment variable SHOAL_LIMIT_UP: "much" cannot be; write bytes`, `SHOAL_NO_DHT: "perhaps" cannot be; write true`, `there is no profile "there"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v has no %s", err, want)
		}
	}
	if _, _, err = load(t, strings.Repeat("[limits.a.b.c]\nx = 1\n", 1), ""); err == nil {
		t.Error("a table as a value")
	}
	var many strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, "x%d = 1\n", i)
	}
	if _, _, err = load(t, many.String(), ""); !errors.As(err, &list) || len(list) != maxProblems {
		t.Errorf("%d errors", len(list))
	}
}

// TestK03File: what is no file of a sane size is refused in clear words.
func TestK03File(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Load(filepath.Join(dir, "none"), "", env()); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Error(err)
	}
	if _, _, err := Load(dir, "", env()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if _, _, err := load(t, strings.Repeat("#\n", maxFile/2)+"#", ""); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Error(err)
	}
	if _, _, err := load(t, strings.Repeat("#\n", maxFile/2), ""); err != nil {
		t.Error(err)
	}
}

// TestK01Exposed: a secret that others may read is warned of, and not repeated.
func TestK01Exposed(t *testing.T) {
	name := file(t, "[limits]\nalt_schedule = [\"mon 1:00-2:00\"]\n[trackers]\ndefault = [\"http://t.example/announce?passkey=abc\"]\n[watch]\ndirs = [\"~/Downloads\"]\n"+
		"[rpc]\npassword_file = \"pw\"\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(name), "pw"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(want ...string) {
		t.Helper()
		_, warnings, err := Load(name, "", env())
		if err != nil || len(warnings) != len(want) {
			t.Fatal(err, warnings)
		}
		for i, w := range want {
			if !strings.Contains(warnings[i].Error(), w) || strings.Contains(warnings[i].Error(), "abc") {
				t.Errorf("%v, not %s", warnings[i], w)
			}
		}
	}
	check(":6: ", ":2: limits.alt_schedule has no effect")
	if runtime.GOOS == "windows" {
		return // has no such bits
	}
	for _, f := range []string{name, filepath.Join(filepath.Dir(name), "pw")} {
		if err := os.Chmod(f, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check("holds a secret, and others may read it: chmod 600 "+name, ":6: ", ":2: ", ":8: others may read the password: chmod 600")
}

func TestK01ShowMasks(t *testing.T) {
	c, _, err := load(t, `trackers.default = ["http://t.example/0123456789abcdef0123456789abcdef/announce"]`, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Show() {
		if strings.Contains(s.Value, "0123456789abcdef") {
			t.Error(s.Value)
		}
	}
}
