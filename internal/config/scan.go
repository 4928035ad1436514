package config

import (
	"bytes"
	"errors"
	"strings"

	"github.com/BurntSushi/toml"
)

// What a file may hold. The library keeps no bounds of its own: a key of 30,000 parts takes it a minute, and arrays in arrays a
// stack without end.
const (
	maxFile   = 1 << 20
	maxTokens = 20000 // brackets, braces and equal signs
	maxNested = 8     // of brackets
	maxParts  = 8     // of a dotted key
)

// Problem is what is wrong with the file, or with a variable.
type Problem struct {
	Where   string // FILE:LINE, or the name of a variable
	Line    int    // 0 outside of a file, or if nobody knows
	Key     string // "" if it is about none
	Message string
}

func (p Problem) Error() string { return p.Where + ": " + p.Message }

// parse reads TOML within the bounds above, and tells in which line each key and table begins.
func parse(src []byte) (values map[string]any, lines map[string]int, bad *Problem) {
	s := scanner{src: src, line: 1, lines: map[string]int{}}
	s.file()
	if s.beyond != "" {
		return nil, nil, &Problem{Line: s.line, Message: s.beyond}
	}
	// What the scanner could not follow has no bounds: the library sees no more than the line with it.
	if end := bytes.IndexByte(src[s.at:], '\n'); end >= 0 {
		src = src[:s.at+end]
	}
	if _, err := toml.Decode(string(src), &values); err != nil {
		bad = &Problem{Line: s.line, Message: strings.TrimPrefix(err.Error(), "toml: ")}
		if at, ok := errors.AsType[toml.ParseError](err); ok {
			bad = &Problem{Line: at.Position.Line, Message: at.Message}
		}
		return nil, nil, bad
	}
	if s.lost {
		return nil, nil, &Problem{Line: s.line, Message: "this is no TOML"}
	}
	return values, s.lines, nil
}

// scanner finds the keys of a file. It understands as much of TOML as it takes to know what is a key, and leaves all else
// to the library.
type scanner struct {
	src    []byte
	at     int
	line   int
	prefix string // of the table that the keys are in, "" or with a dot at the end
	lines  map[string]int
	tokens int
	lost   bool   // what stands at at is nothing that it understands
	beyond string // the bound that was met
}

func (s *scanner) more() bool { return s.at < len(s.src) && !s.lost && s.beyond == "" }

// next consumes a byte.
func (s *scanner) next() byte {
	c := s.src[s.at]
	s.at++
	switch c {
	case '\n':
		s.line++
	case '[', '{', '=':
		if s.tokens++; s.tokens > maxTokens {
			s.beyond = "too many keys and values"
		}
	}
	return c
}

func (s *scanner) has(word string) bool { return bytes.HasPrefix(s.src[s.at:], []byte(word)) }

// skip consumes blanks, and with lines line ends and comments.
func (s *scanner) skip(lines bool) {
	for s.more() {
		switch c := s.src[s.at]; {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			s.next()
		case lines && c == '#':
			s.comment()
		default:
			return
		}
	}
}

func (s *scanner) comment() {
	for s.more() && s.src[s.at] != '\n' {
		s.at++
	}
}

func (s *scanner) file() {
	for s.skip(true); s.more(); s.skip(true) {
		line, table := s.line, s.src[s.at] == '['
		if table {
			s.next()
			if s.has("[") {
				s.next()
			}
		}
		key := s.key()
		switch {
		case !s.more():
			s.lost = s.beyond == ""
		case table && s.has("]"):
			s.prefix = key + "."
			s.remember(key, line)
			for s.has("]") {
				s.next()
			}
		case !table && s.has("="):
			s.next()
			s.remember(s.prefix+key, line)
			s.value()
		default:
			s.lost = true
		}
	}
}

func (s *scanner) remember(key string, line int) {
	if _, ok := s.lines[key]; !ok {
		s.lines[key] = line
	}
}

// key consumes a dotted key and the blanks after it.
func (s *scanner) key() string {
	var parts []string
	for s.more() {
		s.skip(false)
		from := s.at
		if s.has(`"`) || s.has("'") {
			s.text()
			parts = append(parts, strings.Trim(string(s.src[from:s.at]), `"'`))
		} else {
			for s.more() && !strings.ContainsRune(" \t\r\n.=[]{}#\"'", rune(s.src[s.at])) {
				s.next()
			}
			parts = append(parts, string(s.src[from:s.at]))
		}
		s.skip(false)
		if len(parts) > maxParts {
			s.beyond = "a key of too many parts"
		}
		if !s.more() || !s.has(".") {
			break
		}
		s.next()
	}
	return strings.Join(parts, ".")
}

// value consumes a value: all that comes until its line ends outside of brackets and strings.
func (s *scanner) value() {
	depth, dots := 0, 0
	for s.more() {
		switch c := s.src[s.at]; {
		case c == '"' || c == '\'':
			s.text()
			continue
		case c == '#':
			s.comment()
			continue
		case c == '\n' && depth == 0:
			return
		case c == '[' || c == '{':
			if depth++; depth > maxNested {
				s.beyond = "brackets within brackets, too deep"
			}
		case c == ']' || c == '}':
			depth--
		}
		switch c := s.next(); c {
		case '.':
			if dots++; dots > maxParts {
				s.beyond = "a key of too many parts"
			}
		case ',', '{', '[', '=':
			dots = 0
		}
	}
}

// text consumes a string of any of the four kinds.
func (s *scanner) text() {
	quote := s.src[s.at]
	end := strings.Repeat(string(quote), 3)
	long := s.has(end)
	if !long {
		end = end[:1]
	}
	s.at += len(end)
	for s.more() {
		switch c := s.src[s.at]; {
		case s.has(end):
			s.at += len(end)
			for long && s.more() && s.src[s.at] == quote { // up to two quotes may stand before the last three
				s.at++
			}
			return
		case c == '\\' && quote == '"' && s.at+1 < len(s.src):
			s.at++
			s.pass()
		case c == '\n' && !long:
			s.lost = true
		default:
			s.pass()
		}
	}
	s.lost = s.beyond == ""
}

// pass consumes a byte of a string.
func (s *scanner) pass() {
	if s.src[s.at] == '\n' {
		s.line++
	}
	s.at++
}
