package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"shoal/tui/app"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// screenOf returns what a screen is told that was started with these flags and this file.
func screenOf(t *testing.T, file string, args ...string) (opt app.Options, err error) {
	t.Helper()
	t.Setenv("SHOAL_CONFIG", file)
	for name, value := range map[string]string{"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "COLORTERM": "", "NO_COLOR": ""} {
		t.Setenv(name, value)
	}
	o := &tuiOptions{remote: remote{con: newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})}}
	root, _ := newRoot(o.con)
	cmd, _, err := root.Find([]string{"tui"})
	if err != nil {
		t.Fatal(err)
	}
	f := cmd.Flags()
	if err := cmd.ParseFlags(args); err != nil {
		return opt, err
	}
	if err := root.PersistentPreRunE(cmd, nil); err != nil {
		return opt, err
	}
	o.theme, o.glyphs = f.Lookup("theme").Value.String(), f.Lookup("glyphs").Value.String()
	o.noMouse, _ = f.GetBool("no-mouse")
	err = o.configure(cmd, &opt)
	return opt, err
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestScreenHeedsItsSection: each key of [tui] is in force, a variable goes before it, and a flag before both.
func TestScreenHeedsItsSection(t *testing.T) {
	mine := write(t, "mine.toml", "name = \"mine\"\nbase = \"dark\"\n")
	file := write(t, "config.toml", "[tui]\ntheme = \""+filepath.ToSlash(mine)+"\"\nglyphs = \"block\"\nmouse = false\ncolor = \"never\"\n"+
		"[tui.keys]\nremove = [\"x\", \"ctrl-r\"]\n[tui.views]\nbig = {filter = \"size>10GB\", sort = \"-ratio\"}\nlinux = \"label:linux\"\n")
	opt, err := screenOf(t, file)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := theme.New("dark", theme.Plain)
	if err != nil {
		t.Fatal(err)
	}
	if opt.Mouse || !reflect.DeepEqual(opt.Style.Glyphs, theme.Block()) || opt.Themes[0] != mine || len(opt.Themes) != len(theme.Names())+1 ||
		opt.Style.Paint(theme.Bad, "x") != plain.Paint(theme.Bad, "x") {
		t.Errorf("%+v", opt)
	}
	if got := opt.Keys.Action(keys.List, "x"); got != keys.Remove || opt.Keys.Action(keys.List, "d") != "" {
		t.Errorf("x is %q, d %q", got, opt.Keys.Action(keys.List, "d"))
	}
	if want := []app.View{{Name: "big", Filter: "size>10GB", Sort: "-ratio"}, {Name: "linux", Filter: "label:linux"}}; !reflect.DeepEqual(opt.Views, want) {
		t.Errorf("%+v", opt.Views)
	}
	t.Setenv("SHOAL_THEME", "light")
	t.Setenv("SHOAL_GLYPHS", "braille")
	t.Setenv("SHOAL_NO_MOUSE", "false")
	t.Setenv("SHOAL_COLOR", "always")
	t.Setenv("SHOAL_TUI_KEYS", `{pause = "x"}`)
	t.Setenv("SHOAL_TUI_VIEWS", `{mine = "label:b"}`)
	opt, err = screenOf(t, file)
	if err != nil || !opt.Mouse || !reflect.DeepEqual(opt.Style.Glyphs, theme.Braille()) || opt.Themes[0] != "light" || opt.Style.Paint(theme.Bad, "x") == "x" ||
		opt.Keys.Action(keys.List, "x") != keys.Pause || len(opt.Views) != 1 || opt.Views[0].Name != "mine" {
		t.Errorf("the environment: %+v, %v", opt, err)
	}
	opt, err = screenOf(t, file, "--theme", "mono", "--glyphs", "ascii", "--no-mouse", "--color", "never")
	if err != nil || opt.Mouse || !reflect.DeepEqual(opt.Style.Glyphs, theme.ASCII()) || opt.Themes[0] != "mono" || len(opt.Themes) != len(theme.Names()) ||
		opt.Style.Paint(theme.Bad, "x") != "x" {
		t.Errorf("flags: %+v, %v", opt, err)
	}
	if opt, err = screenOf(t, file, "--ascii"); err != nil || !reflect.DeepEqual(opt.Style.Glyphs, theme.ASCII()) {
		t.Errorf("--ascii: %v", err)
	}
}

