//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/partner"
	"shoal/bench/stage"
)

const (
	crowdSize  = 100 << 10 // bytes of each file
	crowdPiece = 1 << 10
	realFiles  = 10_000 // more of them are zeros that take no room
	askers     = 20     // torrents that are asked for in their sleep
	repeats    = 10     // calls, of which the fastest counts
	endWithin  = time.Minute
	written    = 65 * time.Second // until a daemon has written down what need not be durable at once
)

// listFields are those of a list that a person looks at.
var listFields = []string{"id", "name", "status", "percentDone", "rateDownload", "rateUpload", "eta", "totalSize", "uploadRatio", "errorString"}

// daemonRow measures what a daemon costs that seeds many torrents, after a start from what an earlier one left.
func daemonRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	var jobs []job
	for _, n := range o.counts {
		jobs = append(jobs, job{figures.Line{Case: plural(n, "torrent"), X: float64(n), Client: "shoal"},
			func(ctx context.Context) (figures.Sample, error) { return w.daemon(ctx, o, n) }})
	}
	columns := []figures.Key{figures.Answer, figures.Begun, figures.Held, figures.Peak, figures.Recent, figures.List, figures.Wake}
	title := fmt.Sprintf("A daemon seeds files of %d KiB in pieces of %d KiB, one tracker each, with DHT", crowdSize>>10, crowdPiece>>10)
	if o.seconds > 0 {
		columns = append(columns, figures.Busy, figures.Announce)
		title += fmt.Sprintf("; %d quiet seconds", o.seconds)
	}
	return figures.Row{Title: title, Columns: columns, Lines: w.race(ctx, o, jobs)}, nil
}

func (w *world) daemon(ctx context.Context, o options, n int) (figures.Sample, error) {
	if err := os.MkdirAll(cmp.Or(o.dir, w.dir), 0o777); err != nil {
		return nil, err
	}
	dir, remove, err := w.folder(o.dir)
	if err != nil {
		return nil, err
	}
	defer remove()
	files, data, state := filepath.Join(dir, "torrents"), filepath.Join(dir, "data"), filepath.Join(dir, "state")
	for _, name := range []string{files, data, state} {
		if err := os.Mkdir(name, 0o777); err != nil {
			return nil, err
		}
	}
	all, err := stage.Crowd(files, data, w.calm.URL, n, crowdSize, crowdPiece, n > realFiles)
	if err != nil {
		return nil, err
	}
	j := clients.DaemonJob{State: state, Folder: data, Addr: w.address(), Through: w.address()}
	node, err := clients.Start(w.programs.Node(j.Through), dir)
	if err != nil {
		return nil, err
	}
	defer node.Stop()
	if err := w.fill(ctx, j, all); err != nil {
		return nil, fmt.Errorf("adding: %w", err)
	}
	d, err := w.programs.StartDaemon(j)
	if err != nil {
		return nil, err
	}
	defer d.StopWithin(endWithin)
	return w.look(ctx, o, d, j, all)
}

// fill has a daemon take torrents into its list, and ends it when all seed.
func (w *world) fill(ctx context.Context, j clients.DaemonJob, all []*stage.Torrent) error {
	d, err := w.programs.StartDaemon(j)
	if err != nil {
		return err
	}
	defer d.StopWithin(endWithin)
	if err := d.Answer(ctx); err != nil {
		return err
	}
	var files []string
	for _, t := range all {
		files = append(files, t.File)
	}
	if err := d.Add(ctx, files); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "# %d torrents were added in %.1f s\n", len(all), time.Since(d.Began).Seconds())
	if err := d.Seeding(ctx, len(all)); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "# all seed after %.1f s, CPU %.1f s, peak %d MiB\n", time.Since(d.Began).Seconds(), d.CPU().Seconds(), d.Peak()>>20)
	if err := pause(ctx, written); err != nil {
		return err
	}
	began := time.Now()
	d.StopWithin(endWithin)
	fmt.Fprintf(w.out, "# the daemon ended in %.1f s\n", time.Since(began).Seconds())
	return d.Failure()
}

// look measures a daemon that was just started.
func (w *world) look(ctx context.Context, o options, d *clients.Daemon, j clients.DaemonJob, all []*stage.Torrent) (figures.Sample, error) {
	s := figures.Sample{}
	heard := w.calm.Announces()
	if err := d.Answer(ctx); err != nil {
		return nil, err
	}
	s[figures.Answer] = time.Since(d.Began).Seconds()
	if err := d.Seeding(ctx, len(all)); err != nil {
		return nil, err
	}
	s[figures.Begun] = time.Since(d.Began).Seconds()
	if o.seconds > 0 {
		for w.calm.Announces()-heard < len(all) { // the first announces are spread
			if err := pause(ctx, time.Second); err != nil {
				return nil, fmt.Errorf("%d announces: %w", w.calm.Announces()-heard, err)
			}
		}
		fmt.Fprintf(w.out, "# all are announced after %.1f s, CPU %.1f s\n", time.Since(d.Began).Seconds(), d.CPU().Seconds())
		before := w.calm.Announces()
		busy, err := busyFor(ctx, d.Process, time.Duration(o.seconds)*time.Second)
		if err != nil {
			return nil, err
		}
		s[figures.Busy], s[figures.Announce] = busy, float64(w.calm.Announces()-before)*60/float64(o.seconds)
	}
	var err error
	if s[figures.Recent], err = fastest(ctx, d, map[string]any{"ids": "recently-active", "fields": listFields}); err != nil {
		return nil, err
	}
	if s[figures.List], err = fastest(ctx, d, map[string]any{"fields": listFields}); err != nil {
		return nil, err
	}
	if s[figures.Wake], err = w.slowest(ctx, j, all); err != nil {
		return nil, err
	}
	held, err := d.Resident()
	s[figures.Held], s[figures.Peak] = float64(held)/mib, float64(d.Peak())/mib
	return s, err
}

// fastest returns the milliseconds that the fastest of some calls takes.
func fastest(ctx context.Context, d *clients.Daemon, args map[string]any) (float64, error) {
	var took []time.Duration
	for range repeats {
		began := time.Now()
		if _, err := d.Call(ctx, "torrent-get", args); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return slices.Min(took).Seconds() * 1e3, nil
}

// slowest asks for a block of torrents that sleep, one after the other, and returns the milliseconds after which the last one was served of
// those that took longest.
func (w *world) slowest(ctx context.Context, j clients.DaemonJob, all []*stage.Torrent) (float64, error) {
	worst := time.Duration(0)
	for i := range askers {
		t := all[i*len(all)/askers]
		spec := transfer{torrent: t, connections: 1}.spec(partner.Take, j.Addr)
		spec.From, spec.Bytes = w.address().Addr().String(), 1
		s, err := w.partner(spec)
		if err != nil {
			return 0, err
		}
		done, err := s.expect(ctx, partner.Done)
		s.stop()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", t.Name, err)
		}
		worst = max(worst, done.Took)
	}
	return worst.Seconds() * 1e3, nil
}
