//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"

	"shoal/bench/figures"
)

// The columns and ratios of what is moved as fast as it goes.
var (
	speedColumns = []figures.Key{figures.Wall, figures.Rate, figures.CPU, figures.Peak}
	speedRatios  = []figures.Key{figures.Wall, figures.CPU}
)

// speed returns a row about transfers as fast as they go.
func (o options) speed(title string, lines []figures.Line) figures.Row {
	return figures.Row{Title: title, Columns: speedColumns, Ratios: speedRatios, Reference: o.reference, Lines: lines}
}

// leechJob is a client that downloads.
func (w *world) leechJob(l figures.Line, t transfer) job {
	t.client = l.Client
	return job{l, func(ctx context.Context) (figures.Sample, error) { return w.leech(ctx, t) }}
}

// seedJob is a client that serves.
func (w *world) seedJob(l figures.Line, t transfer) job {
	t.client = l.Client
	return job{l, func(ctx context.Context) (figures.Sample, error) { return w.seed(ctx, t) }}
}

func leechRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	var jobs []job
	for _, c := range o.clients {
		jobs = append(jobs, w.leechJob(figures.Line{Client: c}, transfer{torrent: t, partner: o.partner}))
	}
	return o.speed("Download of "+o.about(), w.race(ctx, o, jobs)), nil
}

func seedRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	return w.seedOver(ctx, o, o.connections, "Serving one copy of "+o.about())
}

func peersRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	return w.seedOver(ctx, o, o.counts, "Serving one copy of "+o.about()+" to more and more peers")
}

// seedOver has every client serve over each number of connections.
func (w *world) seedOver(ctx context.Context, o options, connections []int, title string) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	var jobs []job
	for _, n := range connections {
		for _, c := range o.clients {
			l := figures.Line{Case: plural(n, "connection"), X: float64(n), Client: c}
			jobs = append(jobs, w.seedJob(l, transfer{torrent: t, partner: o.partner, connections: n}))
		}
	}
	return o.speed(title, w.race(ctx, o, jobs)), nil
}

// rc4Row has everything encrypted, on both sides and in both directions.
func rc4Row(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	tr := transfer{torrent: t, partner: o.partner, connections: o.connections[0], rc4: true}
	var jobs []job
	for _, c := range o.clients {
		jobs = append(jobs, w.leechJob(figures.Line{Case: "download", Client: c}, tr))
	}
	for _, c := range o.clients {
		jobs = append(jobs, w.seedJob(figures.Line{Case: "serving", Client: c}, tr))
	}
	return o.speed("RC4 demanded, "+o.about(), w.race(ctx, o, jobs)), nil
}

func piecesRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	var jobs []job
	for _, piece := range o.counts {
		t, err := w.torrent(w.busy, o.size, piece)
		if err != nil {
			return figures.Row{}, err
		}
		for _, c := range o.clients {
			jobs = append(jobs, w.leechJob(figures.Line{Case: kib(piece), X: float64(piece), Client: c}, transfer{torrent: t, partner: o.partner}))
		}
	}
	return o.speed(fmt.Sprintf("Download of %d MiB in pieces of several lengths", o.size), w.race(ctx, o, jobs)), nil
}

func diskRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	dir, remove, err := realDisk(o.dir)
	if err != nil {
		return figures.Row{}, err
	}
	defer remove()
	var jobs []job
	for _, c := range o.clients {
		j := w.leechJob(figures.Line{Client: c}, transfer{torrent: t, partner: o.partner, dir: dir})
		load := j.run
		j.run = func(ctx context.Context) (figures.Sample, error) {
			// What the one before has left to be written is not this one's to wait for.
			if err := exec.CommandContext(ctx, "sync", "-f", dir).Run(); err != nil {
				return nil, err
			}
			return load(ctx)
		}
		jobs = append(jobs, j)
	}
	return o.speed("Download to a disk, syncing as shipped, "+o.about(), w.race(ctx, o, jobs)), nil
}
