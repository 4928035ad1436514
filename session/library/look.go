package library

import (
	"context"
	"errors"
	"time"

	"shoal/metainfo"
	"shoal/session"
	"shoal/session/hooks"
	"shoal/status"
)

// Of many torrents those that showed nothing new for some looks are looked at less often.
const (
	manyItems  = 2000
	quietAfter = 5
	quietEvery = 10
	// restEvery is after how many looks a round decides about many torrents that show nothing new: goals and the schedule go by time.
	restEvery = 5
)

// look takes over what the session says of the torrents that it has, and reports whether any of it calls for a round.
func (l *Library) look() bool {
	begun := time.Now()
	l.mu.Lock()
	there := l.there[:0]
	l.turn++
	for _, it := range l.items {
		if it.place == live && (it.quiet < quietAfter || len(l.items) < manyItems || (it.number+l.turn)%quietEvery == 0) {
			there = append(there, it)
		}
	}
	l.mu.Unlock()
	for _, it := range there {
		t, err := l.session.Summary(context.Background(), it.id)
		if err != nil {
			continue // it is just leaving
		}
		l.take(it, &t)
	}
	l.there = there
	clear(there)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rates.looked(begun)
	due := l.news || len(l.items) < manyItems || l.turn%restEvery == 0
	l.news = false
	return due
}

// take takes over what the session says of one item.
func (l *Library) take(it *item, t *status.Torrent) {
	l.mu.Lock()
	fresh := it.place == live && !it.flags.has(known) && t.Pieces > 0
	l.mu.Unlock()
	if fresh { // first: who sees that it downloads sees its files
		l.learned(it)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if it.place == live {
		l.see(it, t)
	}
}

// maxGap is the longest time that counts between two looks at a torrent.
const maxGap = 2 * quietEvery * lookEvery

// see takes over what the session says of an item. Library.mu is held.
func (l *Library) see(it *item, t *status.Torrent) {
	before, stalled := it.shown(), it.stalled
	known, flags := it.torrent(status.Paused), it.flags
	l.count(it, t)
	k := &it.kept
	if t.Pieces > 0 {
		k.name, k.size, k.wanted = t.Name, t.Size, t.Wanted
		k.pieces, k.pieceSize = t.Pieces, t.PieceLength
		if t.Phase != status.Checking && t.Phase != status.Opening {
			k.have, k.piecesHave = t.Have, t.PiecesHave
		}
	}
	switch t.Phase {
	case status.Leeching, status.Metadata:
		k.flags = k.flags.set(complete|whole, false)
	case status.Partial, status.Seeding:
		k.flags = k.flags.set(complete, true).set(whole, t.Phase == status.Seeding)
		if t.Phase == status.Seeding {
			k.flags = k.flags.set(repair, false)
		}
	}
	if t.Dir != "" && t.Dir != k.dir && t.Phase != status.Moving { // it was moved
		if k.dir = l.one(t.Dir); k.dir == k.final {
			k.final = ""
		}
		l.store.keep(it)
	}
	if k.flags.has(moving) {
		l.moved(it, t.Phase)
	}
	if k.finished == 0 && !t.Finished.IsZero() {
		k.finished = t.Finished.UnixNano()
	}
	was := it.phase
	if it.last != nil {
		was = it.last.Phase
	}
	it.phase = t.Phase
	shown := k.counted(*t)
	if shown == k.torrent(t.Phase) {
		it.last = nil
	} else if it.last == nil || *it.last != *t {
		it.last = new(*t)
	}
	if it.stalled = l.isStalled(it, t); stalled && !it.stalled {
		it.since = time.Now()
	}
	if shown == before && it.stalled == stalled {
		it.quiet += uint8(number(it.quiet < quietAfter))
		return
	}
	it.quiet, l.news = 0, true
	l.list.touch(l.wall(), it)
	if it.torrent(status.Paused) != known || it.flags != flags { // else it would be written as it was
		l.lazy[it] = struct{}{}
	}
	if t.Phase != was {
		l.turned(it, t.Phase)
	}
}

// moved heeds the end of a move, or that it has yet to begin: the run before ended too early. Library.mu is held.
func (l *Library) moved(it *item, phase status.Phase) {
	switch phase {
	case status.Moving, status.Opening, status.Checking:
		return
	}
	if to := it.final; to != "" && to != it.dir && !it.moves {
		it.moves = true
		l.goes(func(ctx context.Context) { l.bringHome(ctx, it, to) })
		return
	}
	it.final, it.moves, it.flags = "", false, it.flags.set(moving, false)
	l.store.keep(it)
}

// count adds up bytes and time. Library.mu is held.
func (l *Library) count(it *item, t *status.Torrent) {
	k, now := &it.kept, time.Now()
	if !it.looked.IsZero() { // else it is new here, and what it sent and received was counted by earlier runs
		down, up := max(t.DownTotal-it.seen.down, 0), max(t.UpTotal-it.seen.up, 0)
		k.down, k.up = k.down+down, k.up+up
		l.totals.now.Down += down
		l.totals.now.Up += up
		l.rates.moved(it, now, min(now.Sub(it.looked), maxGap), down, up)
		if down > 0 || up > 0 {
			k.active, it.moved = l.wall().UnixNano(), now
		}
		// A machine that slept did neither.
		passed := min(now.Sub(it.looked), maxGap)
		switch t.Phase {
		case status.Leeching, status.Metadata:
			k.downloading += passed
		case status.Partial, status.Seeding:
			k.seeding += passed
		}
	} else {
		k.down, k.up = max(k.down, t.DownTotal), max(k.up, t.UpTotal)
	}
	// These the session counts from nothing in each run, and after each sleep.
	k.wasted, k.corrupt = k.wasted+grown(t.Wasted, it.seen.wasted), k.corrupt+grown(t.Corrupt, it.seen.corrupt)
	it.seen, it.looked = seen{t.DownTotal, t.UpTotal, t.Wasted, t.Corrupt}, now
}

// grown returns how much a count grew; one that is smaller began anew.
func grown(now, before int64) int64 {
	if now < before {
		return max(now, 0)
	}
	return now - before
}

// isStalled reports whether a torrent runs and moves nothing.
func (l *Library) isStalled(it *item, t *status.Torrent) bool {
	after := l.settings.now.StalledAfter
	if after <= 0 || t.Down > 0 || t.Up > 0 || it.moved.IsZero() {
		return false
	}
	switch t.Phase {
	case status.Leeching, status.Partial, status.Seeding, status.Metadata:
		return time.Since(it.moved) >= after
	}
	return false
}

// turned heeds a new phase. Library.mu is held.
func (l *Library) turned(it *item, phase status.Phase) {
	switch phase {
	case status.Failed:
		l.goes(func(context.Context) { l.failure(it) })
	case status.Partial, status.Seeding:
		it.since = time.Now()
		if it.final != "" && it.final != it.dir && !it.flags.has(moving) {
			to := it.final
			l.goes(func(ctx context.Context) { l.bringHome(ctx, it, to) })
		}
		if !it.flags.has(hooked) {
			it.flags = it.flags.set(hooked, true)
			l.store.keep(it)
			if it.downloading > 0 || it.down > 0 {
				l.happen(it, hooks.Done)
			}
		}
	}
}

// failure heeds that an item's torrent failed: what stays as it is stops it, what may pass is tried again.
func (l *Library) failure(it *item) {
	f := l.session.Failure(it.id)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case f.Err == nil || f.Waits || it.place != live:
	case f.Files || lasting(f.Err):
		l.stopFor(it, f.Err)
	default:
		it.trouble.failed(f.Err)
	}
}

