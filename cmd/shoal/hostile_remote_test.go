package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
	"shoal/session/hooks"
	"shoal/status"
)

// padded is a torrent of two files with padding between them.
var padded = "d4:infod5:filesld6:lengthi1000e4:pathl1:aeed4:attr1:p6:lengthi15384e4:pathl4:.pad5:15384eed6:lengthi2000e4:pathl1:beee4:name1:n12:piece lengthi16384e6:pieces40:" +
	strings.Repeat("h", 40) + "ee"

// TestAddCountsNoPadding: files are handed over by the numbers that a daemon gives them, which leave padding out.
func TestAddCountsNoPadding(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.torrent")
	if err := os.WriteFile(path, []byte(padded), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		choice selection
		want   map[int]uint8
	}{
		{selection{only: []string{"b"}}, map[int]uint8{0: 0, 1: 2}},
		{selection{files: "2"}, map[int]uint8{0: 0, 1: 2}}, // as `shoal inspect` counts
		{selection{files: "2-"}, map[int]uint8{0: 0, 1: 2}},
		{selection{high: []string{"b"}}, map[int]uint8{0: 2, 1: 3}},
	} {
		o := addOptions{choice: c.choice}
		var n status.NewTorrent
		if err := o.read(t.Context(), path, &n); err != nil || !reflect.DeepEqual(n.Files, c.want) {
			t.Errorf("%+v: %v, %v", c.choice, n.Files, err)
		}
	}
	o := addOptions{choice: selection{files: "3"}}
	if err := o.read(t.Context(), path, new(status.NewTorrent)); codeOf(err) != exitUsage || !strings.Contains(err.Error(), "files 1 to 2") {
		t.Errorf("the padding's number: %v", err)
	}
	// Whoever shows numbers shows these.
	for _, args := range [][]string{{"inspect", "--files", path}, {"inspect", path}, {"get", "--list", path}} {
		code, stdout, stderr := here(args...)
		if code != 0 || !regexp.MustCompile(`(?m)^ +2 .* (n/)?b$`).MatchString(stdout) || regexp.MustCompile(`(?m)^ +3 `).MatchString(stdout) {
			t.Errorf("%v: %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestBlankFilter: a filter of blanks, as an empty variable of a script leaves it, chooses nothing.
func TestBlankFilter(t *testing.T) {
	d := fakeFor(t, 3)
	for _, args := range [][]string{{"remove"}, {"stop"}, {"limit", "--session", "--down", "1MB"}, {"move", "/elsewhere"}} {
		code, _, stderr := here(append(args, "--filter", "  ")...)
		if code != exitUsage || len(d.engine.Calls()) > 0 {
			t.Errorf("%v: %d, %s; the daemon was told %v", args, code, stderr, d.engine.Calls())
		}
	}
	if code, stdout, _ := here("list", "--filter", " "); code != 0 || strings.Count(stdout, "\n") != 4 {
		t.Errorf("list: %d\n%s", code, stdout)
	}
}

// TestOldNumberIsNoHash: the number of a torrent that is gone does not name another one whose info hash begins so.
func TestOldNumberIsNoHash(t *testing.T) {
	e := fakeengine.Torrent(1)
	e.ID.V1[0], e.ID.V1[1], e.ID.V1[2], e.ID.V1[3], e.ID.V1[4] = 0x12, 0x34, 0x56, 0x78, 0x90
	for word, want := range map[string]int{"1234": 0, "1234567": 0, "12345678": 1, "1234567890" + e.ID.String()[10:]: 1} {
		got, missing, err := pick([]status.Entry{e}, []string{word})
		if err != nil || len(got) != want || len(missing) != 1-want {
			t.Errorf("%s: %d torrents, %v, %v", word, len(got), missing, err)
		}
	}
}

// TestPasswordFile: client and daemon read the same file alike: its first line counts.
func TestPasswordFile(t *testing.T) {
	for text, want := range map[string]string{"a b\n": "a b", "a\r\n": "a", "a\n# of the nas\n": "a", "a": "a"} {
		r := remote{user: "u", passwordFile: filepath.Join(t.TempDir(), "pw")}
		if err := os.WriteFile(r.passwordFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := r.credentials(); err != nil || got.Password != want || got.User != "u" {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

// TestTrackersOnce: one tracker that is added twice is there once.
func TestTrackersOnce(t *testing.T) {
	w := edited{add: []string{"udp://d:1", "udp://d:1 udp://e:1"}}
	if got := fmt.Sprint(w.trackers(nil)); got != "[[udp://d:1] [udp://e:1]]" {
		t.Error(got)
	}
}

// TestHooksMayCallShoal: what a hook finds in its environment is nothing strange to a shoal that it starts.
func TestHooksMayCallShoal(t *testing.T) {
	for _, v := range (hooks.Torrent{Event: hooks.Done, Name: "n", Number: 1, Labels: []string{"l"}}).Env() {
		key, _, _ := strings.Cut(v, "=")
		t.Setenv(key, "x")
	}
	if _, _, stderr := here("version"); stderr != "" {
		t.Error(stderr)
	}
}
