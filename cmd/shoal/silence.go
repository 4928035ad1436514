package main

import (
	"context"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tracker"
)

// silence is how long a download may be without any peer before we say why.
const silence = 8 * time.Second

// explainSilence says once of each download that has found nobody what stands in its way.
func (e *engine) explainSilence(ctx context.Context, con *console, jobs []*job) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(silence):
	}
	for _, j := range jobs {
		t, err := find(ctx, e, j.id)
		if err != nil || t.Phase != status.Leeching && t.Phase != status.Metadata || t.Peers > 0 || t.DownTotal > j.before {
			continue
		}
		list, err := e.Trackers(ctx, j.id)
		if err != nil {
			return
		}
		con.Note("%s: no peers yet: %s", text.Clean(t.Name, 60), reasons(list))
	}
}

// reasons puts what the trackers say into words.
func reasons(list []status.Tracker) string {
	if len(list) == 0 {
		return "the torrent has no tracker; name a peer with --peer"
	}
	var words []string
	for _, t := range list {
		switch {
		case t.Err != "" && len(words) < 3:
			words = append(words, text.Clean(t.Err, 200))
		case t.Working:
			return "tracker " + tracker.Mask(t.URL) + " knows nobody else"
		}
	}
	if len(words) == 0 {
		return "no tracker has answered"
	}
	return strings.Join(words, "; ")
}
