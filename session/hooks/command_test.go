package hooks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
)

func command(t *testing.T, role string, args ...string) (c Command, said *[]string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said = new([]string)
	return Command{Argv: append([]string{self}, args...), Env: []string{"ROLE=" + role}, Line: func(s string) { *said = append(*said, s) }}, said
}

// zombie says whether a process has ended and only waits to be asked for its code.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(b, []byte(") Z "))
}

var evil = Torrent{
	Event: Done, ID: metainfo.ID{V1: metainfo.Hash{1, 2}}, Number: 7, Name: "$(touch x); `rm`\x00 \n-rf \xff", Dir: "/srv/in \x00put", Path: "/srv/in put/a",
	Size: 123, Files: 2, Downloaded: 456, Took: 90 * time.Second, Labels: []string{"film", "$HOME"}, Trackers: [][]string{{"http://a/announce", "udp://b"}, {"http://c"}},
	Source: "magnet:?x", Error: "no\x1b[31m\nspace", Version: "0.1.0", Time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
}

// TestQ07Values: what a torrent says reaches the command in its environment, NUL left out, and its words are the user's.
func TestQ07Values(t *testing.T) {
	t.Setenv("SHOAL_ON_DONE", "again")
	t.Setenv("NOTIFY_SOCKET", "/run/notify")
	t.Setenv("SHOAL_TORRENT_NAME", "of another one")
	c, said := command(t, "tell", "$SHOAL_TORRENT_NAME", "two words", "")
	c.Env = append(evil.Env(), c.Env...)
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	id := evil.ID.String()
	want := []string{
		"SHOAL_EVENT=done", "SHOAL_TORRENT_ID=" + id, "SHOAL_TORRENT_NAME=$(touch x); `rm` \n-rf \xff", "SHOAL_TORRENT_DIR=/srv/in put", "SHOAL_TORRENT_PATH=/srv/in put/a",
		"SHOAL_TORRENT_SIZE=123", "SHOAL_TORRENT_FILES=2", "SHOAL_TORRENT_DOWNLOADED=456", "SHOAL_TORRENT_SECONDS=90", "SHOAL_TORRENT_LABELS=film,$HOME",
		"SHOAL_TORRENT_TRACKERS=http://a/announce,udp://b,http://c", "SHOAL_TORRENT_SOURCE=magnet:?x", "SHOAL_TORRENT_NUMBER=7",
		"TR_APP_VERSION=0.1.0", "TR_TIME_LOCALTIME=Wed Mar  4 05:06:07 2026", "TR_TORRENT_BYTES_DOWNLOADED=456", "TR_TORRENT_DIR=/srv/in put", "TR_TORRENT_HASH=" + id,
		"TR_TORRENT_ID=7", "TR_TORRENT_LABELS=film,$HOME", "TR_TORRENT_NAME=$(touch x); `rm` \n-rf \xff", "TR_TORRENT_TRACKERS=http://a/announce,udp://b,http://c",
	}
	if len(*said) == 0 || (*said)[0] != `["$SHOAL_TORRENT_NAME" "two words" ""]` {
		t.Fatalf("its words: %q", *said)
	}
	var got []string
	for _, line := range (*said)[1:] {
		if line == "without an end" {
			continue
		}
		v, err := strconv.Unquote(strings.TrimSuffix(line, "without an end"))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if cause, ok := strings.CutPrefix(v, "SHOAL_TORRENT_ERROR="); ok {
			if !strings.Contains(cause, "space") || strings.ContainsAny(cause, "\x1b\n") {
				t.Errorf("the error is %q", cause)
			}
			continue
		}
		got = append(got, v)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("it was told\n%q, want\n%q", got, want)
	}
}

