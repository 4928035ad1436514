package text

import (
	"context"
	"fmt"
	"log/slog"
)

// maxLogged is the longest foreign text that one attribute puts into a log, in cells.
const maxLogged = 1024

// handler cleans everything that goes into a log record.
type handler struct{ next slog.Handler }

// NewHandler returns a handler that cleans the message, every string, error and
// other printed value of each record before next sees it, so that no foreign
// text can steer a terminal or forge a log line. It adds no state of its own.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	c := slog.NewRecord(r.Time, r.Level, Clean(r.Message, maxLogged), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		c.AddAttrs(cleanAttr(a))
		return true
	})
	return h.next.Handle(ctx, c)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(as []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(cleanAttrs(as))}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.next.WithGroup(Clean(name, maxLogged))}
}

func cleanAttrs(as []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(as))
	for i, a := range as {
		out[i] = cleanAttr(a)
	}
	return out
}

func cleanAttr(a slog.Attr) slog.Attr {
	a.Key = Clean(a.Key, maxLogged)
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Clean(v.String(), maxLogged))
	case slog.KindGroup:
		a.Value = slog.GroupValue(cleanAttrs(v.Group())...)
	case slog.KindAny:
		// Errors, Stringers, slices: whatever they print may hold foreign text.
		a.Value = slog.StringValue(Clean(fmt.Sprint(v.Any()), maxLogged))
	default:
		a.Value = v
	}
	return a
}
