package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// What could not be handed to the session is tried again after retryFirst, then in pauses that double up to retryLast.
const (
	retryFirst = 10 * time.Second
	retryLast  = 10 * time.Minute
)

// open hands an item to the session. Whoever calls it has claimed the item, whose place is opening.
func (l *Library) open(ctx context.Context, it *item) {
	if err := l.tryOpen(ctx, it, false); l.opened(ctx, it, err) {
		l.refresh(ctx, it)
	}
}

// opened notes what came of that, and reports whether the session has it.
func (l *Library) opened(ctx context.Context, it *item, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case it.place != opening: // nothing is to be said of it any more
	case err == nil:
		it.place, it.trouble, it.fresh = live, trouble{}, false
		l.ran(it)
	case ctx.Err() != nil || errors.Is(err, session.ErrStopped):
		it.place = cold
	case lasting(err):
		it.place = cold
		l.log.Error("torrent cannot start", "torrent", it.id, "err", err)
		l.stopFor(it, err)
	default:
		it.place = failed
		t := &it.trouble
		if t.err != err.Error() {
			l.log.Warn("torrent cannot start yet; it is tried again", "torrent", it.id, "err", err)
		}
		t.failed(err)
		l.touch(l.wall(), it)
	}
	return it.place == live
}

// sleeps reports whether an item begins asleep: everything is there, as far as is known, and nobody has doubts.
func (it *item) sleeps() bool {
	return it.flags.has(whole) && it.flags.has(known) && !it.flags.has(repair|moving) && it.saved.torrent == nil
}

// tryOpen does that; with stand it is to stand in the session.
func (l *Library) tryOpen(ctx context.Context, it *item, stand bool) error {
	l.mu.Lock()
	k, fresh, s := it.kept, it.fresh, l.settings.now
	raw, sleeps := it.saved.torrent, it.sleeps()
	l.mu.Unlock()
	var err error
	if sleeps && !stand {
		_, err = l.session.AddDormant(ctx, l.dormant(it, &k, &s))
	} else {
		var a session.Add
		if a, err = l.sessionAdd(&k, raw, &s, fresh); err != nil {
			return err
		}
		a.Load = l.loader(it)
		a.Stopped = stand
		_, err = l.session.Add(ctx, a)
	}
	if errors.Is(err, session.ErrDuplicate) {
		return nil
	}
	return err
}

// dormant is what the session needs of a torrent that begins asleep.
func (l *Library) dormant(it *item, k *kept, s *status.Settings) session.Dormant {
	return session.Dormant{
		ID: k.id, Name: k.name, Dir: k.dir, Size: k.size, PieceLength: k.pieceSize, Pieces: k.pieces, Files: k.files,
		Private: k.flags.has(private), Trackers: withDefaults(k, s.Trackers), DownTotal: k.down, UpTotal: k.up,
		Added: moment(k.added), Finished: moment(k.finished),
		Limits: torrentLimits(k.options(), s),
		Load:   l.loader(it),
	}
}

// loader returns what wakes an item's torrent in the session.
func (l *Library) loader(it *item) func() (session.Add, error) {
	return func() (session.Add, error) {
		l.mu.Lock()
		k, raw, s := it.kept, it.saved.torrent, l.settings.now
		l.mu.Unlock()
		a, err := l.sessionAdd(&k, raw, &s, false)
		a.Seed = false // the session looks whether all is there before it opens anything
		a.Load = l.loader(it)
		return a, err
	}
}

// sessionAdd makes what the session needs of a torrent: it reads the .torrent and opens the folder.
func (l *Library) sessionAdd(k *kept, raw []byte, s *status.Settings, fresh bool) (a session.Add, err error) {
	o := k.options()
	a = session.Add{Preallocate: s.Preallocate, Priorities: o.priorities, Sequential: o.sequential, WaitForSpace: true,
		Limits: torrentLimits(o, s), Names: o.names, Peers: o.peers,
		Seed: k.flags.has(whole) && !k.flags.has(repair|moving)}
	if k.flags.has(known) {
		var tor *metainfo.Torrent
		if raw != nil {
			tor, err = metainfo.Parse(raw)
		} else {
			tor, err = readTorrent(l.cfg.State, k.id)
		}
		if err != nil {
			return a, fmt.Errorf("%s in the state folder: %w; add the torrent again to replace it", fileName(k.id, torrentSuffix), err)
		}
		named := *tor
		named.Trackers = withDefaults(k, s.Trackers)
		a.Torrent = &named
	} else {
		m, err := metainfo.ParseMagnet(k.link)
		if err != nil {
			return a, err
		}
		m.Trackers = nil
		for _, tier := range withDefaults(k, s.Trackers) {
			m.Trackers = append(m.Trackers, tier...)
		}
		a.Magnet = &m
	}
	if a.Folder, err = l.openFolder(k.dir, fresh || k.dir == s.Dir || k.dir == s.IncompleteDir); err != nil {
		return a, err
	}
	return a, nil
}

// openFolder opens the folder of a torrent. It is made only where that was asked for: an unmounted disk must not come
// back as an empty folder.
func (l *Library) openFolder(dir string, create bool) (fsys.FS, error) {
	f, err := l.folders.Open(dir, create)
	if err != nil {
		return nil, fmt.Errorf("its folder %s: %w; mount it, or move the torrent to where its files are", dir, err)
	}
	return f, nil
}

// withDefaults returns the trackers of a torrent and, unless it is private, those of the settings.
func withDefaults(k *kept, more [][]string) [][]string {
	if k.flags.has(private) || len(more) == 0 {
		return k.trackers
	}
	out, _ := mergeTiers(k.trackers, more)
	return out
}
