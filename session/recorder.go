package session

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/session/state"
	"shoal/swarm"
)

// recorder holds the resume record of one torrent between saves.
type recorder struct {
	busy  chan struct{} // one token: who saves holds it
	ended chan struct{} // closed, by who holds busy, when nothing may be saved any more

	mu  sync.Mutex
	rec state.Record
}

// newRecorder continues the record old, which may be nil.
func newRecorder(t *torrent, old *state.Record) *recorder {
	n := t.info.NumPieces()
	r := &recorder{busy: make(chan struct{}, 1), ended: make(chan struct{})}
	if old != nil {
		r.rec = *old
	} else {
		r.rec = state.Record{
			Added: t.s.cfg.Wall(), Have: metainfo.NewBitfield(n),
			Synced: metainfo.NewBitfield(n), Doubt: metainfo.NewBitfield(n),
			Files: make([]state.File, len(t.info.Files())),
		}
	}
	r.rec.Names, r.rec.Renaming = t.orders.get().names, [2]string{}
	r.rec.ID, r.rec.Dir, r.rec.BootID, r.rec.Clean = t.id, t.add.Folder.Path(), t.s.cfg.BootID, false
	return r
}

// take waits for its turn to save and reports whether there is anything to save still; give follows then.
func (r *recorder) take(ctx context.Context) (bool, error) {
	select {
	case r.busy <- struct{}{}:
	case <-r.ended:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-r.ended:
		r.give()
		return false, nil
	default:
		return true, nil
	}
}

func (r *recorder) give() { <-r.busy }

// end lets nothing be saved any more. It fails when somebody is at it and ctx ends first.
func (r *recorder) end(ctx context.Context) error {
	ok, err := r.take(ctx)
	if ok {
		close(r.ended)
		r.give()
	}
	return err
}

// get returns the record for reading its figures and dates.
func (r *recorder) get() state.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rec
}

func (r *recorder) update(f func(*state.Record)) {
	r.mu.Lock()
	f(&r.rec)
	r.mu.Unlock()
}

// finished notes the moment of completion, once.
func (r *recorder) finished(at time.Time) {
	r.update(func(rec *state.Record) {
		if rec.Finished.IsZero() {
			rec.Finished = at
		}
	})
}

// write saves the record under name. Only the holder of busy calls it.
func (r *recorder) write(dir fsys.FS, name string) error {
	r.mu.Lock()
	r.rec.Serial++
	rec := r.rec // its bitfields and files are replaced by save, never changed in place
	r.mu.Unlock()
	return state.Save(dir, name, &rec)
}

// unsyncedOnDisk has everything that is on disk synced before it is called durable again: somebody else may have written it.
func (t *torrent) unsyncedOnDisk() {
	files, err := recordFiles(t.store.Stat(), t.add.Folder.Path())
	if err != nil || t.add.Seed {
		return
	}
	there := metainfo.NewBitfield(t.info.NumPieces())
	var spans []metainfo.Span
	for i := range there.Len() {
		spans = t.info.AppendSpans(spans[:0], t.info.PieceOffset(i), int64(t.info.PieceSize(i)))
		missing := slices.ContainsFunc(spans, func(s metainfo.Span) bool {
			return !t.info.Files()[s.File].Pad && s.Offset+s.Length > files[s.File].Size
		})
		if !missing {
			there.Set(i)
		}
	}
	t.store.Unsynced(&there)
}

// distrust makes the swarm fetch and write again what a failed sync may have
// lost, once the user has seen to the cause: until then the torrent stands still.
func (t *torrent) distrust(sw *swarm.Swarm, lost *metainfo.Bitfield, cause error) {
	for i := range lost.Len() {
		if lost.Has(i) {
			sw.ReadFailed(t.info.BlockAt(i, 0), cause)
		}
	}
	sw.Fail(fmt.Errorf("data could not be made durable and will be fetched again: %w", cause))
}

// doubt takes back the claim on the pieces that a failed sync may have lost:
// the system has forgotten that their bytes were to be written. The others are durable.
func doubt(rec *state.Record, e *piece.SyncError) {
	lost := rec.Doubt.Without(&rec.Have)
	for _, i := range e.Pieces {
		lost.Set(i)
	}
	rec.Have = rec.Have.Without(&lost)
	rec.Synced, rec.Doubt = rec.Have, lost
}

// setFiles puts what files were found into the record; nil when they could not
// be looked at. A file is closed when nothing of ours writes to it any more: at
// the end, or when all of its pieces are there. The entry of a closed file
// stays as it is, so that a change by somebody else shows at the next start.
func setFiles(rec *state.Record, info *metainfo.Info, files []state.File, final bool) {
	if files == nil {
		files = make([]state.File, len(info.Files()))
	}
	out := slices.Clone(files)
	for i := range out {
		whole := complete(rec, &info.Files()[i], info.PieceLength())
		if old := rec.Files[i]; whole && old.Closed && !old.MTime.IsZero() { // zero: kept apart, and perhaps moved out since
			out[i] = old
			continue
		}
		out[i].Closed = out[i].Exists && (final || whole)
	}
	rec.Files = out
}

// complete reports whether all pieces of a file are in the record.
func complete(rec *state.Record, f *metainfo.File, pieceLength int64) bool {
	if f.Length == 0 {
		return true
	}
	last := int((f.Offset + f.Length - 1) / pieceLength)
	for i := int(f.Offset / pieceLength); i <= last; i++ {
		if !rec.Have.Has(i) {
			return false
		}
	}
	return true
}
