package rpc

import (
	"fmt"
	"maps"
	"slices"

	"shoal/metainfo"
	"shoal/status"
)

func sessionGet(c *call, b []byte) ([]byte, error) {
	s, err := c.s.engine.Settings(c.ctx)
	if err != nil {
		return b, err
	}
	v := session{s: s, id: c.s.ids.current(c.s.now()), old: c.old}
	c.s.setMu.Lock()
	v.kept = c.s.kept
	c.s.setMu.Unlock()
	b = append(b, '{')
	put := func(asked string, f *setting) {
		if f.needs&needSpace != 0 {
			var err error
			if v.free, _, err = c.s.engine.Space(c.ctx, s.Dir); err != nil {
				v.free = -1
			}
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = f.write(append(appendString(b, asked), ':'), &v)
	}
	if fields := c.arg("fields"); fields.isArray() {
		seen := map[string]bool{}
		fields.each(func(one value) bool {
			name, _ := one.str()
			if f := settingByName[fold(name)]; f != nil && !seen[name] {
				seen[name] = true
				put(name, f)
			}
			return len(seen) < maxColumns
		})
		return append(b, '}'), nil
	}
	for i := range settings {
		f := &settings[i]
		if c.old {
			put(f.old, f)
		} else {
			put(f.name, f)
		}
	}
	return append(b, '}'), nil
}

// sessionSet applies what it is given to a copy of the settings, and hands that over if all of it is right.
func sessionSet(c *call, b []byte) ([]byte, error) {
	given := map[string]value{}
	c.args.members(func(name string, v value) {
		if !v.isNull() {
			given[fold(name)] = v
		}
	})
	c.s.setMu.Lock()
	defer c.s.setMu.Unlock()
	s, err := c.s.engine.Settings(c.ctx)
	if err != nil {
		return b, err
	}
	kept, changed := c.s.kept, false
	for i := range settings {
		f := &settings[i]
		v, ok := given[fold(f.name)]
		if !ok && f.old != "" {
			v, ok = given[fold(f.old)]
		}
		switch {
		case !ok:
			continue
		case f.setKept != nil:
			err = f.setKept(&s, &kept, v)
		case f.set != nil:
			err = f.set(&s, v)
		default:
			continue // of no choice: see API.md
		}
		if err != nil {
			return b, err
		}
		changed = true
	}
	if err := checkFolders(&s); err != nil {
		return b, err
	}
	if changed {
		if err := c.s.engine.Set(c.ctx, s); err != nil {
			return b, err
		}
		c.s.kept = kept
	}
	return append(b, "{}"...), nil
}

// checkFolders demands absolute folders.
func checkFolders(s *status.Settings) error {
	for _, dir := range []*string{&s.Dir, &s.IncompleteDir} {
		if *dir == "" {
			continue
		}
		clean, err := cleanFolder(*dir)
		if err != nil {
			return err
		}
		*dir = clean
	}
	return nil
}

func sessionStats(c *call, b []byte) ([]byte, error) {
	f := figures{old: c.old}
	var err error
	if f.stats, err = c.s.engine.Stats(c.ctx); err != nil {
		return b, err
	}
	if f.totals, err = c.s.engine.Totals(c.ctx); err != nil {
		return b, err
	}
	return appendObject(b, statFields, &f, c.old), nil
}

func sessionClose(c *call, b []byte) ([]byte, error) {
	return append(b, "{}"...), c.s.engine.Shutdown(c.ctx)
}

func freeSpace(c *call, b []byte) ([]byte, error) {
	dir, err := folder(c.arg("path"))
	if err != nil {
		return b, err
	}
	free, total, err := c.s.engine.Space(c.ctx, dir)
	if err != nil {
		return b, err
	}
	path, _ := c.arg("path").str()
	b = appendString(c.key(append(b, '{'), "path", "path"), path)
	b = appendInt(c.key(b, "size_bytes", "size-bytes"), free)
	return append(appendInt(c.key(b, "total_size", "total_size"), total), '}'), nil
}

// portTest answers from what peers and the router have shown; it asks no service on the internet.
func portTest(c *call, b []byte) ([]byte, error) {
	stats, err := c.s.engine.Stats(c.ctx)
	if err != nil {
		return b, err
	}
	r := stats.Reach
	mapped := r.Mapped && r.External.IsValid() && !r.External.Addr().IsPrivate() && r.External.Addr().IsGlobalUnicast()
	b = appendBool(c.key(append(b, '{'), "port_is_open", "port-is-open"), r.Incoming || mapped)
	if ip, ok := c.arg("ip_protocol").str(); ok && (ip == "ipv4" || ip == "ipv6") {
		b = appendString(c.key(b, "ip_protocol", "ip_protocol"), ip)
	}
	return append(b, '}'), nil
}

func blocklistUpdate(c *call, b []byte) ([]byte, error) {
	rules, err := c.s.engine.UpdateBlocklist(c.ctx)
	if err != nil {
		return b, fmt.Errorf("%w: %w", errBlocklist, err)
	}
	return append(appendInt(c.key(append(b, '{'), "blocklist_size", "blocklist-size"), rules), '}'), nil
}

// groupGet lists the names that torrents have for their group; the engine has no limits for groups.
func groupGet(c *call, b []byte) ([]byte, error) {
	known := map[string]bool{}
	err := eachEntry(c.ctx, c.s.engine, func(e *status.Entry) error {
		if e.Group != "" {
			known[e.Group] = true
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	names := slices.Sorted(maps.Keys(known))
	if v := c.arg("group"); v != nil {
		var asked []string
		v.each(func(one value) bool {
			s, _ := one.str()
			asked = append(asked, s)
			return len(asked) < maxColumns
		})
		names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(asked, n) })
	}
	b = c.key(append(b, '{'), "group", "group")
	return append(appendList(b, names, func(b []byte, name string) []byte {
		b = appendString(c.key(append(b, '{'), "name", "name"), name)
		b = append(c.key(b, "honors_session_limits", "honorsSessionLimits"), "true"...)
		for _, way := range []string{"down", "up"} {
			b = append(c.key(b, "speed_limit_"+way, "speed-limit-"+way), '0')
			b = append(c.key(b, "speed_limit_"+way+"_enabled", "speed-limit-"+way+"-enabled"), "false"...)
		}
		return append(b, '}')
	}), '}'), nil
}

func groupSet(c *call, b []byte) ([]byte, error) {
	if name, ok := c.arg("name").str(); !ok || name == "" {
		return b, wrong("name", "the name of a group")
	}
	for _, way := range []string{"speed_limit_down_enabled", "speed_limit_up_enabled"} {
		if on, err := c.flag(way, false); err != nil || on {
			return b, fmt.Errorf("limits of groups are %w: set those of its torrents", status.ErrNotOffered)
		}
	}
	return append(b, "{}"...), nil
}

func logLines(c *call, b []byte) ([]byte, error) {
	after, _ := c.arg("after").integer()
	lines, err := c.s.engine.Log(c.ctx, after)
	if err != nil {
		return b, err
	}
	b = appendList(append(b, `{"lines":`...), lines, func(b []byte, l status.LogLine) []byte { return appendObject(b, logFields, &l, false) })
	return append(b, '}'), nil
}

func rateHistory(c *call, b []byte) ([]byte, error) {
	var id metainfo.ID
	if ids := c.arg("ids"); ids != nil && !ids.isNull() {
		named, err := c.named(ids)
		switch {
		case err != nil:
			return b, err
		case len(named) == 0:
			return b, status.ErrUnknown
		case len(named) > 1:
			return b, wrong("ids", "one torrent")
		}
		id = named[0]
	}
	list, step, err := c.s.engine.Rates(c.ctx, id)
	if err != nil {
		return b, err
	}
	b = appendSeconds(append(b, `{"step":`...), step)
	b = appendList(c.key(b, "down", "down"), list, func(b []byte, r status.Rate) []byte { return appendInt(b, r.Down) })
	b = appendList(c.key(b, "up", "up"), list, func(b []byte, r status.Rate) []byte { return appendInt(b, r.Up) })
	return append(b, '}'), nil
}
