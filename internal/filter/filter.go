// Package filter owns the little language that chooses torrents of a list: what `shoal list --filter` takes. Parse makes a Filter of
// text and Match asks it about an entry; both are pure, and a Filter may be used from any goroutine.
//
//	expression  = all { "or" all }
//	all         = one { [ "and" ] one }
//	one         = ( "not" | "!" ) one | "(" expression ")" | test
//	test        = word                        the name has it somewhere
//	            | key ":" word                the text of key has it, or is it
//	            | key ( "<" | "<=" | ">" | ">=" | "=" ) number
//
// Words with blanks or brackets stand in double quotes. Capital and small letters are alike. Fields has the keys.
package filter

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"shoal/internal/text"
	"shoal/status"
)

const (
	// MaxLength is how many bytes an expression may have.
	MaxLength = 4 << 10
	maxDepth  = 64
)

// ErrSyntax is what all errors of Parse wrap.
var ErrSyntax = errors.New("not a filter")

// Filter chooses entries. The zero value chooses all.
type Filter struct{ test test }

type test func(*status.Entry) bool

// Match reports whether the filter chooses e.
func (f Filter) Match(e *status.Entry) bool { return f.test == nil || f.test(e) }

// Parse reads an expression. That of blanks alone chooses all. Errors wrap ErrSyntax.
func Parse(s string) (Filter, error) {
	if len(s) > MaxLength {
		return Filter{}, fmt.Errorf("%w: it is longer than %d bytes", ErrSyntax, MaxLength)
	}
	tokens, err := scan(s)
	if err != nil || len(tokens) == 0 {
		return Filter{}, err
	}
	p := parser{tokens: tokens}
	t, err := p.expression(0)
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("%w: %q closes nothing", ErrSyntax, p.tokens[p.at].text)
	}
	if err != nil {
		return Filter{}, err
	}
	return Filter{t}, nil
}

// token is a bracket, "!", or a word, in which quotes are taken away.
type token struct {
	text   string
	quoted int // where the part begins that stood in quotes; -1 for none
	mark   bool
}

// is reports whether the token is that word, and not a quoted one.
func (t token) is(word string) bool {
	return t.quoted < 0 && !t.mark && strings.EqualFold(t.text, word)
}

func scan(s string) (list []token, err error) {
	var word strings.Builder
	quoted, inside, open := -1, false, false
	flush := func() {
		if open {
			list = append(list, token{text: word.String(), quoted: quoted})
		}
		word.Reset()
		quoted, open = -1, false
	}
	for _, r := range s {
		switch {
		case r == '"':
			if inside = !inside; inside && quoted < 0 {
				quoted = word.Len()
			}
			open = true
		case inside:
			word.WriteRune(r)
		case r == '(' || r == ')' || r == '!' && !open:
			flush()
			list = append(list, token{text: string(r), quoted: -1, mark: true})
		case unicode.IsSpace(r):
			flush()
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if inside {
		return nil, fmt.Errorf("%w: a quote is not closed", ErrSyntax)
	}
	flush()
	return list, nil
}

type parser struct {
	tokens []token
	at     int
}

// next is the next token; false at the end.
func (p *parser) next() (token, bool) {
	if p.at == len(p.tokens) {
		return token{}, false
	}
	return p.tokens[p.at], true
}

func (p *parser) expression(depth int) (test, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: it nests deeper than %d", ErrSyntax, maxDepth)
	}
	any, err := p.all(depth)
	for err == nil {
		t, more := p.next()
		if !more || !t.is("or") {
			return any, nil
		}
		p.at++
		var b test
		if b, err = p.all(depth); err == nil {
			a := any
			any = func(e *status.Entry) bool { return a(e) || b(e) }
		}
	}
	return nil, err
}

func (p *parser) all(depth int) (test, error) {
	every, err := p.one(depth)
	for err == nil {
		t, more := p.next()
		if !more || t.is("or") || t.mark && t.text == ")" {
			return every, nil
		}
		if t.is("and") {
			p.at++
		}
		var b test
		if b, err = p.one(depth); err == nil {
			a := every
			every = func(e *status.Entry) bool { return a(e) && b(e) }
		}
	}
	return nil, err
}

func (p *parser) one(depth int) (test, error) {
	t, more := p.next()
	if !more {
		return nil, fmt.Errorf("%w: something is missing at the end", ErrSyntax)
	}
	p.at++
	switch {
	case t.is("not"), t.mark && t.text == "!":
		if depth++; depth > maxDepth {
			return nil, fmt.Errorf("%w: it nests deeper than %d", ErrSyntax, maxDepth)
		}
		a, err := p.one(depth)
		return func(e *status.Entry) bool { return !a(e) }, err
	case t.mark && t.text == "(":
		a, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		if end, more := p.next(); !more || !end.mark || end.text != ")" {
			return nil, fmt.Errorf("%w: a bracket is not closed", ErrSyntax)
		}
		p.at++
		return a, nil
	case t.mark, t.is("and"), t.is("or"):
		return nil, fmt.Errorf("%w: nothing stands before %q", ErrSyntax, t.text)
	}
	return testOf(t)
}

// testOf is the test that a word means.
func testOf(t token) (test, error) {
	i := strings.IndexAny(t.text, ":<>=")
	if i < 1 || t.quoted >= 0 && i >= t.quoted {
		return nameHas(t.text), nil
	}
	key, op, arg := strings.ToLower(t.text[:i]), t.text[i:i+1], t.text[i+1:]
	if op == "<" || op == ">" {
		if rest, ok := strings.CutPrefix(arg, "="); ok {
			op, arg = op+"=", rest
		}
	}
	f, known := Fields[key]
	switch {
	case !known:
		return nil, fmt.Errorf("%w: there is no %s; the keys are %s; put a name that looks like one in quotes", ErrSyntax, text.Clean(key, 40), keys())
	case f.text != nil && op == ":":
		return f.text(arg)
	case f.text != nil:
		return nil, fmt.Errorf("%w: write %s:WORD", ErrSyntax, key)
	case op == ":":
		op = "="
	}
	return f.compare(key, op, arg)
}
