package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal/internal/fakeengine"
	"shoal/internal/text"
	"shoal/status"
)

func fakeList(n int) (list []status.Entry) {
	for i := range n {
		list = append(list, fakeengine.Torrent(i+1))
	}
	return list
}

func TestPick(t *testing.T) {
	list := fakeList(12)
	hash := list[4].ID.String()
	for word, want := range map[string][]int{
		"1": {1}, "12": {12}, "3-5": {3, 4, 5}, "11-99": {11, 12}, "all": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		hash: {5}, hash[:8]: {5}, strings.ToUpper(hash[:8]): {5}, "7 3 3 " + hash: {3, 5, 7},
	} {
		got, missing, err := pick(list, strings.Fields(word))
		var numbers []int
		for _, e := range got {
			numbers = append(numbers, e.Number)
		}
		if err != nil || len(missing) > 0 || !slices.Equal(numbers, want) {
			t.Errorf("%s: %v, %v, %v", word, numbers, missing, err)
		}
	}
	for _, word := range []string{"13", "0", "20-30", "0123456789abcdef0123456789abcdef01234567", "99999999999999999999999"} {
		if got, missing, err := pick(list, []string{word}); err != nil || len(got) > 0 || len(missing) != 1 || codeOf(missing[0]) != exitNoTorrent {
			t.Errorf("%s: %v, %v, %v", word, got, missing, err)
		}
	}
	for _, word := range []string{"", "abc", "name", "5-3", "-1", "x\x1b[2J", strings.Repeat("a", 100) + "!"} {
		if _, _, err := pick(list, []string{word}); codeOf(err) != exitUsage || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", word, err)
		}
	}
	same := slices.Clone(list[:2])
	same[1].ID = same[0].ID
	same[1].ID.V1[19]++
	if _, _, err := pick(same, []string{same[0].ID.String()[:20]}); codeOf(err) != exitUsage || !strings.Contains(err.Error(), "2 torrents") {
		t.Errorf("two of one beginning: %v", err)
	}
}

func TestLayout(t *testing.T) {
	cols := []column{{head: "ID"}, {head: "NAME", left: true, wide: true}, {head: "STATE", left: true}}
	rows := [][]string{{"1", "a name that is rather long", "seeding"}, {"10", "short", "stopped"}, {"3", "日本語の名前とても長いです", "checking"}}
	for width := range 100 {
		lines := layout(cols, rows, width)
		if len(lines) != 4 {
			t.Fatalf("%d lines", len(lines))
		}
		for _, line := range lines {
			if n := text.Width(line); width > 0 && n > width {
				t.Errorf("width %d: %d cells: %q", width, n, line)
			}
		}
	}
	want := "ID  NAME                        STATE\n 1  a name that is rather long  seeding\n10  short                       stopped\n 3  日本語の名前とても長いです  checking"
	if got := strings.Join(layout(cols, rows, 0), "\n"); got != want {
		t.Errorf("\n%s\n%s", got, want)
	}
	if got := layout(cols, rows[:1], 30)[1]; got != " 1  a name that is r…  seeding" {
		t.Errorf("%q", got)
	}
}

func TestHistory(t *testing.T) {
	h := history{}
	list := fakeList(3)
	see := func() string {
		var words []string
		for _, x := range h.see(slices.Clone(list)) {
			words = append(words, fmt.Sprint(x.entry.Number, " ", x.what))
		}
		return strings.Join(words, ", ")
	}
	if got := see(); got != "1 added, 2 added, 3 added" {
		t.Error(got)
	}
	list[0].Have, list[0].Phase = list[0].Wanted, status.Seeding
	list[1].Phase, list[1].Err, list[1].Down = status.Failed, "disk full", 7
	list[2].Name, list[2].Dir, list[2].Labels = "n", "/d", nil
	if got := see(); got != "1 done, 1 seeding, 2 error, 3 moved, 3 renamed, 3 labels" {
		t.Error(got)
	}
	list[0].Number, list[0].Down = 9, 5 // numbers change when a daemon starts anew; rates are no news
	if got := see(); got != "" {
		t.Error(got)
	}
	list = append(list[:1], fakeengine.Torrent(4))
	if got := see(); got != "2 removed, 3 removed, 4 added" {
		t.Error(got)
	}
}

func TestFate(t *testing.T) {
	for _, c := range []struct {
		edit func(*status.Entry)
		over bool
		code int
	}{
		{func(*status.Entry) {}, false, exitDone},
		{func(e *status.Entry) { e.Have = e.Wanted; e.Phase = status.Seeding }, true, exitDone},
		{func(e *status.Entry) { e.Have = e.Wanted; e.Phase = status.Paused; e.Stopped = true }, true, exitDone},
		{func(e *status.Entry) { e.Have = e.Wanted; e.Phase = status.Checking }, false, exitDone},
		{func(e *status.Entry) { e.Have = e.Wanted; e.Phase = status.Moving }, false, exitDone},
		{func(e *status.Entry) { e.Phase = status.Paused; e.Stopped = true }, true, exitUnfinished},
		{func(e *status.Entry) { e.Phase = status.Paused; e.Waiting = true }, false, exitDone},
		{func(e *status.Entry) { e.Phase = status.Failed; e.Err = "no" }, true, exitFailure},
		{func(e *status.Entry) { e.Phase = status.Metadata; e.Pieces, e.Wanted, e.Have = 0, 0, 0 }, false, exitDone},
	} {
		e := fakeengine.Torrent(1)
		c.edit(&e)
		if over, err := fate(&e); over != c.over || codeOf(err) != c.code {
			t.Errorf("%s %d/%d: %v, %v", e.State(), e.Have, e.Wanted, over, err)
		}
	}
}

