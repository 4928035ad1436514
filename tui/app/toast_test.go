package app

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/fakeengine"
	"shoal/status"
	"shoal/tui/theme"
)

// TestUndoStandsForItsTime: that a removal can be taken back is on the screen for as long as that holds: what happens meanwhile goes to the log.
func TestUndoStandsForItsTime(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 110, 30)
	var over []tea.Msg
	m.later = func(d time.Duration, f func(time.Time) tea.Msg) tea.Cmd {
		if d == undoFor {
			over = append(over, f(now))
		}
		return nil
	}
	look(t, m)
	x := fakeengine.Torrent(3)
	x.Phase, x.Size, x.Wanted, x.Have, x.Pieces = status.Leeching, 1000, 1000, 0, 9
	m.Update(listMsg{changed: []status.Entry{x}})
	press(t, m, "d")
	m.lastKey = time.Time{}
	press(t, m, "y")
	const promise = "u brings back for 10 s"
	if got := screenText(m); !strings.Contains(got, promise) {
		t.Fatal(got)
	}
	x.Phase, x.Have, x.DownTotal = status.Seeding, 1000, 1000
	m.Update(listMsg{changed: []status.Entry{x}})
	m.Update(noteMsg("something of no matter"))
	if got := screenText(m); !strings.Contains(got, promise) {
		t.Error(got)
	}
	log := ""
	for _, l := range m.log {
		log += l.Text + "\n"
	}
	if !strings.Contains(log, "complete: ") || !strings.Contains(log, "something of no matter") {
		t.Errorf("the log is %s", log)
	}
	for _, msg := range over {
		m.Update(msg)
	}
	m.Update(noteMsg("seen again"))
	if got := screenText(m); !strings.Contains(got, "seen again") {
		t.Errorf("after its time:\n%s", got)
	}
}

// TestLongLinesAreFolded: what is too long for one line of the foot has both.
func TestLongLinesAreFolded(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	m.say("this is said in the first of the lines, and it goes on for so long that the second one has its end", neutral)
	got := screenText(m)
	if !strings.Contains(got, "this is said") || !strings.Contains(got, "has its end") {
		t.Error(got)
	}
	harmless(t, "folded", m.frame(), 80, 24)
}

// TestNothingStaleIsSaid: when the daemon goes away, what was said of it a moment ago goes too.
func TestNothingStaleIsSaid(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	m.sayWhere()
	m.Update(awayMsg{errors.New("gone"), now.Add(time.Second)})
	if got := screenText(m); strings.Contains(got, "attached to") || !strings.Contains(got, "no answer since") {
		t.Error(got)
	}
}

// TestAnotherCommand: over what a command printed the key of the command line opens one.
func TestAnotherCommand(t *testing.T) {
	m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), 80, 24)
	look(t, m)
	m.Update(outputMsg{line: "list", out: "one\ntwo"})
	press(t, m, ":", "n", "q")
	if m.dialog != nil || m.prompt == nil || m.prompt.in.String() != "nq" {
		t.Errorf("%v, %+v", m.dialog, m.prompt)
	}
}
