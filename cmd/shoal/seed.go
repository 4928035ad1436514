package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// seedOptions are the flags of seed.
type seedOptions struct {
	netFlags
	data     string
	trust    bool
	trackers []string
	private  bool
	save     string
	noSuper  bool
}

func newSeed(con *console) *cobra.Command {
	var o seedOptions
	cmd := &cobra.Command{
		Use:   "seed PATH|TORRENT...",
		Short: "Serve files until interrupted",
		Long: `Serves content to other peers until it is interrupted. For each argument that
ends in .torrent the content is looked for in --data and checked; any other
argument is a file or folder that a torrent is made of.

The magnet link goes to standard output. When everything was checked and peers
are welcome, a line with "seeding" goes to standard error.`,
		Example: `  shoal seed debian.torrent --data ~/Downloads
  shoal seed ~/Music/album --tracker http://tracker.example/announce --save-torrent album.torrent
  shoal seed debian.torrent --limit-up 1MB --upload-slots 8`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.save != "" && len(args) > 1 {
				return withCode(exitUsage, errors.New("--save-torrent takes one PATH at a time"))
			}
			if err := o.check(cmd, con); err != nil {
				return err
			}
			return seed(cmd.Context(), con, &o, args)
		},
	}
	o.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.data, "data", ".", "the folder `DIR` that holds the content of the .torrent files, or a torrent's single file")
	f.BoolVar(&o.trust, "trust", false, "skip the check: the content is known to be right")
	f.StringArrayVar(&o.trackers, "tracker", nil, "announce a PATH to this tracker `URL`; repeatable")
	f.BoolVar(&o.private, "private", false, "make a PATH a private torrent (BEP 27)")
	f.StringVar(&o.save, "save-torrent", "", "write the torrent made of a PATH to `FILE`")
	f.BoolVar(&o.noSuper, "no-super-seed", false, "as the only seed, do not hold back what others have not passed on yet (BEP 16)")
	_ = cmd.MarkFlagDirname("data")
	return cmd
}

// seed serves every argument in one session.
func seed(ctx context.Context, con *console, o *seedOptions, args []string) error {
	e, err := open(con, &o.netFlags)
	if err != nil {
		return err
	}
	jobs := make([]*job, len(args))
	for i, arg := range args {
		jobs[i] = &job{source: arg, began: time.Now()}
		if jobs[i].err = e.serve(ctx, con, jobs[i], o); jobs[i].err != nil {
			con.Error(arg, jobs[i].err)
			continue
		}
		con.Result("%s", e.link(jobs[i].torrent))
	}
	finish := watch(con, o.progress, e, false)
	var wait sync.WaitGroup
	for _, j := range jobs {
		if j.err == nil {
			wait.Go(func() { e.ready(ctx, con, j) })
		}
	}
	wait.Wait()
	waiting, end := context.WithCancel(ctx)
	go e.explainSilence(waiting, con, jobs)
	for serving(jobs) && ctx.Err() == nil {
		e.lookAfter(ctx, con, jobs)
	}
	end()
	finish()
	if err := e.Close(); err != nil {
		con.Warn("%v", err)
	}
	return verdict(jobs)
}

func serving(jobs []*job) bool {
	for _, j := range jobs {
		if j.err == nil {
			return true
		}
	}
	return false
}

// lookAfter waits a second and reports torrents that have failed meanwhile.
func (e *engine) lookAfter(ctx context.Context, con *console, jobs []*job) {
	select {
	case <-ctx.Done():
		return
	case <-time.After(time.Second):
	}
	for _, j := range jobs {
		if j.err != nil {
			continue
		}
		if t, err := e.Summary(ctx, j.id); err == nil && t.Phase == status.Failed {
			j.err = errors.New(t.Err)
			con.Error(j.source, j.err)
		}
	}
}

