package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
	"shoal/status"
)

// Entries implements status.Engine. It costs as much as there is to return.
func (l *Library) Entries(ctx context.Context, since time.Time) (list []status.Entry, gone []int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order(l.wall())
	if since.IsZero() {
		list = make([]status.Entry, 0, len(l.items))
		for _, it := range l.items {
			list = append(list, l.entry(it))
		}
		return list, nil, ctx.Err()
	}
	items, gone := l.since(since.UnixNano())
	list = make([]status.Entry, 0, len(items))
	for _, it := range items {
		list = append(list, l.entry(it))
	}
	return list, gone, ctx.Err()
}

// Numbers implements rpc.Engine. It costs as much as there is to return.
func (l *Library) Numbers(ctx context.Context, since time.Time) (list, gone []int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	items := l.items
	if !since.IsZero() {
		items, gone = l.since(since.UnixNano())
	}
	list = make([]int, len(items))
	for i, it := range items {
		list[i] = it.number
	}
	return list, gone, ctx.Err()
}

// Page implements rpc.Engine.
func (l *Library) Page(ctx context.Context, numbers []int, into []status.Entry) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order(l.wall())
	for _, number := range numbers {
		i, ok := slices.BinarySearchFunc(l.items, number, func(it *item, n int) int { return cmp.Compare(it.number, n) })
		if ok && n < len(into) {
			into[n] = l.entry(l.items[i])
			n++
		}
	}
	return n, ctx.Err()
}

// Entry implements status.Engine.
func (l *Library) Entry(ctx context.Context, id metainfo.ID) (status.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it, err := l.get(id)
	if err != nil {
		return status.Entry{}, err
	}
	l.order(l.wall())
	return l.entry(it), ctx.Err()
}

// here reports what the session has of a torrent, and what is remembered of it.
func (l *Library) here(id metainfo.ID) (kept, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it, err := l.get(id)
	if err != nil {
		return kept{}, false, err
	}
	return it.kept, it.place == live, nil
}

// Details implements status.Engine.
func (l *Library) Details(ctx context.Context, id metainfo.ID) (out status.Details, err error) {
	k, there, err := l.here(id)
	if err != nil {
		return out, err
	}
	if there {
		if out, err = l.session.Details(ctx, k.id); err != nil && !errors.Is(err, session.ErrUnknown) {
			return out, err
		}
	}
	if !k.flags.has(known) || out.Have.Len() > 0 {
		return out, ctx.Err()
	}
	tor, err := l.torrent(k.id)
	if err != nil {
		return out, err
	}
	out.WebSeeds = tor.WebSeeds
	if out.Have = metainfo.NewBitfield(k.pieces); k.flags.has(whole) {
		out.Have.SetAll()
	}
	return out, ctx.Err()
}

// Files implements status.Engine.
func (l *Library) Files(ctx context.Context, id metainfo.ID) ([]status.File, error) {
	k, there, err := l.here(id)
	if err != nil {
		return nil, err
	}
	if there {
		list, err := l.session.Files(ctx, k.id)
		// A torrent that moves, or is about to be hashed anew, has not opened its files.
		if !errors.Is(err, session.ErrUnknown) && (err != nil || len(list) > 0 || !k.flags.has(known)) {
			return list, err
		}
	}
	if !k.flags.has(known) {
		return nil, ctx.Err()
	}
	tor, err := l.torrent(k.id)
	if err != nil {
		return nil, err
	}
	o := k.options()
	var out []status.File
	for i, f := range tor.Info.Files() {
		if f.Pad {
			continue
		}
		sf := status.File{Path: f.Path, Offset: f.Offset, Length: f.Length, Priority: session.Normal}
		if i < len(o.priorities) {
			sf.Priority = o.priorities[i]
		}
		if sf.Wanted = sf.Priority != session.Unwanted; sf.Wanted && k.flags.has(complete) || k.flags.has(whole) {
			sf.Have = f.Length
		}
		out = append(out, sf)
	}
	return out, ctx.Err()
}

// Peers implements status.Engine.
func (l *Library) Peers(ctx context.Context, id metainfo.ID) ([]status.Peer, error) {
	k, there, err := l.here(id)
	if err != nil || !there {
		return nil, err
	}
	list, err := l.session.Peers(ctx, k.id)
	if errors.Is(err, session.ErrUnknown) { // just now
		return nil, nil
	}
	return list, err
}

// Trackers implements status.Engine.
func (l *Library) Trackers(ctx context.Context, id metainfo.ID) (out []status.Tracker, err error) {
	k, there, err := l.here(id)
	if err != nil {
		return nil, err
	}
	if there {
		if out, err = l.session.Trackers(ctx, k.id); len(out) > 0 || err != nil && !errors.Is(err, session.ErrUnknown) {
			return out, err
		}
	}
	for tier, urls := range k.trackers {
		for i, u := range urls {
			out = append(out, status.Tracker{URL: text.MaskTracker(u), Tier: tier, Backup: i > 0, Complete: -1, Incomplete: -1, Downloaded: -1})
		}
	}
	return out, ctx.Err()
}

// Stats implements status.Engine.
func (l *Library) Stats(ctx context.Context) (status.Stats, error) {
	out, err := l.session.Stats(ctx)
	if err != nil {
		return out, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out.Torrents = len(l.items)
	_, ever := l.totals.ever(time.Now())
	out.DownTotal, out.UpTotal = ever.Down, ever.Up
	return out, nil
}

// Space implements status.Engine.
func (l *Library) Space(ctx context.Context, dir string) (free, total int64, err error) {
	l.mu.Lock()
	roots := l.settings.configured.Roots
	own := l.settings.now.Dir
	l.mu.Unlock()
	if dir == "" {
		dir = own
	}
	if dir != own {
		if dir, err = allowed(l.folders, dir, roots); err != nil {
			return 0, 0, err
		}
	}
	for {
		f, err := l.folders.Open(dir, false)
		if err == nil {
			var err2 error
			free, err = f.Free()
			total, err2 = f.Total()
			return free, total, errors.Join(err, err2, f.Close(), ctx.Err())
		}
		up := filepath.Dir(dir)
		if !isMissing(err) || up == dir {
			return 0, 0, fmt.Errorf("free space of %s: %w", dir, err)
		}
		dir = up
	}
}

// torrent returns the .torrent of a torrent that has one.
func (l *Library) torrent(id metainfo.ID) (*metainfo.Torrent, error) {
	l.mu.Lock()
	it, err := l.get(id)
	var b []byte
	if err == nil {
		b = it.saved.torrent
	}
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if b != nil {
		return metainfo.Parse(b)
	}
	tor, err := readTorrent(l.cfg.State, it.id)
	if err != nil {
		return nil, fmt.Errorf("%s in the state folder: %w; add the torrent again to replace it", fileName(it.id, torrentSuffix), err)
	}
	return tor, nil
}
