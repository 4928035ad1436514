package tabs

import (
	"strings"
	"testing"
	"time"

	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/theme"
)

// TestRatesSayTheirScale: each graph tells the rate now, its own scale and the time that it spans, as far as there is room; of nothing there is no scale.
func TestRatesSayTheirScale(t *testing.T) {
	s := style(t, "mono", theme.Plain, theme.ASCII())
	rates := make([]status.Rate, 300)
	for i := range rates {
		rates[i] = status.Rate{Down: 4_000_000, Up: 1000}
	}
	now := status.Rate{Down: 2_000_000}
	for _, c := range []struct {
		w, h        int
		rates       []status.Rate
		have, lacks []string
	}{
		{100, 4, rates, []string{"v 2.0 MB/s, at most 4.0 MB/s in 5m00s", "^ 0 B/s, at most 1.0 kB/s in 5m00s"}, nil},
		{60, 4, rates, []string{"v 2.0 MB/s, at most 4.0 MB/s", "^ 0 B/s, at most 1.0 kB/s"}, []string{" in "}},
		{40, 6, rates, []string{"v 2.0 MB/s, at most 4.0 MB/s in 5m00s", "^ 0 B/s, at most 1.0 kB/s in 5m00s"}, nil},
		{40, 3, rates, []string{"v 2.0 MB/s, at most"}, []string{"^"}},
		{20, 3, rates, []string{"v 2.0 MB/s"}, []string{"at most"}},
		{100, 4, nil, []string{"v 2.0 MB/s", "^ 0 B/s"}, []string{"at most"}},
	} {
		lines := Rates(s, now, c.rates, time.Second, c.w, c.h)
		all := strings.Join(lines, "\n")
		for _, want := range c.have {
			if !strings.Contains(all, want) {
				t.Errorf("%dx%d lacks %q:\n%s", c.w, c.h, want, all)
			}
		}
		for _, bad := range c.lacks {
			if strings.Contains(all, bad) {
				t.Errorf("%dx%d has %q:\n%s", c.w, c.h, bad, all)
			}
		}
		if len(lines) != c.h {
			t.Errorf("%d lines, not %d", len(lines), c.h)
		}
		for _, l := range lines {
			if draw.Width(l) != c.w {
				t.Errorf("%d cells, not %d: %q", draw.Width(l), c.w, l)
			}
		}
		// Both flows are even: in graphs of their own scale both are full to the top.
		if c.rates != nil && c.w == 100 && strings.Count(lines[1], "#") < 2*49 {
			t.Errorf("%q", lines[1])
		}
	}
}
