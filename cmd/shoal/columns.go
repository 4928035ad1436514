package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// listColumn is one column of list, and an order to list by.
type listColumn struct {
	name       string
	left, wide bool
	text       func(*status.Entry) string // clean
	less       func(a, b *status.Entry) int
}

// by compares by a value.
func by[T cmp.Ordered](of func(*status.Entry) T) func(a, b *status.Entry) int {
	return func(a, b *status.Entry) int { return cmp.Compare(of(a), of(b)) }
}

func byTime(of func(*status.Entry) time.Time) func(a, b *status.Entry) int {
	return func(a, b *status.Entry) int { return of(a).Compare(of(b)) }
}

var listColumns = []listColumn{
	{name: "id", text: func(e *status.Entry) string { return fmt.Sprint(e.Number) }, less: by(func(e *status.Entry) int { return e.Number })},
	{name: "hash", left: true, text: func(e *status.Entry) string { return e.ID.String() }, less: by(func(e *status.Entry) string { return e.ID.String() })},
	{name: "name", left: true, wide: true, text: func(e *status.Entry) string { return text.Clean(e.Name, 0) }, less: by(func(e *status.Entry) string { return strings.ToLower(e.Name) })},
	{name: "state", left: true, text: stateWord, less: by((*status.Entry).State)},
	{name: "done", text: func(e *status.Entry) string { return percent(e) }, less: by(doneOf)},
	{name: "size", text: func(e *status.Entry) string { return text.Size(e.Wanted) }, less: by(func(e *status.Entry) int64 { return e.Wanted })},
	{name: "have", text: func(e *status.Entry) string { return text.Size(e.Have) }, less: by(func(e *status.Entry) int64 { return e.Have })},
	{name: "down", text: func(e *status.Entry) string { return rateOrNone(e.Down) }, less: by(func(e *status.Entry) int64 { return e.Down })},
	{name: "up", text: func(e *status.Entry) string { return rateOrNone(e.Up) }, less: by(func(e *status.Entry) int64 { return e.Up })},
	{name: "ratio", text: func(e *status.Entry) string { return fmt.Sprintf("%.2f", ratio(&e.Torrent)) }, less: by(func(e *status.Entry) float64 { return ratio(&e.Torrent) })},
	{name: "eta", text: etaWord, less: by(func(e *status.Entry) time.Duration { return e.ETA })},
	{name: "peers", text: func(e *status.Entry) string { return fmt.Sprint(e.Peers) }, less: by(func(e *status.Entry) int { return e.Peers })},
	{name: "queue", text: func(e *status.Entry) string { return fmt.Sprint(e.QueuePosition + 1) }, less: by(func(e *status.Entry) int { return e.QueuePosition })},
	{name: "priority", left: true, text: func(e *status.Entry) string { return priorityWord(e.Priority) }, less: by(func(e *status.Entry) int8 { return e.Priority })},
	{name: "labels", left: true, wide: true, text: func(e *status.Entry) string { return text.Clean(strings.Join(e.Labels, ","), 0) },
		less: by(func(e *status.Entry) string { return strings.Join(e.Labels, ",") })},
	{name: "dir", left: true, wide: true, text: func(e *status.Entry) string { return text.Clean(e.Dir, 0) }, less: by(func(e *status.Entry) string { return e.Dir })},
	{name: "added", left: true, text: func(e *status.Entry) string { return dateWord(e.Added) }, less: byTime(func(e *status.Entry) time.Time { return e.Added })},
	{name: "active", left: true, text: func(e *status.Entry) string { return dateWord(e.Active) }, less: byTime(func(e *status.Entry) time.Time { return e.Active })},
	{name: "error", left: true, wide: true, text: func(e *status.Entry) string { return text.Clean(e.Err, 0) }, less: by(func(e *status.Entry) string { return e.Err })},
}

func columnNames() []string {
	names := make([]string, len(listColumns))
	for i, c := range listColumns {
		names[i] = c.name
	}
	return names
}

// columnOf is the column of a name.
func columnOf(flag, name string) (*listColumn, error) {
	if err := oneOf(flag, name, columnNames()...); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(listColumns, func(c listColumn) bool { return c.name == name })
	return &listColumns[i], nil
}

func columnsOf(list string) (cols []*listColumn, err error) {
	for name := range strings.SplitSeq(list, ",") {
		c, err := columnOf("--columns", strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return cols, nil
}

// orderOf is the order of a column, turned round by a - before its name.
func orderOf(key string) (func(a, b *status.Entry) int, error) {
	name, down := strings.CutPrefix(key, "-")
	c, err := columnOf("--sort", name)
	if err != nil {
		return nil, err
	}
	if down {
		return func(a, b *status.Entry) int { return c.less(b, a) }, nil
	}
	return c.less, nil
}

// stateWord is a state for people: a stalled torrent says so.
func stateWord(e *status.Entry) string {
	s := e.State()
	switch {
	case e.Stalled && (s == "downloading" || s == "seeding"):
		return "stalled"
	case e.Err != "" && s != "error":
		return s + "!" // something is wrong that does not stop it, like a tracker
	case s == "checking" && e.Verifying:
		return "to check"
	}
	return s
}

// doneOf is the share of what is wanted, or of the check that is under way.
func doneOf(e *status.Entry) float64 {
	switch {
	case e.Phase == status.Checking:
		return e.Checked
	case e.Complete():
		return 1
	case e.Wanted <= 0:
		return 0
	}
	return min(1, max(0, float64(e.Have)/float64(e.Wanted)))
}

// percent rounds down: 100 % is everything.
func percent(e *status.Entry) string { return fmt.Sprintf("%d%%", int(doneOf(e)*100)) }

// ratio is what is shown where a number is needed: 0 where there is none, or no bound.
func ratio(t *status.Torrent) float64 {
	if r := t.ShareRatio(); r > 0 && !math.IsInf(r, 1) {
		return r
	}
	return 0
}

func rateOrNone(n int64) string {
	if n <= 0 {
		return "-"
	}
	return text.Rate(n)
}

func etaWord(e *status.Entry) string {
	if e.Complete() {
		return "-"
	}
	return text.Duration(e.ETA)
}

func dateWord(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

func priorityWord(p int8) string {
	switch {
	case p < 0:
		return "low"
	case p > 0:
		return "high"
	}
	return "normal"
}
