package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// job is one torrent of a run of get or seed.
type job struct {
	source  string
	torrent *metainfo.Torrent // of a magnet link nil until it is known
	magnet  *metainfo.Magnet
	dir     string // its folder, absolute
	typed   string // the same as the user wrote it
	chosen  []bool // the files that are wanted; nil: all
	id      metainfo.ID
	began   time.Time
	before  int64 // bytes that had been received in earlier runs
	err     error
}

// get downloads every source in one session.
func get(ctx context.Context, con *console, o *getOptions, list []string) (err error) {
	timed, cancel := o.within(ctx)
	defer cancel()
	e, err := open(con, &o.netFlags)
	if err != nil {
		return err
	}
	jobs := make([]*job, len(list))
	running := 0
	for i, source := range list {
		jobs[i] = &job{source: source, began: time.Now()}
		if jobs[i].err = o.late(timed, e.download(timed, con, jobs[i], o)); jobs[i].err != nil {
			con.Error(source, jobs[i].err)
			continue
		}
		running++
	}
	if running == 0 {
		_ = e.Close()
		return verdict(jobs)
	}
	finish := watch(con, o.progress, e, !o.keepSeeding)
	waiting, enough := context.WithCancel(ctx)
	go e.explainSilence(waiting, con, jobs)
	var wait sync.WaitGroup
	for _, j := range jobs {
		if j.err == nil {
			wait.Go(func() { e.finish(timed, con, j, o) })
		}
	}
	wait.Wait()
	enough()
	settle(ctx, con, e)
	if o.keepSeeding && ctx.Err() == nil {
		con.Note("seeding until interrupted")
		for serving(jobs) && ctx.Err() == nil {
			e.lookAfter(ctx, con, jobs)
		}
	}
	finish()
	if err := e.Close(); err != nil {
		con.Warn("%v", err)
	}
	return verdict(jobs)
}

// download loads the job's torrent and hands it to the session.
func (e *engine) download(ctx context.Context, con *console, j *job, o *getOptions) (err error) {
	if j.torrent, j.magnet, err = resolve(ctx, j.source, session.SystemNet{}); err != nil {
		return err
	}
	add := session.Add{Torrent: j.torrent, Magnet: j.magnet, Peers: o.peers, Overwrite: o.overwrite, Preallocate: o.preallocate,
		Sequential: o.sequential, Limits: session.TorrentLimits{Up: int64(o.upEach), Down: int64(o.downEach)}, WaitForSpace: true}
	if j.magnet != nil {
		j.warn(con)
		add.Choose = func(t *metainfo.Torrent) ([]uint8, error) { return j.choose(con, t, o) }
	} else if err = j.torrent.Info.Downloadable(); err != nil {
		return withCode(exitBadTorrent, err)
	} else if add.Priorities, err = j.choose(con, j.torrent, o); err != nil {
		return err
	}
	folder, err := fsys.CreateDir(o.output)
	if err != nil {
		return err
	}
	add.Folder = folder
	j.dir, j.typed = folder.Path(), o.output
	j.id, err = e.Add(ctx, add)
	if err == nil {
		j.remember(ctx, e)
	}
	return twice(err)
}

// choose does what can be done once the files of a torrent are known, before anything is fetched. Of a magnet link
// the session calls it.
func (j *job) choose(con *console, t *metainfo.Torrent, o *getOptions) (_ []uint8, err error) {
	if j.magnet != nil && t.Info.Private() {
		con.Note("%s is private: from now on only its trackers are asked for peers", text.Clean(t.Info.Name(), 60))
	}
	if j.chosen, err = o.choose(t, j.magnet); err == nil && o.save != "" {
		err = saveTorrent(con, o.save, t, o.overwrite)
	}
	return o.priorities(t.Info, j.chosen), err
}

// twice is err in words that fit the command line.
func twice(err error) error {
	if errors.Is(err, session.ErrDuplicate) {
		return withCode(exitDuplicate, errors.New("this torrent is named twice"))
	}
	return err
}