func TestEdited(t *testing.T) {
	have := [][]string{{"http://a/announce", "http://b/announce"}, {"http://c/announce"}}
	for _, c := range []struct {
		w    edited
		want [][]string
	}{
		{edited{add: []string{"udp://d:1 http://a/announce"}}, [][]string{{"http://a/announce", "http://b/announce"}, {"http://c/announce"}, {"udp://d:1"}}},
		{edited{remove: []string{"http://c/announce", "http://a/announce"}}, [][]string{{"http://b/announce"}}},
		{edited{remove: []string{"all"}, add: []string{"udp://d:1"}}, [][]string{{"udp://d:1"}}},
		{edited{set: []string{"udp://x:1", "udp://y:1 udp://x:1"}, setGiven: true}, [][]string{{"udp://x:1"}, {"udp://y:1"}}},
		{edited{setGiven: true}, nil},
	} {
		if got := c.w.trackers(have); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v: %v", c.w, got)
		}
	}
	if have[0][0] != "http://a/announce" || len(have) != 2 {
		t.Errorf("what was there has changed: %v", have)
	}
}

// here runs a command in this process.
func here(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// TestT01RemoteTextIsClean: names, errors, labels and clients of a daemon steer no terminal, in no command and no form.
func TestT01RemoteTextIsClean(t *testing.T) {
	d := fakeFor(t, 2)
	evil := "a\x1b]52;c;YQ==\x07\u202eb\nc\u0085"
	d.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) {
		e.Name, e.Err, e.Dir, e.Comment, e.Group, e.Labels, e.Phase = evil, evil, "/"+evil, evil, evil, []string{evil}, status.Failed
		e.Trackers = [][]string{{"http://x/" + evil}}
	})
	for _, args := range [][]string{
		{"list", "--columns", "id,name,labels,dir,error"}, {"show", "1", "--files", "--trackers", "--peers"}, {"trackers", "1"}, {"stop", "1"}, {"wait", "1"},
		{"__complete", "stop", ""}, {"files", "1"}, {"remove", "1"},
	} {
		for _, more := range [][]string{nil, {"--json"}} {
			if args[0] == "__complete" {
				more = nil
			}
			_, stdout, stderr := here(append(slices.Clone(args), more...)...)
			for _, r := range stdout + stderr {
				if r != '\n' && r != '\t' && text.Clean(string(r), 0) != string(r) {
					t.Errorf("%v %v: %q\n%q", args, more, stdout, stderr)
					break
				}
			}
		}
	}
}

// TestT04WaitOutlivesTheDaemon: what waits goes on when the daemon comes back, and ends as the torrent does.
func TestT04WaitOutlivesTheDaemon(t *testing.T) {
	d := fakeFor(t, 1)
	asked := make(chan struct{})
	var once sync.Once
	d.engine.Fault = func(verb string) error {
		if verb == "entries" {
			once.Do(func() { close(asked) })
		}
		return nil
	}
	var stdout bytes.Buffer
	said := &lockedBuffer{}
	ended := make(chan int, 1)
	go func() {
		ended <- run([]string{"wait", "1", "--deadline", "60s"}, strings.NewReader(""), &stdout, said)
	}()
	socket, err := defaultSocket()
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	d.end()
	for news := said.changed(); !strings.Contains(said.String(), "waiting for it"); news = said.changed() {
		select {
		case <-news:
		case code := <-ended:
			t.Fatalf("it ended with %d: %s", code, said.String())
		}
	}
	again, err := startFake(filepath.Dir(filepath.Dir(socket)), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer again.end()
	again.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Have, e.Phase = e.Wanted, status.Seeding })
	select {
	case code := <-ended:
		if code != exitDone || stdout.String() != "done  torrent 1\n" {
			t.Errorf("code %d: %s%s", code, &stdout, said.String())
		}
	case <-time.After(time.Minute):
		t.Error("it waits on")
	}
}

func TestDefaultAddresses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Setenv("STATE_DIRECTORY", "")
	for _, c := range []struct{ runtime, directory, want string }{
		{filepath.Join(dir, "run"), "", filepath.Join(dir, "run", "shoal", "rpc.sock")},
		{filepath.Join(dir, "run"), filepath.Join(dir, "service"), filepath.Join(dir, "service", "rpc.sock")},
		{"relative", "", filepath.Join(dir, "state", "shoal", "rpc.sock")},
		{"", "", filepath.Join(dir, "state", "shoal", "rpc.sock")},
	} {
		t.Setenv("XDG_RUNTIME_DIR", c.runtime)
		t.Setenv("RUNTIME_DIRECTORY", c.directory)
		if got, err := defaultSocket(); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
		ask, all := defaultAddresses()
		if !slices.Equal(ask, []string{"http://127.0.0.1:9091"}) || all[0] != "unix:"+c.want || all[len(all)-1] != ask[0] {
			t.Errorf("%+v: %v, %v", c, ask, all)
		}
	}
}

func TestFailuresShareACode(t *testing.T) {
	for _, c := range []struct {
		errs []error
		want int
	}{
		{[]error{nil, nil}, exitDone}, {[]error{status.ErrUnknown, status.ErrUnknown}, exitNoTorrent}, {[]error{nil, status.ErrUnknown}, exitSome},
		{[]error{status.ErrUnknown, errors.New("x")}, exitSome}, {[]error{errors.New("x")}, exitFailure},
	} {
		f := failures{con: newConsole(nil, &bytes.Buffer{}, &bytes.Buffer{})}
		for _, err := range c.errs {
			f.add("a", err)
		}
		if got := codeOf(f.verdict(len(c.errs))); got != c.want {
			t.Errorf("%v: %d", c.errs, got)
		}
	}
}
