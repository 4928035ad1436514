package rpc

import (
	"fmt"
	"slices"
	"time"

	"shoal/status"
)

// settings are the fields of session_get and session_set, in the order in which they are applied.
var settings = spelledSettings(slices.Concat(
	[]setting{
		readSetting("version", "of the daemon; begins with the release of Transmission that it behaves like", 0,
			func(b []byte, v *session) []byte { return appendString(b, versionText(v.s.Version)) }),
		fixed("rpc_version", "of the old dialect", "18"),
		fixed("rpc_version_minimum", "of the old dialect", "14"),
		fixed("rpc_version_semver", "of both", `"`+semver+`"`),
		readSetting("session_id", "what the header must say", 0, func(b []byte, v *session) []byte { return appendString(b, v.id) }),
		readSetting("config_dir", "where the daemon keeps its state", 0, func(b []byte, v *session) []byte { return appendString(b, v.s.ConfigDir) }),
		readSetting("units", "names and sizes of units", 0, writeUnits),
		readSetting("blocklist_size", "rules of the blocklist", 0, func(b []byte, v *session) []byte { return appendInt(b, v.s.Rules) }),

		textSetting("download_dir", "where torrents go that name no folder", func(s *status.Settings) *string { return &s.Dir }),
		readSetting("download_dir_free_space", "bytes", needSpace, func(b []byte, v *session) []byte { return appendInt(b, v.free) }),
		textSetting("incomplete_dir", "where torrents are until they are complete, empty for none", func(s *status.Settings) *string { return &s.IncompleteDir }),
		readSetting("incomplete_dir_enabled", "whether there is one; switching it off empties incomplete_dir", 0,
			func(b []byte, v *session) []byte { return appendBool(b, v.s.IncompleteDir != "") }).setter(setIncompleteOn),
		readSetting("start_added_torrents", "", 0, func(b []byte, v *session) []byte { return appendBool(b, !v.s.AddStopped) }).
			setter(func(s *status.Settings, v value) error {
				on, ok := v.boolean()
				if !ok {
					return wrong("start_added_torrents", "true or false")
				}
				s.AddStopped = !on
				return nil
			}),
		boolSetting("trash_original_torrent_files", "a torrent file given as a path is deleted once it is added", func(s *status.Settings) *bool { return &s.DeleteAdded }),
		fixed("rename_partial_files", "always false", "false"),
		boolSetting("sequential_download", "torrents are added so", func(s *status.Settings) *bool { return &s.Sequential }),
	},
	pair("speed_limit_down_enabled", "speed_limit_down", "kB/s", keptDown, kilo, 100, func(s *status.Settings) *int64 { return &s.DownLimit }),
	pair("speed_limit_up_enabled", "speed_limit_up", "kB/s", keptUp, kilo, 100, func(s *status.Settings) *int64 { return &s.UpLimit }),
	[]setting{
		intSetting("alt_speed_down", "kB/s, 0 for none", kilo, func(s *status.Settings) *int64 { return &s.AltDown }),
		intSetting("alt_speed_up", "kB/s, 0 for none", kilo, func(s *status.Settings) *int64 { return &s.AltUp }),
		boolSetting("alt_speed_enabled", "the alternative limits count", func(s *status.Settings) *bool { return &s.AltOn }),
		windowSetting("alt_speed_time_begin", "minutes since midnight", 24*60-1, func(w *status.Window) int { return int(w.From / time.Minute) },
			func(w *status.Window, n int) { w.From = time.Duration(n) * time.Minute }),
		windowSetting("alt_speed_time_end", "minutes since midnight", 24*60-1, func(w *status.Window) int { return int(w.To / time.Minute) },
			func(w *status.Window, n int) { w.To = time.Duration(n) * time.Minute }),
		windowSetting("alt_speed_time_day", "days as bits, 1 is Sunday", 127, func(w *status.Window) int { return int(w.Days) },
			func(w *status.Window, n int) { w.Days = uint8(n) }),
		boolSetting("alt_speed_time_enabled", "alt_speed_enabled follows the schedule", func(s *status.Settings) *bool { return &s.AltScheduled }),
		portSetting("peer_port", "at the next start", func(s *status.Settings) *int { return &s.Port }),
		fixed("peer_port_random_on_start", "always false", "false"),
		boolSetting("port_forwarding_enabled", "at the next start", func(s *status.Settings) *bool { return &s.PortMapping }),
		intSetting("peer_limit_global", "connections of all torrents", 1, func(s *status.Settings) *int { return &s.MaxPeers }),
		intSetting("peer_limit_per_torrent", "connections of one torrent", 1, func(s *status.Settings) *int { return &s.MaxPeersEach }),
		boolSetting("dht_enabled", "at the next start", func(s *status.Settings) *bool { return &s.DHT }),
		boolSetting("pex_enabled", "at the next start", func(s *status.Settings) *bool { return &s.PEX }),
		boolSetting("lpd_enabled", "at the next start", func(s *status.Settings) *bool { return &s.LSD }),
		fixed("utp_enabled", "always false", "false"),
		fixed("tcp_enabled", "always true", "true"),
		fixed("preferred_transports", "always [\"tcp\"]", `["tcp"]`),
		readSetting("encryption", "required, preferred or allowed (tolerated in the old dialect); at the next start", 0, writeEncryption).setter(setEncryption),
		fixed("reqq", "requests that a peer may have waiting", "500"),
	},
	pair("seed_ratio_limited", "seed_ratio_limit", "sent to received", keptRatio, 1, 2, func(s *status.Settings) *float64 { return &s.Ratio }),
	pair("idle_seeding_limit_enabled", "idle_seeding_limit", "minutes", keptIdle, float64(time.Minute), 30, func(s *status.Settings) *time.Duration { return &s.Idle }),
	pair("download_queue_enabled", "download_queue_size", "torrents", keptDownloads, 1, 5, func(s *status.Settings) *int { return &s.QueueDownloads }),
	pair("seed_queue_enabled", "seed_queue_size", "torrents", keptSeeds, 1, 10, func(s *status.Settings) *int { return &s.QueueSeeds }),
	pair("queue_stalled_enabled", "queue_stalled_minutes", "minutes", keptStalled, float64(time.Minute), 30, func(s *status.Settings) *time.Duration { return &s.StalledAfter }),
	[]setting{
		textSetting("blocklist_url", "http or https, empty for none; a path, or a URL that leads into the local network, is set by the configuration file alone", func(s *status.Settings) *string { return &s.BlocklistURL }).
			setter(setBlocklist),
		boolSetting("blocklist_enabled", "", func(s *status.Settings) *bool { return &s.BlocklistOn }),
		readSetting("default_trackers", "one URL a line, an empty line between tiers; asked for every torrent that is not private", 0,
			func(b []byte, v *session) []byte { return appendString(b, trackerList(v.s.Trackers)) }).
			setter(func(s *status.Settings, v value) error {
				list, ok := v.str()
				if !ok {
					return wrong("default_trackers", "a string")
				}
				tiers, err := plausibleTiers("default_trackers", list)
				if err == nil {
					s.Trackers = tiers
				}
				return err
			}),
		fixed("cache_size_mib", "memory of open pieces", "32").spelling("cache-size-mb"),
		fixed("anti_brute_force_enabled", "always true", "true"),
		scriptOn("script_torrent_added_enabled", func(s *status.Settings) []string { return s.HookAdded }),
		scriptName("script_torrent_added_filename", func(s *status.Settings) []string { return s.HookAdded }),
		scriptOn("script_torrent_done_enabled", func(s *status.Settings) []string { return s.HookDone }),
		scriptName("script_torrent_done_filename", func(s *status.Settings) []string { return s.HookDone }),
		scriptOn("script_torrent_done_seeding_enabled", func(s *status.Settings) []string { return s.HookSeeded }),
		scriptName("script_torrent_done_seeding_filename", func(s *status.Settings) []string { return s.HookSeeded }),

		readSetting("shoal_kind", "always shoal", 0, func(b []byte, v *session) []byte { return appendString(b, v.s.Kind) }),
		readSetting("shoal_version", "of the daemon", 0, func(b []byte, v *session) []byte { return appendString(b, v.s.Version) }),
		readSetting("shoal_roots", "folders below which torrents may be put; none: anywhere", 0, func(b []byte, v *session) []byte { return appendStrings(b, v.s.Roots) }),
		readSetting("shoal_hook_error", "what is run when a torrent fails", 0, func(b []byte, v *session) []byte { return appendStrings(b, v.s.HookError) }),
		readSetting("shoal_hook_added", "argv", 0, func(b []byte, v *session) []byte { return appendStrings(b, v.s.HookAdded) }),
		readSetting("shoal_hook_done", "argv", 0, func(b []byte, v *session) []byte { return appendStrings(b, v.s.HookDone) }),
		readSetting("shoal_hook_seeded", "argv", 0, func(b []byte, v *session) []byte { return appendStrings(b, v.s.HookSeeded) }),
		boolSetting("shoal_preallocate", "space is reserved", func(s *status.Settings) *bool { return &s.Preallocate }),
		intSetting("shoal_down_limit", "bytes a second, 0 for none", 1, func(s *status.Settings) *int64 { return &s.DownLimit }),
		intSetting("shoal_up_limit", "bytes a second, 0 for none", 1, func(s *status.Settings) *int64 { return &s.UpLimit }),
		intSetting("shoal_alt_down", "bytes a second, 0 for none", 1, func(s *status.Settings) *int64 { return &s.AltDown }),
		intSetting("shoal_alt_up", "bytes a second, 0 for none", 1, func(s *status.Settings) *int64 { return &s.AltUp }),
		intSetting("shoal_down_each", "bytes a second for each torrent, 0 for none", 1, func(s *status.Settings) *int64 { return &s.DownEach }),
		intSetting("shoal_up_each", "bytes a second for each torrent, 0 for none", 1, func(s *status.Settings) *int64 { return &s.UpEach }),
		intSetting("shoal_upload_slots", "0 chooses by rate", 1, func(s *status.Settings) *int { return &s.UploadSlots }),
		intSetting("shoal_queue_downloads", "torrents, 0 for all", 1, func(s *status.Settings) *int { return &s.QueueDownloads }),
		intSetting("shoal_queue_seeds", "torrents, 0 for all", 1, func(s *status.Settings) *int { return &s.QueueSeeds }),
		intSetting("shoal_stalled_after", "seconds, 0: stalled torrents count in the queue", int64(time.Second), func(s *status.Settings) *time.Duration { return &s.StalledAfter }),
		intSetting("shoal_idle_limit", "seconds, 0 for no such goal", int64(time.Second), func(s *status.Settings) *time.Duration { return &s.Idle }),
		intSetting("shoal_seed_time_limit", "seconds, 0 for no such goal", int64(time.Second), func(s *status.Settings) *time.Duration { return &s.SeedTime }),
		readSetting("shoal_seed_ratio", "sent to received, 0 for no such goal", 0, func(b []byte, v *session) []byte { return appendFloat(b, v.s.Ratio) }).
			setter(func(s *status.Settings, v value) error {
				f, ok := v.float()
				if !ok || f < 0 || f > maxRatio {
					return wrong("shoal_seed_ratio", "a number from 0")
				}
				s.Ratio = f
				return nil
			}),
		readSetting("shoal_alt_schedule", "[{days, from, to}], all windows of the schedule, from and to in seconds since midnight", 0, writeSchedule).setter(setSchedule),
	},
))