// TestMistakesInTheSectionOfTheScreen: `shoal config check` tells each with its line and the nearest word, and the screen does not start with it.
func TestMistakesInTheSectionOfTheScreen(t *testing.T) {
	bad := write(t, "bad.toml", "[roles]\nselectd = \"bold\"\n")
	for _, c := range []struct{ section, want string }{
		{"[tui]\ntheme = \"drak\"", ":2: tui.theme is \"drak\": there is no such theme; maybe you mean dark"},
		{"[tui]\nthem = \"dark\"", ":2: unknown key tui.them; maybe you mean tui.theme"},
		{"[tui]\n\ntheme = \"./not-there.toml\"", ":3: tui.theme: theme file: open "},
		{"[tui]\ntheme = \"" + filepath.ToSlash(bad) + "\"", "there is no role selectd"},
		{"[tui]\nglyphs = \"blocks\"", `:2: tui.glyphs is "blocks"; write "auto", "braille", "block", "ascii"`},
		{"[tui]\nmouse = \"off\"", `:2: tui.mouse is "off"; write true or false`},
		{"[tui]\ncolor = \"sometimes\"", `:2: tui.color is "sometimes"`},
		{"[tui.keys]\npauze = \"x\"", ":2: tui.keys.pauze: there is no such action; maybe you mean pause\n"},
		{"[tui.keys]\n\npause = \"pgupp\"", ":3: tui.keys.pause: there is no key \"pgupp\"; maybe you mean pgup"},
		{"[tui.keys]\npause = \"d\"", ":2: tui.keys.pause: the key d is that of remove too"},
		{"[tui.keys]\npause = 3", ":2: tui.keys.pause: 3 is no key; write one in quotes"},
		{"[tui.views]\nx = {filer = \"a\"}", "x: there is no filer; maybe you mean filter"},
		{"[tui.views]\nx = 3", "x is 3"},
		{"[tui.views]\nx = {filter = \"(a\"}", "tui.views.x: filter: "},
		{"[tui.views]\nx = {sort = \"-ratoi\"}", "tui.views.x: sort: there is no order ratoi; maybe you mean ratio"},
	} {
		file := write(t, "config.toml", c.section+"\n")
		t.Setenv("SHOAL_CONFIG", "")
		code, stdout, stderr := here("config", "check", "--config", file)
		if code != exitUsage || !strings.Contains(stdout, c.want) || strings.Count(stdout, "\n") != 1 {
			t.Errorf("%q: code %d, %s%s", c.section, code, stdout, stderr)
		}
		if _, err := screenOf(t, file); err == nil {
			t.Errorf("%q: the screen starts", c.section)
		}
	}
	several := "[tui.keys]\nzom = \"x\"\n\npause = [\"x\", \"pp\"]\nadd = [3]\n"
	code, stdout, _ := here("config", "check", "--config", write(t, "config.toml", several))
	for _, want := range []string{":2: tui.keys.zom: ", ":4: tui.keys.pause: ", ":5: tui.keys.add: "} {
		if code != exitUsage || !strings.Contains(stdout, want) || strings.Count(stdout, "\n") != 3 {
			t.Errorf("code %d, without %q:\n%s", code, want, stdout)
		}
	}
	if _, err := screenOf(t, "", "--glyphs", "blocks"); err == nil || !strings.Contains(err.Error(), "--glyphs \"blocks\": choose one of auto") {
		t.Errorf("%v", err)
	}
	if _, err := screenOf(t, "", "--theme", "drak"); err == nil || !strings.Contains(err.Error(), "dark") {
		t.Errorf("%v", err)
	}
	if code, out, said := here("config", "check", "--config", write(t, "config.toml", "[tui]\ntheme = \"light\"\n[tui.views]\na = {sort = \"eta\"}\n")); code != exitDone {
		t.Errorf("code %d: %s%s", code, out, said)
	}
}

// TestFileManager: without a desktop no program is started that would take the terminal.
func TestFileManager(t *testing.T) {
	for in, want := range map[string]string{"linux ": "", "linux DISPLAY": "xdg-open", "linux WAYLAND_DISPLAY": "xdg-open", "darwin ": "open", "windows ": "explorer"} {
		goos, set, _ := strings.Cut(in, " ")
		if got := fileManager(goos, func(name string) string { return map[string]string{set: ":0"}[name] }); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}
