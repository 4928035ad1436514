package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"shoal/bench/figures"
)

// well reads a drawing to its end.
func well(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	for _, bad := range []string{"NaN", "Inf"} {
		if bytes.Contains(svg, []byte(bad)) {
			t.Errorf("%s in\n%s", bad, svg)
		}
	}
}

// point is a line with one sample of one figure.
func point(what string, x float64, client string, key figures.Key, v float64) figures.Line {
	return figures.Line{Case: what, X: x, Client: client, Samples: []figures.Sample{{key: v}}}
}

func TestPlot(t *testing.T) {
	empty := figures.Line{Client: "aria2", Note: "failed"}
	rows := []figures.Row{
		{Name: "leech", Lines: []figures.Line{
			{Client: "shoal", Samples: []figures.Sample{{figures.Rate: 900, figures.CPU: 1}}},
			{Client: "<other>", Samples: []figures.Sample{{figures.Rate: 300, figures.CPU: 2}}}, empty}},
		{Name: "seed", Lines: []figures.Line{point("1 connection", 1, "shoal", figures.Rate, 5), point("50 connections", 50, "shoal", figures.Rate, 6), empty}},
		{Name: "hash", Lines: []figures.Line{point("not drawn", 0, "shoal", figures.Rate, 5)}},
		{Name: "peers", Lines: []figures.Line{point("", 1, "shoal", figures.Rate, 5), point("", 512, "shoal", figures.Rate, 6), point("", 1, "libtorrent", figures.Rate, 3), empty}},
		{Name: "memory", Lines: []figures.Line{point("", 1e3, "shoal", figures.Peak, 20), point("", 1e6, "shoal", figures.Peak, 40)}},
		{Name: "quiet", Lines: []figures.Line{point("", 1, "shoal", figures.Busy, 0.5), point("", 1000, "shoal", figures.Busy, 1)}},
	}
	svg := Plot(rows)
	well(t, svg)
	for _, want := range []string{"prefers-color-scheme:dark", ".paper", "Download", "Serving 50 connections", "&lt;other&gt;", "Serving, MiB/s", "Peak memory, MiB",
		"CPU of a quiet hour, s", ">512<", ">1M<", ">1k<", `<text class="small end" x="624" y="`} {
		if !bytes.Contains(svg, []byte(want)) {
			t.Errorf("no %q in\n%s", want, svg)
		}
	}
	if bytes.Contains(svg, []byte("not drawn")) {
		t.Error("a row is drawn that should not be")
	}
	if again := Plot(rows); !bytes.Equal(svg, again) {
		t.Error("the same rows are drawn in two ways")
	}
	for i := range rows {
		well(t, Plot(rows[:i]))
	}
	for _, name := range []string{"leech", "peers", "memory", "quiet"} { // with nothing in them
		well(t, Plot([]figures.Row{{Name: name}, {Name: name, Lines: []figures.Line{empty}}}))
		well(t, Plot([]figures.Row{{Name: name, Lines: []figures.Line{point("", 8, "shoal", figures.Rate, 1)}}}))
	}
}

// TestCurve: a quiet hour is drawn in seconds, to the right by the logarithm, and upwards from zero.
func TestCurve(t *testing.T) {
	c := curves([]figures.Row{{Name: "quiet", Lines: []figures.Line{
		point("", 1, "shoal", figures.Busy, 1), point("", 10, "shoal", figures.Busy, 0.5), point("", 100, "shoal", figures.Busy, 0)}}})
	var b strings.Builder
	c[0].draw(&b, 0, 0)
	want := `d="M38.0 35.0L142.0 102.5L246.0 170.0"` // 36, 18 and 0 of 40 seconds
	if !strings.Contains(b.String(), want) {
		t.Errorf("no %s in\n%s", want, b.String())
	}
	if !strings.Contains(b.String(), ">40<") {
		t.Errorf("the axis does not end at 40:\n%s", b.String())
	}
}

func TestNice(t *testing.T) {
	for v, want := range map[float64]float64{1: 1, 1.1: 2, 36: 40, 0.03: 0.04, 81: 100, 967: 1000, 1000: 1000} {
		if got := nice(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("nice(%v) = %v, want %v", v, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{1: "1", 512: "512", 1000: "1k", 1e5: "100k", 1e6: "1M", 0.5: "0.5"} {
		if got := short(v); got != want {
			t.Errorf("short(%v) = %q, want %q", v, got, want)
		}
	}
}
