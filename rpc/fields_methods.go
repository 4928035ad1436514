package rpc

// methods are all methods, of both dialects.
var methods = spelledMethods([]method{
	{name: "session_get", reads: true, doc: "the settings (see there)", params: []param{{name: "fields", doc: "names; all when it is missing"}}, run: sessionGet},
	{name: "session_set", doc: "changes settings (see there); all of them or none", run: sessionSet},
	{name: "session_stats", reads: true, doc: "figures (see there)", run: sessionStats},
	{name: "session_close", doc: "ends the daemon", run: sessionClose},

	{name: "torrent_get", reads: true, doc: "fields of torrents (see there): {torrents}, and {removed} with recently_active", run: torrentGet, params: []param{
		idsParam, {name: "fields", doc: "names; at least one"},
		{name: "format", doc: "objects, or table: a list of values for each torrent, below one list of names"},
		{name: "shoal_since", doc: "in place of ids: what changed after this time, in milliseconds since 1970, 0 for all; the answer has shoal_now"},
	}},
	{name: "torrent_set", doc: "changes torrents (see changes)", run: torrentSet, params: []param{idsParam}},
	{name: "torrent_add", doc: "adds a torrent: {torrent_added} or {torrent_duplicate}, each {id, name, hash_string}; takes changes too", run: torrentAdd, params: []param{
		{name: "filename", doc: "a magnet link, an info hash, the URL of a torrent file, or on the unix socket the path of one"},
		{name: "metainfo", doc: "a torrent file in base64"},
		{name: "download_dir", old: "download-dir", doc: "its folder"},
		{name: "paused", doc: "added stopped"},
		{name: "cookies", doc: "for fetching filename"},
		{name: "shoal_first", doc: "at the head of the queue"},
	}},
	{name: "torrent_remove", doc: "removes torrents; ids must be given", run: torrentRemove, params: []param{
		idsParam, {name: "delete_local_data", old: "delete-local-data", doc: "deletes their files too"},
		{name: "shoal_undo_seconds", doc: "0 to 60: so long nothing is deleted, and shoal_torrent_restore brings them back"},
	}},
	{name: "torrent_rename_path", doc: "renames a file or folder of one torrent: {path, name, id}", run: torrentRename, params: []param{
		idsParam, {name: "path", doc: "as in files"}, {name: "name", doc: "its new last element"},
	}},
	{name: "torrent_set_location", doc: "changes the folder of torrents", run: torrentLocation, params: []param{
		idsParam, {name: "location", doc: "the folder"}, {name: "move", doc: "moves the files there; else they are looked for there"},
	}},
	{name: "torrent_start", doc: "lets torrents run when their turn comes; a goal of seeding that one has reached is switched off (mode 2)", params: []param{idsParam}, run: torrentStart},
	{name: "torrent_start_now", doc: "lets torrents run at once", params: []param{idsParam}, run: torrentStartNow},
	{name: "torrent_stop", doc: "stops torrents", params: []param{idsParam}, run: torrentStop},
	{name: "torrent_verify", doc: "hashes everything anew", params: []param{idsParam}, run: torrentVerify},
	{name: "torrent_reannounce", doc: "asks trackers and the DHT now", params: []param{idsParam}, run: torrentReannounce},
	{name: "queue_move_top", doc: "to the head of the queue", params: []param{idsParam}, run: queueTop},
	{name: "queue_move_up", doc: "one up in the queue", params: []param{idsParam}, run: queueUp},
	{name: "queue_move_down", doc: "one down in the queue", params: []param{idsParam}, run: queueDown},
	{name: "queue_move_bottom", doc: "to the end of the queue", params: []param{idsParam}, run: queueBottom},
	{name: "free_space", reads: true, doc: "free and total bytes where a folder is or would be: {path, size_bytes, total_size}", run: freeSpace, params: []param{{name: "path", doc: "absolute"}}},
	{name: "port_test", reads: true, doc: "whether peers can connect to us, as far as is known: {port_is_open, ip_protocol}; asks nobody", run: portTest,
		params: []param{{name: "ip_protocol", doc: "ipv4 or ipv6, given back"}}},
	{name: "blocklist_update", doc: "fetches the blocklist anew: {blocklist_size}", run: blocklistUpdate},
	{name: "group_get", reads: true, doc: "the groups in use: {group: [{name, honors_session_limits, speed_limit_down, …}]}; they have no limits", run: groupGet,
		params: []param{{name: "group", doc: "names; all when it is missing"}}},
	{name: "group_set", doc: "accepted as long as it asks for no limit", run: groupSet, params: []param{{name: "name", doc: "of the group"}}},

	{name: "shoal_torrent_restore", doc: "undoes a removal within its shoal_undo_seconds", run: torrentRestore, params: []param{{name: "hashes", doc: "info hashes"}}},
	{name: "shoal_rates", reads: true, doc: "what moved lately, of one torrent or of all together: {step, down, up}, seconds and lists of bytes a second, the newest last", run: rateHistory,
		params: []param{{name: "ids", doc: "one torrent; all together when it is missing"}}},
	{name: "shoal_log", reads: true, doc: "lines of the log, at most 1,000: {lines: [{serial, time, level, hash, text}]}, time in milliseconds since 1970", run: logLines,
		params: []param{{name: "after", doc: "the serial number of the last line seen"}}},
})

var idsParam = param{name: "ids", doc: "a number, a hash, a list of both, or recently_active (recently-active): changed within a minute; all when it is missing"}

var methodByName map[string]*method

func init() { // the table's functions look up the table
	methodByName = make(map[string]*method, len(methods))
	for i := range methods {
		methodByName[fold(methods[i].name)] = &methods[i]
	}
}

func spelledMethods(list []method) []method {
	for i := range list {
		list[i].old = kebab(list[i].name)
		for j := range list[i].params {
			if p := &list[i].params[j]; p.old == "" {
				p.old = camel(p.name)
			}
		}
	}
	return list
}
