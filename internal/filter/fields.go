package filter

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// Field is what one key of the language asks about: Text for those that compare words, a number else.
type Field struct {
	Doc  string
	text func(arg string) (test, error)
	// number returns what is compared, false for an entry that has no such number; read reads what it is compared with.
	number func(*status.Entry) (float64, bool)
	read   func(string) (float64, error)
}

// Fields has what filters may ask, by key.
var Fields = map[string]Field{
	"name":     {Doc: "has the word", text: func(arg string) (test, error) { return nameHas(arg), nil }},
	"hash":     {Doc: "the info hash begins so", text: hashBegins},
	"label":    {Doc: "has this label", text: labelIs},
	"tracker":  {Doc: "the URL of a tracker has the word", text: trackerHas},
	"dir":      {Doc: "the folder has the word", text: has(func(e *status.Entry) string { return e.Dir })},
	"error":    {Doc: "the error has the word; error: alone is any error", text: errorHas},
	"group":    {Doc: "belongs to this group", text: groupIs},
	"state":    {Doc: "one of the words below", text: stateIs},
	"id":       {Doc: "the number", number: count(func(e *status.Entry) int { return e.Number }), read: plainNumber},
	"size":     {Doc: "of the wanted files, like 1GB", number: bytesOf(func(e *status.Entry) int64 { return e.Wanted }), read: readSize},
	"left":     {Doc: "what is missing of them", number: bytesOf(func(e *status.Entry) int64 { return max(0, e.Wanted-e.Have) }), read: readSize},
	"done":     {Doc: "per cent", number: donePercent, read: readPercent},
	"ratio":    {Doc: "sent to received", number: ratioOf, read: plainNumber},
	"down":     {Doc: "rate, like 1MB", number: bytesOf(func(e *status.Entry) int64 { return e.Down }), read: readSize},
	"up":       {Doc: "rate, like 1MB", number: bytesOf(func(e *status.Entry) int64 { return e.Up }), read: readSize},
	"peers":    {Doc: "connected", number: count(func(e *status.Entry) int { return e.Peers }), read: plainNumber},
	"queue":    {Doc: "position, from 1", number: count(func(e *status.Entry) int { return e.QueuePosition + 1 }), read: plainNumber},
	"priority": {Doc: "-1, 0 or 1", number: count(func(e *status.Entry) int { return int(e.Priority) }), read: plainNumber},
	"age":      {Doc: "since it was added, like 7d or 12h", number: since(func(e *status.Entry) time.Time { return e.Added }), read: readAge},
	"idle":     {Doc: "since payload last came or went", number: since(func(e *status.Entry) time.Time { return e.Active }), read: readAge},
}

// States are what state: takes. The first ones are the words of status.Entry.State.
var States = []string{"downloading", "seeding", "stopped", "waiting", "checking", "metadata", "moving", "partial", "opening", "error",
	"active", "stalled", "complete", "incomplete", "private", "finished"}

func keys() string { return strings.Join(slices.Sorted(maps.Keys(Fields)), ", ") }

func has(of func(*status.Entry) string) func(string) (test, error) {
	return func(arg string) (test, error) {
		want := strings.ToLower(arg)
		return func(e *status.Entry) bool { return strings.Contains(strings.ToLower(of(e)), want) }, nil
	}
}

func nameHas(word string) test {
	t, _ := has(func(e *status.Entry) string { return e.Name })(word)
	return t
}

func hashBegins(arg string) (test, error) {
	want := strings.ToLower(arg)
	return func(e *status.Entry) bool { return strings.HasPrefix(e.ID.String(), want) }, nil
}

func labelIs(arg string) (test, error) {
	return func(e *status.Entry) bool {
		if arg == "" {
			return len(e.Labels) == 0
		}
		return slices.ContainsFunc(e.Labels, func(l string) bool { return strings.EqualFold(l, arg) })
	}, nil
}

