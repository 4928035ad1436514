package session

import (
	"context"
	"fmt"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
	"shoal/swarm"
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
	return t.store.SetWanted("."+t.id.String()+".parts", isWanted(files))
}

// SetPriorities changes what is fetched of a torrent: one priority a file, in
// the order of its Info's files; nil is normal for all. It returns when the snapshot shows it.
func (s *Session) SetPriorities(ctx context.Context, id metainfo.ID, files []uint8) error {
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	if !t.known.Load() {
		return fmt.Errorf("%s: %w", t.title(), swarm.ErrNoMetadata)
	}
	if err := checkPriorities(t.info, files); err != nil {
		return err
	}
	sw := t.running()
	if !t.begun.Load() {
		return fmt.Errorf("%s is being checked; its files can be chosen after that", t.info.Name())
	}
	if !t.add.Seed {
		err := t.store.Fits(isWanted(files))
		if err == nil {
			err = t.selectFiles(files)
		}
		if err == nil {
			err = t.store.Create(t.add.Preallocate)
		}
		if err != nil {
			return err
		}
	}
	t.set(func() { t.complete = false })
	if err := sw.SetPriorities(ctx, files); err != nil {
		return err
	}
	// Completed comes when what is missing now is there; nothing may be missing.
	if p := sw.Snapshot().Phase; p == status.Partial || p == status.Seeding {
		t.set(func() { t.complete = true })
	}
	return nil
}

// SetSequential switches fetching in order on or off.
func (s *Session) SetSequential(ctx context.Context, id metainfo.ID, on bool) error {
	t, err := s.reg.get(id)
	if err != nil {
		return err
	}
	sw := t.running()
	if !t.begun.Load() {
		return fmt.Errorf("%s is being checked, or not known yet; try again after that", t.title())
	}
	return sw.SetSequential(ctx, on)
}
