package library

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

// ringLines is how many lines of the log are kept to be asked for, and ringText how many cells of each.
const (
	ringLines = 1000
	ringText  = 1000
)

// ring is a slog.Handler that keeps the last lines and passes them on.
type ring struct {
	next  slog.Handler // nil: nowhere
	attrs []slog.Attr
	group string
	lines *lines
}

type lines struct {
	mu   sync.Mutex
	last int64 // serial
	list [ringLines]status.LogLine
}

func newRing(next slog.Handler) *ring { return &ring{next: next, lines: &lines{}} }

// Enabled implements slog.Handler.
func (r *ring) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || r.next != nil && r.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (r *ring) Handle(ctx context.Context, rec slog.Record) error {
	line := status.LogLine{Time: rec.Time, Level: strings.ToLower(rec.Level.String())}
	var b strings.Builder
	b.WriteString(rec.Message)
	each := func(a slog.Attr) bool {
		v := a.Value.Resolve()
		if id, ok := v.Any().(metainfo.ID); ok && a.Key == "torrent" {
			line.Torrent = id
			return true
		}
		if text.Secret(a.Key) {
			v = slog.StringValue(text.Masked)
		}
		fmt.Fprintf(&b, " %s%s=%v", r.group, a.Key, v.Any())
		return true
	}
	for _, a := range r.attrs {
		each(a)
	}
	rec.Attrs(each)
	line.Text = text.Clean(text.Mask(b.String()), ringText)
	r.lines.mu.Lock()
	r.lines.last++
	line.Serial = r.lines.last
	r.lines.list[line.Serial%ringLines] = line
	r.lines.mu.Unlock()
	if r.next == nil || !r.next.Enabled(ctx, rec.Level) {
		return nil
	}
	return r.next.Handle(ctx, rec)
}

// WithAttrs implements slog.Handler.
func (r *ring) WithAttrs(as []slog.Attr) slog.Handler {
	c := *r
	c.attrs = append(append([]slog.Attr(nil), r.attrs...), as...)
	if r.next != nil {
		c.next = r.next.WithAttrs(as)
	}
	return &c
}

// WithGroup implements slog.Handler.
func (r *ring) WithGroup(name string) slog.Handler {
	c := *r
	c.group += name + "."
	if r.next != nil {
		c.next = r.next.WithGroup(name)
	}
	return &c
}

// Log implements status.Engine.
func (l *Library) Log(_ context.Context, after int64) (out []status.LogLine, err error) {
	r := l.ring.lines
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := max(after+1, r.last-ringLines+1, 1); n <= r.last; n++ {
		out = append(out, r.list[n%ringLines])
	}
	return out, nil
}
