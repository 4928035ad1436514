package app

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestCrash: after a panic, wherever it was, the terminal is as before, and only then is told what happened and where.
func TestCrash(t *testing.T) {
	for _, tt := range []struct {
		name, where string
		fall        func(o *Options, now *atomic.Bool)
		keys        string
	}{
		{"in the poller", "(*poller).ask", func(o *Options, now *atomic.Bool) {
			e := newSample()
			e.Fault = func(verb string) error {
				if now.Load() && verb == "entries" {
					panic("it fell")
				}
				return nil
			}
			o.Engine = e
		}, ""},
		{"in a command", "(*Model).command", func(o *Options, now *atomic.Bool) {
			o.Command = func(context.Context, string, int, io.Writer) error { panic("it fell") }
		}, ":list\r"},
		{"in the loop", "(*Model).", func(o *Options, now *atomic.Bool) {
			o.Now = func() time.Time {
				if now.Load() {
					panic("it fell")
				}
				return time.Now()
			}
		}, "j"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var now atomic.Bool
			o := Options{Engine: newSample()}
			tt.fall(&o, &now)
			r := start(t, o, 80, 24)
			r.see(t, "fedora-workstation")
			now.Store(true)
			r.typed(t, tt.keys)
			var crash *Crash
			select {
			case err := <-r.ended:
				r.ended <- nil
				if !errors.As(err, &crash) {
					t.Fatalf("it ends with %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("it goes on:\n%s", r)
			}
			if crash.What != "it fell" || !strings.Contains(string(crash.Stack), tt.where) || !strings.Contains(crash.Error(), "it fell") {
				t.Errorf("%v\n%s", crash, crash.Stack)
			}
			if r.CursorHidden() || !slices.Contains(r.Other(), "\x1b[?1049l") || strings.Contains(r.String(), "it fell") {
				t.Errorf("the terminal is not as before: %q\n%s", r.Other(), r)
			}
		})
	}
}