func trackerHas(arg string) (test, error) {
	want := strings.ToLower(arg)
	return func(e *status.Entry) bool {
		for _, tier := range e.Trackers {
			for _, u := range tier {
				if strings.Contains(strings.ToLower(u), want) {
					return true
				}
			}
		}
		return false
	}, nil
}

func errorHas(arg string) (test, error) {
	want := strings.ToLower(arg)
	return func(e *status.Entry) bool { return e.Err != "" && strings.Contains(strings.ToLower(e.Err), want) }, nil
}

func groupIs(arg string) (test, error) {
	return func(e *status.Entry) bool { return strings.EqualFold(e.Group, arg) }, nil
}

func stateIs(arg string) (test, error) {
	word := strings.ToLower(arg)
	switch word {
	case "active":
		return func(e *status.Entry) bool { return e.Down > 0 || e.Up > 0 }, nil
	case "stalled":
		return func(e *status.Entry) bool { return e.Stalled }, nil
	case "complete":
		return (*status.Entry).Complete, nil
	case "incomplete":
		return func(e *status.Entry) bool { return !e.Complete() }, nil
	case "private":
		return func(e *status.Entry) bool { return e.Private }, nil
	case "finished":
		return func(e *status.Entry) bool { return e.GoalReached }, nil
	}
	if !slices.Contains(States, word) {
		return nil, fmt.Errorf("%w: state:%s: choose one of %s", ErrSyntax, text.Clean(arg, 40), strings.Join(States, ", "))
	}
	return func(e *status.Entry) bool { return e.State() == word }, nil
}

func count(of func(*status.Entry) int) func(*status.Entry) (float64, bool) {
	return func(e *status.Entry) (float64, bool) { return float64(of(e)), true }
}

func bytesOf(of func(*status.Entry) int64) func(*status.Entry) (float64, bool) {
	return func(e *status.Entry) (float64, bool) { return float64(of(e)), true }
}

func since(of func(*status.Entry) time.Time) func(*status.Entry) (float64, bool) {
	return func(e *status.Entry) (float64, bool) {
		t := of(e)
		return time.Since(t).Seconds(), !t.IsZero()
	}
}

func donePercent(e *status.Entry) (float64, bool) {
	switch {
	case e.Complete():
		return 100, true
	case e.Wanted <= 0:
		return 0, true
	}
	return 100 * float64(e.Have) / float64(e.Wanted), true
}

// ratioOf has no value where nothing could have been sent.
func ratioOf(e *status.Entry) (float64, bool) {
	r := e.ShareRatio()
	return r, r >= 0
}

func plainNumber(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, fmt.Errorf("%q is not a number", text.Clean(s, 40))
	}
	return f, nil
}

func readPercent(s string) (float64, error) { return plainNumber(strings.TrimSuffix(s, "%")) }

func readSize(s string) (float64, error) {
	n, err := text.ParseSize(strings.TrimSuffix(strings.ToLower(s), "/s"))
	return float64(n), err
}

// readAge reads seconds, or a time of one or more units from s to w.
func readAge(s string) (float64, error) {
	if f, err := plainNumber(s); err == nil {
		return f, nil
	}
	for unit, hours := range map[string]float64{"d": 24, "w": 7 * 24} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			f, err := plainNumber(n)
			return f * hours * 3600, err
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time: write one like 90m, 12h, 7d or 2w", text.Clean(s, 40))
	}
	return d.Seconds(), nil
}

// compare is the test of a number.
func (f Field) compare(key, op, arg string) (test, error) {
	want, err := f.read(arg)
	if err != nil {
		return nil, fmt.Errorf("%w: %s%s: %w", ErrSyntax, key, op, err)
	}
	holds := map[string]func(float64) bool{
		"<": func(v float64) bool { return v < want }, "<=": func(v float64) bool { return v <= want },
		">": func(v float64) bool { return v > want }, ">=": func(v float64) bool { return v >= want },
		"=": func(v float64) bool { return v == want },
	}[op]
	return func(e *status.Entry) bool {
		v, ok := f.number(e)
		return ok && holds(v)
	}, nil
}
