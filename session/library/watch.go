package library

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session"
	"shoal/session/watch"
	"shoal/status"
)

// watchEvery is how often the watched folders are looked at: a file is taken when it was the same twice.
const watchEvery = 5 * time.Second

// Watch is a folder whose .torrent and .magnet files are added as they come.
type Watch struct {
	Path   string // of the folder; it is not made
	Dir    string // where the torrents go; "" for the folder of the settings
	Label  string // they get; "" for none
	Delete bool   // files that were added are deleted, else renamed
}

// watched is one such folder.
type watched struct {
	Watch
	dir    fsys.FS // nil while it cannot be opened
	folder *watch.Folder
	warned time.Time
}

// runWatch looks at the watched folders until ctx ends.
func (l *Library) runWatch(ctx context.Context) {
	var all []*watched
	for _, w := range l.cfg.Watch {
		all = append(all, &watched{Watch: w})
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for len(all) > 0 {
		for _, w := range all {
			l.lookInto(ctx, w)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			for _, w := range all {
				if w.dir != nil {
					_ = w.dir.Close() // it was only read
				}
			}
			return
		}
	}
}

// lookInto adds what is new in one folder.
func (l *Library) lookInto(ctx context.Context, w *watched) {
	var ready []string
	err := error(nil)
	if w.dir == nil {
		if w.dir, err = l.folders.Open(w.Path, false); err == nil {
			w.folder = watch.New(w.dir)
		}
	}
	if err == nil {
		if err = w.dir.Check(); err == nil {
			ready, err = w.folder.Scan()
		}
		if err != nil { // it may have been mounted over
			_ = w.dir.Close()
			w.dir = nil
		}
	}
	if err != nil {
		if now := time.Now(); w.warned.IsZero() || now.Sub(w.warned) >= warnEvery {
			w.warned = now
			l.log.Warn("a watched folder cannot be looked into", "folder", w.Path, "err", err)
		}
		return
	}
	for _, name := range ready {
		if ctx.Err() != nil {
			return
		}
		l.addWatched(ctx, w, name)
	}
}

// addWatched adds one file.
func (l *Library) addWatched(ctx context.Context, w *watched, name string) {
	b, err := w.folder.Read(name, metainfo.MaxTorrentFile)
	var a status.NewTorrent
	if a.Dir = w.Dir; w.Label != "" {
		a.Labels = &[]string{w.Label}
	}
	if watch.IsMagnet(name) {
		a.Source = strings.TrimSpace(string(b))
		if _, bad := metainfo.ParseID(a.Source); bad != nil && !metainfo.IsMagnet(a.Source) && err == nil {
			err = errors.New("it holds neither a magnet link nor an info hash")
		}
	} else {
		a.Metainfo = b
	}
	if err == nil {
		var e status.Entry
		if e, _, err = l.Add(ctx, a); err == nil && !l.remembered(e.ID) {
			return // the disk is full: the file is the only copy, and looked at again until there is another one
		}
	}
	path := filepath.Join(w.Path, name)
	switch {
	case err == nil:
		err = w.folder.Added(name, w.Delete)
	case ctx.Err() != nil || errors.Is(err, session.ErrStopped):
		return // the next start takes it
	default:
		l.log.Warn("a file of a watched folder cannot be added", "file", path, "err", err)
		err = w.folder.Invalid(name)
	}
	if err != nil {
		l.log.Warn("watched folder", "err", err)
	}
}
