//go:build linux

package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ args, names, flags string }{
		{"", "", ""},
		{"leech seed", "leech seed", ""},
		{"leech -runs 1 seed", "leech", "-runs 1 seed"},
		{"-runs 1", "", "-runs 1"},
	} {
		names, flags := split(strings.Fields(c.args))
		if strings.Join(names, " ") != c.names || strings.Join(flags, " ") != c.flags {
			t.Errorf("split(%q) = %q, %q", c.args, names, flags)
		}
	}
}

// TestRowOptions: flags go before -quick, and that before a row's defaults, which stay as they are.
func TestRowOptions(t *testing.T) {
	options := func(name, flags string) options {
		t.Helper()
		o, err := find(name).options(strings.Fields(flags))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	plain := options("seed", "")
	if plain.runs != 3 || plain.size != 2048 || !slices.Equal(plain.connections, []int{1, 50}) || plain.timeout != 2*time.Minute || plain.python == "" {
		t.Errorf("defaults: %+v", plain)
	}
	given := options("seed", "-runs 5 -connections 7,8 -clients shoal -timeout 3s -json x")
	if given.runs != 5 || given.size != 2048 || !slices.Equal(given.connections, []int{7, 8}) || !slices.Equal(given.clients, []string{"shoal"}) ||
		given.timeout != 3*time.Second || given.json != "x" {
		t.Errorf("given: %+v", given)
	}
	quick := options("seed", "-quick")
	if quick.runs != 1 || quick.size != 128 || !slices.Equal(quick.connections, []int{1}) {
		t.Errorf("quick: %+v", quick)
	}
	if o := options("seed", "-quick -size 999 -runs 2"); o.size != 999 || o.runs != 2 {
		t.Errorf("quick, with sizes given: %+v", o)
	}
	swarm := options("swarm-uneven", "-quick")
	if !slices.Equal(swarm.up, []int{2048, 8192, 16384}) || swarm.leechers != 4 {
		t.Errorf("a quick swarm: %+v", swarm)
	}
	if o := options("swarm-uneven", ""); !slices.Equal(o.up, []int{512, 2048, 4096}) {
		t.Errorf("-quick has changed the defaults to %v", o.up)
	}
	for _, name := range rowNames() {
		r := find(name)
		if o := r.defaults.reduced(); o.runs != 1 || o.size > r.defaults.size || o.seconds > r.defaults.seconds {
			t.Errorf("%s is not smaller with -quick: %+v", name, o)
		}
	}
}

func TestOptionsRefuse(t *testing.T) {
	for _, flags := range []string{"-runs x", "-connections 1,,2", "-connections 0", "-up -3", "-counts many", "-unknown", "-runs 1 leech", "-timeout 3"} {
		var o options
		if err := o.parse(strings.Fields(flags)); err == nil {
			t.Errorf("%q gives %+v", flags, o)
		}
	}
}

func TestFewer(t *testing.T) {
	for _, c := range []struct{ list, want []int }{{nil, nil}, {[]int{1}, []int{1}}, {[]int{500}, []int{100}}, {[]int{1, 8, 64}, []int{1, 8}}} {
		given := slices.Clone(c.list)
		if got := fewer(given); !slices.Equal(got, c.want) || !reflect.DeepEqual(given, c.list) {
			t.Errorf("fewer(%v) = %v", c.list, got)
		}
	}
}

// TestRunRefuses: nothing is started for what makes no sense.
func TestRunRefuses(t *testing.T) {
	for _, args := range []string{"", "-runs 1", "nosuchrow", "leech nosuchrow", "partner", "leech -runs x", "table -json /nonexistent/file", "plot -json /nonexistent/file"} {
		if err := run(t.Context(), strings.Fields(args)); err == nil {
			t.Errorf("bench %s does something", args)
		}
	}
}
