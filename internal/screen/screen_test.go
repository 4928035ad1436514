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
		{"wide text", "█▌ é", "█▌ é"},
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
	if row[0].Color != 0 || row[1] != (Cell{'b', 32}) || row[2].Color != 0 {
		t.Errorf("cells %v", row)
	}
	if !s.CursorHidden() {
		t.Error("the cursor should be hidden")
	}
	if got := fmt.Sprintf("%q", s.Other()); got != `["\x1b[?2004h" "\x1b[6n"]` {
		t.Errorf("other sequences %s", got)
	}
}
