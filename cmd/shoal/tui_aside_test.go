package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"
)

// TestT03Aside: what libraries and the console print while the screen is drawn goes to the screen's log, harmless; afterwards standard
// error is what it was. A library that prints without end holds nobody up.
func TestT03Aside(t *testing.T) {
	var stderr bytes.Buffer
	con := newConsole(strings.NewReader(""), &bytes.Buffer{}, &stderr)
	before := os.Stderr
	a := stepAside(con)
	for _, c := range []struct {
		say  func()
		want string
	}{
		{func() { fmt.Fprintln(os.Stderr, "library: \x1b[2Jgone?key=1") }, "library: ␛[2Jgone?key=1"},
		{func() { log.Print("package log") }, "package log"},
		{func() { con.Warn("the console") }, "the console"},
	} {
		c.say()
		if got := <-a.notes; !strings.HasSuffix(got, c.want) {
			t.Errorf("the note is %q, not %q", got, c.want)
		}
	}
	for range 10 * maxNotes {
		fmt.Fprintln(os.Stderr, strings.Repeat("x", 8<<10))
	}
	if n := len(a.notes); n > maxNotes {
		t.Errorf("%d notes wait", n)
	}
	a.back()
	defer log.SetOutput(os.Stderr)
	con.Warn("afterwards")
	if os.Stderr != before || stderr.String() != "shoal: afterwards\n" {
		t.Errorf("standard error is another one, or got %q", stderr.String())
	}
}
