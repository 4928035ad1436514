//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shoal/bench/figures"
	"shoal/bench/report"
)

// results are the figures that the README shows.
func results(t *testing.T) []figures.Row {
	t.Helper()
	rows, err := figures.Load("results.json")
	if err != nil {
		t.Fatalf("%v: measure with go run ./bench all -json bench/results.json", err)
	}
	return rows
}

// TestReadmeShowsTheResults: the tables and the drawing are those of results.json.
func TestReadmeShowsTheResults(t *testing.T) {
	rows := results(t)
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want, err := report.Insert(string(readme), report.Tables(rows)); err != nil || want != string(readme) {
		t.Errorf("README.md shows other figures than results.json (%v): go run ./bench table", err)
	}
	if svg, err := os.ReadFile("plot.svg"); err != nil || !bytes.Equal(svg, report.Plot(rows)) {
		t.Errorf("plot.svg shows other figures than results.json (%v): go run ./bench plot", err)
	}
}

// TestResultsAreWhole: every row was measured, on a machine and with versions that are named, shoal among them.
func TestResultsAreWhole(t *testing.T) {
	rows := results(t)
	have := map[string]bool{}
	for _, r := range rows {
		have[r.Name] = true
		if r.Date == "" || r.Machine == "" || r.Programs["shoal"] == "" || r.Runs() == 0 {
			t.Errorf("%s: measured on %q, %q, with %v, %d runs", r.Name, r.Date, r.Machine, r.Programs, r.Runs())
		}
	}
	for _, name := range rowNames() {
		if !have[name] {
			t.Errorf("%s was not measured: go run ./bench %s -json bench/results.json", name, name)
		}
	}
}

// TestReadmeNamesEveryRow: each row has its line, which says what it measures.
func TestReadmeNamesEveryRow(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range rowNames() {
		if n := strings.Count(string(readme), "\n| `"+name+"` |"); n != 1 {
			t.Errorf("README.md has %d lines about %s", n, name)
		}
	}
	if !strings.Contains(string(readme), "](plot.svg)") {
		t.Error("README.md does not show the plot")
	}
}

// TestTableAndPlot: what both commands write is what the first test above demands, and it stays when they run again.
func TestTableAndPlot(t *testing.T) {
	dir := t.TempDir()
	o := options{json: filepath.Join(dir, "results.json"), page: filepath.Join(dir, "README.md")}
	row := figures.Row{Name: "leech", Title: "Download", Date: "2026-01-02", Machine: "m", Programs: map[string]string{"shoal": "1"}, Columns: speedColumns, Ratios: speedRatios,
		Reference: "libtorrent", Lines: []figures.Line{{Client: "libtorrent", Samples: []figures.Sample{sample(2, 1, 1, gib)}}, {Client: "shoal", Samples: []figures.Sample{sample(1, 1, 1, gib)}}}}
	if err := figures.Put(o.json, row, rowNames()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.page, text, 0o666); err != nil {
		t.Fatal(err)
	}
	var was []byte
	for range 2 {
		if err := table(o); err != nil {
			t.Fatal(err)
		}
		if err := plot(o); err != nil {
			t.Fatal(err)
		}
		now, err := os.ReadFile(o.page)
		if err != nil || !bytes.Contains(now, []byte("\n| **shoal** | 1 | 1024 | ")) || was != nil && !bytes.Equal(was, now) {
			t.Fatalf("%v\n%s", err, now)
		}
		was = now
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "plot.svg")); err != nil || !bytes.Equal(svg, report.Plot([]figures.Row{row})) {
		t.Errorf("the plot: %v", err)
	}
}
