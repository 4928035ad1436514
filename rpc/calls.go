package rpc

import (
	"context"
	"slices"
)

// call is one call of a request.
type call struct {
	ctx    context.Context
	s      *Server
	args   value // an object, or empty
	old    bool  // dialect
	local  bool  // may name paths of the daemon's machine
	method *method
}

// method is one method of the protocol.
type method struct {
	name, old string
	reads     bool // it changes nothing, and ends when nobody waits for it any more
	doc       string
	params    []param
	// run appends the result, an object.
	run func(c *call, b []byte) ([]byte, error)
}

// param is one argument of a method, for what API.md says and for callers; tables of many are named in doc.
type param struct{ name, old, doc string }

// arg returns an argument by its canonical name, whatever its spelling.
func (c *call) arg(name string) value { return c.args.member(name) }

// flag returns a truth value among the arguments, def when it is not there.
func (c *call) flag(name string, def bool) (bool, error) {
	v := c.arg(name)
	if v == nil || v.isNull() {
		return def, nil
	}
	on, ok := v.boolean()
	if !ok {
		return def, wrong(name, "true or false")
	}
	return on, nil
}

// key appends a name of the result, as the dialect spells it, with a comma in front unless it is the first.
func (c *call) key(b []byte, name, old string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	if c.old {
		name = old
	}
	return append(append(append(b, '"'), name...), '"', ':')
}

// Bounds of one request.
const (
	maxBatch      = 100
	maxBatchReply = 64 << 20  // bytes after which no further call of a batch is run
	maxAnswer     = 128 << 20 // bytes of one answer: what 30,000 torrents with most of their fields come to
	maxTag        = 64        // bytes of a tag or id that is given back
)

// serve runs all calls of a request's body and appends the answer; nothing for notifications alone.
func (s *Server) serve(ctx context.Context, body, b []byte, local bool) []byte {
	v, err := parse(body)
	switch {
	case err != nil && looksNew(body):
		return appendError(b, nil, err)
	case err != nil:
		return appendOld(b, nil, err)
	case v.isArray():
		return s.batch(ctx, v, b, local)
	case len(v.member("jsonrpc")) > 0:
		return s.one(ctx, v, b, local)
	}
	return s.oldCall(ctx, v, b, local)
}

// looksNew guesses the dialect of what cannot be parsed.
func looksNew(body []byte) bool { return slices.Contains(words(body), "jsonrpc") }

// words are the strings at the beginning of a body.
func words(body []byte) []string {
	var list []string
	body = body[:min(len(body), 512)]
	for from, i := -1, 0; i < len(body); i++ {
		if body[i] == '"' {
			if from >= 0 {
				list = append(list, string(body[from:i]))
				from = -1
			} else {
				from = i + 1
			}
		}
	}
	return list
}

func (s *Server) batch(ctx context.Context, v value, b []byte, local bool) []byte {
	count := 0
	v.each(func(value) bool { count++; return count <= maxBatch })
	if count == 0 || count > maxBatch {
		err := errNoMethod
		if count > 0 {
			err = errBatch
		}
		return appendError(b, nil, err)
	}
	start := len(b)
	b = append(b, '[')
	v.each(func(one value) bool {
		before := len(b)
		if before-start > 1 {
			b = append(b, ',')
		}
		mark := len(b)
		if len(b)-start > maxBatchReply {
			b = appendError(b, idOf(one), errTooMuch)
		} else {
			b = s.one(ctx, one, b, local)
		}
		if len(b) == mark { // a notification
			b = b[:before]
		}
		return true
	})
	if len(b) == start+1 {
		return b[:start]
	}
	return append(b, ']')
}

// idOf is the id of a call as it stands, nil for a notification.
func idOf(v value) value {
	id := v.member("id")
	switch c := id.kind(); {
	case len(id) > maxTag:
		return nil
	case c == '"', c == 'n', c == '-', c >= '0' && c <= '9':
		return id
	}
	return nil
}

// one runs one call of JSON-RPC 2.0.
func (s *Server) one(ctx context.Context, v value, b []byte, local bool) []byte {
	name, ok := v.member("method").str()
	version, _ := v.member("jsonrpc").str()
	id, given := idOf(v), v.member("id") != nil
	params := v.member("params")
	if !ok || version != "2.0" || given && id == nil || params.isArray() {
		err := errNoMethod
		if ok && params.isArray() {
			err = errArgument // by name only
		}
		return appendError(b, id, err)
	}
	start := len(b)
	b = append(b, `{"jsonrpc":"2.0","result":`...)
	b, err := s.run(&call{ctx: ctx, s: s, args: params, local: local}, name, b)
	switch {
	case !given:
		return b[:start]
	case err != nil:
		return appendError(b[:start], id, err)
	}
	return append(append(append(b, `,"id":`...), id...), '}')
}

// oldCall runs one call of the old dialect.
func (s *Server) oldCall(ctx context.Context, v value, b []byte, local bool) []byte {
	tag := v.member("tag")
	if len(tag) > maxTag || tag.isArray() || tag.isObject() {
		tag = nil
	}
	name, ok := v.member("method").str()
	if !ok || name == "" {
		return appendOld(b, tag, errNoMethod)
	}
	start := len(b)
	b = append(b, `{"result":"success","arguments":`...)
	b, err := s.run(&call{ctx: ctx, s: s, args: v.member("arguments"), old: true, local: local}, name, b)
	if err != nil {
		return appendOld(b[:start], tag, err)
	}
	return append(appendTag(b, tag), '}')
}

// run finds the method and runs it.
func (s *Server) run(c *call, name string, b []byte) ([]byte, error) {
	if c.method = methodByName[fold(name)]; c.method == nil {
		return b, errMethod
	}
	if !c.args.isObject() {
		c.args = nil
	}
	if !c.method.reads { // who goes away in the midst of it leaves no half of the torrents changed
		c.ctx = context.WithoutCancel(c.ctx)
	}
	ctx, cancel := context.WithTimeout(c.ctx, callTime)
	defer cancel()
	c.ctx = ctx
	return c.method.run(c, b)
}

func appendTag(b []byte, tag value) []byte {
	if len(tag) == 0 {
		return b
	}
	return append(append(b, `,"tag":`...), tag...)
}

// appendOld appends the old dialect's answer to a call that failed.
func appendOld(b []byte, tag value, err error) []byte {
	b = appendString(append(b, `{"result":`...), textOf(err))
	return append(appendTag(append(b, `,"arguments":{}`...), tag), '}')
}

// appendError appends the answer of JSON-RPC 2.0 to a call that failed.
func appendError(b []byte, id value, err error) []byte {
	code, message := codeOf(err)
	b = appendInt(append(b, `{"jsonrpc":"2.0","error":{"code":`...), code)
	b = appendString(append(b, `,"message":`...), message)
	b = appendString(append(b, `,"data":{"error_string":`...), textOf(err))
	b = append(b, `}},"id":`...)
	if id == nil {
		return append(b, "null}"...)
	}
	return append(append(b, id...), '}')
}
