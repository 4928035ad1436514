package rpc

import (
	"fmt"
	"net/url"
	"slices"
)

// tiers are the trackers that are asked for so far, as a copy.
func (c *edit) tiers() [][]string {
	now := c.e.Trackers
	if c.Trackers != nil {
		now = *c.Trackers
	}
	tiers := make([][]string, len(now))
	for i := range now {
		tiers[i] = slices.Clone(now[i])
	}
	return tiers
}

func addTrackers(c *edit, v value) error {
	tiers, valid := c.tiers(), true
	v.each(func(one value) bool {
		u, ok := one.str()
		if valid = ok && plausibleURL(u); valid && !hasTracker(tiers, u) {
			tiers = append(tiers, []string{u})
		}
		return valid
	})
	if !valid {
		return fmt.Errorf("tracker_add: %w", errAnnounce)
	}
	c.Trackers = &tiers
	return nil
}

// tracker returns the URL of the tracker with a number.
func (c *edit) tracker(number int64) (found string, ok bool) {
	c.ids.numbered(c.e, func(id, _ int, u string) bool {
		if ok = int64(id) == number; ok {
			found = u
		}
		return !ok
	})
	return found, ok
}

func removeTrackers(c *edit, v value) error {
	all, drop := c.tiers(), map[string]bool{}
	valid := true
	v.each(func(one value) bool {
		u, named := one.str()
		if n, ok := one.integer(); ok {
			u, named = c.tracker(n)
		}
		valid = named && hasTracker(all, u)
		drop[u] = true
		return valid
	})
	if !valid {
		return fmt.Errorf("tracker_remove: %w", errTrackers)
	}
	for i := range all {
		all[i] = slices.DeleteFunc(all[i], func(u string) bool { return drop[u] })
	}
	all = slices.DeleteFunc(all, func(tier []string) bool { return len(tier) == 0 })
	c.Trackers = &all
	return nil
}

func replaceTrackers(c *edit, v value) error {
	tiers, valid, old := c.tiers(), true, ""
	count := 0
	v.each(func(one value) bool {
		if count++; count%2 == 1 {
			n, ok := one.integer()
			if valid = ok; valid {
				old, valid = c.tracker(n)
			}
			return valid
		}
		u, ok := one.str()
		valid = ok && plausibleURL(u) && replaceTracker(tiers, old, u)
		return valid
	})
	if !valid || count%2 == 1 {
		return fmt.Errorf("tracker_replace: %w", errTrackers)
	}
	c.Trackers = &tiers
	return nil
}

// replaceTracker puts u in the place of old, and reports whether that is there.
func replaceTracker(tiers [][]string, old, u string) bool {
	for _, tier := range tiers {
		if i := slices.Index(tier, old); i >= 0 {
			tier[i] = u
			return true
		}
	}
	return false
}

func hasTracker(tiers [][]string, u string) bool {
	return slices.ContainsFunc(tiers, func(tier []string) bool { return slices.Contains(tier, u) })
}

func countTrackers(tiers [][]string) (n int) {
	for _, tier := range tiers {
		n += len(tier)
	}
	return n
}

// plausibleTiers reads a list as trackerList writes it.
func plausibleTiers(name, list string) ([][]string, error) {
	tiers := parseTrackerList(list)
	for _, tier := range tiers {
		for _, u := range tier {
			if !plausibleURL(u) {
				return nil, fmt.Errorf("%s: %w", name, errTrackers)
			}
		}
	}
	return tiers, nil
}

// plausibleURL says whether u may be handed to the engine as a tracker; it decides further.
func plausibleURL(u string) bool {
	parsed, err := url.Parse(u)
	return err == nil && parsed.Scheme != "" && parsed.Host != "" && len(u) <= 4096
}
