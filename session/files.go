package session

import (
	"context"
	"fmt"
	"slices"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// Priorities of files, for Add.Priorities and SetPriorities.
const (
	Unwanted = piece.Unwanted // not fetched
	Low      = piece.Low
	Normal   = piece.Normal
	High     = piece.High
)

// checkPriorities reports what is wrong with a list of priorities; nil is all normal.
func checkPriorities(info *metainfo.Info, files []uint8) error {
	if n := len(info.Files()); files != nil && len(files) != n {
		return fmt.Errorf("%d priorities for the %d files of %s", len(files), n, info.Name())
	}
	for i, p := range files {
		if p > High {
			return fmt.Errorf("priority %d of file %d is not one of %d to %d", p, i, Unwanted, High)
		}
	}
	return nil
}

// wanted returns the pieces that hold something of a wanted file.
func wanted(info *metainfo.Info, files []uint8) metainfo.Bitfield {
	all := metainfo.NewBitfield(info.NumPieces())
	if files == nil {
		all.SetAll()
		return all
	}
	for k, f := range info.Files() {
		if f.Pad || f.Length == 0 || files[k] == Unwanted {
			continue
		}
		for i := f.Offset / info.PieceLength(); i <= (f.Offset+f.Length-1)/info.PieceLength(); i++ {
			all.Set(int(i))
		}
	}
	return all
}

// isWanted asks a list of priorities whether a file is to appear.
func isWanted(files []uint8) func(i int) bool {
	return func(i int) bool { return files == nil || files[i] != Unwanted }
}

// selectFiles tells the store which files are to appear.
func (t *torrent) selectFiles(files []uint8) error {
	return t.store.SetWanted(t.partsName(), isWanted(files))
}

// partsName is where the store keeps what belongs to files that nobody chose.
func (t *torrent) partsName() string { return "." + t.id.String() + ".parts" }

// SetPriorities changes what is fetched of a torrent: one priority a file, in
// the order of its Info's files; nil is normal for all. It returns when the snapshot shows it; while a torrent is being
// checked that is when the check is over. The session does not remember it: see Add.Priorities.
func (s *Session) SetPriorities(ctx context.Context, id metainfo.ID, files []uint8) error {
	t, err := s.awake(ctx, id)
	if err != nil {
		return err
	}
	if err := t.hasFiles(); err != nil {
		return err
	}
	if !t.known.Load() {
		return fmt.Errorf("%s: %w", t.title(), errBusy)
	}
	if err := checkPriorities(t.info, files); err != nil {
		return err
	}
	files = slices.Clone(files)
	t.choosing.Lock()
	defer t.choosing.Unlock()
	if !t.begun.Load() {
		err := t.store.Fits(isWanted(files))
		if err == nil {
			t.orders.update(func(w *wishes) { w.priorities = files })
		}
		return err
	}
	if err := t.choose(files); err != nil {
		return err
	}
	t.orders.update(func(w *wishes) { w.priorities = files })
	t.set(func() { t.complete = false })
	sw := t.running()
	if err := sw.SetPriorities(ctx, files); err != nil {
		return t.unlessReplaced(err)
	}
	// Completed comes when what is missing now is there; nothing may be missing.
	if p := sw.Snapshot().Phase; p == status.Partial || p == status.Seeding {
		t.set(func() { t.complete = true })
	}
	return nil
}

// choose lets the store know which files are to appear. The caller holds choosing.
func (t *torrent) choose(files []uint8) error {
	if t.add.Seed {
		return nil
	}
	err := t.store.Fits(isWanted(files))
	if err == nil {
		err = t.selectFiles(files)
	}
	if err == nil {
		err = t.store.Create(t.add.Preallocate)
	}
	if err == nil {
		t.chosen = files
	}
	return err
}

// SetSequential switches fetching in order on or off.
func (s *Session) SetSequential(ctx context.Context, id metainfo.ID, on bool) error {
	t, err := s.wish(ctx, id, func(w *wishes) { w.sequential = on })
	if err != nil {
		return err
	}
	if sw := t.running(); sw != nil {
		return t.unlessReplaced(sw.SetSequential(ctx, on))
	}
	return nil
}
