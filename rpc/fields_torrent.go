package rpc

import (
	"encoding/base64"
	"strconv"

	"shoal/status"
)

// Short forms for the tables: how a value of an entry is written.
func str(get func(*status.Entry) string) func([]byte, *view) []byte {
	return func(b []byte, v *view) []byte { return appendString(b, get(v.e)) }
}

func num[N int | int64 | int8](get func(*status.Entry) N) func([]byte, *view) []byte {
	return func(b []byte, v *view) []byte { return appendInt(b, get(v.e)) }
}

func flag(get func(*status.Entry) bool) func([]byte, *view) []byte {
	return func(b []byte, v *view) []byte { return appendBool(b, get(v.e)) }
}

func real(get func(*status.Entry) float64) func([]byte, *view) []byte {
	return func(b []byte, v *view) []byte { return appendFloat(b, get(v.e)) }
}

// torrentFields are the fields of torrent_get.
var torrentFields = spelled([]field[view]{
	{name: "activity_date", doc: "when payload last came or went, seconds since 1970, 0 for never",
		write: func(b []byte, v *view) []byte { return appendUnix(b, v.e.Active) }},
	{name: "added_date", doc: "when it was added", write: func(b []byte, v *view) []byte { return appendUnix(b, v.e.Added) }},
	{name: "availability", needs: needDetails, doc: "for each piece how many connected peers have it, -1 when it is here", write: writeAvailability},
	{name: "bandwidth_priority", doc: "-1, 0 or 1: against other torrents", write: num(func(e *status.Entry) int8 { return e.Priority })},
	{name: "bytes_completed", needs: needFiles, doc: "for each file the verified bytes", write: func(b []byte, v *view) []byte {
		return appendList(b, v.files, func(b []byte, f status.File) []byte { return appendInt(b, f.Have) })
	}},
	{name: "comment", doc: "of the torrent file", write: str(func(e *status.Entry) string { return e.Comment })},
	{name: "corrupt_ever", doc: "bytes of pieces that failed their hash", write: num(func(e *status.Entry) int64 { return e.Corrupt })},
	{name: "creator", doc: "of the torrent file", write: str(func(e *status.Entry) string { return e.Creator })},
	{name: "date_created", doc: "of the torrent file", write: func(b []byte, v *view) []byte { return appendUnix(b, v.e.Created) }},
	{name: "desired_available", doc: "missing wanted bytes that connected peers have", write: num(func(e *status.Entry) int64 { return e.Available })},
	{name: "done_date", doc: "when it was complete, 0 before", write: func(b []byte, v *view) []byte { return appendUnix(b, v.e.Finished) }},
	{name: "download_dir", doc: "its folder", write: str(func(e *status.Entry) string { return e.Dir })},
	{name: "download_limit", doc: "kB/s", write: func(b []byte, v *view) []byte { return appendKilo(b, v.e.DownLimit) }},
	{name: "download_limited", doc: "whether download_limit counts", write: flag(func(e *status.Entry) bool { return e.DownLimit > 0 })},
	{name: "downloaded_ever", doc: "payload bytes received", write: num(func(e *status.Entry) int64 { return e.DownTotal })},
	{name: "edit_date", doc: "when anything about it last changed", write: func(b []byte, v *view) []byte { return appendUnix(b, v.e.Changed) }},
	{name: "error", doc: "0 none, 3 stopped by an error on this machine", write: num(func(e *status.Entry) int {
		if e.Err != "" {
			return 3
		}
		return 0
	})},
	{name: "error_string", doc: "cause and next step", write: str(func(e *status.Entry) string { return e.Err })},
	{name: "eta", doc: "seconds until everything wanted is here; -1 not applicable, -2 unknown", write: num(etaOf)},
	{name: "eta_idle", doc: "always -1", write: func(b []byte, _ *view) []byte { return append(b, "-1"...) }},
	{name: "file_count", old: "file-count", doc: "how many files it has", write: num(func(e *status.Entry) int { return e.Files })},
	{name: "file_stats", needs: needFiles, doc: "for each file {bytes_completed, wanted, priority}", write: func(b []byte, v *view) []byte {
		return appendFiles(b, v, fileStatFields)
	}},
	{name: "files", needs: needFiles, doc: "for each file {name, length, bytes_completed, begin_piece, end_piece}", write: func(b []byte, v *view) []byte {
		return appendFiles(b, v, fileFields)
	}},
	{name: "group", doc: "the group it belongs to", write: str(func(e *status.Entry) string { return e.Group })},
	{name: "hash_string", doc: "info hash in hex", write: func(b []byte, v *view) []byte { return append(appendHash(append(b, '"'), v.e.ID), '"') }},
	{name: "have_unchecked", doc: "always 0: only what was hashed counts as had", write: num(func(*status.Entry) int64 { return 0 })},
	{name: "have_valid", doc: "verified bytes of what is wanted", write: num(func(e *status.Entry) int64 { return e.Have })},
	{name: "honors_session_limits", doc: "whether the limits of all torrents count for it", write: flag(func(e *status.Entry) bool { return !e.Exempt })},
	{name: "id", doc: "its number, until the daemon ends", write: num(func(e *status.Entry) int { return e.Number })},
	{name: "is_finished", doc: "stopped by a goal of its seeding", write: flag(func(e *status.Entry) bool { return e.GoalReached })},
	{name: "is_private", doc: "trackers alone may name peers (BEP 27)", write: flag(func(e *status.Entry) bool { return e.Private })},
	{name: "is_stalled", doc: "runs, but nothing came or went for queue_stalled_minutes", write: flag(func(e *status.Entry) bool { return e.Stalled })},
	{name: "labels", doc: "sorted", write: func(b []byte, v *view) []byte { return appendStrings(b, v.e.Labels) }},
	{name: "left_until_done", doc: "wanted bytes that are missing", write: num(func(e *status.Entry) int64 { return max(0, e.Wanted-e.Have) })},
	{name: "magnet_link", doc: "with its trackers", write: str((*status.Entry).Magnet)},
	{name: "manual_announce_time", doc: "always -1", write: func(b []byte, _ *view) []byte { return append(b, "-1"...) }},
	{name: "max_connected_peers", needs: needSettings, doc: "as peer_limit", write: writePeerLimit},
	{name: "metadata_percent_complete", doc: "share of the info dictionary that is here, 0 to 1", write: real(metadataShare)},
	{name: "name", doc: "of the torrent", write: str(func(e *status.Entry) string { return e.Name })},
	{name: "peer_limit", old: "peer-limit", needs: needSettings, doc: "most connections: its own limit, or that of each torrent", write: writePeerLimit},
	{name: "peers", needs: needPeers, doc: "its connections", write: func(b []byte, v *view) []byte {
		return appendList(b, v.peers, func(b []byte, p status.Peer) []byte { return appendObject(b, peerFields, &p, v.old) })
	}},
	{name: "peers_connected", doc: "how many", write: num(func(e *status.Entry) int { return e.Peers })},
	{name: "peers_from", doc: "connections by how they were found", write: func(b []byte, v *view) []byte {
		return appendObject(b, sourceFields, &v.e.From, v.old)
	}},
	{name: "peers_getting_from_us", doc: "how many", write: num(func(e *status.Entry) int { return e.PeersReceiving })},
	{name: "peers_sending_to_us", doc: "how many", write: num(func(e *status.Entry) int { return e.PeersSending })},
	{name: "percent_complete", doc: "share of all of it, 0 to 1", write: real(func(e *status.Entry) float64 { return share(e.Have, e.Size) })},
	{name: "percent_done", doc: "share of what is wanted, 0 to 1", write: real(doneShare)},
	{name: "piece_count", doc: "how many pieces", write: num(func(e *status.Entry) int { return e.Pieces })},
	{name: "piece_size", doc: "bytes", write: num(func(e *status.Entry) int { return e.PieceLength })},
	{name: "pieces", needs: needDetails, doc: "bit field of verified pieces in base64, the first piece in the highest bit", write: func(b []byte, v *view) []byte {
		b = append(b, '"')
		return append(base64.StdEncoding.AppendEncode(b, v.details.Have.Bytes()), '"')
	}},
	{name: "primary_mime_type", old: "primary-mime-type", needs: needFiles, doc: "of the largest file, by its name", write: func(b []byte, v *view) []byte {
		return appendString(b, mimeType(v.files))
	}},
	{name: "priorities", needs: needFiles, doc: "for each file -1, 0 or 1", write: func(b []byte, v *view) []byte {
		return appendList(b, v.files, func(b []byte, f status.File) []byte { return appendInt(b, priorityOf(f)) })
	}},
	{name: "queue_position", doc: "counted from 0", write: num(func(e *status.Entry) int { return e.QueuePosition })},
	{name: "rate_download", doc: "bytes a second", write: num(func(e *status.Entry) int64 { return e.Down })},
	{name: "rate_upload", doc: "bytes a second", write: num(func(e *status.Entry) int64 { return e.Up })},
	{name: "recheck_progress", doc: "share of pieces checked, 0 to 1", write: real(func(e *status.Entry) float64 { return e.Checked })},
	{name: "seconds_downloading", doc: "in all runs", write: func(b []byte, v *view) []byte { return appendSeconds(b, v.e.Downloading) }},
	{name: "seconds_seeding", doc: "in all runs", write: func(b []byte, v *view) []byte { return appendSeconds(b, v.e.Seeding) }},
	{name: "seed_idle_limit", doc: "minutes", write: func(b []byte, v *view) []byte { return appendMinutes(b, v.e.Idle.Value) }},
	{name: "seed_idle_mode", doc: "0 the settings' goal, 1 its own, 2 none", write: num(func(e *status.Entry) int { return int(e.Idle.Mode) })},
	{name: "seed_ratio_limit", doc: "sent to received", write: real(func(e *status.Entry) float64 { return e.Ratio.Value })},
	{name: "seed_ratio_mode", doc: "0 the settings' goal, 1 its own, 2 none", write: num(func(e *status.Entry) int { return int(e.Ratio.Mode) })},
	{name: "sequential_download", old: "sequential_download", doc: "in the order of the pieces", write: flag(func(e *status.Entry) bool { return e.Sequential })},
	{name: "sequential_download_from_piece", old: "sequential_download_from_piece", doc: "always 0", write: func(b []byte, _ *view) []byte { return append(b, '0') }},
	{name: "size_when_done", doc: "bytes of the wanted files", write: num(func(e *status.Entry) int64 { return e.Wanted })},
	{name: "start_date", doc: "when it last began to run", write: func(b []byte, v *view) []byte { return appendUnix(b, v.e.Started) }},
	{name: "status", doc: "0 stopped, 1 waits for a check, 2 is checked, 3 waits to download, 4 downloads, 5 waits to seed, 6 seeds", write: num(statusOf)},
	{name: "torrent_file", doc: "where the daemon keeps it", write: str(func(e *status.Entry) string { return e.TorrentFile })},
	{name: "total_size", doc: "bytes of all files", write: num(func(e *status.Entry) int64 { return e.Size })},
	{name: "tracker_list", doc: "one URL a line, an empty line between tiers", write: func(b []byte, v *view) []byte { return appendString(b, trackerList(v.e.Trackers)) }},
	{name: "tracker_stats", needs: needTrackers, doc: "what came of asking each tracker", write: writeTrackerStats},
	{name: "trackers", doc: "for each tracker {id, announce, scrape, tier, sitename}; it keeps its id until the daemon ends", write: writeTrackers},
	{name: "upload_limit", doc: "kB/s", write: func(b []byte, v *view) []byte { return appendKilo(b, v.e.UpLimit) }},
	{name: "upload_limited", doc: "whether upload_limit counts", write: flag(func(e *status.Entry) bool { return e.UpLimit > 0 })},
	{name: "upload_ratio", doc: "sent to received, or to what is there if that is more; -1 none, -2 without bound", write: real(ratioOf)},
	{name: "uploaded_ever", doc: "payload bytes sent", write: num(func(e *status.Entry) int64 { return e.UpTotal })},
	{name: "wanted", needs: needFiles, doc: "for each file whether it is; 0 or 1 in the old dialect", write: func(b []byte, v *view) []byte {
		return appendList(b, v.files, func(b []byte, f status.File) []byte {
			if !v.old {
				return appendBool(b, f.Wanted)
			}
			if f.Wanted {
				return append(b, '1')
			}
			return append(b, '0')
		})
	}},
	{name: "webseeds", needs: needDetails, doc: "URLs", write: func(b []byte, v *view) []byte { return appendStrings(b, v.details.WebSeeds) }},
	{name: "webseeds_ex", needs: needDetails, doc: "for each web seed {url}", write: func(b []byte, v *view) []byte {
		return appendList(b, v.details.WebSeeds, func(b []byte, u string) []byte { return append(appendString(append(b, `{"url":`...), u), '}') })
	}},
	{name: "webseeds_sending_to_us", doc: "how many", write: func(b []byte, _ *view) []byte { return append(b, '0') }},

	{name: "shoal_banned", doc: "peers that sent what was wrong", write: num(func(e *status.Entry) int { return e.Banned })},
	{name: "shoal_candidates", doc: "known addresses that are not connected", write: num(func(e *status.Entry) int { return e.Candidates })},
	{name: "shoal_changed", doc: "as edit_date, in milliseconds", write: func(b []byte, v *view) []byte { return appendMilli(b, v.e.Changed) }},
	{name: "shoal_dialing", doc: "connection attempts under way", write: num(func(e *status.Entry) int { return e.Dialing })},
	{name: "shoal_down_limit", doc: "bytes a second, 0 for none", write: num(func(e *status.Entry) int64 { return e.DownLimit })},
	{name: "shoal_failed_pieces", doc: "pieces that failed their hash", write: num(func(e *status.Entry) int { return e.FailedPieces })},
	{name: "shoal_idle_seconds", doc: "as seed_idle_limit, in seconds", write: func(b []byte, v *view) []byte { return appendSeconds(b, v.e.Idle.Value) }},
	{name: "shoal_interested", doc: "peers that want something of us", write: num(func(e *status.Entry) int { return e.Interested })},
	{name: "shoal_metadata", doc: "{pieces, have, asked}: of the info dictionary that is being looked for, and how many peers were asked", write: func(b []byte, v *view) []byte {
		b = appendInt(append(b, `{"pieces":`...), v.e.Metadata)
		b = appendInt(append(b, `,"have":`...), v.e.MetadataHave)
		return append(appendInt(append(b, `,"asked":`...), v.e.Asked), '}')
	}},
	{name: "shoal_peer_limit", doc: "its own limit of connections, 0 for none", write: num(func(e *status.Entry) int { return e.MaxPeers })},
	{name: "shoal_peers_choking", doc: "peers that have what is missing and do not let us ask for it", write: num(func(e *status.Entry) int { return e.PeersChoking })},
	{name: "shoal_phase", doc: "opening, metadata, checking, downloading, partial, seeding, moving, paused or failed", write: str(func(e *status.Entry) string { return e.Phase.String() })},
	{name: "shoal_pieces_have", doc: "verified pieces", write: num(func(e *status.Entry) int { return e.PiecesHave })},
	{name: "shoal_seed_time_limit", doc: "goal of seeding in seconds", write: func(b []byte, v *view) []byte { return appendSeconds(b, v.e.SeedTime.Value) }},
	{name: "shoal_seed_time_mode", doc: "0 the settings' goal, 1 its own, 2 none", write: num(func(e *status.Entry) int { return int(e.SeedTime.Mode) })},
	{name: "shoal_seeds", doc: "connected peers that have everything", write: num(func(e *status.Entry) int { return e.Seeds })},
	{name: "shoal_stopped", doc: "until it is started, over restarts too", write: flag(func(e *status.Entry) bool { return e.Stopped })},
	{name: "shoal_time", doc: "where the time of downloading went: {all, minute, lately}, each {cause: milliseconds}", write: writeTime},
	{name: "shoal_up_limit", doc: "bytes a second, 0 for none", write: num(func(e *status.Entry) int64 { return e.UpLimit })},
	{name: "shoal_verifying", doc: "a check waits for its turn", write: flag(func(e *status.Entry) bool { return e.Verifying })},
	{name: "shoal_waiting", doc: "the queue lets others go first", write: flag(func(e *status.Entry) bool { return e.Waiting })},
	{name: "shoal_wasted", doc: "payload bytes received in vain", write: num(func(e *status.Entry) int64 { return e.Wasted })},
}, camel)

var torrentByName = byName(torrentFields)

func writePeerLimit(b []byte, v *view) []byte {
	if v.e.MaxPeers > 0 {
		return appendInt(b, v.e.MaxPeers)
	}
	return appendInt(b, v.maxPeers)
}

func writeAvailability(b []byte, v *view) []byte {
	b = append(b, '[')
	for i := range v.details.Have.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case v.details.Have.Has(i):
			b = append(b, "-1"...)
		case i < len(v.details.Availability):
			b = appendInt(b, v.details.Availability[i])
		default:
			b = append(b, '0')
		}
	}
	return append(b, ']')
}

func writeTime(b []byte, v *view) []byte {
	t := &v.e.Time
	b = appendShares(append(b, `{"all":`...), &t.All)
	b = appendShares(append(b, `,"minute":`...), &t.Minute)
	return append(appendShares(append(b, `,"lately":`...), &t.Lately), '}')
}

func appendShares(b []byte, s *status.Shares) []byte {
	b = append(b, '{')
	for c, d := range s {
		if c > 0 {
			b = append(b, ',')
		}
		b = appendString(b, status.Cause(c).String())
		b = strconv.AppendInt(append(b, ':'), d.Milliseconds(), 10)
	}
	return append(b, '}')
}
