package tabs

import (
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// Log is a look at lines of a log, the newest at the foot, each broken into as many lines of the screen as it needs. It stays at the end until somebody
// scrolls up, and then where it is while lines come and go. The zero value is at the end. Lines have serial numbers that grow.
type Log struct {
	foot  int64 // serial number of the line at the foot; 0 for the newest
	under int   // how much of it is below the foot, in lines of the screen

	style draw.Style // as it was drawn the last time
	w, h  int
}

// View draws what is seen of the lines, from the top, in at most h lines of at most w cells.
func (l *Log) View(s draw.Style, lines []status.LogLine, w, h int) []string {
	l.style, l.w, l.h = s, w, h
	if len(lines) == 0 || h < 1 {
		return nil
	}
	at := l.find(lines)
	var up []string // from the foot upwards
	for i := at; i >= 0 && len(up) < h; i-- {
		drawn := logLine(s, &lines[i], w)
		if i == at {
			l.under = min(l.under, len(drawn)-1) // another width has other lines
			drawn = drawn[:len(drawn)-l.under]
		}
		for k := len(drawn) - 1; k >= 0 && len(up) < h; k-- {
			up = append(up, drawn[k])
		}
	}
	if len(up) < h && (at < len(lines)-1 || l.under > 0) { // above it is nothing more: the first lines fill the screen
		l.fromTop(lines)
		return l.View(s, lines, w, h)
	}
	out := make([]string, len(up))
	for i, x := range up {
		out[len(up)-1-i] = x
	}
	return out
}

// find is the index of the line at the foot.
func (l *Log) find(lines []status.LogLine) int {
	if l.foot != 0 {
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].Serial <= l.foot {
				return i
			}
		}
		return 0 // it is gone: what follows it
	}
	l.under = 0
	return len(lines) - 1
}

// fromTop puts the first of the lines at the top.
func (l *Log) fromTop(lines []status.LogLine) {
	total := 0
	for i := range lines {
		if total += l.height(lines, i); total >= l.h {
			l.set(lines, i, total-l.h)
			return
		}
	}
	l.foot, l.under = 0, 0
}

// set puts a line at the foot.
func (l *Log) set(lines []status.LogLine, at, under int) {
	if l.foot, l.under = lines[at].Serial, under; at == len(lines)-1 && under == 0 {
		l.foot = 0
	}
}

func (l *Log) height(lines []status.LogLine, i int) int {
	return len(logLine(l.style, &lines[i], l.w))
}

// Move carries out an action that scrolls, and reports whether it is one.
func (l *Log) Move(a keys.Action, lines []status.LogLine) bool {
	step := 0
	switch page := max(l.h-1, 1); a {
	case keys.MoveDown:
		step = 1
	case keys.MoveUp:
		step = -1
	case keys.PageDown:
		step = page
	case keys.PageUp:
		step = -page
	case keys.Top:
	case keys.Bottom:
		l.foot, l.under = 0, 0
		return true
	default:
		return false
	}
	switch {
	case len(lines) == 0 || l.h < 1: // nothing was seen yet
	case a == keys.Top:
		l.fromTop(lines)
	default:
		l.scroll(step, lines)
	}
	return true
}

// scroll goes down by so many lines of the screen, or up.
func (l *Log) scroll(step int, lines []status.LogLine) {
	at := l.find(lines)
	under, n := l.under, l.height(lines, at)
	for ; step < 0; step++ {
		switch {
		case under+1 < n:
			under++
		case at > 0:
			at, under = at-1, 0
			n = l.height(lines, at)
		}
	}
	for ; step > 0; step-- {
		switch {
		case under > 0:
			under--
		case at < len(lines)-1:
			at++
			n = l.height(lines, at)
			under = n - 1
		}
	}
	l.set(lines, at, under)
}

// logTab is what the log says of the torrent.
type logTab struct {
	log   Log
	lines []status.LogLine // of the torrent
}

func (*logTab) Name() string         { return "Log" }
func (*logTab) Where() keys.Where    { return keys.Log }
func (*logTab) Title(d *Data) string { return "Log" }

// update finds the lines of the torrent.
func (t *logTab) update(d *Data) {
	t.lines = t.lines[:0]
	for i := range d.Log {
		if isOf(d.Log[i].Torrent, d.Entry.ID) {
			t.lines = append(t.lines, d.Log[i])
		}
	}
}

func (t *logTab) Handle(a keys.Action, d *Data) Do {
	t.update(d)
	t.log.Move(a, t.lines)
	return nil
}

func (t *logTab) View(s draw.Style, d *Data, w, h int) []string {
	t.update(d)
	return framed(s, d, w, h, func(h int) []string {
		switch {
		case len(t.lines) == 0 && d.Limited:
			return note(s, "This daemon shows nobody its log.", w)
		case len(t.lines) == 0:
			return note(s, "Nothing was logged about it.", w)
		}
		return t.log.View(s, t.lines, w, h)
	})
}

// maxLogLines is how many lines a message may have; what follows is put into the last one.
const maxLogLines = 200

// logLine draws one line of the log, in several where it is long or is several; there is at least one.
func logLine(s draw.Style, l *status.LogLine, w int) (out []string) {
	role := theme.Text
	switch l.Level {
	case "debug":
		role = theme.Dim
	case "warn":
		role = theme.Warn
	case "error":
		role = theme.Bad
	}
	head := l.Time.Local().Format(time.TimeOnly + " ")
	if w >= 60 {
		head += s.Fit(l.Level, 5, draw.Left) + " "
	} else if w < 30 {
		head = ""
	}
	mark := "  "
	if role == theme.Bad {
		mark = s.Error + " "
	}
	head += mark
	cells := draw.Width(head)
	for _, par := range strings.SplitN(strings.TrimRight(text.Mask(l.Text), "\r\n"), "\n", maxLogLines) {
		for _, body := range draw.Wrap(par, w-cells) {
			if len(out) > 0 { // only what is ours begins a line: a message cannot make another one up
				head = strings.Repeat(" ", cells)
			}
			out = append(out, s.Paint(theme.Dim, head)+s.Paint(role, body))
		}
	}
	if len(out) == 0 { // no room for a single character
		out = []string{s.Paint(theme.Dim, head)}
	}
	return out
}