// TestQ07Long: values that no system would pass on are cut, lists at their commas, and the command runs.
func TestQ07Long(t *testing.T) {
	long := strings.Repeat("ä", 1<<20)
	c, _ := command(t, "tell")
	c.Env = append(Torrent{Name: "x" + long, Error: long, Labels: []string{"a", long, "b"}, Trackers: slices.Repeat([][]string{{"http://tracker.test/announce"}}, 1<<16)}.Env(), c.Env...)
	for _, v := range c.Env {
		if len(v) > maxValue+64 || strings.HasSuffix(v, "\xc3") || strings.HasPrefix(v, "TR_TORRENT_TRACKERS") && !strings.HasSuffix(v, "/announce") || v == "TR_TORRENT_LABELS=a,b" {
			t.Errorf("%.80q has %d bytes", v, len(v))
		}
	}
	if err := c.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(self))
	argv, err := Find([]string{filepath.Base(self), "$x y"})
	if err != nil || len(argv) != 2 || !filepath.IsAbs(argv[0]) || argv[1] != "$x y" {
		t.Errorf("%q, %v", argv, err)
	}
	for _, bad := range [][]string{nil, {""}, {"no-such-program"}, {t.TempDir()}} {
		if argv, err := Find(bad); err == nil {
			t.Errorf("%q is %q", bad, argv)
		}
	}
	if _, err := Find([]string{"no-such-program"}); !errors.Is(err, exec.ErrNotFound) {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	c, _ := command(t, "fail")
	if err := c.Run(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "exit status 3") || !strings.HasPrefix(err.Error(), c.Argv[0]) {
		t.Error(err)
	}
	for _, argv := range [][]string{nil, {filepath.Join(t.TempDir(), "none")}, {c.Argv[0], "a\x00b"}} {
		if err := (Command{Argv: argv}).Run(t.Context()); err == nil {
			t.Errorf("%q ran", argv)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(over); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestQ08Limit: a command that hangs is ended in time, with what it started and what hears no signal.
func TestQ08Limit(t *testing.T) {
	c, said := command(t, "hang")
	c.Group, c.Limit = true, time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	err := c.Run(ctx)
	if err == nil || !strings.Contains(err.Error(), "longer than 1s") {
		t.Errorf("it says %v", err)
	}
	if took := time.Since(began); took > c.Limit+2*Grace+5*time.Second {
		t.Errorf("it took %v", took)
	}
	if len(*said) == 0 {
		t.Fatal("it said nothing within its time")
	}
	i := slices.IndexFunc(*said, func(s string) bool { _, err := strconv.Atoi(s); return err == nil })
	if i < 0 {
		t.Fatalf("no child in %q", *said)
	}
	pid, _ := strconv.Atoi((*said)[i])
	gone(t, pid)
}

// TestLeft: what a command leaves in the background when it ends well goes on, and is no failure.
func TestLeft(t *testing.T) {
	c, said := command(t, "leave")
	c.Group = true
	if err := c.Run(t.Context()); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(*said, func(s string) bool { _, err := strconv.Atoi(s); return err == nil })
	if i < 0 {
		t.Fatalf("no child in %q", *said)
	}
	pid, _ := strconv.Atoi((*said)[i])
	if !alive(pid) {
		t.Error("it was ended")
	}
	end(pid)
}

// TestQ08Lines: of a command that does not stop talking as many lines are passed on as it may say.
func TestQ08Lines(t *testing.T) {
	for most, want := range map[int]int{0: 100_000, 5: 6} {
		c, said := command(t, "talk")
		c.Lines = most
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(*said) != want || (*said)[4] != "line 4" {
			t.Errorf("%d lines, want %d", len(*said), want)
		}
	}
	for _, step := range []int{1, 7, 1 << 20} {
		var got []string
		l := &lines{emit: func(s string) { got = append(got, s) }, endless: true}
		text := "a\n\nb\r\n" + strings.Repeat("x", maxLine+1) + "\nc"
		for i := 0; i < len(text); i += step {
			if n, err := l.Write([]byte(text[i:min(i+step, len(text))])); err != nil || n != min(step, len(text)-i) {
				t.Fatal(n, err)
			}
		}
		l.end()
		if want := []string{"a", "", "b\r", strings.Repeat("x", maxLine), "x", "c"}; !slices.Equal(got, want) {
			t.Errorf("in steps of %d: %d lines, %.60q", step, len(got), got)
		}
	}
}
