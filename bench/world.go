//go:build linux

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/stage"
)

// Addresses and ports are given out one after the other, so that no run meets what another one left behind.
const (
	network   = "10.78"
	firstPort = 17800
	ports     = 190
)

// world is what all rows share.
type world struct {
	dir      string // removed at the end
	programs clients.Programs
	clients  map[string]*clients.Client
	busy     *stage.Tracker // asks for announces every few seconds, for swarms
	calm     *stage.Tracker // every half an hour, as trackers do
	out      io.Writer      // what is going on

	mu   sync.Mutex
	used int             // addresses given out
	data map[int]string  // random files by their size in MiB
	left map[string]bool // clients that are missing, said once
}

func newWorld(ctx context.Context, dir string, o options) (*world, error) {
	if err := prepareNamespace(); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	shoal, err := filepath.Abs(cmp.Or(o.shoal, filepath.Join(dir, "shoal")))
	if err != nil {
		return nil, err
	}
	w := &world{dir: dir, programs: clients.Programs{Shoal: shoal, Python: o.python, Self: self}, out: os.Stderr, data: map[int]string{}, left: map[string]bool{}}
	w.clients = w.programs.All()
	if w.busy, err = stage.NewTracker(network+".0.1", 3*time.Second); err != nil {
		return nil, err
	}
	if w.calm, err = stage.NewTracker(network+".0.1", 30*time.Minute); err != nil {
		w.busy.Close()
		return nil, err
	}
	return w, nil
}

func (w *world) close() {
	w.busy.Close()
	w.calm.Close()
}

// address gives out an address with a port.
func (w *world) address() netip.AddrPort {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.used++
	a := netip.MustParseAddr(fmt.Sprintf("%s.%d.%d", network, 1+w.used/250, 1+w.used%250))
	return netip.AddrPortFrom(a, uint16(firstPort+w.used%ports))
}

// folder makes an empty folder and returns how to remove it.
func (w *world) folder(in string) (string, func(), error) {
	dir, err := os.MkdirTemp(cmp.Or(in, w.dir), "d-")
	return dir, func() { os.RemoveAll(dir) }, err
}

// torrent makes a torrent of a random file, the same for all rows that want that size.
func (w *world) torrent(tracker *stage.Tracker, sizeMiB, pieceKiB int) (*stage.Torrent, error) {
	name, ok := w.data[sizeMiB]
	if !ok {
		for size, old := range w.data {
			os.Remove(old)
			delete(w.data, size)
		}
		dir := filepath.Join(w.dir, "source")
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		name = filepath.Join(dir, fmt.Sprintf("random-%dM", sizeMiB))
		// The first use of memory is dear on virtual machines: the copies of the runs shall find it touched.
		for _, n := range []string{name + ".warm", name} {
			if err := stage.RandomFile(n, int64(sizeMiB)<<20); err != nil {
				return nil, err
			}
		}
		os.Remove(name + ".warm")
		w.data[sizeMiB] = name
	}
	return stage.Make(w.dir, name, tracker.URL, int64(pieceKiB)<<10, "")
}

// huge returns a folder in memory whose file system says that it has room for anything.
func (w *world) huge() (string, error) {
	dir := filepath.Join(w.dir, "huge")
	if err := os.Mkdir(dir, 0o777); errors.Is(err, os.ErrExist) {
		return dir, nil
	} else if err != nil {
		return "", err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8T"); err != nil {
		return "", fmt.Errorf("mount a tmpfs of 8 TiB: %w", err)
	}
	return dir, nil
}

// job is one thing to measure, again and again.
type job struct {
	line figures.Line
	run  func(context.Context) (figures.Sample, error)
}

// race runs jobs in turn, so that what changes on the machine meanwhile hits all of them alike.
func (w *world) race(ctx context.Context, o options, jobs []job) []figures.Line {
	jobs = w.possible(jobs)
	for run := range o.runs {
		for i := range jobs {
			w.once(ctx, o, run, &jobs[i])
		}
	}
	return lines(jobs)
}

// beside runs jobs at the same time, which is for those that leave the machine nearly idle.
func (w *world) beside(ctx context.Context, o options, jobs []job) []figures.Line {
	jobs = w.possible(jobs)
	for run := range o.runs {
		var group sync.WaitGroup
		for i := range jobs {
			group.Go(func() { w.once(ctx, o, run, &jobs[i]) })
		}
		group.Wait()
	}
	return lines(jobs)
}

// named returns the clients that a line names, like "shoal + libtorrent"; what is no client, like "loop", is left out.
func (w *world) named(line string) []*clients.Client {
	var all []*clients.Client
	for name := range strings.SplitSeq(line, " + ") {
		if c := w.clients[name]; c != nil {
			all = append(all, c)
		}
	}
	return all
}

// possible takes the jobs out for which a client is missing.
func (w *world) possible(jobs []job) []job {
	var kept []job
	for _, j := range jobs {
		why := ""
		for _, c := range w.named(j.line.Client) {
			why = cmp.Or(why, c.Missing())
		}
		if why == "" {
			kept = append(kept, j)
		} else if !w.left[j.line.Client] {
			w.left[j.line.Client] = true
			fmt.Fprintf(w.out, "# %s is left out: %s\n", j.line.Client, why)
		}
	}
	return kept
}

func (w *world) once(ctx context.Context, o options, run int, j *job) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done after %v", o.timeout))
	defer cancel()
	s, err := j.run(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	what := strings.TrimSpace(j.line.Case + " " + j.line.Client)
	if err != nil {
		j.line.Note = "failed: " + strings.Map(printable, err.Error())
		fmt.Fprintf(w.out, "# run %d, %s: %v\n", run+1, what, err)
		return
	}
	for k, v := range s {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(s, k)
			continue
		}
		s[k] = rounded(v)
	}
	j.line.Samples = append(j.line.Samples, s)
	fmt.Fprintf(w.out, "# run %d, %s: %v\n", run+1, what, s)
}

// printable keeps a note on one line of a table.
func printable(r rune) rune {
	if r < ' ' || r == '|' {
		return ' '
	}
	return r
}

// rounded keeps four digits.
func rounded(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func lines(jobs []job) []figures.Line {
	all := make([]figures.Line, len(jobs))
	for i, j := range jobs {
		all[i] = j.line
	}
	return all
}
