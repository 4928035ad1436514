//go:build linux

package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are what the flags say; each row has its own defaults.
type options struct {
	runs        int
	size        int   // MiB
	piece       int   // KiB
	connections []int // of a partner
	clients     []string
	reference   string
	partner     string // the other side: own, or a client
	leechers    int
	up          []int // upload limits in KiB a second, dealt out in turn; the seed has the first
	mixed       string
	seconds     int
	counts      []int // what a curve goes over
	dir         string
	timeout     time.Duration
	quick       bool
	json, page  string
	shoal       string
	python      string
}

// parse sets what is given and leaves the rest as it is. Asked for help it prints that and returns flag.ErrHelp.
func (o *options) parse(args []string) error {
	o.timeout, o.python = cmp.Or(o.timeout, 2*time.Minute), cmp.Or(o.python, "/usr/bin/python3")
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.runs, "runs", o.runs, "`N` runs, of which the median counts")
	f.IntVar(&o.size, "size", o.size, "of the torrent in `MiB`")
	f.IntVar(&o.piece, "piece", o.piece, "length of a piece in `KiB`")
	f.Func("connections", "of the partner to a seed, a `LIST`", intList(&o.connections))
	f.Func("clients", "under test, a `LIST` of limit, libtorrent, aria2, transmission, shoal", wordList(&o.clients))
	f.StringVar(&o.reference, "reference", o.reference, "`CLIENT` that ratios are against")
	f.StringVar(&o.partner, "partner", o.partner, "the other side: own, which costs next to nothing, or a `CLIENT`")
	f.IntVar(&o.leechers, "leechers", o.leechers, "`N` of them in a swarm")
	f.Func("up", "upload limits in a swarm in KiB/s, a `LIST` that is dealt out in turn; the seed has the first", intList(&o.up))
	f.StringVar(&o.mixed, "mixed", o.mixed, "`CLIENT` that every second leecher is")
	f.IntVar(&o.seconds, "seconds", o.seconds, "`N` for rows that last a given time")
	f.Func("counts", "what a curve goes over, a `LIST`", intList(&o.counts))
	f.StringVar(&o.dir, "dir", o.dir, "`FOLDER` on a real disk")
	f.DurationVar(&o.timeout, "timeout", o.timeout, "of one run")
	f.BoolVar(&o.quick, "quick", o.quick, "small and once, to see that everything works")
	f.StringVar(&o.json, "json", o.json, "put each row into `FILE` once it is measured, in the place of what was there; table and plot read it")
	f.StringVar(&o.page, "readme", o.page, "`FILE` that the table goes into")
	f.StringVar(&o.shoal, "shoal", o.shoal, "test this `BINARY` instead of a new one")
	f.StringVar(&o.python, "python", o.python, "`BINARY` of a Python that has libtorrent")
	f.SetOutput(io.Discard) // an error says enough
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		f.SetOutput(os.Stdout)
		f.PrintDefaults()
		return err
	} else if err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q after the flags: rows come first", f.Arg(0))
	}
	return nil
}

func intList(to *[]int) func(string) error {
	return func(s string) error {
		*to = nil
		for w := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(w)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is not a number from 1", w)
			}
			*to = append(*to, n)
		}
		return nil
	}
}

func wordList(to *[]string) func(string) error {
	return func(s string) error {
		*to = strings.Split(s, ",")
		return nil
	}
}

// reduced is what -quick makes of a row's defaults.
func (o options) reduced() options {
	if o.size > 64 {
		o.size = max(64, o.size/16)
	}
	o.runs, o.seconds, o.leechers = 1, min(o.seconds, 3), min(o.leechers, 4)
	o.up = slices.Clone(o.up)
	for i := range o.up {
		o.up[i] *= 4
	}
	o.connections, o.counts = fewer(o.connections), fewer(o.counts)
	return o
}

// fewer leaves out the largest of a list, or makes the only one smaller.
func fewer(list []int) []int {
	if len(list) == 1 {
		return []int{max(1, list[0]/5)}
	}
	return list[:max(0, len(list)-1)]
}

// results is the file of results.
func (o options) results() string { return cmp.Or(o.json, filepath.Join("bench", "results.json")) }

// readme is the file with the tables.
func (o options) readme() string { return cmp.Or(o.page, filepath.Join("bench", "README.md")) }

// workFolder is where everything happens: in memory where that is possible.
func workFolder() string {
	if dir := os.Getenv("BENCH_DIR"); dir != "" {
		return dir
	}
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		return "/dev/shm/bench"
	}
	return filepath.Join(os.TempDir(), "bench")
}
