package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"shoal/internal/fakeengine"
	"shoal/internal/text"
	"shoal/status"
)

// lineOf is the command prompt of a screen that shows the fake daemon.
func lineOf(t *testing.T) (o *tuiOptions, say func(line string) (string, error), offer func(line string) []string) {
	t.Helper()
	o = &tuiOptions{remote: remote{con: newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})}}
	o.command(&cobra.Command{})
	client, err := o.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	say = func(line string) (string, error) {
		var out bytes.Buffer
		err := o.commandLine(client)(t.Context(), line, 78, &out)
		return out.String(), err
	}
	offer = func(line string) []string {
		words, err := o.completeLine(client)(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		return words
	}
	return o, say, offer
}

// TestTablesFitTheScreen: tables of commands are as wide as the screen at most, and have all of it where they need it.
func TestTablesFitTheScreen(t *testing.T) {
	e := fakeFor(t, 3).engine
	e.Edit(fakeengine.Torrent(2).ID, func(x *status.Entry) { x.Name = strings.Repeat("long name ", 20) })
	o, _, _ := lineOf(t)
	client, err := o.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, w := range []int{80, 100, 200} {
		var out bytes.Buffer
		if err := o.commandLine(client)(t.Context(), "list", w, &out); err != nil {
			t.Fatal(err)
		}
		widest := 0
		for _, l := range strings.Split(out.String(), "\n") {
			widest = max(widest, text.Width(l))
		}
		if widest > w || widest < w-12 {
			t.Errorf("of %d cells it has %d:\n%s", w, widest, out.String())
		}
	}
}

// TestEveryCommandFromTheScreen: each command that steers a daemon runs from the `:` line and says what it did or why not; one without a line here
// fails the test.
func TestEveryCommandFromTheScreen(t *testing.T) {
	fakeFor(t, 5)
	_, say, _ := lineOf(t)
	lines := map[string][2]string{ // by command: the line, and what is in its answer
		"list": {"list", "torrent 2"}, "show": {"shoal show 1", "torrent 1"}, "stop": {"stop 1", "stopped  torrent 1"}, "start": {"start 1", "started  torrent 1"},
		"add": {"add 'magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=a b'", "added  a b"}, "verify": {"verify 2", "verifying"},
		"announce": {"announce all", "torrent 3"}, "move": {"move 1 /data/x", "torrent 1"}, "rename": {"rename 2 'torrent 2' 'new name'", "renamed  torrent 2"}, "label": {"label 1 --set a", "labelled"},
		"limit": {"limit 1 --down 1MB", "limited"}, "priority": {"priority high 1", "torrent 1"}, "queue": {"queue top 3", "torrent 3"}, "files": {"files 1", "torrent 1"},
		"trackers": {"trackers 1", "tracker.example.com"}, "wait": {"wait 4 --deadline 1ms", "the time of --deadline is over"}, "stats": {"stats", "0.1.0"},
		"remove": {"remove 5 --yes", "removed"}, "events": {"events", "events has no place here"},
	}
	con := newConsole(strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{})
	for _, c := range remoteCommands(con) {
		line, ok := lines[c.Name()]
		if !ok {
			t.Errorf("%s has no line in this test", c.Name())
			continue
		}
		out, err := say(line[0])
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(out, line[1]) {
			t.Errorf(":%s says %q (%v), not %q", line[0], out, err, line[1])
		}
	}
}

// TestCommandsThatHaveNoPlaceOnTheScreen: what goes on for long, draws itself or reads keys is refused in a sentence, however it is written.
func TestCommandsThatHaveNoPlaceOnTheScreen(t *testing.T) {
	fakeFor(t, 1)
	_, say, _ := lineOf(t)
	for line, want := range map[string]string{
		"get x.torrent": "get has no place here: start it in a shell", "get": "get has no place here", "--json get x": "get has no place here", "seed .": "seed has no place here",
		"daemon": "daemon has no place here", "shoal tui": "tui has no place here", "demo": "demo has no place here", "events": "events has no place here",
		"list --watch 1s": "list --watch has no place here", "liszt": `unknown command`, "list 'x": "",
	} {
		out, err := say(line)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf(":%s says %q, %v", line, out, err)
		}
	}
	if out, err := say("help limit"); err != nil || !strings.Contains(out, "shoal limit") {
		t.Errorf("%q, %v", out, err)
	}
}

// TestCompletionOnTheScreen: commands, flags, torrents and words; nothing that has no place there, nothing foreign unfiltered.
func TestCompletionOnTheScreen(t *testing.T) {
	d := fakeFor(t, 2)
	d.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Labels = []string{"a\x1b[2Jb"} })
	_, _, offer := lineOf(t)
	for line, want := range map[string][]string{"li": {"limit", "list"}, "shoal star": {"start"}, "stop ": {"1", "2"}, "limit 1 --dow": {"--down"}, "da": nil} {
		if got := offer(line); !slices.Equal(got, want) && !(len(got) >= len(want) && len(want) > 0 && slices.Equal(got[:len(want)], want)) {
			t.Errorf("%q offers %q, not %q", line, got, want)
		}
	}
	all := offer("")
	for _, name := range notInside {
		if slices.Contains(all, name) {
			t.Errorf("%s is offered", name)
		}
	}
	if len(all) < 15 {
		t.Errorf("only %q", all)
	}
}
