package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tracker"
)

// silence is how long a download may be without any peer before we say why.
const silence = 8 * time.Second

// explainSilence says once of each torrent that has found nobody what stands in its way; of one that is served only what is wrong with
// its trackers, because a seed may wait for peers for days.
func (e *engine) explainSilence(ctx context.Context, con *console, jobs []*job) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(silence):
	}
	for _, j := range jobs {
		t, err := e.Summary(ctx, j.id)
		served := t.Phase == status.Seeding
		if err != nil || !served && t.Phase != status.Leeching && t.Phase != status.Metadata || t.Peers > 0 || t.DownTotal > j.before {
			continue
		}
		list, err := e.Trackers(ctx, j.id)
		if err != nil {
			return
		}
		if served {
			if broken(list) {
				con.Note("%s: no tracker works: %s", text.Clean(t.Name, 60), trackerWords(list))
			}
			continue
		}
		st, err := e.Stats(ctx)
		if err != nil {
			return
		}
		con.Note("%s: no peers yet: %s", text.Clean(t.Name, 60), reasons(list, !t.Private, st.DHT))
	}
}

// reasons puts into words what the trackers say and, where a torrent may use it, how it stands with the DHT.
func reasons(list []status.Tracker, public bool, nodes []status.DHT) string {
	words := trackerWords(list)
	if public && len(nodes) > 0 {
		return words + "; " + dhtWords(nodes)
	}
	if len(list) == 0 {
		words += "; name a peer with --peer"
	}
	return words
}

// broken reports whether there are trackers, and each of them failed.
func broken(list []status.Tracker) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(t status.Tracker) bool { return t.Working || t.Err == "" })
}

func trackerWords(list []status.Tracker) string {
	if len(list) == 0 {
		return "the torrent has no tracker"
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

func dhtWords(nodes []status.DHT) string {
	good := 0
	for _, n := range nodes {
		good += n.Good
	}
	if good == 0 {
		return "no DHT node answers"
	}
	return fmt.Sprintf("of %d DHT nodes that answer none knows a peer", good)
}
