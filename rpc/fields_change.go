package rpc

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"shoal/status"
)

// edit gathers what torrent_set or torrent_add asks for.
type edit struct {
	status.Change
	e   *status.Entry // of the torrent that is changed; of one that is added the zero value
	ids *trackerIDs
	add bool
	// location is the folder that the data is to be moved to; "" for none.
	location string
	// files are what a torrent's files are now; needed where a list of files is empty, which stands for all of them.
	files func() ([]status.File, error)
}

// argument is one name that torrent_set and torrent_add take.
type argument struct {
	name, old string
	doc       string
	set       func(c *edit, v value) error
}

// changes are the arguments of torrent_set, in the order in which they are applied; torrent_add takes all but location and
// those that begin with tracker_ and a verb.
var changes = spelledArguments([]argument{
	{name: "bandwidth_priority", doc: "-1, 0 or 1", set: func(c *edit, v value) error {
		n, ok := v.integer()
		if !ok || n < -1 || n > 1 {
			return wrong("bandwidth_priority", "-1, 0 or 1")
		}
		p := int8(n)
		c.Priority = &p
		return nil
	}},
	limitArgument("download_limit", "kB/s", kilo, func(c *edit) **int64 { return &c.DownLimit }),
	limitedArgument("download_limited", func(c *edit) (**int64, int64) { return &c.DownLimit, c.e.DownLimit }),
	limitArgument("upload_limit", "kB/s", kilo, func(c *edit) **int64 { return &c.UpLimit }),
	limitedArgument("upload_limited", func(c *edit) (**int64, int64) { return &c.UpLimit, c.e.UpLimit }),
	limitArgument("shoal_down_limit", "bytes a second, 0 for none", 1, func(c *edit) **int64 { return &c.DownLimit }),
	limitArgument("shoal_up_limit", "bytes a second, 0 for none", 1, func(c *edit) **int64 { return &c.UpLimit }),
	{name: "files_wanted", old: "files-wanted", doc: "indexes; empty for all", set: func(c *edit, v value) error { return c.prioritize("files_wanted", v, wantedFile) }},
	{name: "files_unwanted", old: "files-unwanted", doc: "indexes; empty for all", set: func(c *edit, v value) error { return c.prioritize("files_unwanted", v, unwantedFile) }},
	{name: "priority_low", old: "priority-low", doc: "indexes of wanted files; empty for all", set: func(c *edit, v value) error { return c.prioritize("priority_low", v, 1) }},
	{name: "priority_normal", old: "priority-normal", doc: "indexes of wanted files; empty for all", set: func(c *edit, v value) error { return c.prioritize("priority_normal", v, 2) }},
	{name: "priority_high", old: "priority-high", doc: "indexes of wanted files; empty for all", set: func(c *edit, v value) error { return c.prioritize("priority_high", v, 3) }},
	textArgument("group", "the group it belongs to", func(c *edit) **string { return &c.Group }),
	{name: "honors_session_limits", doc: "whether the limits of all torrents count for it", set: func(c *edit, v value) error {
		on, ok := v.boolean()
		if !ok {
			return wrong("honors_session_limits", "true or false")
		}
		exempt := !on
		c.Exempt = &exempt
		return nil
	}},
	{name: "labels", doc: "a list of strings without commas", set: setLabels},
	{name: "location", doc: "folder that the data is moved to", set: func(c *edit, v value) (err error) {
		c.location, err = folder(v)
		return err
	}},
	{name: "peer_limit", old: "peer-limit", doc: "most connections, 0 for the default", set: func(c *edit, v value) error {
		n, ok := v.integer()
		if !ok || n < 0 || n > math.MaxInt32 {
			return wrong("peer_limit", "a number from 0")
		}
		peers := int(n)
		c.MaxPeers = &peers
		return nil
	}},
	{name: "queue_position", doc: "counted from 0", set: func(c *edit, v value) error {
		n, ok := v.integer()
		if !ok || n < 0 || n > math.MaxInt32 {
			return wrong("queue_position", "a number from 0")
		}
		at := int(n)
		c.QueuePosition = &at
		return nil
	}},
	goalValue("seed_idle_limit", "minutes", time.Minute, func(c *edit) *status.Goal[time.Duration] { return c.goal(&c.Idle, c.e.Idle) }),
	goalValue("shoal_idle_seconds", "as seed_idle_limit, in seconds", time.Second, func(c *edit) *status.Goal[time.Duration] { return c.goal(&c.Idle, c.e.Idle) }),
	goalMode("seed_idle_mode", func(c *edit) *status.GoalMode { return &c.goal(&c.Idle, c.e.Idle).Mode }),
	{name: "seed_ratio_limit", doc: "sent to received", set: func(c *edit, v value) error {
		f, ok := v.float()
		if !ok || f < 0 || f > maxRatio {
			return wrong("seed_ratio_limit", "a number from 0")
		}
		c.ratio().Value = f
		return nil
	}},
	goalMode("seed_ratio_mode", func(c *edit) *status.GoalMode { return &c.ratio().Mode }),
	goalValue("shoal_seed_time_limit", "goal of seeding in seconds", time.Second, func(c *edit) *status.Goal[time.Duration] { return c.goal(&c.SeedTime, c.e.SeedTime) }),
	goalMode("shoal_seed_time_mode", func(c *edit) *status.GoalMode { return &c.goal(&c.SeedTime, c.e.SeedTime).Mode }),
	{name: "sequential_download", old: "sequential_download", doc: "in the order of the pieces", set: func(c *edit, v value) error {
		on, ok := v.boolean()
		if !ok {
			return wrong("sequential_download", "true or false")
		}
		c.Sequential = &on
		return nil
	}},
	{name: "sequential_download_from_piece", old: "sequential_download_from_piece", doc: "accepted and ignored", set: func(*edit, value) error { return nil }},
	{name: "tracker_list", doc: "one URL a line, an empty line between tiers", set: func(c *edit, v value) error {
		list, ok := v.str()
		if !ok {
			return wrong("tracker_list", "a string")
		}
		tiers, err := plausibleTiers("tracker_list", list)
		if err == nil {
			c.Trackers = &tiers
		}
		return err
	}},
	{name: "tracker_add", doc: "URLs, each a tier of its own", set: addTrackers},
	{name: "tracker_replace", doc: "number and new URL, in turn", set: replaceTrackers},
	{name: "tracker_remove", doc: "numbers of trackers, or their URLs", set: removeTrackers},
})

