package tabs

import (
	"fmt"
	"math"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/theme"
)

// fact is a value with its name.
type fact struct{ name, value string }

// factsOf lists what else there is to know, the most important first.
func factsOf(s draw.Style, d *Data) []fact {
	e := &d.Entry
	facts := []fact{
		{"number", fmt.Sprint(e.Number)},
		{"added", when(e.Added, d.Now)},
		{"limits", s.Glyphs.Down + " " + limit(e.DownLimit) + " " + s.Glyphs.Up + " " + limit(e.UpLimit)},
		{"order", order(e)},
		{"ratio", ratio(s, e)},
		{"sent", text.Size(e.UpTotal)},
		{"received", text.Size(e.DownTotal)},
		{"in vain", text.Size(e.Wasted)},
		{"priority", [...]string{"low", "normal", "high"}[min(max(int(e.Priority), -1), 1)+1]},
	}
	if from := sources(&e.From); from != "" {
		facts = append(facts, fact{"peers by", from})
	}
	if !e.Finished.IsZero() {
		facts = append(facts, fact{"finished", when(e.Finished, d.Now)})
	}
	if len(e.Labels) > 0 {
		facts = append(facts, fact{"labels", strings.Join(e.Labels, ", ")})
	}
	if e.Private {
		facts = append(facts, fact{"private", "peers from its trackers only"})
	}
	if d.Details != nil && len(d.Details.WebSeeds) > 0 {
		facts = append(facts, fact{"web seeds", fmt.Sprint(len(d.Details.WebSeeds))})
	}
	if e.Comment != "" {
		facts = append(facts, fact{"comment", e.Comment})
	}
	return facts
}

func limit(n int64) string {
	if n <= 0 {
		return "none"
	}
	return text.Rate(n)
}

func order(e *status.Entry) string {
	if e.Sequential {
		return "from the start"
	}
	return "rarest first"
}

// Ratio is the torrent's in at most five cells.
func Ratio(s draw.Style, e *status.Entry) string {
	r := e.ShareRatio()
	if math.IsInf(r, 1) {
		return s.Infinity
	}
	return text.Ratio(r)
}

// ratio is that with the goal of the torrent's own.
func ratio(s draw.Style, e *status.Entry) string {
	r := Ratio(s, e)
	if e.Ratio.Mode == status.GoalOwn {
		r += " of " + text.Ratio(e.Ratio.Value)
	}
	return r
}

// when is a moment: how long ago it was, or for older ones the day.
func when(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case now.Sub(t) < 48*time.Hour:
		return text.Duration(max(now.Sub(t), 0)) + " ago"
	}
	return t.Format("2006-01-02 15:04")
}

// sources lists how peers were found, without those that found none.
func sources(f *status.Sources) string {
	var words []string
	for _, x := range []struct {
		n    int
		word string
	}{{f.Tracker, "tracker"}, {f.DHT, "DHT"}, {f.PEX, "PEX"}, {f.Local, "local"}, {f.Incoming, "incoming"}, {f.User, "user"}} {
		if x.n > 0 {
			words = append(words, fmt.Sprintf("%s %d", x.word, x.n))
		}
	}
	return strings.Join(words, ", ")
}

// columns is how many facts stand side by side.
func columns(w int) int { return min(max(w/32, 1), 4) }

const factName = 10

// factLines puts facts side by side, row by row.
func factLines(s draw.Style, facts []fact, w, h int) []string {
	n := columns(w)
	cell := w / n
	var out []string
	for i := 0; i < len(facts) && len(out) < h; i += n {
		var b strings.Builder
		for _, f := range facts[i:min(i+n, len(facts))] {
			name := min(factName, cell)
			b.WriteString(s.Paint(theme.Dim, s.Fit(f.name, name, draw.Left)))
			if room := cell - name; room > 1 {
				b.WriteString(s.Fit(f.value, room-1, draw.Left) + " ")
			} else {
				b.WriteString(s.Fit("", room, draw.Left))
			}
		}
		out = append(out, b.String())
	}
	return out
}
