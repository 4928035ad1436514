package rpc

import (
	"net/netip"

	"shoal/status"
)

// figures are what session_stats is written from.
type figures struct {
	stats  status.Stats
	totals status.Totals
	old    bool
}

// statFields are the fields of session_stats.
var statFields = spelled([]field[figures]{
	{name: "active_torrent_count", doc: "torrents that run", write: func(b []byte, f *figures) []byte { return appendInt(b, f.totals.Running) }},
	{name: "download_speed", doc: "bytes a second", write: func(b []byte, f *figures) []byte { return appendInt(b, f.stats.Down) }},
	{name: "paused_torrent_count", doc: "torrents that are stopped", write: func(b []byte, f *figures) []byte { return appendInt(b, f.totals.Stopped) }},
	{name: "torrent_count", doc: "torrents", write: func(b []byte, f *figures) []byte { return appendInt(b, f.totals.Running+f.totals.Stopped) }},
	{name: "upload_speed", doc: "bytes a second", write: func(b []byte, f *figures) []byte { return appendInt(b, f.stats.Up) }},
	{name: "cumulative_stats", old: "cumulative-stats", doc: "of all runs: {uploaded_bytes, downloaded_bytes, files_added, session_count, seconds_active}",
		write: func(b []byte, f *figures) []byte { return appendObject(b, sumFields, &f.totals.Ever, f.old) }},
	{name: "current_stats", old: "current-stats", doc: "the same of this run",
		write: func(b []byte, f *figures) []byte { return appendObject(b, sumFields, &f.totals.Now, f.old) }},
	{name: "shoal_dht", doc: "for each of our nodes {ipv6, id, good, nodes, online, external}", write: func(b []byte, f *figures) []byte {
		return appendList(b, f.stats.DHT, func(b []byte, d status.DHT) []byte { return appendObject(b, dhtFields, &d, false) })
	}},
	{name: "shoal_dht_every", doc: "seconds until each torrent was announced in the DHT once, as things are; 0 when none is",
		write: func(b []byte, f *figures) []byte { return appendSeconds(b, f.stats.DHTEvery) }},
	{name: "shoal_external", doc: "our address as others see it, empty when it is not known", write: func(b []byte, f *figures) []byte { return appendAddr(b, f.stats.External) }},
	{name: "shoal_listen", doc: "addresses that peers may connect to", write: func(b []byte, f *figures) []byte {
		return appendList(b, f.stats.Listen, func(b []byte, a netip.AddrPort) []byte { return appendString(b, a.String()) })
	}},
	{name: "shoal_peers", doc: "connections", write: func(b []byte, f *figures) []byte { return appendInt(b, f.stats.Peers) }},
	{name: "shoal_piece_memory", doc: "bytes of open pieces", write: func(b []byte, f *figures) []byte { return appendInt(b, f.stats.PieceMemory) }},
	{name: "shoal_reach", doc: "whether peers can connect to us: {mapped, method, external, incoming}",
		write: func(b []byte, f *figures) []byte { return appendObject(b, reachFields, &f.stats.Reach, false) }},
}, camel)

var sumFields = spelled([]field[status.Sum]{
	{name: "downloaded_bytes", write: func(b []byte, s *status.Sum) []byte { return appendInt(b, s.Down) }},
	{name: "uploaded_bytes", write: func(b []byte, s *status.Sum) []byte { return appendInt(b, s.Up) }},
	{name: "files_added", write: func(b []byte, s *status.Sum) []byte { return appendInt(b, s.Added) }},
	{name: "session_count", write: func(b []byte, s *status.Sum) []byte { return appendInt(b, s.Starts) }},
	{name: "seconds_active", write: func(b []byte, s *status.Sum) []byte { return appendSeconds(b, s.Active) }},
}, camel)

var dhtFields = spelled([]field[status.DHT]{
	{name: "ipv6", write: func(b []byte, d *status.DHT) []byte { return appendBool(b, d.IPv6) }},
	{name: "id", write: func(b []byte, d *status.DHT) []byte { return appendString(b, d.ID.String()) }},
	{name: "good", write: func(b []byte, d *status.DHT) []byte { return appendInt(b, d.Good) }},
	{name: "nodes", write: func(b []byte, d *status.DHT) []byte { return appendInt(b, d.Nodes) }},
	{name: "online", write: func(b []byte, d *status.DHT) []byte { return appendBool(b, d.Online) }},
	{name: "external", write: func(b []byte, d *status.DHT) []byte { return appendAddr(b, d.External) }},
}, camel)

var reachFields = spelled([]field[status.Reach]{
	{name: "mapped", write: func(b []byte, r *status.Reach) []byte { return appendBool(b, r.Mapped) }},
	{name: "method", write: func(b []byte, r *status.Reach) []byte { return appendString(b, r.Method) }},
	{name: "external", write: func(b []byte, r *status.Reach) []byte {
		if !r.External.IsValid() {
			return append(b, `""`...)
		}
		return appendString(b, r.External.String())
	}},
	{name: "incoming", write: func(b []byte, r *status.Reach) []byte { return appendBool(b, r.Incoming) }},
}, camel)

// logFields are of one line of shoal_log.
var logFields = spelled([]field[status.LogLine]{
	{name: "serial", write: func(b []byte, l *status.LogLine) []byte { return appendInt(b, l.Serial) }},
	{name: "time", write: func(b []byte, l *status.LogLine) []byte { return appendMilli(b, l.Time) }},
	{name: "level", write: func(b []byte, l *status.LogLine) []byte { return appendString(b, l.Level) }},
	{name: "hash", write: func(b []byte, l *status.LogLine) []byte {
		if !l.Torrent.HasV1() && !l.Torrent.HasV2() {
			return append(b, `""`...)
		}
		return appendString(b, l.Torrent.String())
	}},
	{name: "text", write: func(b []byte, l *status.LogLine) []byte { return appendString(b, l.Text) }},
}, camel)

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, `""`...)
	}
	return appendString(b, a.String())
}
