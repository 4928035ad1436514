package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// value is one JSON value of a request or reply, whole and checked by parse. Clients are sloppy with types; its methods take what can
// only mean one thing.
type value []byte

// maxDepth is how deep a request may nest; the protocol needs four levels.
const maxDepth = 32

var errSyntax = errors.New("not JSON, or nested too deeply")

// parse checks that b is one JSON value that nests no deeper than maxDepth.
func parse(b []byte) (value, error) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > maxDepth {
				return nil, errSyntax
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	if !json.Valid(b) {
		return nil, errSyntax
	}
	return value(bytes.TrimSpace(b)), nil
}

func (v value) kind() byte {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

func (v value) isObject() bool { return v.kind() == '{' }
func (v value) isArray() bool  { return v.kind() == '[' }
func (v value) isNull() bool   { return v.kind() == 'n' }

// str returns a string, or a number as it stands.
func (v value) str() (string, bool) {
	switch c := v.kind(); {
	case c == '"':
		inner := v[1 : len(v)-1]
		if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			return string(inner), true
		}
		var s string
		err := json.Unmarshal(v, &s)
		return s, err == nil
	case c == '-' || c >= '0' && c <= '9':
		return string(v), true
	}
	return "", false
}

// float returns a number, one in a string, or a truth value as 0 or 1.
func (v value) float() (float64, bool) {
	switch v.kind() {
	case 't':
		return 1, true
	case 'f':
		return 0, true
	}
	s, ok := v.str()
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// integer returns what float returns, cut to a whole number within ±2^53.
func (v value) integer() (int64, bool) {
	f, ok := v.float()
	if !ok || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// boolean returns true or false, a number as whether it is not 0, or either in a string.
func (v value) boolean() (on, ok bool) {
	if s, isString := v.str(); isString {
		switch strings.ToLower(s) {
		case "true":
			return true, true
		case "false":
			return false, true
		}
	}
	f, ok := v.float()
	return f != 0, ok
}

// each calls do with every element of an array until it returns false; of anything else with the value itself.
func (v value) each(do func(value) bool) {
	if !v.isArray() {
		if len(v) > 0 && !v.isNull() {
			do(v)
		}
		return
	}
	for i := skipSpace(v, 1); v[i] != ']'; {
		end := skipValue(v, i)
		if !do(v[i:end]) {
			return
		}
		if i = skipSpace(v, end); v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

// members calls do with every name and value of an object; of anything else with nothing.
func (v value) members(do func(name string, member value)) {
	if !v.isObject() {
		return
	}
	for i := skipSpace(v, 1); v[i] != '}'; {
		end := skipValue(v, i)
		name, _ := v[i:end].str()
		i = skipSpace(v, skipSpace(v, end)+1)
		end = skipValue(v, i)
		do(name, v[i:end])
		if i = skipSpace(v, end); v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
}

// member returns the value of the last member whose name has the same letters and digits as name, nil when there is none.
func (v value) member(name string) (found value) {
	want := fold(name)
	v.members(func(have string, m value) {
		if fold(have) == want {
			found = m
		}
	})
	return found
}

func skipSpace(v value, i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\n' || v[i] == '\t' || v[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns where the value ends that begins at i.
func skipValue(v value, i int) int {
	depth, quoted := 0, false
	for ; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\t' || c == '\r'):
			return i
		}
	}
	return i
}