var settingByName = func() map[string]*setting {
	m := make(map[string]*setting, 2*len(settings))
	for i := range settings {
		m[fold(settings[i].name)], m[fold(settings[i].old)] = &settings[i], &settings[i]
	}
	return m
}()

func spelledSettings(list []setting) []setting {
	for i := range list {
		switch s := &list[i]; s.name {
		case "seed_ratio_limit", "seed_ratio_limited":
			s.old = camel(s.name)
		case "sequential_download":
			s.old = s.name
		default:
			if s.old == "" {
				s.old = kebab(s.name)
			}
		}
	}
	return list
}

func (s setting) spelling(old string) setting { s.old = old; return s }

func (s setting) setter(set func(*status.Settings, value) error) setting { s.set = set; return s }

// semver is the version of the protocol.
const semver = "6.0.0"

// versionText is what clients parse: the release of Transmission whose protocol this is, then who answers.
func versionText(version string) string { return "4.0.6 (shoal " + version + ")" }

func writeUnits(b []byte, v *session) []byte {
	if v.old {
		return append(b, `{"speed-units":["kB/s","MB/s","GB/s","TB/s"],"speed-bytes":1000,"size-units":["kB","MB","GB","TB"],"size-bytes":1000,`+
			`"memory-units":["KiB","MiB","GiB","TiB"],"memory-bytes":1024}`...)
	}
	return append(b, `{"speed_units":["kB/s","MB/s","GB/s","TB/s"],"speed_bytes":1000,"size_units":["kB","MB","GB","TB"],"size_bytes":1000,`+
		`"memory_units":["KiB","MiB","GiB","TiB"],"memory_bytes":1024}`...)
}