// serve loads or makes the job's torrent and hands it to the session.
func (e *engine) serve(ctx context.Context, con *console, j *job, o *seedOptions) (err error) {
	dir, trust := o.data, o.trust
	if isMagnet(j.source) {
		return withCode(exitUsage, errors.New("a magnet link has nothing to serve: name a file, a folder or a .torrent file"))
	}
	if strings.EqualFold(filepath.Ext(j.source), ".torrent") || isURL(j.source) {
		j.torrent, err = load(ctx, j.source, session.SystemNet{})
	} else {
		j.source = filepath.Clean(j.source)
		dir, trust = filepath.Dir(j.source), true
		var trackers [][]string
		if trackers, err = trackerTiers(o.trackers); err == nil {
			j.torrent, err = makeTorrent(ctx, con, j.source, metainfo.BuildOptions{Trackers: trackers, Private: o.private})
		}
	}
	if err != nil {
		return err
	}
	dir = contentFolder(dir, j.torrent.Info)
	if o.save != "" {
		if err := saveTorrent(con, o.save, j.torrent, false); err != nil {
			if codeOf(err) == exitExists { // seed has no --overwrite to name
				err = withCode(exitExists, fmt.Errorf("%s is there already: name another file, or remove it", o.save))
			}
			return err
		}
	}
	folder, err := fsys.OpenDir(dir)
	if err != nil {
		return withCode(exitDamaged, err)
	}
	j.dir = folder.Path()
	j.id, err = e.Add(ctx, session.Add{Torrent: j.torrent, Folder: folder, Peers: o.peers, Seed: true, Trust: trust,
		NoSuperSeed: o.noSuper, Limits: session.TorrentLimits{Up: int64(o.upEach), Down: int64(o.downEach)}})
	return j.explain(twice(err))
}

// ready waits for the check of one torrent and says that it is being served.
func (e *engine) ready(ctx context.Context, con *console, j *job) {
	j.err = j.explain(e.Wait(ctx, j.id))
	if j.err != nil {
		if ctx.Err() != nil {
			j.err = withCode(exitUnfinished, errors.New("interrupted before the check was done"))
		}
		con.Error(j.source, j.err)
		return
	}
	name := text.Clean(j.torrent.Info.Name(), 60)
	con.Note("seeding %s, %s, on %s", name, text.Size(j.torrent.Info.Payload()), addresses(e.Addrs()))
	con.Event(seedingEvent{newEvent("seeding"), j.id.String(), e.link(j.torrent), place(j.dir, j.torrent.Info), j.torrent.Info.Payload()})
}

// link is the magnet link of what is being served. It names us, so that another machine on the same network needs nothing
// else; the peers of a private torrent are its tracker's business.
func (e *engine) link(t *metainfo.Torrent) string {
	m := t.Magnet()
	if !t.Info.Private() {
		for _, a := range e.Reachable() {
			m.Peers = append(m.Peers, a.String())
		}
	}
	return m.String()
}

// seedingEvent is the JSON line that says that peers are welcome.
type seedingEvent struct {
	event
	ID     string `json:"id"`
	Magnet string `json:"magnet"`
	Path   string `json:"path"`
	Size   int64  `json:"size"`
}

// explain says what to do about content that is not there.
func (j *job) explain(err error) error {
	switch {
	case errors.Is(err, session.ErrIncomplete), errors.Is(err, fs.ErrNotExist):
		return withCode(exitDamaged, fmt.Errorf("%w; is --data the folder it is in? `shoal get` fetches what is missing", err))
	}
	return err
}

// makeTorrent makes a torrent of the file or folder at name, without what the patterns match.
func makeTorrent(ctx context.Context, con *console, name string, opt metainfo.BuildOptions, exclude ...string) (*metainfo.Torrent, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(abs); err != nil {
		return nil, plainCause(err)
	}
	opt.CreatedBy = "shoal"
	opt.Progress = con.hashing(filepath.Base(abs))
	var tree fs.FS = os.DirFS(filepath.Dir(abs))
	if len(exclude) > 0 {
		tree = without{tree, filepath.Base(abs), exclude}
	}
	return metainfo.Build(ctx, tree, filepath.Base(abs), opt)
}
