package library

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"reflect"
	"slices"
	"strconv"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/peer"
	"shoal/session"
	"shoal/session/budget"
	"shoal/status"
)

// settings are what is configured, what was changed since, and what comes of both. Library.mu guards them.
type settings struct {
	file       document
	configured status.Settings
	changed    []override
	now        status.Settings
}

// override is a setting that was changed while a daemon ran. It holds as long as what it replaced is still configured: a
// later change of the configuration goes before it.
type override struct {
	Name string          `json:"name"` // of the field of status.Settings
	Was  json.RawMessage `json:"was"`  // what was configured
	Now  json.RawMessage `json:"now"`
}

// readOnly are the fields that Set keeps as they are configured.
var readOnly = []string{"HookAdded", "HookDone", "HookSeeded", "HookError", "Rules", "BlocklistEvery", "Roots", "Version", "ConfigDir", "Kind"}

// overrides returns in which settings want differs from configured.
func overrides(configured, want *status.Settings) (out []override) {
	c, w := reflect.ValueOf(configured).Elem(), reflect.ValueOf(want).Elem()
	for i := range c.NumField() {
		name := c.Type().Field(i).Name
		if slices.Contains(readOnly, name) {
			continue
		}
		a, _ := json.Marshal(c.Field(i).Interface()) // numbers, strings and lists of them: it cannot fail
		b, _ := json.Marshal(w.Field(i).Interface())
		if !bytes.Equal(a, b) {
			out = append(out, override{name, a, b})
		}
	}
	return out
}

// apply returns the configured settings with the overrides that still hold, and those.
func apply(configured status.Settings, list []override) (now status.Settings, hold []override) {
	now = configured
	v := reflect.ValueOf(&now).Elem()
	for _, o := range list {
		f := v.FieldByName(o.Name)
		if !f.IsValid() || slices.Contains(readOnly, o.Name) {
			continue
		}
		was, _ := json.Marshal(f.Interface())
		fresh := reflect.New(f.Type())
		if !bytes.Equal(was, o.Was) || json.Unmarshal(o.Now, fresh.Interface()) != nil {
			continue
		}
		f.Set(fresh.Elem())
		hold = append(hold, o)
	}
	return now, hold
}

// loadSettings reads what earlier runs changed. Damage costs these changes.
func (l *Library) loadSettings() {
	s := &l.settings
	s.file = document{name: "settings", magic: "shoal settings\n"}
	s.configured = l.cfg.Settings
	body, notes := s.file.load(l.cfg.State)
	for _, n := range notes {
		l.log.Warn("settings that were changed while the daemon ran", "err", n)
	}
	var list []override
	if body != nil {
		if err := json.Unmarshal(body, &list); err != nil {
			l.log.Warn("settings that were changed while the daemon ran cannot be read", "err", err)
		}
	}
	if s.now, s.changed = apply(s.configured, list); len(s.changed) != len(list) {
		l.saveChanged()
	}
	if err := checkSettings(&s.now); err != nil { // by a program that allowed more
		l.log.Warn("settings that were changed while the daemon ran are not used", "err", err)
		s.now, s.changed = s.configured, nil
	}
}

// Settings implements status.Engine.
func (l *Library) Settings(context.Context) (status.Settings, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.settings.now
	out.Rules = l.block.rules
	return out, nil
}

// Set implements status.Engine.
func (l *Library) Set(ctx context.Context, want status.Settings) error {
	if err := checkSettings(&want); err != nil {
		return err
	}
	l.mu.Lock()
	s := &l.settings
	old, roots := s.now, s.configured.Roots
	l.mu.Unlock()
	for _, dir := range []*string{&want.Dir, &want.IncompleteDir} {
		if *dir == "" || *dir == old.Dir || *dir == old.IncompleteDir {
			continue
		}
		clean, err := allowed(l.folders, *dir, roots)
		if err != nil {
			return err
		}
		*dir = clean
	}
	l.mu.Lock()
	s.changed = overrides(&s.configured, &want)
	s.now, s.changed = apply(s.configured, s.changed)
	if scheduled(&s.now) { // which limits count is the schedule's, and holds until its next turn
		s.changed = slices.DeleteFunc(s.changed, func(o override) bool { return o.Name == "AltOn" })
	}
	round := l.saveChanged()
	l.mu.Unlock()
	l.heed(old)
	return durable(ctx, round)
}

// saveChanged has what was changed written. Library.mu is held.
func (l *Library) saveChanged() <-chan struct{} {
	b, _ := json.Marshal(l.settings.changed) // texts that were encoded before: it cannot fail
	return l.store.keepFile(&l.settings.file, b)
}