func setIncompleteOn(s *status.Settings, v value) error {
	on, ok := v.boolean()
	if !ok {
		return wrong("incomplete_dir_enabled", "true or false")
	}
	if !on {
		s.IncompleteDir = ""
	}
	return nil
}

func writeEncryption(b []byte, v *session) []byte {
	switch {
	case v.s.Encryption == "require":
		return append(b, `"required"`...)
	case v.s.Encryption == "prefer":
		return append(b, `"preferred"`...)
	case v.old:
		return append(b, `"tolerated"`...)
	}
	return append(b, `"allowed"`...)
}

func setEncryption(s *status.Settings, v value) error {
	text, _ := v.str()
	word, ok := map[string]string{"required": "require", "preferred": "prefer", "tolerated": "off", "allowed": "off"}[text]
	if !ok {
		return wrong("encryption", "required, preferred or allowed")
	}
	s.Encryption = word
	return nil
}

// setBlocklist takes no path: a remote caller must not have files of the daemon's machine read.
func setBlocklist(s *status.Settings, v value) error {
	text, ok := v.str()
	if !ok || text != "" && text != s.BlocklistURL && (!isURL(text) || len(text) > maxTextSetting) {
		return wrong("blocklist_url", "an http or https URL of at most 4096 bytes")
	}
	s.BlocklistURL = text
	return nil
}

