package text

import (
	"context"
	"fmt"
	"log/slog"
)

// maxLogged is the longest foreign text that one attribute puts into a log, in cells.
const maxLogged = 1024

// handler cleans everything that goes into a log record, and masks the secrets in it.
type handler struct{ next slog.Handler }

// NewHandler returns a handler that masks and cleans the message, every string, error and
// other printed value of each record before next sees it, so that no secret gets into a log and no foreign
// text can steer a terminal or forge a log line. Of attributes that are called as secrets are (see Secret) nothing
// is left. It adds no state of its own.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

// Enabled implements slog.Handler.
func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	c := slog.NewRecord(r.Time, r.Level, shown(r.Message), r.PC)
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
	switch v := a.Value.Resolve(); {
	case v.Kind() == slog.KindGroup:
		a.Value = slog.GroupValue(cleanAttrs(v.Group())...)
	case Secret(a.Key):
		a.Value = slog.StringValue(Masked)
	case v.Kind() == slog.KindString:
		a.Value = slog.StringValue(shown(v.String()))
	case v.Kind() == slog.KindAny:
		// Errors, Stringers, slices: whatever they print may hold foreign text.
		a.Value = slog.StringValue(shown(fmt.Sprint(v.Any())))
	default:
		a.Value = v
	}
	return a
}

// shown is foreign text as a log may have it. Masked first: what was cut short may not look like a secret any more.
func shown(s string) string { return Clean(Mask(s), maxLogged) }
