package report

import (
	"strings"
	"testing"

	"shoal/bench/figures"
)

// walls is a line with samples of one figure.
func walls(what, client string, values ...float64) figures.Line {
	l := figures.Line{Case: what, Client: client}
	for _, v := range values {
		l.Samples = append(l.Samples, figures.Sample{figures.Wall: v})
	}
	return l
}

func TestSection(t *testing.T) {
	columns := []figures.Key{figures.Wall, figures.Peak}
	broken := walls("", "aria2", 5)
	broken.Note = "failed: not done after 2m0s"
	for _, c := range []struct {
		name string
		row  figures.Row
		want string
	}{
		{"clients against a reference", figures.Row{Name: "leech", Title: "Download", Columns: columns, Ratios: columns[:1], Reference: "libtorrent",
			Lines: []figures.Line{walls("", "libtorrent", 4, 2, 3), walls("", "shoal", 1.5, 1, 9), broken}}, `### leech

Download. Medians of 3 runs.

| client | wall s | peak MiB | wall s × |
| --- | --: | --: | --: |
| libtorrent | 3 |  | 1.00 |
| **shoal** | 1.50 |  | 0.50 |
| aria2 (1 of 3: failed: not done after 2m0s) | 5 |  | 1.67 |

× is against libtorrent.
`},
		{"cases, one run, and no reference", figures.Row{Name: "quiet", Title: "Rest", Columns: columns[:1],
			Lines: []figures.Line{walls("1 torrent", "shoal", 0.25), {Case: "2 torrents", Client: "shoal", Note: "failed"}}}, `### quiet

Rest. One run.

|  | client | wall s |
| --- | --- | --: |
| 1 torrent | **shoal** | 0.25 |
| 2 torrents | **shoal** (0 of 1: failed) |  |
`},
	} {
		if got := Section(&c.row); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for want, v := range map[string]float64{"0": 0, "0.012": 0.0123, "0.12": 0.123, "1.23": 1.234, "12.3": 12.34, "123": 123.4, "2000": 2000, "-0.50": -0.5} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// TestTablesSayWhereFrom: one line for what was measured together, one for each part when there are several.
func TestTablesSayWhereFrom(t *testing.T) {
	row := func(name, date, machine, shoal string, more ...string) figures.Row {
		r := figures.Row{Name: name, Title: name, Date: date, Machine: machine, Programs: map[string]string{"shoal": shoal}}
		for _, m := range more {
			r.Programs[m] = "7"
		}
		return r
	}
	for _, c := range []struct {
		name string
		rows []figures.Row
		want []string
	}{
		{"together", []figures.Row{row("a", "d", "m", "1"), row("b", "d", "m", "1", "aria2")}, []string{"Measured on d: m; aria2 7, shoal 1."}},
		{"another day", []figures.Row{row("a", "d", "m", "1"), row("b", "e", "m", "1"), row("c", "d", "m", "1")},
			[]string{"Measured on d (a, c): m; shoal 1.", "Measured on e (b): m; shoal 1."}},
		{"another machine", []figures.Row{row("a", "d", "m", "1"), row("b", "d", "n", "1")}, []string{"Measured on d (a): m; shoal 1.", "Measured on d (b): n; shoal 1."}},
		{"another version", []figures.Row{row("a", "d", "m", "1"), row("b", "d", "m", "2")}, []string{"Measured on d (a): m; shoal 1.", "Measured on d (b): m; shoal 2."}},
	} {
		var got []string
		for l := range strings.SplitSeq(Tables(c.rows), "\n") {
			if strings.HasPrefix(l, "Measured") {
				got = append(got, l)
			}
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestInsert(t *testing.T) {
	const readme = "# Title\n" + begin + "\nold\n" + end + "\nafter\n"
	once, err := Insert(readme, "new\n")
	if err != nil || once != "# Title\n"+begin+"\n\nnew\n"+end+"\nafter\n" {
		t.Fatalf("%q, %v", once, err)
	}
	if twice, err := Insert(once, "new\n"); err != nil || twice != once {
		t.Errorf("inserted again: %q, %v", twice, err)
	}
	for _, s := range []string{"", begin, end, end + begin} {
		if got, err := Insert(s, "new"); err == nil {
			t.Errorf("Insert(%q) = %q", s, got)
		}
	}
}
