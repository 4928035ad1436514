package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// getOptions are the flags of get.
type getOptions struct {
	netFlags
	output      string
	overwrite   bool
	preallocate bool
	keepSeeding bool
	files       string
	sequential  bool
}

func newGet(con *console) *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get SOURCE...",
		Short: "Download torrents into a folder, then end",
		Long: `Downloads what the sources name and ends when everything is there and was
checked. A SOURCE is a .torrent file, a URL of one, or - for a list of sources
on standard input, one a line.

Run again after an interruption, get goes on where it stopped. A file that is
there already is checked first: what fits is kept. When nothing in it fits, get
stops with exit code 13 instead of writing over it, unless --overwrite is given.

Standard output has one line for each finished torrent: where it is, its size,
how long it took, the mean rate, and how much was sent for it.`,
		Example: `  shoal get debian.torrent
  shoal get -o ~/Downloads https://example.org/debian.torrent
  shoal get --limit-down 2MB --limit-up 500kB debian.torrent
  shoal get --peer 192.0.2.7:6881 debian.torrent      ask this peer too
  ls *.torrent | shoal get -                          several at once
  shoal get --json debian.torrent | jq .              for programs`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: torrentFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, con); err != nil {
				return err
			}
			list, err := sources(args, con.stdin)
			if err != nil {
				return err
			}
			return get(cmd.Context(), con, &o, list)
		},
	}
	o.register(cmd)
	return cmd
}

func (o *getOptions) register(cmd *cobra.Command) {
	o.netFlags.register(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", ".", "download into `DIR`")
	f.BoolVar(&o.overwrite, "overwrite", false, "write over files that hold something else")
	f.BoolVar(&o.preallocate, "preallocate", false, "reserve the disk space at the start")
	f.BoolVar(&o.keepSeeding, "keep-seeding", false, "go on serving when done, until interrupted")
	f.StringVar(&o.files, "files", "", "files to download, a `LIST` like 1-3,8")
	f.BoolVar(&o.sequential, "sequential", false, "download from the beginning to the end")
	_ = cmd.MarkFlagDirname("output")
}

func (o *getOptions) check(cmd *cobra.Command, con *console) error {
	if o.files != "" {
		con.Note("--files has no effect yet: all files are downloaded")
	}
	if o.sequential {
		con.Note("--sequential has no effect yet: pieces come in the order that is best for the swarm")
	}
	return o.netFlags.check(cmd, con)
}

// job is one torrent of a run of get or seed.
type job struct {
	source  string
	torrent *metainfo.Torrent
	dir     string // its folder, absolute
	typed   string // the same as the user wrote it
	id      metainfo.ID
	began   time.Time
	before  int64 // bytes that had been received in earlier runs
	err     error
}

// get downloads every source in one session.
func get(ctx context.Context, con *console, o *getOptions, list []string) (err error) {
	e, err := open(con, &o.netFlags)
	if err != nil {
		return err
	}
	jobs := make([]*job, len(list))
	running := 0
	for i, source := range list {
		jobs[i] = &job{source: source, began: time.Now()}
		if jobs[i].err = e.download(ctx, jobs[i], o); jobs[i].err != nil {
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
			wait.Go(func() { e.await(ctx, con, j) })
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
func (e *engine) download(ctx context.Context, j *job, o *getOptions) (err error) {
	if j.torrent, err = load(ctx, j.source, session.SystemNet{}); err != nil {
		return err
	}
	folder, err := fsys.CreateDir(o.output)
	if err != nil {
		return err
	}
	j.dir, j.typed = folder.Path(), o.output
	j.id, err = e.Add(ctx, session.Add{Torrent: j.torrent, Folder: folder, Peers: o.peers, Overwrite: o.overwrite, Preallocate: o.preallocate})
	if err == nil {
		j.remember(ctx, e)
	}
	return err
}

// remember notes what earlier runs had received.
func (j *job) remember(ctx context.Context, e *engine) {
	if t, err := find(ctx, e, j.id); err == nil {
		j.before = t.DownTotal
	}
}

// await waits for one torrent and reports its end.
func (e *engine) await(ctx context.Context, con *console, j *job) {
	j.err = e.Wait(ctx, j.id)
	now := context.WithoutCancel(ctx)
	t, err := find(now, e, j.id)
	switch {
	case j.err == nil && err == nil:
		con.done(j, &t)
	case ctx.Err() != nil && err == nil:
		j.err = withCode(exitUnfinished, fmt.Errorf("interrupted with %s of %s there; the same command goes on from here",
			text.Size(t.Have), text.Size(t.Wanted)))
		con.Error(j.source, j.err)
	case j.err != nil:
		con.Error(j.source, j.err)
	}
}

// done reports a finished torrent.
func (c *console) done(j *job, t *status.Torrent) {
	took := time.Since(j.began)
	got := t.DownTotal - j.before
	how := "was complete already"
	if got > 0 {
		how = fmt.Sprintf("in %s, %s, ratio %.2f", seconds(took), text.Rate(int64(float64(got)/took.Seconds())), ratio(t.UpTotal, t.Size))
	}
	c.Result("%s  %s  %s", text.Clean(place(j.typed, j.torrent.Info), 0), text.Size(t.Size), how)
	for _, f := range j.torrent.Info.Files() {
		if !f.Pad && !f.Symlink {
			c.Event(fileEvent{newEvent("file"), j.id.String(), joinPath(j.dir, f.Path), f.Length})
		}
	}
	c.Event(doneEvent{newEvent("done"), j.id.String(), place(j.dir, j.torrent.Info), t.Size, got, t.UpTotal, took.Seconds(), ratio(t.UpTotal, t.Size)})
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
// already: nil, the code that all failures share when nothing succeeded, or "some".
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
	case failed < len(jobs):
		code = exitSome
	}
	return withCode(code, reported{errors.New("failed")})
}
