package piece

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"

	"shoal/metainfo"
)

// syncNeedsWrite: Windows syncs only what is open for writing. Elsewhere a file that must
// not be written any more can still be synced.
const syncNeedsWrite = runtime.GOOS == "windows"

// unsynced is what the Store knows about durability; guarded by Store.mu.
type unsynced struct {
	pieces  metainfo.Bitfield // written since the last Sync began
	batch   metainfo.Bitfield // written before the Sync under way began
	lost    metainfo.Bitfield // had bytes in a file whose sync failed
	failed  []error           // why; with lost, handed out by the next Sync
	entries map[string]bool   // folders with new entries
}

// Sync makes durable what was written before the call: every dirty file, then every
// folder with new entries. A piece whose commit was answered before the call is synced
// when Sync returns nil, or a SyncError that does not name it. A SyncError is told
// once; it also carries failures from since the last Sync. When ctx ends first, Sync returns its
// error between two files, and what is left stays to be synced. Calls take turns. Never
// call it on a disk worker.
func (s *Store) Sync(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()

	s.mu.Lock()
	if s.pieces.Count() > 0 {
		s.batch, s.pieces = s.pieces, metainfo.NewBitfield(s.info.NumPieces())
	}
	entries := s.entries
	s.entries = map[string]bool{}
	s.mu.Unlock()

	err := s.syncFiles(ctx)
	if err == nil {
		err = s.syncFolders(ctx, entries)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		for i := range s.info.NumPieces() {
			if s.batch.Has(i) {
				s.pieces.Set(i)
			}
		}
		for dir := range entries {
			s.entries[dir] = true
		}
		return err
	}
	s.batch = metainfo.Bitfield{}
	return s.takeLost()
}

// Unsynced says that these pieces were written before this Store was made, by
// an earlier run that did not get to sync them. The next Sync treats them as if they
// had been written now; without this call it knows nothing of them.
func (s *Store) Unsynced(pieces *metainfo.Bitfield) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var spans []metainfo.Span
	for i := range s.info.NumPieces() {
		if !pieces.Has(i) {
			continue
		}
		s.pieces.Set(i)
		spans = s.info.AppendSpans(spans[:0], s.info.PieceOffset(i), int64(s.info.PieceSize(i)))
		for _, sp := range spans {
			k := sp.File
			if s.state[k].apart.Load() {
				k = s.hidden()
			}
			st := &s.state[k]
			if s.stored(k) && !st.dirty.Load() {
				st.dirty.Store(true)
				st.settled = false
				s.noteEntries(s.name(k))
			}
		}
	}
}

// takeLost hands out what failed. mu is held.
func (s *Store) takeLost() error {
	if len(s.failed) == 0 {
		return nil
	}
	e := &SyncError{Err: errors.Join(s.failed...)}
	for i := range s.info.NumPieces() {
		if s.lost.Has(i) {
			e.Pieces = append(e.Pieces, i)
		}
	}
	s.lost, s.failed = metainfo.Bitfield{}, nil
	return e
}

func (s *Store) syncFiles(ctx context.Context) error {
	for i := range s.state {
		if !s.state[i].dirty.Load() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := s.use(i, syncNeedsWrite)
		if err != nil {
			// Clean by now: it is the hidden file, which was removed because its bytes are elsewhere, and durable.
			if s.state[i].dirty.CompareAndSwap(true, false) {
				s.syncFailed(err, i)
			}
			continue
		}
		s.syncFile(h)
		h.release()
	}
	// A file that looked clean may be in the middle of the sync before its closing.
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	return nil
}

// syncFile syncs one file if it is dirty. A failure is kept for Sync.
func (s *Store) syncFile(h *handle) {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if !s.state[h.file].dirty.CompareAndSwap(true, false) {
		return
	}
	if err := h.f.Sync(); err != nil {
		s.syncFailed(s.fileError("sync", h.file, err), h.file)
	}
}

// syncFailed gives up the pieces with bytes in these files that were not synced.
func (s *Store) syncFailed(err error, files ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, err)
	if s.lost.Len() == 0 {
		s.lost = metainfo.NewBitfield(s.info.NumPieces())
	}
	for _, i := range files {
		if i == s.hidden() {
			s.loseBorders()
			continue
		}
		f := &s.info.Files()[i]
		if f.Length == 0 {
			continue
		}
		for p := f.Offset / s.info.PieceLength(); p <= (f.Offset+f.Length-1)/s.info.PieceLength(); p++ {
			s.lose(int(p))
		}
	}
}

// loseBorders gives up all pieces that may have bytes in the hidden file. mu is held.
func (s *Store) loseBorders() {
	for i, sl := range s.parts.slots {
		f := &s.info.Files()[i]
		if sl.head > 0 {
			s.lose(int(f.Offset / s.info.PieceLength()))
		}
		if sl.tail > 0 {
			s.lose(int((f.Offset + f.Length - 1) / s.info.PieceLength()))
		}
	}
}

func (s *Store) lose(piece int) {
	if s.batch.Has(piece) || s.pieces.Has(piece) {
		s.lost.Set(piece)
	}
}

// syncFolders makes new names durable. Where that fails, the files below may
// vanish; the folder stays to be synced, because writing a piece again does not bring its
// name back.
func (s *Store) syncFolders(ctx context.Context, dirs map[string]bool) error {
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.patiently(func() error { return s.root.SyncDir(dir) })
		if err == nil {
			continue
		}
		s.mu.Lock()
		s.entries[dir] = true
		s.mu.Unlock()
		var below []int
		for i := range s.info.Files() {
			if s.stored(i) && within(s.info.Files()[i].Path, dir) {
				below = append(below, i)
			}
		}
		if dir == "." && s.parts.any.Load() {
			below = append(below, s.hidden())
		}
		s.syncFailed(s.pathError("sync folder", dir, -1, err), below...)
	}
	return nil
}
