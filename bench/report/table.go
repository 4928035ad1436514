// Package report owns what becomes of figures: the tables and the drawing of the harness's README. It is pure, and may be called
// from any goroutine.
package report

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"shoal/bench/figures"
)

// The marks in a README between which the tables are.
const (
	begin = "<!-- figures -->"
	end   = "<!-- end of figures -->"
)

// heads are the titles of columns.
var heads = map[figures.Key]string{
	figures.Wall: "wall s", figures.Rate: "MiB/s", figures.CPU: "CPU s/GiB", figures.Peak: "peak MiB",
	figures.Last: "last s", figures.Mean: "mean s", figures.Least: "of least", figures.Over: "of limit",
	figures.Resident: "KiB each", figures.Busy: "CPU %", figures.Open: "open", figures.Spread: "worst off %", figures.Share: "KiB/s each",
	figures.First: "ms", figures.Arrived: "MiB",
	figures.Answer: "answer s", figures.Begun: "all run s", figures.Held: "resident MiB", figures.Recent: "changes ms", figures.List: "list ms",
	figures.Wake: "woken ms", figures.Announce: "announces/min",
}

// Section writes one row as a table with its title.
func Section(r *figures.Row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s. %s.\n\n", r.Name, r.Title, runs(r.Runs()))
	cases := slices.ContainsFunc(r.Lines, func(l figures.Line) bool { return l.Case != "" })
	var head []string
	if cases {
		head = append(head, "")
	}
	head = append(head, "client")
	for _, k := range r.Columns {
		head = append(head, heads[k])
	}
	for _, k := range r.Ratios {
		head = append(head, heads[k]+" ×")
	}
	line(&b, head)
	rule := slices.Repeat([]string{"--:"}, len(head))
	for i := range len(head) - len(r.Columns) - len(r.Ratios) {
		rule[i] = "---"
	}
	line(&b, rule)
	for i := range r.Lines {
		line(&b, cells(r, &r.Lines[i], cases))
	}
	if r.Reference != "" && len(r.Ratios) > 0 {
		fmt.Fprintf(&b, "\n× is against %s.\n", r.Reference)
	}
	return b.String()
}

// runs says how many of them there were.
func runs(n int) string {
	if n == 1 {
		return "One run"
	}
	return fmt.Sprintf("Medians of %d runs", n)
}

// cells are one line of a table.
func cells(r *figures.Row, l *figures.Line, cases bool) []string {
	var all []string
	if cases {
		all = append(all, l.Case)
	}
	name := l.Client
	if strings.HasPrefix(name, "shoal") {
		name = "**" + name + "**"
	}
	if l.Note != "" {
		name += fmt.Sprintf(" (%d of %d: %s)", len(l.Samples), max(r.Runs(), len(l.Samples)+1), l.Note)
	}
	all = append(all, name)
	for _, k := range r.Columns {
		all = append(all, number(l.Median(k)))
	}
	for _, k := range r.Ratios {
		v := r.Ratio(l, k)
		if math.IsNaN(v) {
			all = append(all, "")
		} else {
			all = append(all, fmt.Sprintf("%.2f", v))
		}
	}
	return all
}

// number writes a figure with about three digits; nothing for none.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return ""
	case a >= 100 || a == math.Trunc(a):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

func line(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// origin is when, where and with which programs rows were measured.
type origin struct {
	date, machine string
	programs      map[string]string
	rows          []string
}

// takes reports whether a row is of this origin, and notes it if so.
func (o *origin) takes(r *figures.Row) bool {
	if r.Date != o.date || r.Machine != o.machine {
		return false
	}
	for name, version := range r.Programs {
		if other, ok := o.programs[name]; ok && other != version {
			return false
		}
	}
	maps.Copy(o.programs, r.Programs)
	o.rows = append(o.rows, r.Name)
	return true
}

// origins returns those of rows, in the order in which they come up.
func origins(rows []figures.Row) []*origin {
	var all []*origin
	for i := range rows {
		r := &rows[i]
		if !slices.ContainsFunc(all, func(o *origin) bool { return o.takes(r) }) {
			o := &origin{date: r.Date, machine: r.Machine, programs: map[string]string{}}
			o.takes(r)
			all = append(all, o)
		}
	}
	return all
}

// Tables writes rows one after the other, and before them when, where and with which versions they were measured.
func Tables(rows []figures.Row) string {
	var b strings.Builder
	all := origins(rows)
	for _, o := range all {
		var versions []string
		for _, name := range slices.Sorted(maps.Keys(o.programs)) {
			versions = append(versions, name+" "+o.programs[name])
		}
		what := ""
		if len(all) > 1 {
			what = " (" + strings.Join(o.rows, ", ") + ")"
		}
		fmt.Fprintf(&b, "Measured on %s%s: %s; %s.\n\n", o.date, what, o.machine, strings.Join(versions, ", "))
	}
	for i := range rows {
		b.WriteString(Section(&rows[i]))
		b.WriteString("\n")
	}
	return b.String()
}

// Insert puts tables between the marks of a README.
func Insert(readme, tables string) (string, error) {
	head, rest, ok := strings.Cut(readme, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", errors.New("no marks " + begin + " and " + end)
	}
	return head + begin + "\n\n" + tables + end + tail, nil
}