// Reload takes over another configuration: settings that it changes go before what was changed while the daemon ran.
func (l *Library) Reload(configured status.Settings) error {
	if err := checkSettings(&configured); err != nil {
		return err
	}
	l.mu.Lock()
	s := &l.settings
	old := s.now
	s.configured = configured
	n := len(s.changed)
	if s.now, s.changed = apply(configured, s.changed); len(s.changed) != n {
		l.saveChanged() // what was overtaken does not come back
	}
	switch {
	case !scheduled(&s.now):
	case !reflect.DeepEqual(s.now.AltSchedule, old.AltSchedule):
		l.hours = 0 // the loop looks at the clock anew
		fallthrough
	case scheduled(&old):
		s.now.AltOn = old.AltOn // the schedule's, not the configuration's
	}
	l.mu.Unlock()
	l.heed(old)
	return nil
}

// scheduled reports whether a schedule chooses between the limits.
func scheduled(s *status.Settings) bool { return s.AltScheduled && len(s.AltSchedule) > 0 }

// checkSettings reports the first setting that cannot be.
func checkSettings(s *status.Settings) error {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"DownLimit", s.DownLimit}, {"UpLimit", s.UpLimit}, {"AltDown", s.AltDown}, {"AltUp", s.AltUp}, {"DownEach", s.DownEach},
		{"UpEach", s.UpEach}, {"MaxPeers", int64(s.MaxPeers)}, {"MaxPeersEach", int64(s.MaxPeersEach)}, {"UploadSlots", int64(s.UploadSlots)},
		{"QueueDownloads", int64(s.QueueDownloads)}, {"QueueSeeds", int64(s.QueueSeeds)}, {"StalledAfter", int64(s.StalledAfter)},
		{"Idle", int64(s.Idle)}, {"SeedTime", int64(s.SeedTime)}, {"Port", int64(s.Port)},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s may not be negative, but is %d", n.name, n.value)
		}
	}
	switch {
	case s.Port > 65535:
		return fmt.Errorf("port %d is not one of 0 to 65535", s.Port)
	case !(s.Ratio >= 0 && s.Ratio < 1e9):
		return fmt.Errorf("ratio %v is not one of 0 to 1e9", s.Ratio)
	case s.Dir == "":
		return errors.New("the folder of downloads is missing: set it")
	}
	if _, ok := policies[s.Encryption]; !ok && s.Encryption != "" {
		return fmt.Errorf("encryption %q is not one of prefer, require and off", s.Encryption)
	}
	for _, w := range s.AltSchedule {
		if w.Days > 127 || w.From < 0 || w.From >= 24*time.Hour || w.To < 0 || w.To > 24*time.Hour {
			return fmt.Errorf("the schedule's window from %v to %v on days %b is none", w.From, w.To, w.Days)
		}
	}
	return checkTiers(s.Trackers)
}

// checkTiers reports the first URL that cannot be a tracker's.
func checkTiers(tiers [][]string) error {
	n := 0
	for _, tier := range tiers {
		for _, u := range tier {
			if n++; n > maxTrackers {
				return fmt.Errorf("more than %d trackers", maxTrackers)
			}
			if _, err := metainfo.CheckTracker(u); err != nil {
				return fmt.Errorf("tracker: %w", err)
			}
		}
	}
	return nil
}

// maxTrackers is how many trackers one torrent may have.
const maxTrackers = 1000

var policies = map[string]peer.Encryption{"prefer": peer.PreferEncryption, "require": peer.RequireEncryption, "off": peer.NoEncryption}

// sessionConfig is the session's configuration as the settings want it at the start.
func (l *Library) sessionConfig() session.Config {
	c, s := l.cfg.Session, &l.settings.now
	c.State, c.Log = l.cfg.State, l.log
	c.OpenFolder = func(path string) (fsys.FS, error) { return l.folders.Open(path, false) }
	if s.Port != 0 {
		host, _, err := net.SplitHostPort(c.Listen)
		if err != nil {
			host = ""
		}
		c.Listen = net.JoinHostPort(host, strconv.Itoa(s.Port))
	}
	if p, ok := policies[s.Encryption]; ok {
		c.Encryption = p
	}
	if !s.DHT {
		c.DHT = nil
	}
	c.NoPex, c.NoLSD, c.NoPortMap = c.NoPex || !s.PEX, c.NoLSD || !s.LSD, c.NoPortMap || !s.PortMapping
	c.Limits, c.MaxPeers = l.limits(s), s.MaxPeersEach
	return c
}

// limits are the session's limits as the settings want them now.
func (l *Library) limits(s *status.Settings) budget.Limits {
	out := l.cfg.Session.Limits
	out.Down, out.Up = s.Limits()
	out.Slots = s.UploadSlots
	if s.MaxPeers > 0 {
		out.Connections = s.MaxPeers
	}
	return out
}