func spelledArguments(list []argument) []argument {
	for i := range list {
		if list[i].old == "" {
			list[i].old = camel(list[i].name)
		}
	}
	return list
}

func limitArgument(name, doc string, unit float64, at func(*edit) **int64) argument {
	return argument{name: name, doc: doc, set: func(c *edit, v value) error {
		f, ok := v.float()
		if !ok || f < 0 || f*unit > maxStored {
			return wrong(name, "a number from 0")
		}
		n := int64(math.Round(f * unit))
		*at(c) = &n
		return nil
	}}
}

// limitedArgument takes a limit away, or lets what is there or comes with it stand.
func limitedArgument(name string, at func(*edit) (**int64, int64)) argument {
	return argument{name: name, doc: "false takes the limit away", set: func(c *edit, v value) error {
		on, ok := v.boolean()
		if !ok {
			return wrong(name, "true or false")
		}
		switch limit, now := at(c); {
		case on && *limit != nil && **limit == 0: // nothing at all there, no limit here
			return wrong(name, "false, or a limit above 0")
		case !on && (now != 0 || *limit != nil):
			none := int64(0)
			*limit = &none
		}
		return nil
	}}
}

func textArgument(name, doc string, at func(*edit) **string) argument {
	return argument{name: name, doc: doc, set: func(c *edit, v value) error {
		s, ok := v.str()
		if !ok || len(s) > maxLabel || strings.ContainsRune(s, 0) {
			return wrong(name, "a short string")
		}
		*at(c) = &s
		return nil
	}}
}

