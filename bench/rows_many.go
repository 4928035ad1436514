//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/partner"
	"shoal/bench/stage"
)

const (
	rest      = 2 * time.Second // after a start, before resident memory is read
	pacedRate = 100 << 10       // bytes a second over each connection
)

// idleRow measures what connections cost over which nothing happens. All clients wait side by side.
func idleRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.calm, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	o.timeout += time.Duration(o.seconds) * time.Second
	n := o.connections[0]
	var jobs []job
	for _, c := range o.clients {
		jobs = append(jobs, job{figures.Line{Client: c}, func(ctx context.Context) (figures.Sample, error) { return w.idle(ctx, o, c, t, n) }})
	}
	return figures.Row{Title: fmt.Sprintf("%d idle connections to a seed, %d seconds", n, o.seconds), Reference: o.reference,
		Columns: []figures.Key{figures.Open, figures.Resident, figures.Busy, figures.Peak}, Ratios: []figures.Key{figures.Resident, figures.Busy},
		Lines: w.beside(ctx, o, jobs)}, nil
}

func (w *world) idle(ctx context.Context, o options, client string, t *stage.Torrent, n int) (figures.Sample, error) {
	r, stop, err := w.serving(ctx, client, t, clients.Job{Peers: n})
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := pause(ctx, rest); err != nil {
		return nil, err
	}
	alone, err := r.Resident()
	if err != nil {
		return nil, err
	}
	spec := transfer{torrent: t, connections: n}.spec(partner.Hold, r.At())
	spec.From = w.address().Addr().String()
	s, err := w.partner(spec)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	open, err := s.expect(ctx, partner.Ready)
	if err != nil {
		return nil, err
	}
	if open.Open < n {
		return nil, fmt.Errorf("only %d of %d connections stand", open.Open, n)
	}
	busy, err := busyFor(ctx, r.Process, time.Duration(o.seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	with, err := r.Resident()
	return figures.Sample{figures.Open: float64(open.Open), figures.Busy: busy, figures.Resident: float64(with-alone) / 1024 / float64(open.Open),
		figures.Peak: float64(r.Peak()) / mib}, err
}

// serving starts a seed.
func (w *world) serving(ctx context.Context, client string, t *stage.Torrent, j clients.Job) (*clients.Running, func(), error) {
	j.Seed, j.Torrent, j.Folder, j.Addr = true, t.File, filepath.Dir(t.Data), w.address()
	j.Whole = w.calm.Expect(j.Addr)
	return w.start(ctx, client, j)
}

// busyFor watches a process for a time and returns how much of a core it used, in per cent.
func busyFor(ctx context.Context, p *clients.Process, d time.Duration) (float64, error) {
	before, began := p.CPU(), time.Now()
	err := pause(ctx, d)
	return 100 * (p.CPU() - before).Seconds() / time.Since(began).Seconds(), err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pacedRow measures who gets what when many take a little each.
func pacedRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.calm, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	n := o.connections[0]
	var jobs []job
	for _, c := range o.clients {
		jobs = append(jobs, job{figures.Line{Client: c}, func(ctx context.Context) (figures.Sample, error) { return w.paced(ctx, o, c, t, n) }})
	}
	return figures.Row{Title: fmt.Sprintf("%d connections that take %d KiB/s each, for %d seconds", n, pacedRate>>10, o.seconds), Reference: o.reference,
		Columns: []figures.Key{figures.Share, figures.Spread, figures.Busy, figures.Peak}, Ratios: []figures.Key{figures.Busy}, Lines: w.race(ctx, o, jobs)}, nil
}

func (w *world) paced(ctx context.Context, o options, client string, t *stage.Torrent, n int) (figures.Sample, error) {
	r, stop, err := w.serving(ctx, client, t, clients.Job{Peers: n, Slots: n})
	if err != nil {
		return nil, err
	}
	defer stop()
	spec := transfer{torrent: t, connections: n}.spec(partner.Pace, r.At())
	spec.From, spec.Rate, spec.Window = w.address().Addr().String(), pacedRate, time.Duration(o.seconds)*time.Second
	spec.Settle = max(spec.Window/3, time.Second) // until all may ask
	s, err := w.partner(spec)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := s.expect(ctx, partner.Ready); err != nil {
		return nil, err
	}
	before := r.CPU()
	done, err := s.expect(ctx, partner.Done)
	if err != nil {
		return nil, err
	}
	cpu := r.CPU() - before
	mean, worst := figures.Deviation(done.Shares)
	return figures.Sample{figures.Share: mean / 1024 / spec.Window.Seconds(), figures.Spread: worst,
		figures.Busy: 100 * cpu.Seconds() / spec.Window.Seconds(), figures.Peak: float64(r.Peak()) / mib}, nil
}

// quietRow measures what torrents cost of which nobody wants anything.
func quietRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.calm, 1, 256)
	if err != nil {
		return figures.Row{}, err
	}
	o.timeout += time.Duration(o.seconds) * time.Second
	var jobs []job
	var more []string
	for _, n := range o.counts {
		for len(more) < n-1 {
			other, err := t.Relabel(w.calm.URL, fmt.Sprintf("-%d", len(more)))
			if err != nil {
				return figures.Row{}, err
			}
			more = append(more, other.File)
		}
		others := more[:n-1]
		for _, c := range o.clients {
			l := figures.Line{Case: plural(n, "torrent"), X: float64(n), Client: c}
			jobs = append(jobs, job{l, func(ctx context.Context) (figures.Sample, error) { return w.quiet(ctx, o, c, t, others) }})
		}
	}
	return figures.Row{Title: fmt.Sprintf("Seeding torrents that nobody wants, %d seconds", o.seconds), Reference: o.reference,
		Columns: []figures.Key{figures.Busy, figures.Peak}, Lines: w.beside(ctx, o, jobs)}, nil
}

func (w *world) quiet(ctx context.Context, o options, client string, t *stage.Torrent, more []string) (figures.Sample, error) {
	r, stop, err := w.serving(ctx, client, t, clients.Job{More: more})
	if err != nil {
		return nil, err
	}
	defer stop()
	if err := pause(ctx, 3*rest); err != nil { // the first announces
		return nil, err
	}
	busy, err := busyFor(ctx, r.Process, time.Duration(o.seconds)*time.Second)
	return figures.Sample{figures.Busy: busy, figures.Peak: float64(r.Peak()) / mib}, err
}
