//go:build linux

package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/partner"
	"shoal/bench/stage"
)

// teraRow downloads a part of a torrent of 1 TiB.
func teraRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	var jobs []job
	for _, piece := range []int64{16 << 20, 1 << 20} {
		js, err := w.partsOf(o, figures.Line{Case: "pieces of " + kib(int(piece>>10))}, 1<<40, piece)
		if err != nil {
			return figures.Row{}, err
		}
		jobs = append(jobs, js...)
	}
	return largeRow(fmt.Sprintf("A torrent of 1 TiB, until %d MiB are there", o.size), w.race(ctx, o, jobs), o), nil
}

// memoryRow downloads a part of torrents that have more and more pieces.
func memoryRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	var jobs []job
	for _, n := range o.counts {
		l := figures.Line{Case: plural(n, "piece"), X: float64(n)}
		js, err := w.partsOf(o, l, int64(n)*int64(o.piece)<<10, int64(o.piece)<<10)
		if err != nil {
			return figures.Row{}, err
		}
		jobs = append(jobs, js...)
	}
	return largeRow(fmt.Sprintf("Torrents of more and more pieces of %s, until %d MiB are there", kib(o.piece), o.size), w.race(ctx, o, jobs), o), nil
}

func largeRow(title string, lines []figures.Line, o options) figures.Row {
	return figures.Row{Title: title, Columns: []figures.Key{figures.Arrived, figures.Wall, figures.Peak}, Reference: o.reference, Lines: lines}
}

// partsOf returns jobs that download a part of a torrent of zeros, one for each client.
func (w *world) partsOf(o options, l figures.Line, size, piece int64) ([]job, error) {
	t, err := stage.MakeZeros(w.dir, w.busy.URL, size, piece)
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, c := range o.clients {
		l.Client = c
		jobs = append(jobs, job{l, func(ctx context.Context) (figures.Sample, error) { return w.part(ctx, o, c, t) }})
	}
	return jobs, nil
}

// part downloads from a partner that serves so many bytes and then keeps silent.
func (w *world) part(ctx context.Context, o options, client string, t *stage.Torrent) (figures.Sample, error) {
	huge, err := w.huge()
	if err != nil {
		return nil, err
	}
	out, remove, err := w.folder(huge)
	if err != nil {
		return nil, err
	}
	defer remove()
	s, r, stop, err := w.fromPartner(ctx, client, t, out, int64(o.size)<<20)
	if err != nil {
		return nil, err
	}
	defer stop()
	first, err := s.expect(ctx, partner.First)
	if err != nil {
		return nil, fmt.Errorf("%w; the client says: %s", err, r.Tail())
	}
	limited, cancel := context.WithTimeout(ctx, time.Duration(o.seconds)*time.Second)
	defer cancel()
	var over int64
	if full, err := s.expect(limited, partner.Full); err == nil {
		over = full.At
	} else if limited.Err() == nil {
		return nil, err
	} else {
		over = time.Now().UnixNano() // this much and no more was possible
	}
	if err := pause(ctx, rest); err != nil { // until what has arrived is written
		return nil, err
	}
	return figures.Sample{figures.Arrived: used(huge) / mib, figures.Wall: float64(over-first.At) / 1e9, figures.Peak: float64(r.Peak()) / mib}, nil
}

// used returns how many bytes a file system holds.
func used(dir string) float64 {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return 0
	}
	return float64(st.Blocks-st.Bfree) * float64(st.Bsize)
}

// firstRow measures how long it takes from a start to the first block.
func firstRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	var jobs []job
	for _, c := range o.clients {
		jobs = append(jobs, job{figures.Line{Client: c}, func(ctx context.Context) (figures.Sample, error) { return w.firstBlock(ctx, c, t) }})
	}
	return figures.Row{Title: "From the start of the program over the tracker to the first block", Columns: []figures.Key{figures.First},
		Lines: w.race(ctx, o, jobs)}, nil
}

func (w *world) firstBlock(ctx context.Context, client string, t *stage.Torrent) (figures.Sample, error) {
	out, remove, err := w.folder("")
	if err != nil {
		return nil, err
	}
	defer remove()
	s, r, stop, err := w.fromPartner(ctx, client, t, out, 0)
	if err != nil {
		return nil, err
	}
	defer stop()
	first, err := s.expect(ctx, partner.First)
	return figures.Sample{figures.First: float64(first.At-r.Began.UnixNano()) / 1e6}, err
}

// fromPartner starts a client that downloads from a partner, which serves so many bytes, 0 for all.
func (w *world) fromPartner(ctx context.Context, client string, t *stage.Torrent, out string, most int64) (s *side, r *clients.Running, stop func(), err error) {
	w.busy.Forget(t)
	from, me := w.address(), w.address()
	spec := transfer{torrent: t}.spec(partner.Serve, from)
	spec.Bytes = most
	if s, err = w.partner(spec); err != nil {
		return nil, nil, nil, err
	}
	if _, err = s.expect(ctx, partner.Ready); err != nil {
		s.stop()
		return nil, nil, nil, err
	}
	w.busy.Add(t, from)
	r, end, err := w.start(ctx, client, clients.Job{Torrent: t.File, Folder: out, Addr: me, Whole: w.busy.Expect(me)})
	if err != nil {
		s.stop()
		return nil, nil, nil, err
	}
	return s, r, func() { end(); s.stop() }, nil
}
