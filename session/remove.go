package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"shoal/internal/fsys"
	"shoal/metainfo"
)

// Remove implements status.Backend. Files stay; the resume record goes.
func (s *Session) Remove(ctx context.Context, id metainfo.ID) error { return s.remove(ctx, id, false) }

// RemoveData is Remove, and deletes the files of the torrent and the folders below its own that are empty then. What is not a regular
// file, lies behind a symbolic link, belongs to another torrent of the session too, or was there when the torrent came and has nothing of it is
// left alone. The error is that of
// the first file that could not be deleted; the torrent is gone all the same. When ctx ends first that goes on.
func (s *Session) RemoveData(ctx context.Context, id metainfo.ID) error {
	return s.remove(ctx, id, true)
}

func (s *Session) remove(ctx context.Context, id metainfo.ID, data bool) error {
	for {
		x, now, err := s.reg.take(id, data)
		switch {
		case err != nil:
			return err
		case now == nil && x.t == nil:
			s.announce.sayGoodbye(s.announce.drop(x.key, id.Wire()))
			return s.buryAsleep(ctx, x.sleep, data)
		case now == nil:
			return s.bury(ctx, x.t)
		}
		select {
		case <-now.done: // it woke, or fell asleep
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bury ends a torrent that was taken out of the list.
func (s *Session) bury(ctx context.Context, t *torrent) error {
	s.announce.sayGoodbye(s.announce.remove(t))
	t.cancel()
	select {
	case <-t.ended:
		return t.undeleted
	case <-ctx.Done():
		return ctx.Err()
	}
}

// erase deletes the torrent's files if that was asked for. Nothing uses them any more.
func (t *torrent) erase() error {
	of := t
	for of.record == nil && of.from != nil { // it did not come to open them
		of = of.from
	}
	switch {
	case !t.removed.Load() || !t.erases.Load():
		return nil
	case of.record == nil && of.work != nil && of.info != nil: // a move that went on
		if errors.Is(t.fault, errLost) {
			return fmt.Errorf("the files of %s are left: %w", t.title(), t.fault)
		}
	case of.record == nil || of.strange():
		return nil
	}
	err := eraseFiles(t.add.Folder, t.s.unshared(t.id, t.add.Folder.Path(), of.fileNames()))
	if err != nil {
		err = fmt.Errorf("delete the files of %s in %s: %w", t.title(), t.add.Folder.Path(), err)
		t.s.log.Warn("files are left", "torrent", t.id, "err", err)
	}
	return err
}

// strange reports whether files were there when the torrent came of which nothing was found to be its own so far.
func (t *torrent) strange() bool { return t.opened.foreign && !t.begun.Load() }

// hasOwn reports whether what is on disk under the torrent's names is its own. While it is being found out it fails.
func (t *torrent) hasOwn() (bool, error) {
	if t.strange() && !t.over.Load() {
		return false, fmt.Errorf("%s: %w", t.title(), errBusy)
	}
	return !t.strange(), nil
}

// fileNames returns the names of all that is on disk of the torrent.
func (t *torrent) fileNames() (names []string) {
	for _, f := range t.info.Files() {
		if !f.Pad && !f.Symlink {
			names = append(names, f.Path)
		}
	}
	return append(names, t.partsName(), t.partsName()+".new")
}

// eraseFiles deletes regular files below root, and the folders above them that are empty then. It goes on after an error and
// returns the first.
func eraseFiles(root fsys.FS, names []string) (first error) {
	dirs := make(map[string]bool) // whether it is a folder, and no link to one
	for _, name := range names {
		err := eraseFile(root, name, dirs)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = err
		}
	}
	removeEmpty(root, dirs)
	return first
}

// removeEmpty removes those of these folders that are empty, if they are folders, durably as what was removed from the others.
func removeEmpty(root fsys.FS, dirs map[string]bool) {
	var list []string
	for d, ok := range dirs {
		if ok {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(b, a) }) // those below before those above
	for _, d := range list {
		if root.Remove(d) != nil { // something is left
			_ = root.SyncDir(d) // what comes back after a power cut is a copy too many, no more
		}
	}
	_ = root.SyncDir(".")
}

func eraseFile(root fsys.FS, name string, dirs map[string]bool) error {
	if !realFolder(root, path.Dir(name), dirs) {
		return nil
	}
	st, err := root.Lstat(name)
	if err != nil || !st.Mode.IsRegular() {
		return err
	}
	return root.Remove(name)
}

// realFolder reports whether dir and all above it are folders. What it learns is kept in dirs, without the root.
func realFolder(root fsys.FS, dir string, dirs map[string]bool) bool {
	if dir == "." {
		return true
	}
	ok, known := dirs[dir]
	if !known {
		if ok = realFolder(root, path.Dir(dir), dirs); ok {
			st, err := root.Lstat(dir)
			ok = err == nil && st.Mode.IsDir()
		}
		dirs[dir] = ok
	}
	return ok
}
