package hours

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"shoal/status"
)

// names are the days as they are written, in the order of time.Weekday.
var names = [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// groups are words for several days.
var groups = map[string]uint8{"daily": 0x7f, "weekdays": 0x3e, "weekends": 0x41}

// Parse reads one window: days, a blank, and the times that it begins and ends at, as in "mon-fri 08:00-18:00", "sat,sun 0:00-24:00" or
// "daily 23:00-07:00", which ends on the next day. Without days it is every day.
func Parse(s string) (status.Window, error) {
	words := strings.Fields(strings.ToLower(s))
	w := status.Window{Days: groups["daily"]}
	var err error
	if len(words) == 2 {
		w.Days, err = parseDays(words[0])
		words = words[1:]
	}
	if err == nil && len(words) != 1 {
		err = errors.New("want days and times")
	}
	if err == nil {
		w.From, w.To, err = parseTimes(words[0])
	}
	if err != nil {
		return status.Window{}, fmt.Errorf("%q is no stretch of the week, as \"mon-fri 08:00-18:00\" is: %w", s, err)
	}
	return w, nil
}

func parseDays(s string) (mask uint8, err error) {
	for part := range strings.SplitSeq(s, ",") {
		if days, ok := groups[part]; ok {
			mask |= days
			continue
		}
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := parseDay(from)
		if err != nil {
			return 0, err
		}
		last, err := parseDay(to)
		if err != nil {
			return 0, err
		}
		for d := first; ; d = (d + 1) % 7 {
			mask |= 1 << d
			if d == last {
				break
			}
		}
	}
	return mask, nil
}

func parseDay(s string) (int, error) {
	for d, name := range names {
		// "mon" and "monday", and what lies between.
		if full := strings.ToLower(time.Weekday(d).String()); strings.HasPrefix(s, name) && strings.HasPrefix(full, s) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is no day; they are %s, and daily, weekdays, weekends", s, strings.Join(names[:], " "))
}

func parseTimes(s string) (from, to time.Duration, err error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		return 0, 0, fmt.Errorf("%q has no beginning and end", s)
	}
	if from, err = parseTime(a); err != nil {
		return 0, 0, err
	}
	if to, err = parseTime(b); err != nil {
		return 0, 0, err
	}
	if from == day {
		return 0, 0, errors.New("nothing begins at 24:00")
	}
	return from, to % day, nil
}

// parseTime reads a time of the day from 0:00 to 24:00.
func parseTime(s string) (time.Duration, error) {
	h, m, ok := strings.Cut(s, ":")
	hour, herr := number(h, 1)
	minute, merr := number(m, 2)
	t := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	if !ok || herr != nil || merr != nil || minute > 59 || t > day {
		return 0, fmt.Errorf("%q is no time from 00:00 to 24:00", s)
	}
	return t, nil
}

// number reads a number of at least so many digits, two at most, and nothing else.
func number(s string, least int) (uint64, error) {
	if len(s) < least || len(s) > 2 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(s, 10, 8)
}

// Format writes a window as Parse reads it. Seconds are left out.
func Format(w status.Window) string {
	to := w.To
	if to == 0 {
		to = day
	}
	return formatDays(w.Days) + " " + formatTime(w.From) + "-" + formatTime(to)
}

// formatDays writes the days from Monday on, neighbours as a range.
func formatDays(mask uint8) string {
	if mask&0x7f == 0x7f {
		return "daily"
	}
	var parts []string
	for i := 0; i < 7; i++ {
		first, last := i, i
		for last < 7 && mask>>((last+1)%7)&1 == 1 {
			last++
		}
		i = last
		switch n := last - first; {
		case n == 1:
			parts = append(parts, names[(first+1)%7])
		case n > 1:
			parts = append(parts, names[(first+1)%7]+"-"+names[last%7])
		}
	}
	return strings.Join(parts, ",")
}

func formatTime(t time.Duration) string {
	return fmt.Sprintf("%02d:%02d", t/time.Hour, t%time.Hour/time.Minute)
}

// Check says whether a window can be one: some day, a beginning from 0:00 to before 24:00, an end up to that, in whole minutes.
func Check(w status.Window) error {
	switch {
	case w.Days == 0 || w.Days > 0x7f:
		return fmt.Errorf("a stretch of the week with the days %#x: want some of the seven", w.Days)
	case w.From < 0 || w.From >= day || w.To < 0 || w.To > day || w.From%time.Minute != 0 || w.To%time.Minute != 0:
		return fmt.Errorf("a stretch of the week from %v to %v: want whole minutes of a day", w.From, w.To)
	}
	return nil
}

// FromTransmission makes a window of what Transmission calls alt-speed-time-begin, -end (minutes since midnight) and -day (bit 0 is
// Sunday). Without a day it is never on.
func FromTransmission(begin, end, days int) (status.Window, error) {
	const minutes = 24 * 60
	if begin < 0 || begin >= minutes || end < 0 || end > minutes || days < 0 || days > 0x7f {
		return status.Window{}, fmt.Errorf("alternative limits from minute %d to %d on the days %#x: want minutes below %d and days up to 0x7f", begin, end, days, minutes)
	}
	return status.Window{Days: uint8(days), From: time.Duration(begin) * time.Minute, To: time.Duration(end%minutes) * time.Minute}, nil
}

// ToTransmission is the way back. Transmission knows one stretch of time on several days only: exact is false where that cannot say
// what the windows say, and then it is the first of them, on all days that have its times.
func ToTransmission(windows []status.Window) (begin, end, days int, exact bool) {
	if len(windows) == 0 {
		return 0, 0, 0, true
	}
	first, exact := windows[0], true
	mask := first.Days
	for _, w := range windows[1:] {
		if w.From != first.From || w.To%day != first.To%day {
			exact = false
			continue
		}
		mask |= w.Days
	}
	return int(first.From / time.Minute), int(first.To % day / time.Minute), int(mask & 0x7f), exact
}