func goalMode(name string, at func(*edit) *status.GoalMode) argument {
	return argument{name: name, doc: "0 the settings' goal, 1 its own, 2 none", set: func(c *edit, v value) error {
		n, ok := v.integer()
		if !ok || n < 0 || n > int64(status.GoalNone) {
			return wrong(name, "0, 1 or 2")
		}
		*at(c) = status.GoalMode(n)
		return nil
	}}
}

func goalValue(name, doc string, unit time.Duration, at func(*edit) *status.Goal[time.Duration]) argument {
	return argument{name: name, doc: doc, set: func(c *edit, v value) error {
		f, ok := v.float()
		if !ok || f < 0 || f*float64(unit) > maxStored {
			return wrong(name, "a number from 0")
		}
		at(c).Value = time.Duration(f * float64(unit))
		return nil
	}}
}

// goal returns the goal that is asked for so far, beginning with the one that the torrent has.
func (c *edit) goal(asked **status.Goal[time.Duration], now status.Goal[time.Duration]) *status.Goal[time.Duration] {
	if *asked == nil {
		*asked = &now
	}
	return *asked
}

func (c *edit) ratio() *status.Goal[float64] {
	if c.Ratio == nil {
		now := c.e.Ratio
		c.Ratio = &now
	}
	return c.Ratio
}

// Limits on labels.
const (
	maxLabel  = 255
	maxLabels = 100
)

func setLabels(c *edit, v value) error {
	labels := []string{}
	valid := v.isArray()
	v.each(func(one value) bool {
		s, ok := one.str()
		s = strings.TrimSpace(s)
		valid = valid && ok && s != "" && len(s) <= maxLabel && !strings.ContainsAny(s, ",\x00") && len(labels) < maxLabels
		labels = append(labels, s)
		return valid
	})
	if !valid {
		return wrong("labels", "a list of at most 100 strings without commas")
	}
	slices.Sort(labels)
	labels = slices.Compact(labels)
	c.Labels = &labels
	return nil
}

// What files are made in the arguments, besides the priorities 1 to 3.
const (
	unwantedFile = 0
	wantedFile   = 255
)

// maxIndexes is how many files one list may name: as many as a torrent may have.
const maxIndexes = 1 << 20

// prioritize sets the files whose indexes v has. Files that are not wanted have no priority.
func (c *edit) prioritize(name string, v value, to uint8) error {
	if !v.isArray() {
		return wrong(name, "a list of numbers")
	}
	var at []int
	valid := true
	v.each(func(one value) bool {
		n, ok := one.integer()
		valid = ok && n >= 0 && n < maxIndexes && len(at) < maxIndexes
		at = append(at, int(n))
		return valid
	})
	if !valid {
		return wrong(name, "a list of numbers")
	}
	var files []status.File
	if !c.add {
		var err error
		if files, err = c.files(); err != nil {
			return err
		}
		for _, i := range at {
			if i >= len(files) {
				return fmt.Errorf("file index out of range: %w", status.ErrNoFile)
			}
		}
		if len(at) == 0 {
			for i := range files {
				at = append(at, i)
			}
		}
	}
	if c.Files == nil && len(at) > 0 {
		c.Files = make(map[int]uint8, len(at))
	}
	for _, i := range at {
		now, asked := c.Files[i]
		if !asked {
			now = 2
			if i < len(files) {
				now = files[i].Priority
			}
		}
		switch {
		case to == wantedFile && now == 0:
			c.Files[i] = 2
		case to == wantedFile:
			c.Files[i] = now
		case to == unwantedFile || now != 0:
			c.Files[i] = to
		}
	}
	return nil
}
