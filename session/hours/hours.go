// Package hours says whether a weekly schedule is on, and when that changes next. It owns no state and reads no clock: all of it is
// functions of their arguments, which any goroutine may call. Days and times are those that a clock on the wall shows in the
// location of the time that is asked about: when it is put forward, what lies in the gap is passed over, and when it is
// put back, the hour that comes twice counts twice.
package hours

import (
	"time"

	"shoal/status"
)

const (
	day = 24 * time.Hour
	// horizon is how far Next looks: any schedule repeats every week, and in one of them a jump may swallow what would change it.
	horizon = 22 * day
)

// On says whether t lies in one of the windows. The beginning of a window belongs to it, the end does not. A window whose end is not
// after its beginning goes on into the next day: if they are equal it has 24 hours.
func On(windows []status.Window, t time.Time) bool {
	at, today := sinceMidnight(t), t.Weekday()
	yesterday := (today + 6) % 7
	for _, w := range windows {
		over := w.To <= w.From
		if has(w, today) && at >= w.From && (over || at < w.To) || over && has(w, yesterday) && at < w.To {
			return true
		}
	}
	return false
}

// Next returns when On changes after t, zero if it never does.
func Next(windows []status.Window, t time.Time) time.Time {
	t = t.Round(0) // the wall's clock alone
	now, end := On(windows, t), t.Add(horizon)
	for at := t; at.Before(end); {
		at = step(windows, at)
		if On(windows, at) != now {
			return at
		}
	}
	return time.Time{}
}

// step returns the next time after t at which a window can begin or end, or a day, or at which the clock is put to another time.
func step(windows []status.Window, t time.Time) time.Time {
	since := sinceMidnight(t)
	wait := day - since
	for _, w := range windows {
		for _, edge := range [...]time.Duration{w.From, w.To} {
			if edge > since && edge-since < wait {
				wait = edge - since
			}
		}
	}
	next := t.Add(wait)
	// Until the clock is put to another time it goes evenly.
	if _, jump := t.ZoneBounds(); !jump.IsZero() && jump.Before(next) {
		next = jump
	}
	return next
}

func has(w status.Window, d time.Weekday) bool { return w.Days>>d&1 == 1 }

// sinceMidnight is what the clock on the wall shows.
func sinceMidnight(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}
