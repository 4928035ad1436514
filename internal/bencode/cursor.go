package bencode

import (
	"iter"
	"strconv"
)

// Cursor walks over one scanned value without copying or recursing. It is
// for bytes that Scan has accepted; on others its answers have no meaning. It
// belongs to one goroutine. What it returns aliases the bytes.
type Cursor struct {
	b   []byte
	pos int
}

// NewCursor returns a Cursor before the value at b[0].
func NewCursor(b []byte) Cursor { return Cursor{b: b} }

// Kind tells what comes next: 'i', 'l', 'd', 's' for a string, 'e' for the
// end of the list or dictionary that the cursor is in, 0 at the end of all.
func (c *Cursor) Kind() byte {
	if c.pos >= len(c.b) {
		return 0
	}
	if k := c.b[c.pos]; k < '0' || k > '9' {
		return k
	}
	return 's'
}

// Enter steps into the list or dictionary that comes next.
func (c *Cursor) Enter() { c.pos++ }

// Leave steps out when nothing is left in the list or dictionary, and
// reports whether it did.
func (c *Cursor) Leave() bool {
	if c.Kind() != 'e' {
		return false
	}
	c.pos++
	return true
}

// String returns the string that comes next and steps over it. When
// something else comes next it steps over that and returns false.
func (c *Cursor) String() ([]byte, bool) {
	if c.Kind() != 's' {
		c.Skip()
		return nil, false
	}
	n, i := 0, c.pos
	for ; i < len(c.b) && c.b[i] != ':'; i++ {
		n = n*10 + int(c.b[i]-'0')
	}
	i++
	c.pos = min(i+n, len(c.b))
	return c.b[min(i, c.pos):c.pos:c.pos], true
}

// Int returns the integer that comes next and steps over it. When something
// else comes next, or an integer beyond 64 bits, it steps over that and returns false.
func (c *Cursor) Int() (int64, bool) {
	return Int(c.Skip())
}

// Skip steps over whatever value comes next and returns its bytes.
func (c *Cursor) Skip() []byte {
	start, depth := c.pos, 0
	for {
		switch c.Kind() {
		case 's':
			c.String()
		case 'i':
			for c.pos < len(c.b) && c.b[c.pos] != 'e' {
				c.pos++
			}
			c.pos++
		case 'l', 'd':
			c.pos++
			depth++
		case 'e':
			c.pos++
			depth--
		default:
			c.pos = len(c.b)
			return c.b[start:]
		}
		if depth <= 0 {
			end := min(c.pos, len(c.b))
			return c.b[start:end:end]
		}
	}
}

// Dict yields keys and encoded values of a scanned dictionary in the order of
// the bytes; nothing when raw is something else.
func Dict(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		c := NewCursor(raw)
		if c.Kind() != 'd' {
			return
		}
		for c.Enter(); c.Kind() == 's'; {
			key, _ := c.String()
			if !yield(string(key), c.Skip()) {
				return
			}
		}
	}
}

// List yields the encoded values of a scanned list; nothing when raw is
// something else.
func List(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c := NewCursor(raw)
		if c.Kind() != 'l' {
			return
		}
		for c.Enter(); c.Kind() != 'e' && c.Kind() != 0; {
			if !yield(c.Skip()) {
				return
			}
		}
	}
}

// Int decodes a scanned integer; false when raw is something else or does
// not fit into 64 bits.
func Int(raw []byte) (int64, bool) {
	if len(raw) < 3 || raw[0] != 'i' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw[1:len(raw)-1]), 10, 64)
	return n, err == nil
}

// String decodes a scanned string; false when raw is something else. The
// result aliases raw.
func String(raw []byte) ([]byte, bool) {
	c := NewCursor(raw)
	if c.Kind() != 's' {
		return nil, false
	}
	return c.String()
}
