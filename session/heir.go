package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
	"shoal/swarm"
)

// errBusy is why a torrent that is being moved or renamed takes no other verb of that kind.
var errBusy = errors.New("its files are being moved or looked at; try again after that")

// lineage ties the runs of a torrent together. Where its files are to be moved, renamed or hashed anew a run ends in order, its heir
// takes over the folder, the lock and the record, does what is to be done, and begins as after an Add: nothing that works on the old
// names can be at it then. The list of torrents has the heir from the start.
type lineage struct {
	next  atomic.Pointer[torrent] // the heir, set while it enters the list
	given chan struct{}           // closed when the heir may have everything
	was   *status.Torrent         // of an heir: what there was to see last
	doing status.Phase            // of an heir: what it does until its files are open
	// work is done, on the torrent's own goroutine, before the files are opened. An error lets the torrent go on as it was, but standing
	// still; wrapped by errLost it ends.
	work func(ctx context.Context) error
	// spare gives back what work was to use, where it does not come to that; nil for nothing.
	spare func()
	from  *torrent      // who gives; nil for the first run
	ready chan struct{} // closed when work is over and the files are open
	fault error         // of work; to be read once ready
	fresh bool          // nothing of the record's claims counts
	// heirloom is the record to go by, nil for that on disk; away says that the files were not looked for in this folder before.
	heirloom *state.Record
	away     bool
}

// errLost says that a torrent cannot go on where it was.
var errLost = errors.New("its files are in two places; it goes on when both can be used")

// succeed ends t and lets an heir begin in its place, after prepare has said what the heir does. Files and connections are given back
// before that; the trackers hear of it as of a stop and a start.
func (s *Session) succeed(t *torrent, doing status.Phase, prepare func(*torrent)) (*torrent, error) {
	if t.busy() {
		return nil, fmt.Errorf("%s: %w", t.title(), errBusy)
	}
	n := s.newTorrent(t.add)
	n.orders, n.added, n.name, n.lock = t.orders, t.added, t.name, t.lock
	n.told.Store(t.told.Load())
	if t.known.Load() {
		n.add.Torrent, n.add.Magnet, n.add.Choose = t.bare, nil, nil
	}
	if n.add.Magnet == nil {
		n.bare, n.tor, n.info = n.add.Torrent, n.add.Torrent, n.add.Torrent.Info
	}
	n.private.Store(t.private.Load())
	n.add.Trust = false
	was := t.snapshot()
	n.was = &status.Torrent{
		ID: was.ID, Name: was.Name, Dir: was.Dir, Size: was.Size, Wanted: was.Wanted, Have: was.Have, Pieces: was.Pieces, PiecesHave: was.PiecesHave,
		PieceLength: was.PieceLength, Private: was.Private, DownTotal: was.DownTotal, UpTotal: was.UpTotal, Added: was.Added,
		Finished: was.Finished, ETA: -1,
	}
	n.doing, n.from, n.ready = doing, t, make(chan struct{})
	prepare(n)
	n.ctx, n.cancel = context.WithCancel(s.ctx)
	err := s.start(func() error { return s.reg.replace(t, n) }, n.run)
	if err != nil {
		n.cancel()
		return nil, err
	}
	s.announce.sayGoodbye(s.announce.remove(t))
	t.cancel()
	return n, nil
}

// busy reports whether a torrent does something with its files that must not be cut short by another verb.
func (t *torrent) busy() bool {
	if t.ready == nil {
		return false
	}
	select {
	case <-t.ready:
		return false
	default:
		return true
	}
}

// takeOver waits for the run before, does the work of this one and opens the files. Without an error the torrent begins.
func (t *torrent) takeOver() error {
	if t.ready == nil {
		return nil
	}
	defer close(t.ready)
	if t.from != nil {
		select {
		case <-t.from.given:
		case <-t.ctx.Done():
			select { // it saves its record, for a moment
			case <-t.from.given:
			case <-time.After(stopSync + stopSave):
			}
			if t.spare != nil {
				t.spare()
			}
			return t.ctx.Err()
		}
		t.inherit(t.from)
	}
	bare := t.bare
	if t.work != nil {
		err := t.work(t.ctx)
		if t.fault = err; errors.Is(err, errLost) || t.ctx.Err() != nil {
			return err
		}
	}
	if bare == nil { // a magnet link
		return nil
	}
	err := t.accept(bare)
	if err == nil {
		err = t.openFiles()
	}
	if err == nil {
		t.from, t.heirloom = nil, nil // they are not needed any more
	}
	return err
}

// inherit takes the record of the run before, as far as it is better than that on disk.
func (t *torrent) inherit(from *torrent) {
	if from.record != nil && from.begun.Load() {
		rec := from.record.get()
		t.heirloom = &rec
	}
}

// giveUp is the end of an heir that did not come to own anything: what is to be given back belongs to the run before still.
func (t *torrent) giveUp() {
	go func() { // it may hang at a disk
		<-t.from.given
		t.forget()
		_ = t.erase() // it says so
		t.release()
	}()
}

// owns reports whether folder and lock are this run's.
func (t *torrent) owns() bool {
	if t.from == nil {
		return true
	}
	select {
	case <-t.from.given:
		return true
	default:
		return false
	}
}

// load returns the record to go by, nil for none.
func (t *torrent) load() *state.Record {
	if t.heirloom != nil {
		return t.heirloom
	}
	if !t.remembers() {
		return nil
	}
	rec, notes := state.Load(t.s.cfg.State, t.name+recordSuffix, t.id, t.info.NumPieces(), len(t.info.Files()))
	for _, n := range notes {
		t.s.log.Warn("resume record", "torrent", t.id, "err", n)
	}
	return rec
}

// useNames gives files the names that the record has for them or, without one, the user's.
func (t *torrent) useNames(rec *state.Record) {
	names := t.orders.get().names
	if rec != nil {
		names = rec.Names
	}
	if len(names) > 0 {
		if err := t.rename(names); err != nil {
			t.s.log.Warn("files have their own names again", "torrent", t.id, "err", err)
			names = nil
		}
	}
	t.orders.update(func(w *wishes) { w.names = maps.Clone(names) })
}

// rename gives files other names in what is known of the torrent.
func (t *torrent) rename(names map[int]string) error {
	info, err := t.info.WithPaths(names)
	if err != nil {
		return err
	}
	tor := *t.tor
	tor.Info = info
	t.tor, t.info = &tor, info
	return nil
}

// hasFiles fails for a torrent of which nobody knows the files, or wants them.
func (t *torrent) hasFiles() error {
	if t.add.MetadataOnly || t.add.Magnet != nil && !t.known.Load() {
		return fmt.Errorf("%s: %w", t.title(), swarm.ErrNoMetadata)
	}
	return nil
}

// Verify hashes everything anew that is on disk. It returns when that has begun; a torrent that stands still does so afterwards too.
// What comes out of it is told as after Add.
func (s *Session) Verify(ctx context.Context, id metainfo.ID) error {
	t, err := s.awake(ctx, id)
	if err != nil {
		return err
	}
	if err := t.hasFiles(); err != nil {
		return err
	}
	if _, failure, _ := t.look(); failure != nil {
		t.orders.update(func(w *wishes) { w.paused = true })
	}
	_, err = s.succeed(t, status.Checking, func(n *torrent) { n.fresh = true })
	return errors.Join(err, ctx.Err())
}
