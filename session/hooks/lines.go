package hooks

import "bytes"

// maxLine is where a line of output is broken that does not end.
const maxLine = 64 << 10

// lines cuts what is written to it into lines. One goroutine writes.
type lines struct {
	emit    func(string)
	rest    []byte // the beginning of a line, less than maxLine
	left    int    // lines that are still passed on
	endless bool   // left does not count
	dropped bool   // something was left out, and it was said so
}

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		take := min(len(b), maxLine-len(l.rest))
		i := bytes.IndexByte(b[:take], '\n')
		if i >= 0 {
			take = i + 1
		}
		l.rest = append(l.rest, b[:take]...)
		b = b[take:]
		if i >= 0 {
			l.rest = l.rest[:len(l.rest)-1]
			l.pass()
		} else if len(l.rest) == maxLine {
			l.pass()
		}
	}
	return n, nil
}

// end passes on a last line without an end.
func (l *lines) end() {
	if len(l.rest) > 0 {
		l.pass()
	}
}

func (l *lines) pass() {
	line := l.rest
	l.rest = l.rest[:0]
	switch {
	case l.emit == nil:
	case l.endless || l.left > 0:
		l.left--
		l.emit(string(line))
	case !l.dropped:
		l.dropped = true
		l.emit("... what it says besides is left out")
	}
}
