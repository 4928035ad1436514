package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"shoal/status"
)

// TestLogOfAll: the newest line is seen, long ones and those of several lines in full; who reads further up stays there while lines come.
func TestLogOfAll(t *testing.T) {
	for _, size := range [][2]int{{30, 8}, {40, 10}, {80, 24}, {160, 50}} {
		m := modelOf(t, newSample(), looks(t)["ascii"], size[0], size[1])
		m.openLog()
		body := func() []string { return m.frame()[2 : m.h-m.layout().toast-m.layout().hint] }
		text := func() string { return strings.Join(body(), "\n") }
		serial := int64(0)
		more := func(s string) {
			serial++
			m.Update(logMsg{lines: []status.LogLine{{Serial: serial, Time: now.Add(time.Duration(serial) * time.Second), Level: "info", Text: s}}})
		}
		for i := range 100 {
			more(fmt.Sprintf("line %d", i))
		}
		if got := body(); !strings.Contains(got[len(got)-1], "line 99") {
			t.Errorf("%v: the newest line is not seen:\n%s", size, text())
		}
		more("first of two\nlast of two\x1b[2J\r\n")
		if got := body(); !strings.Contains(got[len(got)-2], "first of two") || !strings.Contains(got[len(got)-1], "last of two") || strings.Contains(text(), "\x1b") {
			t.Errorf("%v: a message of two lines:\n%s", size, text())
		}
		more(strings.Repeat("long ", 60) + "end")
		seen := map[string]bool{}
		for range 80 {
			seen[strings.Join(strings.Fields(text()), " ")] = true
			press(t, m, "k")
		}
		longest := 0
		for s := range seen {
			longest = max(longest, strings.Count(s, "long"))
		}
		if longest < 1 || size[0] >= 80 && longest < 60 {
			t.Errorf("%v: %d words are seen of a long line", size, longest)
		}
		before := text()
		for range 50 {
			more("new one")
		}
		if got := text(); got != before {
			t.Errorf("%v: who reads does not stay:\n%s\n%s", size, before, got)
		}
		press(t, m, "g")
		if !strings.Contains(body()[0], "line 0") {
			t.Errorf("%v: the first line is not seen:\n%s", size, text())
		}
		first := text()
		press(t, m, "k", "ctrl+u", "k", "g")
		if got := text(); got != first {
			t.Errorf("%v: above the first line:\n%s", size, got)
		}
		press(t, m, "j")
		if got := text(); got == first {
			t.Errorf("%v: a step down from the top does nothing", size)
		}
		press(t, m, "G")
		if got := body(); !strings.Contains(got[len(got)-1], "new one") {
			t.Errorf("%v: the end:\n%s", size, text())
		}
		last := text()
		press(t, m, "j", "ctrl+d")
		if got := text(); got != last {
			t.Errorf("%v: below the last line:\n%s", size, got)
		}
		more("the very last")
		if got := body(); !strings.Contains(got[len(got)-1], "the very last") {
			t.Errorf("%v: it does not follow any more:\n%s", size, text())
		}
		press(t, m, "g")
		for range maxLog + 10 { // what was read is gone
			more("much later")
		}
		harmless(t, "log", m.frame(), size[0], size[1])
		if len(m.log) != maxLog {
			t.Error(len(m.log))
		}
	}
}

// TestLogAfterAnotherDaemon: a daemon that was started anew counts its lines anew; none is missed and none comes twice.
func TestLogAfterAnotherDaemon(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 110, 30)
	m.openLog()
	look(t, m)
	n := len(m.log)
	var gone error
	e.Fault = func(string) error { return gone }
	gone = errGone
	look(t, m)
	gone = nil
	for range 2 {
		look(t, m)
	}
	if got := len(m.log); got != n+2 { // away and back
		t.Errorf("%d lines became %d", n, got)
	}
	other := newSample()
	other.Say("info", "of the new daemon")
	gone = errGone
	look(t, m)
	m.poll.engine = other
	for range 2 {
		look(t, m)
	}
	if got := len(m.log); got != n+5 || !strings.Contains(screenText(m), "of the new daemon") {
		t.Errorf("%d lines became %d\n%s", n, got, screenText(m))
	}
}

// TestToastsAreInTheLog: what was told for five seconds can be read later.
func TestToastsAreInTheLog(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	look(t, m)
	press(t, m, "p")
	m.openLog()
	if got := screenText(m); !strings.Contains(got, "paused ubuntu-26.10-desktop-amd64.iso") {
		t.Error(got)
	}
}

// TestLogIsInOrder: what the daemon logged before this screen began stands before what this screen says.
func TestLogIsInOrder(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	m.say("told first", neutral)
	m.Update(logMsg{again: true, lines: []status.LogLine{{Serial: 7, Time: now.Add(-time.Hour), Text: "an hour ago"}, {Serial: 8, Time: now.Add(time.Second), Text: "just now"}}})
	m.openLog()
	got := screenText(m)
	if a, b, c := strings.Index(got, "an hour ago"), strings.Index(got, "told first"), strings.Index(got, "just now"); a < 0 || b < a || c < b {
		t.Error(got)
	}
	for i := 1; i < len(m.log); i++ {
		if m.log[i].Serial <= m.log[i-1].Serial {
			t.Errorf("line %d is number %d after %d", i, m.log[i].Serial, m.log[i-1].Serial)
		}
	}
}
