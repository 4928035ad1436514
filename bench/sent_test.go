//go:build linux

package main

import (
	"math"
	"testing"

	"shoal/bench/figures"
)

// TestSentRules: the filter is told of each address as an address, and its counter is named so that the address can be read from it.
func TestSentRules(t *testing.T) {
	s := &sent{table: "bench1", limits: map[string]float64{"10.78.1.10": 1, "10.78.1.2": 1}}
	const want = "add table ip bench1; add chain ip bench1 out { type filter hook output priority 0; };" +
		" add counter ip bench1 c10_78_1_10; add rule ip bench1 out ip saddr 10.78.1.10 counter name c10_78_1_10;" +
		" add counter ip bench1 c10_78_1_2; add rule ip bench1 out ip saddr 10.78.1.2 counter name c10_78_1_2;"
	if got := s.rules(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestSentWorst(t *testing.T) {
	s := &sent{limits: map[string]float64{"a": 100, "b": 10}, counts: map[string][]figures.Count{"a": {{At: 0}, {At: 10, Bytes: 1000}}, "b": {{At: 0}, {At: 10, Bytes: 150}}}}
	if got := s.worst(); got != 1.5 {
		t.Errorf("%v over the limits", got)
	}
	if got := (&sent{}).worst(); !math.IsNaN(got) {
		t.Errorf("%v of nothing", got)
	}
}
