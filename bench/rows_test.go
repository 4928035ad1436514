//go:build linux

package main

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
)

func TestRows(t *testing.T) {
	all := clients.Programs{}.All()
	seen := map[string]bool{}
	for _, r := range allRows() {
		if seen[r.name] || r.run == nil || r.defaults.runs < 1 || len(r.defaults.clients) == 0 {
			t.Errorf("row %q: twice, or not all there", r.name)
		}
		seen[r.name] = true
		for _, c := range r.defaults.clients {
			if all[c] == nil && c != "loop" {
				t.Errorf("row %s: no client %q", r.name, c)
			}
		}
		if !slices.Contains(r.defaults.clients, "shoal") {
			t.Errorf("row %s is without shoal", r.name)
		}
	}
	for _, name := range []string{"all", "table", "plot", "partner"} {
		if find(name) != nil {
			t.Errorf("a row has the name of the command %s", name)
		}
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{"1 peer": plural(1, "peer"), "8 peers": plural(8, "peer"), "256 KiB": kib(256), "16 MiB": kib(16384), "1536 KiB": kib(1536),
		"2048 MiB in pieces of 1 MiB": find("leech").defaults.about(),
		"One seed and 8 leechers, 32 MiB in pieces of 256 KiB, upload limits of 512, 2048, 4096 KiB/s; least possible 9.5 s": find("swarm-uneven").defaults.swarmTitle(9.51),
		"none of it": strings.Map(printable, "none|of\nit")} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLimitsAreDealtInTurn(t *testing.T) {
	o := options{leechers: 4, up: []int{1, 2, 3}}
	if got := o.limits(); !slices.Equal(got, []float64{1024, 2048, 3072, 1024}) {
		t.Errorf("%v", got)
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1: 1, 123456: 123500, 0.00123456: 0.001235, -2.34567: -2.346} {
		if got := rounded(v); math.Abs(got-want) > 1e-12 {
			t.Errorf("rounded(%v) = %v, want %v", v, got, want)
		}
	}
}

// TestAddresses: those that are in use at the same time differ in their port too, by which the tracker tells them apart.
func TestAddresses(t *testing.T) {
	w := &world{}
	addrs, ports := map[string]bool{}, map[uint16]int{}
	for i := range 5000 {
		a := w.address()
		if addrs[a.Addr().String()] {
			t.Fatalf("%s comes twice", a.Addr())
		}
		addrs[a.Addr().String()] = true
		if last, ok := ports[a.Port()]; ok && i-last < 100 {
			t.Fatalf("port %d comes again after %d", a.Port(), i-last)
		}
		ports[a.Port()] = i
	}
}

// scripted is a world with clients of which some are missing.
func scripted(out *strings.Builder) *world {
	here, gone := func() string { return "" }, func() string { return "it is not installed" }
	return &world{out: out, left: map[string]bool{}, clients: map[string]*clients.Client{
		"here": {Name: "here", Missing: here, Version: func() string { return "1.2" }},
		"gone": {Name: "gone", Missing: gone, Version: func() string { return "" }},
	}}
}

// TestRace: runs take turns, what fails is noted and does not end the rest, and what is missing is said once.
func TestRace(t *testing.T) {
	var out strings.Builder
	w := scripted(&out)
	var order []string
	one := func(client string, err error, v float64) job {
		return job{figures.Line{Client: client}, func(context.Context) (figures.Sample, error) {
			order = append(order, client)
			return figures.Sample{figures.Wall: v, figures.Over: math.NaN()}, err
		}}
	}
	o := options{runs: 2, timeout: time.Minute}
	got := w.race(t.Context(), o, []job{one("here", nil, 1.23456), one("gone", nil, 1), one("loop", errors.New("a|b"), 0), one("here + gone", nil, 1)})
	if strings.Join(order, " ") != "here loop here loop" {
		t.Errorf("order %v", order)
	}
	if len(got) != 2 || len(got[0].Samples) != 2 || got[0].Median(figures.Wall) != 1.235 || got[1].Note != "failed: a b" || len(got[1].Samples) != 0 {
		t.Errorf("%+v", got)
	}
	if _, ok := got[0].Samples[0][figures.Over]; ok {
		t.Error("a figure that is no number was kept")
	}
	if n := strings.Count(out.String(), "is left out"); n != 2 { // gone, and here + gone
		t.Errorf("%d are left out:\n%s", n, &out)
	}
	line := w.together(t.Context(), options{runs: 9, timeout: time.Minute, leechers: atOnce}, []job{one("here", nil, 1), one("here", nil, 2), one("here", errors.New("x"), 0)})
	if len(line.Samples) != 2 || line.Note != "failed: x" {
		t.Errorf("together: %+v", line)
	}
	if v := w.versions(&figures.Row{Lines: []figures.Line{{Client: "here + gone"}, {Client: "loop"}}}); len(v) != 1 || v["here"] != "1.2" {
		t.Errorf("versions %v", v)
	}
	err := unfinished(&figures.Row{Name: "leech", Lines: append(got, line)})
	if err == nil || err.Error() != "leech loop: failed: a b\nleech here: failed: x" {
		t.Errorf("unfinished: %v", err)
	}
}
