//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/stage"
)

// atOnce is how many clients may run at the same time in swarms side by side: limits of upload bind them, not processors.
const atOnce = 30

// swarmRow measures how long it takes until the last leecher of a swarm has everything.
func swarmRow(ctx context.Context, w *world, o options) (figures.Row, error) {
	t, err := w.torrent(w.busy, o.size, o.piece)
	if err != nil {
		return figures.Row{}, err
	}
	least := figures.LeastTime(float64(t.Size), float64(t.PieceLength), float64(o.up[0])*1024, o.limits())
	o.timeout += time.Duration(4*least) * time.Second
	var all []figures.Line
	for _, c := range o.clients {
		l := figures.Line{Client: c}
		if o.mixed != "" && o.mixed != c {
			l.Client = c + " + " + o.mixed
		}
		var jobs []job // one for each run
		for k := range o.runs {
			t, err := t.Relabel(w.busy.URL, fmt.Sprintf("-%d", k)) // swarms side by side must not meet
			if err != nil {
				return figures.Row{}, err
			}
			jobs = append(jobs, job{l, func(ctx context.Context) (figures.Sample, error) { return w.swarm(ctx, o, c, t, least) }})
		}
		if jobs = w.possible(jobs); len(jobs) > 0 {
			all = append(all, w.together(ctx, o, jobs))
		}
	}
	return figures.Row{Title: o.swarmTitle(least), Columns: []figures.Key{figures.Last, figures.Mean, figures.Least, figures.Over},
		Ratios: []figures.Key{figures.Last}, Reference: o.reference, Lines: all}, nil
}

// together runs the jobs of one line, of which there is one at least, as many at once as the machine bears, and makes
// one line of them again.
func (w *world) together(ctx context.Context, o options, jobs []job) figures.Line {
	line := jobs[0].line
	once := o
	once.runs = 1
	for width := max(1, atOnce/(o.leechers+1)); len(jobs) > 0; {
		n := min(width, len(jobs))
		for _, l := range w.beside(ctx, once, jobs[:n]) {
			line.Samples = append(line.Samples, l.Samples...)
			if l.Note != "" {
				line.Note = l.Note
			}
		}
		jobs = jobs[n:]
	}
	return line
}

// limits are those of the leechers, in bytes a second.
func (o options) limits() []float64 {
	var all []float64
	for i := range o.leechers {
		all = append(all, float64(o.up[i%len(o.up)])*1024)
	}
	return all
}

func (o options) swarmTitle(least float64) string {
	ups := strings.Trim(strings.ReplaceAll(fmt.Sprint(o.up), " ", ", "), "[]")
	title := fmt.Sprintf("One seed and %s, %s, upload limits of %s KiB/s", plural(o.leechers, "leecher"), o.about(), ups)
	if o.mixed != "" {
		title += ", every second leecher " + o.mixed
	}
	return fmt.Sprintf("%s; least possible %.1f s", title, least)
}

// member is one leecher of a swarm.
type member struct {
	folder string
	took   float64 // seconds, 0 while it is not done
}

// swarm has everyone of a swarm serve until all are done.
func (w *world) swarm(ctx context.Context, o options, client string, t *stage.Torrent, least float64) (figures.Sample, error) {
	w.busy.Forget(t)
	at := w.address()
	limits := map[string]float64{at.Addr().String(): float64(o.up[0]) * 1024}
	_, stop, err := w.start(ctx, client, clients.Job{Seed: true, Torrent: t.File, Folder: filepath.Dir(t.Data), Addr: at, Up: o.up[0], Whole: w.busy.Expect(at)})
	if err != nil {
		return nil, err
	}
	defer stop()
	began := time.Now()
	members := make([]member, o.leechers)
	for i := range members {
		c := client
		if o.mixed != "" && i%2 == 1 {
			c = o.mixed
		}
		me, up := w.address(), o.up[i%len(o.up)]
		limits[me.Addr().String()] = float64(up) * 1024
		out, remove, err := w.folder("")
		if err != nil {
			return nil, err
		}
		defer remove()
		members[i].folder = out
		_, stop, err := w.start(ctx, c, clients.Job{Torrent: t.File, Folder: out, Addr: me, Up: up, Stay: true, Whole: w.busy.Expect(me)})
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	sent, err := watchSent(ctx, limits)
	if err != nil {
		return nil, err
	}
	defer sent.end()
	if err := finish(ctx, t, members, began); err != nil {
		return nil, err
	}
	sent.end()
	s := figures.Sample{figures.Over: sent.worst()}
	for _, m := range members {
		s[figures.Last] = max(s[figures.Last], m.took)
		s[figures.Mean] += m.took / float64(len(members))
	}
	s[figures.Least] = s[figures.Last] / least
	return s, nil
}

// finish waits until all members have the right content.
func finish(ctx context.Context, t *stage.Torrent, members []member, began time.Time) error {
	for left := len(members); left > 0; {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("%d of %d were done: %w", len(members)-left, len(members), err)
		}
		for i := range members {
			m := &members[i]
			if m.took > 0 || !full(filepath.Join(m.folder, t.Name), t.Size) {
				continue
			}
			at := time.Since(began).Seconds()
			if same, err := t.Same(filepath.Join(m.folder, t.Name)); err != nil {
				return err
			} else if same {
				m.took = at
				left--
			}
		}
	}
	return nil
}

// full reports whether a file has its size and no holes: before that there is no need to read it.
func full(name string, size int64) bool {
	st, err := os.Stat(name)
	if err != nil || st.Size() != size {
		return false
	}
	return st.Sys().(*syscall.Stat_t).Blocks*512 >= size
}
