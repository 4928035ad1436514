package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"shoal/session"
	"shoal/session/blocklist"
	"shoal/session/hours"
	"shoal/session/state"
	"shoal/status"
)

// heed puts settings that were changed into force. Those that only the next start heeds are left for that.
func (l *Library) heed(old status.Settings) {
	l.mu.Lock()
	now := l.settings.now
	each := now.DownEach != old.DownEach || now.UpEach != old.UpEach
	trackers := !reflect.DeepEqual(now.Trackers, old.Trackers)
	if l.limits(&now) != l.limits(&old) || now.MaxPeersEach != old.MaxPeersEach {
		l.session.SetSessionLimits(l.limits(&now), now.MaxPeersEach)
	}
	if each || trackers {
		l.heedEach(each, trackers)
	}
	if now.BlocklistOn != old.BlocklistOn || now.BlocklistURL != old.BlocklistURL {
		l.block.next = time.Time{}
	} else if now.BlocklistEvery != old.BlocklistEvery && !l.block.last.IsZero() {
		l.block.next = after(l.block.last, now.BlocklistEvery)
	}
	l.mu.Unlock()
	l.poke()
}

// heedEach gives each torrent of the session the limits and trackers that follow from the settings. None that sleeps is woken. Library.mu is
// held.
func (l *Library) heedEach(limits, trackers bool) {
	var running []*item
	for _, it := range l.items {
		if it.place == live {
			running = append(running, it)
		}
	}
	l.goes(func(ctx context.Context) {
		for _, it := range running {
			l.mu.Lock()
			k, s := it.kept, l.settings.now
			l.mu.Unlock()
			var errs [2]error
			if limits {
				errs[0] = l.session.SetLimits(ctx, k.id, torrentLimits(k.options(), &s))
			}
			if trackers {
				errs[1] = l.session.SetTrackers(ctx, k.id, withDefaults(&k, s.Trackers))
			}
			if err := errors.Join(errs[:]...); err != nil && ctx.Err() == nil {
				l.log.Debug("heeded from its next start on", "torrent", k.id, "err", err)
			}
		}
	})
}

// schedule follows the schedule of the other limits where it begins or ends. Library.mu is held.
func (l *Library) schedule(wall time.Time) {
	s := &l.settings.now
	if !scheduled(s) {
		l.hours = 0
		return
	}
	on := int8(-1)
	if hours.On(s.AltSchedule, wall) {
		on = 1
	}
	if on == l.hours {
		return
	}
	l.hours = on
	if s.AltOn == (on > 0) {
		return
	}
	s.AltOn = on > 0
	l.session.SetSessionLimits(l.limits(s), s.MaxPeersEach)
	l.log.Info("the schedule changes the limits", "alternative", s.AltOn)
}

const (
	blockRetry = time.Hour   // after a failure, at most
	blockName  = "blocklist" // the copy in the state folder
	maxBlock   = 64 << 20
)

// blocking is the state of the blocklist. Library.mu guards it.
type blocking struct {
	last  time.Time // monotonic: when it was fetched last, or that was tried
	next  time.Time // monotonic: when it is fetched
	under bool      // that is under way
	rules int
}

// refreshBlocklist fetches the blocklist when its time has come. Library.mu is held.
func (l *Library) refreshBlocklist(now time.Time) {
	b := &l.block
	if b.under || b.next.After(now) {
		return
	}
	b.under = true
	every := l.settings.now.BlocklistEvery
	b.last, b.next = now, after(now, every)
	on := l.settings.now.BlocklistOn && l.settings.now.BlocklistURL != ""
	if !on && b.rules == 0 {
		b.under = false
		return
	}
	first := b.rules == 0
	begun := l.goes(func(ctx context.Context) {
		if first && on { // what is here already holds until the new one is there
			if raw, err := state.ReadFile(l.cfg.State, blockName, maxBlock); err == nil {
				_, _ = l.enforceBlocklist(raw)
			}
		}
		_, err := l.UpdateBlocklist(ctx)
		l.mu.Lock()
		b.under = false
		if err != nil && on {
			b.next = time.Now().Add(blockRetry)
			if every > 0 {
				b.next = time.Now().Add(min(every, blockRetry))
			}
		}
		l.mu.Unlock()
		if err != nil && on && ctx.Err() == nil {
			l.log.Warn("the blocklist is not up to date; it is tried again", "err", err)
		}
	})
	if !begun {
		b.under = false
	}
}

// after is a moment so long after another; 0 is never.
func after(at time.Time, d time.Duration) time.Time {
	const never = 100 * 365 * 24 * time.Hour
	if d == 0 {
		d = never
	}
	return at.Add(d)
}

// UpdateBlocklist implements status.Engine.
func (l *Library) UpdateBlocklist(ctx context.Context) (rules int, err error) {
	l.mu.Lock()
	from, on := l.settings.now.BlocklistURL, l.settings.now.BlocklistOn
	ours := from == l.settings.configured.BlocklistURL
	l.mu.Unlock()
	if !on || from == "" {
		l.session.SetBlocked(nil)
		l.mu.Lock()
		l.block.rules = 0
		l.mu.Unlock()
		return 0, errors.New("no blocklist is set, or it is switched off")
	}
	raw, err := l.readBlocklist(ctx, from, ours)
	if err != nil {
		return 0, fmt.Errorf("fetch the blocklist: %w", err)
	}
	if rules, err = l.enforceBlocklist(raw); err != nil {
		return 0, err
	}
	if err := state.WriteFile(l.cfg.State, blockName, raw); err != nil {
		l.log.Warn("the blocklist is not kept for the next start", "err", err)
	}
	return rules, nil
}

// readBlocklist reads what an address leads to. One that the configuration names may lead anywhere, also to a file; one that was set while
// the daemon ran comes from whoever may call it, and leads into the internet only.
func (l *Library) readBlocklist(ctx context.Context, from string, ours bool) ([]byte, error) {
	if strings.Contains(from, "://") {
		raw, err := session.Fetch{Agent: l.agent(), Limit: maxBlock, Global: !ours}.Get(ctx, l.net(), from)
		if err == nil && len(raw) > maxBlock {
			err = blocklist.ErrTooLarge
		}
		return raw, err
	}
	if !filepath.IsAbs(from) {
		return nil, fmt.Errorf("%.200q is neither a URL nor an absolute path", from)
	}
	if !ours {
		return nil, errors.New("a file is taken only where the configuration names it")
	}
	st, err := os.Stat(from)
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxBlock) {
		err = blocklist.ErrTooLarge
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(from)
}

// enforceBlocklist reads a list and puts it into force; half of one never is.
func (l *Library) enforceBlocklist(raw []byte) (int, error) {
	list, report, err := blocklist.Parse(bytes.NewReader(raw), blocklist.Limits{})
	if err != nil {
		return 0, err
	}
	if report.Bad > 0 {
		l.log.Warn("lines of the blocklist cannot be read", "bad", report.Bad, "rules", report.Rules, "first", report.Examples)
	}
	l.session.SetBlocked(list.Blocks)
	l.mu.Lock()
	l.block.rules = report.Rules
	l.mu.Unlock()
	l.log.Info("blocklist in force", "rules", report.Rules)
	return report.Rules, nil
}
