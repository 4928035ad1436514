package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// unitFolders has the units of packaging/, those of the machine and those of one person.
var unitFolders = map[string]string{"system": "systemd", "user": filepath.Join("systemd", "user")}

// TestUnits lets systemd read the units: it knows every setting, its values, and what they leave open.
func TestUnits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is a matter of Linux")
	}
	program := onPath(t, "shoal")
	for manager, folder := range unitFolders {
		t.Run(manager, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range []string{"shoal.service", "shoal.socket"} {
				b, err := os.ReadFile(filepath.Join("..", "..", "packaging", folder, name))
				if err != nil {
					t.Fatal(err)
				}
				b = bytes.ReplaceAll(b, []byte("ExecStart=/usr/bin/shoal "), []byte("ExecStart="+program+" "))
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if out := analyze(t, dir, "--"+manager, "--man=no", "verify", "./shoal.service", "./shoal.socket"); strings.TrimSpace(out) != "" {
				t.Errorf("systemd has something to say:\n%s", out)
			}
			// The exposure is a sum in tenths over what is not walled off: a setting that goes missing shows. A person's
			// service has no mount namespace, hence more.
			most := map[string]string{"system": "20", "user": "65"}[manager]
			analyze(t, dir, "security", "--no-pager", "--offline=true", "--threshold="+most, "./shoal.service")
		})
	}
}

// onPath finds a program.
func onPath(t *testing.T, name string) string {
	t.Helper()
	p, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if p, err = filepath.Abs(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// analyze runs systemd-analyze in dir and returns what it says. It must succeed.
func analyze(t *testing.T, dir string, args ...string) string {
	t.Helper()
	name, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is missing: install systemd")
		}
		t.Skip("systemd-analyze is not installed")
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestPackagedCommands: the commands of the units and of the container are such as the program has.
func TestPackagedCommands(t *testing.T) {
	packaging := filepath.Join("..", "..", "packaging")
	quoted := regexp.MustCompile(`"([^"]*)"`)
	count := 0
	for _, x := range []struct{ file, line string }{
		{"systemd/shoal.service", `(?m)^ExecStart=/usr/bin/shoal (.*)$`},
		{"systemd/user/shoal.service", `(?m)^ExecStart=/usr/bin/shoal (.*)$`},
		{"Dockerfile", `(?m)^HEALTHCHECK .* CMD \["shoal", (.*)\]$`},
		{"Dockerfile", `(?m)^CMD \[(.*)\]$`},
	} {
		b, err := os.ReadFile(filepath.Join(packaging, filepath.FromSlash(x.file)))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(x.line).FindSubmatch(b)
		if m == nil {
			t.Errorf("%s has no line like %s", x.file, x.line)
			continue
		}
		words := strings.Fields(string(m[1]))
		if q := quoted.FindAllStringSubmatch(string(m[1]), -1); q != nil {
			words = words[:0]
			for _, w := range q {
				words = append(words, w[1])
			}
		}
		root, _ := newRoot(newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}))
		cmd, rest, err := root.Find(words)
		if err != nil || cmd == root {
			t.Errorf("%s: %q is no command of shoal: %v", x.file, words, err)
			continue
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %q: %v", x.file, words, err)
		}
		count++
	}
	if count != 4 {
		t.Errorf("%d commands were looked at, not 4", count)
	}
}
