//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	"shoal/bench/figures"
)

// row is one thing that the harness measures.
type row struct {
	name     string
	defaults options
	run      func(context.Context, *world, options) (figures.Row, error)
}

// both are the two that most rows compare.
var both = []string{"libtorrent", "shoal"}

// allRows returns every row, in the order in which "all" takes them.
func allRows() []row {
	full := options{runs: 3, size: 2048, piece: 1024, reference: "libtorrent", partner: "own", clients: both, connections: []int{1}}
	with := func(change func(*options)) options {
		o := full
		change(&o)
		return o
	}
	swarm := func(change func(*options)) options {
		o := with(func(o *options) { o.size, o.piece, o.leechers, o.up = 64, 256, 8, []int{2048} })
		change(&o)
		return o
	}
	return []row{
		{"leech", with(func(o *options) { o.clients = []string{"limit", "libtorrent", "aria2", "transmission", "shoal"} }), leechRow},
		// Transmission did not serve that much to one peer in two minutes: it would take most of the row's time.
		{"seed", with(func(o *options) { o.clients, o.connections = []string{"libtorrent", "aria2", "shoal"}, []int{1, 50} }), seedRow},
		{"rc4", with(func(o *options) { o.size = 512 }), rc4Row},
		{"idle", with(func(o *options) { o.runs, o.size, o.seconds, o.connections = 1, 64, 60, []int{2000} }), idleRow},
		{"paced", with(func(o *options) { o.size, o.seconds, o.connections = 256, 15, []int{500} }), pacedRow},
		{"tera", with(func(o *options) { o.runs, o.size, o.seconds = 1, 2048, 30 }), teraRow},
		{"hash", with(func(o *options) { o.size, o.clients, o.reference = 4096, []string{"loop", "shoal"}, "loop" }), hashRow},
		{"first", with(func(o *options) { o.runs, o.size, o.clients = 10, 16, []string{"aria2", "shoal"} }), firstRow},
		{"swarm", swarm(func(o *options) { o.clients = []string{"libtorrent", "aria2", "shoal"} }), swarmRow},
		// Half the size, because these rows take longest of all, and compare only what is within them.
		{"swarm-mixed", swarm(func(o *options) { o.mixed, o.size = "libtorrent", 32 }), swarmRow},
		{"swarm-many", swarm(func(o *options) { o.leechers, o.size = 24, 32 }), swarmRow},
		{"swarm-uneven", swarm(func(o *options) { o.up, o.size = []int{512, 2048, 4096}, 32 }), swarmRow},
		{"pieces", with(func(o *options) {
			o.size, o.counts, o.clients, o.reference = 2048, []int{1024, 256, 4096, 16384}, []string{"shoal"}, "1 MiB"
		}), piecesRow},
		{"disk", with(func(o *options) { o.size, o.dir = 1024, "/var/tmp/bench" }), diskRow},
		{"peers", with(func(o *options) { o.size, o.counts = 1024, []int{1, 8, 64, 512} }), peersRow},
		{"memory", with(func(o *options) {
			o.runs, o.size, o.piece, o.seconds, o.counts, o.clients, o.reference = 1, 192, 256, 20, []int{1e3, 1e4, 1e5, 1e6}, []string{"shoal"}, ""
		}), memoryRow},
		{"quiet", with(func(o *options) {
			o.runs, o.seconds, o.counts, o.clients, o.reference = 1, 30, []int{1, 10, 100, 1000}, []string{"shoal"}, ""
		}), quietRow},
		{"daemon", with(func(o *options) {
			o.runs, o.clients, o.reference, o.dir = 1, []string{"shoal"}, "", "/var/tmp/bench"
			o.seconds, o.counts, o.timeout = 300, []int{10_000}, 20*time.Minute
		}), daemonRow},
		{"daemon-many", with(func(o *options) {
			o.runs, o.clients, o.reference, o.dir = 1, []string{"shoal"}, "", "/var/tmp/bench"
			o.seconds, o.counts, o.timeout = 0, []int{100_000}, 20*time.Minute
		}), daemonRow},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range allRows() {
		names = append(names, r.name)
	}
	return names
}

// find returns a row by its name, nil when there is none.
func find(name string) *row {
	for _, r := range allRows() {
		if r.name == name {
			return &r
		}
	}
	return nil
}

// options returns the row's defaults with the flags put in.
func (r *row) options(flags []string) (options, error) {
	var asked options
	if err := asked.parse(flags); err != nil {
		return asked, err
	}
	o := r.defaults
	if asked.quick {
		o = o.reduced()
	}
	return o, o.parse(flags)
}

// about is what a table's title says of the torrent.
func (o options) about() string {
	return fmt.Sprintf("%d MiB in pieces of %s", o.size, kib(o.piece))
}

// kib writes a size that is given in KiB.
func kib(n int) string {
	if n%1024 == 0 {
		return fmt.Sprintf("%d MiB", n/1024)
	}
	return fmt.Sprintf("%d KiB", n)
}

// plural writes a number and what it counts.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
