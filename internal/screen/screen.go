// Package screen is a terminal in memory: it understands what line-oriented
// programs and Bubble Tea's inline mode write, and, on Linux, runs a program
// in a pseudo terminal whose output it draws. It is for tests and for the
// script that makes the picture in the README; nothing that is shipped imports it.
//
// A Screen may be written and read from different goroutines.
package screen

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Cell is one character with the colour it is drawn in: an SGR number like 32, 0 for the default.
type Cell struct {
	Rune  rune
	Color int
}

// Screen is the visible part of a terminal. Lines that scroll out at the top are gone.
type Screen struct {
	mu       sync.Mutex
	w, h     int
	cells    [][]Cell
	row, col int
	color    int
	hidden   bool
	rest     []byte // the beginning of a sequence or character that is not complete
	asked    []string
	news     chan struct{}
}

// New returns an empty screen of w by h cells.
func New(w, h int) *Screen {
	s := &Screen{w: w, h: h, news: make(chan struct{})}
	for range h {
		s.cells = append(s.cells, s.blank())
	}
	return s
}

func (s *Screen) blank() []Cell {
	row := make([]Cell, s.w)
	for i := range row {
		row[i].Rune = ' '
	}
	return row
}

// Write draws what a program writes.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := append(s.rest, p...)
	for len(b) > 0 {
		n := s.step(b)
		if n == 0 {
			break
		}
		b = b[n:]
	}
	s.rest = append([]byte(nil), b...)
	close(s.news)
	s.news = make(chan struct{})
	return len(p), nil
}

// step draws the first character or sequence of b and returns its length, 0 when
// its end is not there yet.
func (s *Screen) step(b []byte) int {
	switch c := b[0]; {
	case c == 0x1b:
		return s.escape(b)
	case c == '\n':
		s.down()
	case c == '\r':
		s.col = 0
	case c == '\b':
		s.col = max(0, s.col-1)
	case c < ' ':
	default:
		if !utf8.FullRune(b) {
			return 0
		}
		r, n := utf8.DecodeRune(b)
		s.put(r)
		return n
	}
	return 1
}

func (s *Screen) put(r rune) {
	if s.col == s.w {
		s.col = 0
		s.down()
	}
	s.cells[s.row][s.col] = Cell{r, s.color}
	s.col++
}

func (s *Screen) down() {
	if s.row < s.h-1 {
		s.row++
		return
	}
	s.cells = append(s.cells[1:], s.blank())
}

// escape handles one escape sequence.
func (s *Screen) escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= '@' && b[i] <= '~' {
				s.control(string(b[2:i]), b[i])
				return i + 1
			}
		}
		return 0
	case ']':
		text := string(b)
		end, n := strings.IndexByte(text, 7), 1
		if st := strings.Index(text, "\x1b\\"); st >= 0 && (end < 0 || st < end) {
			end, n = st, 2
		}
		if end < 0 {
			return 0
		}
		s.asked = append(s.asked, text[:end+n])
		return end + n
	}
	return 2
}

// control handles one CSI sequence.
func (s *Screen) control(args string, final byte) {
	n, err := strconv.Atoi(args)
	count := max(n, 1)
	switch final {
	case 'A':
		s.row = max(0, s.row-count)
	case 'B':
		s.row = min(s.h-1, s.row+count)
	case 'C':
		s.col = min(s.w-1, s.col+count)
	case 'D':
		s.col = max(0, s.col-count)
	case 'G':
		s.col = min(s.w-1, count-1)
	case 'K':
		s.eraseLine(n)
	case 'J':
		s.eraseLine(0)
		for i := s.row + 1; i < s.h; i++ {
			s.cells[i] = s.blank()
		}
	case 'm':
		s.color = n
		if err != nil {
			s.color = 0
		}
	case 'h', 'l':
		if args == "?25" {
			s.hidden = final == 'l'
			return
		}
		s.asked = append(s.asked, "\x1b["+args+string(final))
	default:
		s.asked = append(s.asked, "\x1b["+args+string(final))
	}
}

// eraseLine erases from the cursor on, or all of the line (mode 2).
func (s *Screen) eraseLine(mode int) {
	from := min(s.col, s.w)
	if mode == 2 {
		from = 0
	}
	copy(s.cells[s.row][from:], s.blank()[from:])
}

// Lines returns the rows without the spaces at their ends.
func (s *Screen) Lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := make([]string, s.h)
	for i, row := range s.cells {
		var b strings.Builder
		for _, c := range row {
			b.WriteRune(c.Rune)
		}
		lines[i] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// String returns the rows as text, empty ones at the end left out.
func (s *Screen) String() string { return strings.TrimRight(strings.Join(s.Lines(), "\n"), "\n") }

// Cells returns a copy of the rows.
func (s *Screen) Cells() [][]Cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := make([][]Cell, s.h)
	for i := range rows {
		rows[i] = append([]Cell(nil), s.cells[i]...)
	}
	return rows
}

// CursorHidden reports whether the program has switched the cursor off.
func (s *Screen) CursorHidden() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hidden
}

// Other returns the sequences that do not draw: queries, titles, switches of mode.
func (s *Screen) Other() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// Changed returns a channel that is closed by the next Write.
func (s *Screen) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.news
}
