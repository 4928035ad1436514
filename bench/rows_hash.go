//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/partner"
)

// hashRow compares reading and hashing with a bare loop that does the same on all cores.
func hashRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	loop := func() (*exec.Cmd, error) {
		return clients.Partner(w.programs.Self, partner.Spec{Role: partner.Hash, File: t.Data, Size: t.Size, PieceLength: t.PieceLength})
	}
	commands := map[string]func() (*exec.Cmd, error){
		"check loop":  loop,
		"create loop": loop,
		"check shoal": func() (*exec.Cmd, error) {
			return exec.Command(w.programs.Shoal, "check", t.File, filepath.Dir(t.Data), "--progress", "none"), nil
		},
		"create shoal": func() (*exec.Cmd, error) {
			return exec.Command(w.programs.Shoal, "create", t.Data, "-o", filepath.Join(w.dir, "made.torrent"), "--overwrite", "--piece-size", fmt.Sprintf("%dKiB", o.piece)), nil
		},
	}
	var jobs []job
	for _, what := range []string{"check", "create"} {
		for _, c := range o.clients {
			command := commands[what+" "+c]
			if command == nil {
				return figures.Row{}, fmt.Errorf("%s does not %s here", c, what)
			}
			jobs = append(jobs, job{figures.Line{Case: what, Client: c}, func(ctx context.Context) (figures.Sample, error) {
				return w.toTheEnd(ctx, command, t.Size)
			}})
		}
	}
	return o.speed(fmt.Sprintf("Hashing %d MiB in the page cache, pieces of %s", o.size, kib(o.piece)), w.race(ctx, o, jobs)), nil
}

// toTheEnd runs a program from its start to its end.
func (w *world) toTheEnd(ctx context.Context, command func() (*exec.Cmd, error), size int64) (figures.Sample, error) {
	dir, remove, err := w.folder("")
	if err != nil {
		return nil, err
	}
	defer remove()
	cmd, err := command()
	if err != nil {
		return nil, err
	}
	p, err := clients.Start(cmd, dir)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	if err := p.Wait(ctx); err != nil {
		return nil, err
	}
	wall := time.Since(p.Began).Seconds()
	return sample(wall, p.CPU(), p.Peak(), size), p.Failure()
}
