package bencode

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Limits bounds what one value may be. A zero field means its default:
// 1 MiB, 100 levels, 2^20 items, strings as long as Bytes.
type Limits struct {
	Bytes  int // length of the encoded value, at most 2^31-1
	Depth  int // lists and dictionaries inside each other; a bare string has depth 0
	Items  int // strings, integers, lists and dictionaries, keys included
	String int // length of one string
}

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 || l.Bytes > maxBytes {
		l.Bytes = 1 << 20
	}
	if l.Depth <= 0 {
		l.Depth = 100
	}
	if l.Items <= 0 {
		l.Items = 1 << 20
	}
	if l.String <= 0 {
		l.String = l.Bytes
	}
	return l
}

const maxBytes = 1<<31 - 1

// ErrSyntax is wrapped by every error of Scan: the bytes are not one
// well-formed value within the limits.
var ErrSyntax = errors.New("invalid bencoding")

// ErrTruncated is wrapped, beside ErrSyntax, when the bytes end before the value does.
var ErrTruncated = errors.New("data ends too early")

// ErrLimit is wrapped, beside ErrSyntax, when a limit was passed.
var ErrLimit = errors.New("too large")

func syntaxAt(pos int, format string, args ...any) error {
	return fmt.Errorf("%w at byte %d: %s", ErrSyntax, pos, fmt.Sprintf(format, args...))
}

func limitAt(pos int, what string, limit int) error {
	return fmt.Errorf("%w at byte %d: %w: more than %d %s", ErrSyntax, pos, ErrLimit, limit, what)
}

func truncatedAt(pos int) error {
	return fmt.Errorf("%w at byte %d: %w", ErrSyntax, pos, ErrTruncated)
}

// span is a string inside the scanned bytes.
type span struct{ from, to int32 }

// frame is one open list or dictionary. The keys of open dictionaries lie on
// one shared stack, those of the innermost on top, so that duplicates are found
// in any order of keys with one sort when the dictionary closes.
type frame struct {
	dict     bool
	unsorted bool
	value    bool  // dict: a key was read and its value is due
	keys     int32 // dict: where its keys begin on the stack
}

// scanner is the state of one Scan. It never recurses, so depth costs a few
// bytes of heap and never the goroutine's stack.
type scanner struct {
	b     []byte
	pos   int
	items int
	lim   Limits
	open  []frame
	keys  []span
}

// Scan checks the one value that begins at b[0] and returns its length n;
// b[n:] is not looked at. It refuses numbers and lengths that are not in
// shortest form, keys that are not strings, repeated keys (naming them), and
// whatever passes lim, before anything is allocated for it. Keys may come in
// any order, and integers may be of any size: whoever decodes them decides.
func Scan(b []byte, lim Limits) (n int, err error) {
	s := scanner{b: b, lim: lim.orDefault(), open: make([]frame, 0, 8), keys: make([]span, 0, 16)}
	if len(b) > s.lim.Bytes {
		// One more byte than allowed is enough to tell "too long" from "too early".
		s.b = b[:s.lim.Bytes]
	}
	for {
		done, err := s.step()
		if err != nil {
			if len(s.b) < len(b) && errors.Is(err, ErrTruncated) {
				err = limitAt(s.pos, "bytes", s.lim.Bytes)
			}
			return 0, err
		}
		if done {
			return s.pos, nil
		}
	}
}

// step reads one token and reports whether it ended the outermost value.
func (s *scanner) step() (done bool, err error) {
	if s.pos >= len(s.b) {
		return false, truncatedAt(s.pos)
	}
	c := s.b[s.pos]
	if c == 'e' && len(s.open) > 0 {
		return s.closeFrame()
	}
	if s.items++; s.items > s.lim.Items {
		return false, limitAt(s.pos, "items", s.lim.Items)
	}
	if key := s.keyDue(); key && (c < '0' || c > '9') {
		return false, syntaxAt(s.pos, "a key begins with %q instead of a length", c)
	} else if key {
		return false, s.readKey()
	}
	switch {
	case c >= '0' && c <= '9':
		_, err = s.readString()
	case c == 'i':
		err = s.readInt()
	case c == 'l' || c == 'd':
		return false, s.openFrame(c == 'd')
	default:
		return false, syntaxAt(s.pos, "a value begins with %q", c)
	}
	if err != nil {
		return false, err
	}
	return s.valueDone(), nil
}