// windowSetting is of the first window of the schedule, the only one that the protocol knows.
func windowSetting(name, doc string, top int64, get func(*status.Window) int, put func(*status.Window, int)) setting {
	return readSetting(name, doc, 0, func(b []byte, v *session) []byte {
		w := defaultWindow
		if len(v.s.AltSchedule) > 0 {
			w = v.s.AltSchedule[0]
		}
		return appendInt(b, get(&w))
	}).setter(func(s *status.Settings, v value) error {
		n, ok := v.integer()
		if !ok || n < 0 || n > top {
			return wrong(name, fmt.Sprintf("a number from 0 to %d", top))
		}
		w := defaultWindow
		if len(s.AltSchedule) > 0 {
			w = s.AltSchedule[0]
		}
		put(&w, int(n))
		s.AltSchedule = append([]status.Window{w}, s.AltSchedule[min(1, len(s.AltSchedule)):]...)
		return nil
	})
}

// defaultWindow is the one that is there before any is set: working hours on all days.
var defaultWindow = status.Window{Days: 127, From: 9 * time.Hour, To: 17 * time.Hour}

func writeSchedule(b []byte, v *session) []byte {
	return appendList(b, v.s.AltSchedule, func(b []byte, w status.Window) []byte {
		b = appendInt(append(b, `{"days":`...), w.Days)
		b = appendSeconds(append(b, `,"from":`...), w.From)
		return append(appendSeconds(append(b, `,"to":`...), w.To), '}')
	})
}

// maxRatio is the most that a goal of sent to received may be.
const maxRatio = 1 << 20

// maxWindows is how many windows a schedule may have.
const maxWindows = 100

func setSchedule(s *status.Settings, v value) error {
	var list []status.Window
	valid := v.isArray()
	v.each(func(one value) bool {
		days, ok1 := one.member("days").integer()
		from, ok2 := one.member("from").integer()
		to, ok3 := one.member("to").integer()
		const day = 24 * 60 * 60
		valid = valid && ok1 && ok2 && ok3 && days >= 0 && days < 128 && from >= 0 && from < day && to >= 0 && to <= day && len(list) < maxWindows
		if valid {
			list = append(list, status.Window{Days: uint8(days), From: time.Duration(from) * time.Second, To: time.Duration(to) * time.Second})
		}
		return valid
	})
	if !valid {
		return wrong("shoal_alt_schedule", "a list of at most 100 windows")
	}
	s.AltSchedule = list
	return nil
}

// The programs that are run are chosen by the configuration alone: a remote caller must not start any.
func setScript(*status.Settings, value) error { return errScript }

func scriptOn(name string, argv func(*status.Settings) []string) setting {
	return readSetting(name, "read-only", 0, func(b []byte, v *session) []byte { return appendBool(b, len(argv(&v.s)) > 0) }).setter(setScript)
}

func scriptName(name string, argv func(*status.Settings) []string) setting {
	return readSetting(name, "read-only", 0, func(b []byte, v *session) []byte {
		if a := argv(&v.s); len(a) > 0 {
			return appendString(b, a[0])
		}
		return append(b, `""`...)
	}).setter(setScript)
}
