// Package screen is a terminal in memory: it understands what line-oriented
// programs and Bubble Tea write, in place and on the whole terminal, and, on Linux, runs a program
// in a pseudo terminal whose output it draws. It is for tests and for the
// script that makes the pictures in the README; nothing that is shipped imports it.
//
// A Screen may be written and read from different goroutines.
package screen

import (
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/text/width"
)

// Cell is one character and how it is drawn. The right half of a wide character has the Rune 0; what is drawn over the character before
// it, such as an accent, is not kept.
type Cell struct {
	Rune rune
	Style
}

// Style is how a character is drawn. Its colours are the SGR number of a foreground, like 32 or 92, or of 24 bits RGB plus the red, green and blue; 0 is the default.
type Style struct {
	Color, Ground                   int
	Bold, Faint, Underline, Reverse bool
}

// RGB marks a colour that is given by its red, green and blue in the lower 24 bits.
const RGB = 1 << 24

// Screen is the visible part of a terminal. Lines that scroll out at the top are gone.
type Screen struct {
	mu       sync.Mutex
	w, h     int
	cells    [][]Cell
	row, col int
	style    Style
	hidden   bool
	wraps    int
	scrolls  int
	joins    bool   // grapheme clusters are measured, not code points
	last     string // the cluster before the cursor, "" when it was moved
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

// NewJoining returns a screen as New does, of a terminal that draws each grapheme cluster in one or two cells, whatever code points it is made of.
func NewJoining(w, h int) *Screen {
	s := New(w, h)
	s.joins = true
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
		n := s.escape(b)
		if n > 0 {
			s.last = ""
		}
		return n
	case c == '\n':
		s.down()
		s.last = ""
	case c == '\r':
		s.col, s.last = 0, ""
	case c == '\b':
		s.col, s.last = max(0, s.col-1), ""
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
	n := cells(r)
	if s.joins {
		n = s.join(r)
	}
	if n == 0 {
		return
	}
	if s.col+n > s.w {
		s.col = 0
		s.wraps++
		s.down()
	}
	for i := range min(n, s.w) {
		s.cells[s.row][s.col+i] = Cell{r * rune(1-i), s.style}
	}
	s.col = min(s.col+n, s.w)
}

// join is how many cells r takes behind what stands before the cursor.
func (s *Screen) join(r rune) int {
	before := ansi.StringWidth(s.last)
	cluster, n := ansi.FirstGraphemeCluster(s.last+string(r), ansi.GraphemeWidth)
	if whole := s.last + string(r); s.last == "" || cluster != whole {
		s.last = string(r)
		return ansi.StringWidth(s.last)
	}
	s.last = cluster
	return max(n-before, 0)
}

// cells is how many cells a character takes, by its properties in Unicode alone.
func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// Resize gives the screen another size, as a terminal does whose window changes: what is at the right and at the bottom is lost.
func (s *Screen) Resize(w, h int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.cells
	s.w, s.h, s.cells = w, h, nil
	for i := range h {
		row := s.blank()
		if i < len(old) {
			copy(row, old[i])
		}
		s.cells = append(s.cells, row)
	}
	s.row, s.col = min(s.row, h-1), min(s.col, w-1)
}

// Overflows returns how often a line went on in the next row because it was too wide, and how often a row was pushed out at the top.
func (s *Screen) Overflows() (wraps, scrolls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wraps, s.scrolls
}

func (s *Screen) down() {
	if s.row < s.h-1 {
		s.row++
		return
	}
	s.scrolls++
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
	n, _ := strconv.Atoi(args)
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
	case 'H':
		row, col, _ := strings.Cut(args, ";")
		y, _ := strconv.Atoi(row)
		x, _ := strconv.Atoi(col)
		s.row, s.col = min(max(y-1, 0), s.h-1), min(max(x-1, 0), s.w-1)
	case 'X':
		from := min(s.col, s.w)
		copy(s.cells[s.row][from:min(from+count, s.w)], s.blank())
	case 'K':
		s.eraseLine(n)
	case 'J':
		s.eraseScreen(n)
	case 'm':
		s.style.set(args)
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

// set takes the numbers of an SGR sequence over. What it does not know changes nothing.
func (s *Style) set(args string) {
	var nums []int
	for _, a := range strings.Split(args, ";") {
		n, _ := strconv.Atoi(a)
		nums = append(nums, n)
	}
	for i := 0; i < len(nums); i++ {
		switch n := nums[i]; {
		case n == 0:
			*s = Style{}
		case n == 1:
			s.Bold = true
		case n == 2:
			s.Faint = true
		case n == 4:
			s.Underline = true
		case n == 7:
			s.Reverse = true
		case n == 22:
			s.Bold, s.Faint = false, false
		case n == 24:
			s.Underline = false
		case n == 27:
			s.Reverse = false
		case (n == 38 || n == 48) && i+4 < len(nums) && nums[i+1] == 2:
			color := RGB | nums[i+2]&255<<16 | nums[i+3]&255<<8 | nums[i+4]&255
			if i += 4; n == 38 {
				s.Color = color
			} else {
				s.Ground = color
			}
		case n >= 30 && n <= 37, n >= 90 && n <= 97:
			s.Color = n
		case n >= 40 && n <= 47, n >= 100 && n <= 107:
			s.Ground = n - 10
		case n == 39:
			s.Color = 0
		case n == 49:
			s.Ground = 0
		}
	}
}

// eraseScreen erases from the cursor on, or everything (mode 2).
func (s *Screen) eraseScreen(mode int) {
	from := s.row + 1
	if mode == 2 {
		from = 0
	} else {
		s.eraseLine(0)
	}
	for i := from; i < s.h; i++ {
		s.cells[i] = s.blank()
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
			if c.Rune != 0 {
				b.WriteRune(c.Rune)
			}
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