func (s *scanner) keyDue() bool {
	if len(s.open) == 0 {
		return false
	}
	f := &s.open[len(s.open)-1]
	return f.dict && !f.value
}

// valueDone notes that a value was read and reports whether it was the outermost.
func (s *scanner) valueDone() bool {
	if len(s.open) == 0 {
		return true
	}
	s.open[len(s.open)-1].value = false
	return false
}

func (s *scanner) openFrame(dict bool) error {
	if len(s.open) == s.lim.Depth {
		return limitAt(s.pos, "levels", s.lim.Depth)
	}
	s.pos++
	s.open = append(s.open, frame{dict: dict, keys: int32(len(s.keys))})
	return nil
}

func (s *scanner) closeFrame() (done bool, err error) {
	f := &s.open[len(s.open)-1]
	if f.value {
		return false, syntaxAt(s.pos, "key %s has no value", quote(s.key(s.keys[len(s.keys)-1])))
	}
	keys := s.keys[f.keys:]
	if f.unsorted {
		slices.SortFunc(keys, func(a, b span) int { return bytes.Compare(s.key(a), s.key(b)) })
		for i := range len(keys) - 1 {
			if bytes.Equal(s.key(keys[i]), s.key(keys[i+1])) {
				return false, s.duplicate(keys[i+1])
			}
		}
	}
	s.keys = s.keys[:f.keys]
	s.open = s.open[:len(s.open)-1]
	s.pos++
	return s.valueDone(), nil
}

func (s *scanner) key(k span) []byte { return s.b[k.from:k.to] }

func (s *scanner) duplicate(k span) error {
	return syntaxAt(int(k.from), "key %s comes twice", quote(s.key(k)))
}

func (s *scanner) readKey() error {
	k, err := s.readString()
	if err != nil {
		return err
	}
	f := &s.open[len(s.open)-1]
	if int(f.keys) < len(s.keys) {
		switch c := bytes.Compare(s.key(s.keys[len(s.keys)-1]), s.key(k)); {
		case c == 0:
			return s.duplicate(k)
		case c > 0:
			f.unsorted = true
		}
	}
	s.keys = append(s.keys, k)
	f.value = true
	return nil
}

func (s *scanner) readString() (span, error) {
	start, n := s.pos, int64(0) // an int of 32 bits could wrap before it passes the limit
	for i := s.pos; ; i++ {
		if i >= len(s.b) {
			return span{}, truncatedAt(i)
		}
		c := s.b[i]
		if c == ':' {
			s.pos = i + 1
			break
		}
		if c < '0' || c > '9' {
			return span{}, syntaxAt(i, "%q in the length of a string", c)
		}
		if i > start && s.b[start] == '0' {
			return span{}, syntaxAt(start, "the length of a string begins with 0")
		}
		n = n*10 + int64(c-'0')
		if n > int64(s.lim.String) {
			return span{}, limitAt(start, "bytes in a string", s.lim.String)
		}
	}
	if n > int64(len(s.b)-s.pos) {
		s.pos = start
		return span{}, truncatedAt(len(s.b))
	}
	k := span{int32(s.pos), int32(s.pos + int(n))}
	s.pos += int(n)
	return k, nil
}

func (s *scanner) readInt() error {
	start := s.pos
	i := start + 1
	if i < len(s.b) && s.b[i] == '-' {
		i++
	}
	first := i
	for ; i < len(s.b) && s.b[i] >= '0' && s.b[i] <= '9'; i++ {
	}
	if i >= len(s.b) {
		return truncatedAt(i)
	}
	switch digits := i - first; {
	case s.b[i] != 'e':
		return syntaxAt(i, "%q in an integer", s.b[i])
	case digits == 0:
		return syntaxAt(start, "an integer has no digits")
	case s.b[first] == '0' && (digits > 1 || first > start+1):
		return syntaxAt(start, "integer %s is not in shortest form", quote(s.b[start+1:i]))
	}
	s.pos = i + 1
	return nil
}

// quote shows foreign bytes in an error, cut to a readable length.
func quote(b []byte) string {
	const most = 40
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "..."
	}
	return strconv.Quote(string(b))
}
