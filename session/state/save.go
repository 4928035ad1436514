package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"shoal/internal/fsys"
	"shoal/metainfo"
)

// Suffixes of the two other names that a record may have: the one that is
// being written, and the generation before.
const (
	tmpSuffix = ".tmp"
	oldSuffix = ".old"
)

// Save makes r durable under name: written to a temporary name, synced,
// renamed; the generation before stays as name.old. At every moment of it a
// power cut leaves the old or the new record under one of the three names.
func Save(dir fsys.FS, name string, r *Record) error {
	b, err := r.Encode()
	if err != nil {
		return err
	}
	if err := write(dir, name+tmpSuffix, b); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	if err := dir.Rename(name, name+oldSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("save %s: keep the generation before: %w", name, err)
	}
	if err := dir.Rename(name+tmpSuffix, name); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	if err := dir.SyncDir(path.Dir(name)); err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// write makes a file of b and syncs it.
func write(dir fsys.FS, name string, b []byte) (err error) {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Sync()
}

// WriteFile makes a file of b durable under name, all of it or, after a power cut, nothing.
func WriteFile(dir fsys.FS, name string, b []byte) error {
	err := write(dir, name+tmpSuffix, b)
	if err == nil {
		err = dir.Rename(name+tmpSuffix, name)
	}
	if err == nil {
		err = dir.SyncDir(path.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return nil
}

// ReadFile returns the bytes of a file, of which it may have at most limit.
func ReadFile(dir fsys.FS, name string, limit int64) ([]byte, error) {
	f, err := dir.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size > limit {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrDamaged, st.Size)
	}
	b := make([]byte, st.Size)
	if n, err := f.ReadAt(b, 0); err != nil && !(err == io.EOF && n == len(b)) {
		return nil, err
	}
	return b, nil
}

// Load returns the newest valid generation of the record of a torrent, nil
// when there is none. What was wrong with the others comes back as notes; a
// file that is not there is not worth one. Nothing is deleted.
func Load(dir fsys.FS, name string, id metainfo.ID, pieces, files int) (best *Record, notes []error) {
	for _, suffix := range []string{"", oldSuffix, tmpSuffix} {
		r, err := load(dir, name+suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			notes = append(notes, fmt.Errorf("%s: %w", name+suffix, err))
		case r.ID.Wire() != id.Wire() || r.Have.Len() != pieces || len(r.Files) != files:
			notes = append(notes, fmt.Errorf("%s: %w: it is of another torrent", name+suffix, ErrDamaged))
		case best == nil || r.Serial > best.Serial:
			best = r
		}
	}
	return best, notes
}

func load(dir fsys.FS, name string) (*Record, error) {
	b, err := ReadFile(dir, name, maxRecord)
	if err != nil {
		return nil, err
	}
	return Decode(b)
}

// Remove deletes all generations of a record.
func Remove(dir fsys.FS, name string) error {
	var errs []error
	for _, suffix := range []string{"", oldSuffix, tmpSuffix} {
		if err := dir.Remove(name + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return dir.SyncDir(path.Dir(name))
}
