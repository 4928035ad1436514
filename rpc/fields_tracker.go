package rpc

import (
	"net/url"
)

func constant(s string) func([]byte, *trackerView) []byte {
	return func(b []byte, _ *trackerView) []byte { return append(b, s...) }
}

// trackerStatFields are of the protocol's tracker_stats; a count of -1 is not known.
var trackerStatFields = spelled([]field[trackerView]{
	{name: "announce", write: func(b []byte, t *trackerView) []byte { return appendString(b, t.URL) }},
	{name: "announce_state", write: func(b []byte, t *trackerView) []byte { // 0 inactive, 1 waits for its time, 3 under way
		switch {
		case t.Announcing:
			return append(b, '3')
		case t.Next.After(t.now):
			return append(b, '1')
		}
		return append(b, '0')
	}},
	{name: "download_count", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.Downloaded) }},
	{name: "downloader_count", write: constant("-1")},
	{name: "has_announced", write: func(b []byte, t *trackerView) []byte { return appendBool(b, !t.Last.IsZero()) }},
	{name: "has_scraped", write: func(b []byte, t *trackerView) []byte { return appendBool(b, !t.LastScrape.IsZero()) }},
	{name: "host", write: func(b []byte, t *trackerView) []byte { return appendString(b, trackerHost(t.URL)) }},
	{name: "id", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.id) }},
	{name: "is_backup", write: func(b []byte, t *trackerView) []byte { return appendBool(b, t.Backup) }},
	{name: "last_announce_peer_count", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.Peers) }},
	{name: "last_announce_result", write: func(b []byte, t *trackerView) []byte {
		switch {
		case t.Err != "":
			return appendString(b, t.Err)
		case t.Last.IsZero():
			return append(b, `""`...)
		}
		return append(b, `"Success"`...)
	}},
	{name: "last_announce_start_time", write: func(b []byte, t *trackerView) []byte { return appendUnix(b, t.Last) }},
	{name: "last_announce_succeeded", write: func(b []byte, t *trackerView) []byte { return appendBool(b, t.Working) }},
	{name: "last_announce_time", write: func(b []byte, t *trackerView) []byte { return appendUnix(b, t.Last) }},
	{name: "last_announce_timed_out", write: constant("false")},
	{name: "last_scrape_result", write: constant(`""`)},
	{name: "last_scrape_start_time", write: func(b []byte, t *trackerView) []byte { return appendUnix(b, t.LastScrape) }},
	{name: "last_scrape_succeeded", write: func(b []byte, t *trackerView) []byte { return appendBool(b, !t.LastScrape.IsZero()) }},
	{name: "last_scrape_time", write: func(b []byte, t *trackerView) []byte { return appendUnix(b, t.LastScrape) }},
	{name: "last_scrape_timed_out", write: constant("false")},
	{name: "leecher_count", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.Incomplete) }},
	{name: "next_announce_time", write: func(b []byte, t *trackerView) []byte { return appendUnix(b, t.Next) }},
	{name: "next_scrape_time", write: func(b []byte, t *trackerView) []byte { return appendUnix(b, t.NextScrape) }},
	{name: "scrape", write: func(b []byte, t *trackerView) []byte { return appendString(b, scrapeURL(t.URL)) }},
	{name: "scrape_state", write: constant("0")},
	{name: "seeder_count", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.Complete) }},
	{name: "sitename", write: func(b []byte, t *trackerView) []byte { return appendString(b, siteName(t.URL)) }},
	{name: "tier", write: func(b []byte, t *trackerView) []byte { return appendInt(b, t.Tier) }},
}, camel)

func writeTrackerStats(b []byte, v *view) []byte {
	b = append(b, '[')
	shown := v.ids.shown(v.e)
	for i := range v.trackers {
		if i > 0 {
			b = append(b, ',')
		}
		t := trackerView{Tracker: v.trackers[i], id: -1, now: v.now} // -1 for one of the settings
		if ids := shown[t.URL]; len(ids) > 0 {
			t.id, shown[t.URL] = ids[0], ids[1:]
		}
		b = appendObject(b, trackerStatFields, &t, v.old)
	}
	return append(b, ']')
}

// trackerHost is a tracker's scheme, host and port.
func trackerHost(u string) string {
	parsed, err := url.Parse(u)
	if err != nil || parsed.Host == "" {
		return ""
	}
	return parsed.Scheme + "://" + parsed.Host
}