// remember notes what earlier runs had received.
func (j *job) remember(ctx context.Context, e *engine) {
	if t, err := e.Summary(ctx, j.id); err == nil {
		j.before = t.DownTotal
	}
}

// finish waits for one torrent and reports its end.
func (e *engine) finish(ctx context.Context, con *console, j *job, o *getOptions) {
	var t *status.Torrent
	if t, j.err = e.await(ctx, con, j, o); j.err == nil && j.torrent == nil {
		j.torrent, j.err = e.Torrent(j.id)
	}
	if j.err != nil {
		con.Error(j.source, j.err)
		return
	}
	con.done(j, t)
	e.finished(ctx, con, j, t, o)
}

// await waits until what is wanted of a torrent is there, and returns its summary; or why it is not.
func (e *engine) await(ctx context.Context, con *console, j *job, o *getOptions) (*status.Torrent, error) {
	wait, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	go e.watchOver(wait, con, j, o.stall, giveUp)
	failed := e.Wait(wait, j.id)
	if failed != nil || !o.keepSeeding {
		con.end(j.id)
	}
	now := context.WithoutCancel(ctx)
	t, err := e.Summary(now, j.id)
	switch impatient := outOfPatience(wait); {
	case err != nil:
		return nil, cmp.Or(failed, err)
	case failed == nil:
		return &t, nil
	case impatient != nil:
		_ = e.Pause(now, j.id) // the others go on without it
		return nil, impatient.about(&t)
	case ctx.Err() != nil:
		return nil, withCode(exitUnfinished, fmt.Errorf("interrupted %s; the same command goes on from here", howFar(&t)))
	}
	return nil, failed
}

// howFar says how far a torrent came that is not finished.
func howFar(t *status.Torrent) string {
	if t.PieceLength == 0 {
		return "while looking for metadata, with " + text.Count(t.Asked, "peer") + " asked"
	}
	return fmt.Sprintf("with %s of %s there", text.Size(t.Have), text.Size(t.Wanted))
}

// done reports a finished torrent.
func (c *console) done(j *job, t *status.Torrent) {
	took := time.Since(j.began)
	got := t.DownTotal - j.before
	how := "was complete already"
	if got > 0 {
		how = fmt.Sprintf("in %s, %s, ratio %.2f", seconds(took), text.Rate(int64(float64(got)/took.Seconds())), ratio(t))
	}
	c.Result("%s  %s  %s", text.Clean(place(j.typed, j.torrent.Info), 0), text.Size(t.Wanted), how)
	for i, f := range j.torrent.Info.Files() {
		if !f.Pad && !f.Symlink && (j.chosen == nil || j.chosen[i]) {
			c.Event(fileEvent{newEvent("file"), j.id.String(), joinPath(j.dir, f.Path), f.Length})
		}
	}
	c.Event(doneEvent{newEvent("done"), j.id.String(), place(j.dir, j.torrent.Info), t.Wanted, got, t.UpTotal, took.Seconds(), ratio(t)})
}

// seconds is a duration in words, finer where it is short.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return text.Duration(d)
}

// settle makes durable what was written, for a while.
func settle(ctx context.Context, con *console, e *engine) {
	if ctx.Err() != nil {
		return // the session flushes as it closes
	}
	ctx, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	if err := e.Flush(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		con.Warn("what was downloaded may not survive a power cut: %v", err)
	}
}

// verdict turns the ends of the jobs into one error that has been reported
// already: nil, the code that all failures share when nothing succeeded, or "some". Where
// nothing went wrong but that torrents were named twice, it is the code of that.
func verdict(jobs []*job) error {
	code, failed := 0, 0
	for _, j := range jobs {
		if j.err == nil {
			continue
		}
		failed++
		switch c := codeOf(j.err); {
		case code == 0:
			code = c
		case code != c:
			code = exitSome
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed < len(jobs) && code != exitDuplicate: // what was named twice is there
		code = exitSome
	}
	return withCode(code, reported{errors.New("failed")})
}
