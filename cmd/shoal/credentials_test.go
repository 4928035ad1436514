package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"shoal/internal/fsys"
)

// put writes a file of a tree in memory.
func put(t *testing.T, dir fsys.FS, name, content string, mode os.FileMode) {
	t.Helper()
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err == nil {
		_, err = f.WriteAt([]byte(content), 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestO01MadeOnce: at the first start, at random, for this user's eyes only; then they stay.
func TestO01MadeOnce(t *testing.T) {
	dir := fsys.NewMem()
	warn := func(err error) { t.Error(err) }
	first, err := findCredentials(dir, "", "", warn)
	if err != nil {
		t.Fatal(err)
	}
	if !first.made || first.user != defaultUser || len(first.password) < 20 {
		t.Errorf("%+v", first)
	}
	if st, err := dir.Lstat(credentialsName); err != nil || st.Mode.Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode, err)
	}
	again, err := findCredentials(dir, "", "", warn)
	if err != nil || again.made || again.user != first.user || again.password != first.password {
		t.Errorf("%+v, %v; not %+v", again, err, first)
	}
	if renamed, err := findCredentials(dir, "me", "", warn); err != nil || renamed.user != "me" || renamed.password != first.password {
		t.Errorf("%+v, %v", renamed, err)
	}
	other, err := findCredentials(fsys.NewMem(), "me", "", warn)
	if err != nil || other.password == first.password || other.user != "me" {
		t.Errorf("two folders have one password: %+v, %v", other, err)
	}
}

// TestCredentialsSurvive: whatever call fails, or power with it, the file is whole or not there, and the next start goes on.
func TestCredentialsSurvive(t *testing.T) {
	for n := 1; ; n++ {
		dir := fsys.NewMem()
		dir.FailAt(n, syscall.EIO)
		made, err := findCredentials(dir, "", "", func(error) {})
		if err == nil && n > 1 {
			if n < 5 {
				t.Errorf("there are only %d calls that could fail", n-1)
			}
			return
		}
		crashed := dir.Crash(rand.New(rand.NewPCG(uint64(n), 1)))
		crashed.FailAt(0, nil)
		again, err2 := findCredentials(crashed, "", "", func(error) {})
		if err2 != nil {
			t.Errorf("after a failure at call %d (%v): %v", n, err, err2)
		}
		if err == nil && again.password != made.password {
			t.Errorf("call %d: another password", n)
		}
	}
}

func TestCredentialsFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(content string) string {
		name := filepath.Join(dir, "password")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	warned := 0
	warn := func(error) { warned++ }
	for content, want := range map[string]string{"secret": "secret", "se cret\r\nmore\n": "se cret", "\n": "", "": "", ":x\n": ":x"} {
		c, err := findCredentials(fsys.NewMem(), "", file(content), warn)
		if err != nil || c.password != want || c.made || c.user != defaultUser {
			t.Errorf("%q: %+v, %v", content, c, err)
		}
	}
	if warned != 0 {
		t.Errorf("%d warnings about a file that is fine", warned)
	}
	open := file("secret")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := findCredentials(fsys.NewMem(), "", open, warn); err != nil || warned != 1 && runtime.GOOS != "windows" {
		t.Errorf("%d warnings, %v", warned, err)
	}
	for name, call := range map[string]func() (credentials, error){
		"long": func() (credentials, error) {
			return findCredentials(fsys.NewMem(), "", file(strings.Repeat("x", 5000)), warn)
		},
		"gone":          func() (credentials, error) { return findCredentials(fsys.NewMem(), "", filepath.Join(dir, "no"), warn) },
		"colon in user": func() (credentials, error) { return findCredentials(fsys.NewMem(), "a:b", "", warn) },
	} {
		if c, err := call(); err == nil || codeOf(err) != exitUsage {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for _, damaged := range []string{"", "\n", "shoal", "shoal:", ":x", "\x00\x00"} {
		m := fsys.NewMem()
		put(t, m, credentialsName, damaged, 0o600)
		if c, err := findCredentials(m, "", "", warn); err == nil || !strings.Contains(err.Error(), credentialsName) {
			t.Errorf("%q: %+v, %v", damaged, c, err)
		}
	}
}
