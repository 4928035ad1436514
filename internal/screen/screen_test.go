package screen

import (
	"fmt"
	"testing"
)

func TestScreenDrawsWhatProgramsWrite(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"lines", "one\r\ntwo\r\n", "one\ntwo"},
		{"overwritten", "12345\rab", "ab345"},
		{"erased to the right", "12345\rab\x1b[K", "ab"},
		{"erased", "12345\x1b[2K\rx", "x"},
		{"up and below erased", "a\r\nb\r\nc\x1b[2A\r\x1b[JX", "X"},
		{"scrolled", "1\r\n2\r\n3\r\n4\r\n5", "3\n4\n5"},
		{"wrapped", "123456789012", "1234567890\n12"},
		{"other sequences", "\x1b]0;title\x07a\x1b]11;?\x1b\\b\x1b[6nc\x1b[?2004h", "abc"},
		{"placed", "\x1b[2;4Hx\x1b[Hy\x1b[9;99Hz", "y\n   x\n         z"},
		{"all erased", "one\r\ntwo\x1b[2J\x1b[Hx", "x"},
		{"wide text", "█▌ é", "█▌ é"},
		{"a part erased", "abcdef\x1b[2G\x1b[3Xx", "ax  ef"},
	} {
		s := New(10, 3)
		for i := range len(c.in) { // byte by byte: nothing depends on where writes are cut
			_, _ = s.Write([]byte{c.in[i]})
		}
		if got := s.String(); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

func TestScreenRemembersColoursAndSwitches(t *testing.T) {
	s := New(10, 3)
	fmt.Fprint(s, "a\x1b[32mb\x1b[0mc\x1b[?25l\x1b[?2004h\x1b[6n")
	row := s.Cells()[0]
	if row[0].Color != 0 || row[1] != (Cell{'b', Style{Color: 32}}) || row[2].Color != 0 {
		t.Errorf("cells %v", row)
	}
	if !s.CursorHidden() {
		t.Error("the cursor should be hidden")
	}
	if got := fmt.Sprintf("%q", s.Other()); got != `["\x1b[?2004h" "\x1b[6n"]` {
		t.Errorf("other sequences %s", got)
	}
}

func TestScreenStyles(t *testing.T) {
	for in, want := range map[string]Style{
		"\x1b[1;38;2;1;2;3;48;2;0;0;255m":         {Color: RGB | 0x010203, Ground: RGB | 0xff, Bold: true},
		"\x1b[2;4;7;94;41m":                       {Color: 94, Ground: 31, Faint: true, Underline: true, Reverse: true},
		"\x1b[1;2;4;7;31;41m\x1b[22;24;27;39;49m": {},
		"\x1b[31m\x1b[m":                          {},
		"\x1b[31;38;2;1m":                         {Color: 31, Faint: true, Bold: true}, // too short for a colour: numbers by themselves
	} {
		s := New(3, 1)
		fmt.Fprint(s, in+"x")
		if got := s.Cells()[0][0]; got != (Cell{'x', want}) {
			t.Errorf("%q: %+v, not %+v", in, got, want)
		}
	}
}

// TestScreenMeasures: a terminal of the one kind gives cells to code points, one of the other to clusters.
func TestScreenMeasures(t *testing.T) {
	for _, c := range []struct {
		in            string
		points, joins int // the column behind it
	}{{"abc", 3, 3}, {"e\u0301x", 2, 2}, {"नि", 2, 1}, {"कि.", 3, 2}, {"ำ", 1, 1}, {"กำ", 2, 1}, {"漢", 2, 2}, {"न\x1b[mि", 2, 2}} {
		for i, s := range []*Screen{New(10, 1), NewJoining(10, 1)} {
			fmt.Fprint(s, c.in)
			if want := []int{c.points, c.joins}[i]; s.col != want {
				t.Errorf("%q of kind %d: column %d, not %d", c.in, i, s.col, want)
			}
		}
	}
}