// failed notes why something did not work, and when it is tried again.
func (t *trouble) failed(err error) {
	t.pause = min(max(2*t.pause, retryFirst), retryLast)
	t.err, t.again = err.Error(), time.Now().Add(t.pause)
}

// stopFor stops an item because of an error. Library.mu is held.
func (l *Library) stopFor(it *item, err error) {
	it.err = err.Error()
	it.flags = it.flags.set(stopped, true).set(forced, false)
	it.waiting = false
	l.list.touch(l.wall(), it)
	l.store.keep(it)
	l.happen(it, hooks.Failed)
}

// lasting reports whether an error stays as it is until somebody does something; others are tried again.
func lasting(err error) bool {
	for _, cause := range []error{session.ErrExists, session.ErrIncomplete, metainfo.ErrInvalid, metainfo.ErrUnsupportedV2} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// learned takes over the info dictionary that was found for a magnet link.
func (l *Library) learned(it *item) {
	tor, err := l.session.Torrent(it.id)
	if err != nil || tor == nil {
		return
	}
	b, err := tor.Marshal()
	if err != nil {
		l.log.Warn("the files of a magnet link cannot be remembered", "torrent", it.id, "err", err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if it.flags.has(known) {
		return
	}
	it.learn(tor)
	it.saved.torrent = b
	l.share(&it.kept)
	l.list.touch(l.wall(), it)
	l.store.keep(it)
}

// bringHome moves a complete item where it belongs.
func (l *Library) bringHome(ctx context.Context, it *item, to string) {
	_, done, err := l.claim(ctx, it.id)
	if err == nil {
		defer done()
		err = l.relocate(ctx, it, to, true)
	}
	if err != nil && ctx.Err() == nil {
		l.log.Warn("complete, but not moved where it belongs", "torrent", it.id, "to", to, "err", err)
	}
}
