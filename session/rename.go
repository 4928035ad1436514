package session

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/session/state"
	"shoal/status"
)

// Rename gives the file or folder at path, as Files shows it, the last element name, on disk and in all that is told of the torrent. It is
// remembered in the resume record, and Names returns it. It fails with metainfo.ErrInvalid for a name that is not safe on every system or
// is taken within the torrent, fs.ErrExist for one that something else on the disk has, and status.ErrNoFile; then nothing has changed. Whoever
// is connected is connected anew.
func (s *Session) Rename(ctx context.Context, id metainfo.ID, path, name string) error {
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
	own, err := t.hasOwn()
	if err != nil {
		return err
	}
	r, err := t.renaming(path, name)
	if err != nil || r == nil {
		return err
	}
	r.alone = !own
	n, err := s.succeed(t, status.Moving, func(n *torrent) {
		n.work = func(context.Context) error {
			r.err = n.carryOut(r)
			return nil
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-n.ready:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Names returns the paths of files that were renamed, by index of Info.Files, for Add.Names; nil for none.
func (s *Session) Names(id metainfo.ID) (names map[int]string, err error) {
	if _, p := s.reg.sleeping(id.Wire()); p != nil {
		err = s.lookAsleep(s.ctx, p, func(t *torrent) { names = t.orders.get().names })
		return names, err
	}
	t, err := s.reg.get(id)
	if err != nil {
		return nil, err
	}
	return maps.Clone(t.orders.get().names), nil
}

// renaming is one file or folder that is to be renamed.
type renaming struct {
	from, to string
	names    map[int]string // of all files that have other names then
	alone    bool           // what is on disk is somebody else's and keeps its name
	err      error
}

// renaming works out what a new name means; nil when it is the old one.
func (t *torrent) renaming(old, name string) (*renaming, error) {
	to := name
	if dir := path.Dir(old); dir != "." {
		to = dir + "/" + name
	}
	if to == old {
		return nil, nil
	}
	r := &renaming{from: old, to: to, names: maps.Clone(t.orders.get().names)}
	if r.names == nil {
		r.names = make(map[int]string)
	}
	some := false
	for i, f := range t.info.Files() {
		rest, below := strings.CutPrefix(f.Path, old)
		if !below || rest != "" && rest[0] != '/' {
			continue
		}
		some = some || !f.Pad
		if r.names[i] = to + rest; r.names[i] == t.bare.Info.Files()[i].Path {
			delete(r.names, i)
		}
	}
	if !some {
		return nil, fmt.Errorf("%s in %s: %w", old, t.title(), status.ErrNoFile)
	}
	if strings.Contains(name, "/") || strings.HasPrefix(to, t.partsName()) {
		return nil, badName{name, fmt.Errorf("%w: a name has no / and is none of ours", metainfo.ErrInvalid)}
	}
	if _, err := t.bare.Info.WithPaths(r.names); err != nil {
		return nil, badName{name, err}
	}
	return r, nil
}

// badName says that a torrent cannot have a new name; why is metainfo.ErrInvalid, whose words speak of the whole torrent.
type badName struct {
	name string
	why  error
}

func (b badName) Error() string {
	return fmt.Sprintf("%q cannot be the new name: %s", b.name, strings.TrimPrefix(b.why.Error(), metainfo.ErrInvalid.Error()+": "))
}

func (b badName) Unwrap() error { return b.why }

// carryOut renames. The record is first, with both names, so that a start after a kill finds the files under either of them; and
// last, with what the files look like now.
func (t *torrent) carryOut(r *renaming) error {
	t.info = t.bare.Info
	rec := t.load()
	t.useNames(rec)
	root := t.add.Folder
	before, err := t.filesIn(root)
	if err != nil {
		return err
	}
	if _, err := root.Lstat(r.to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("rename %s in %s: %s: %w", r.from, root.Path(), r.to, errors.Join(err, fs.ErrExist))
	}
	was := t.orders.get().names
	remember := func(names map[int]string, on [2]string) error {
		t.orders.update(func(w *wishes) { w.names = names })
		if rec == nil {
			return nil
		}
		rec.Names, rec.Renaming = names, on
		t.heirloom = rec
		return t.saveRecord(rec)
	}
	err = remember(r.names, [2]string{r.from, r.to})
	if err == nil && !r.alone {
		err = renameBelow(root, r.from, r.to)
	}
	if err == nil {
		err = t.rename(r.names)
	}
	if err != nil { // it may have its new name all the same
		err = fmt.Errorf("rename %s in %s: %w", r.from, root.Path(), err)
		if _, gone := root.Lstat(r.from); errors.Is(gone, fs.ErrNotExist) && !r.alone {
			err = errors.Join(err, renameBelow(root, r.to, r.from))
		}
		return errors.Join(err, remember(was, [2]string{r.to, r.from}))
	}
	after, err := t.filesIn(root)
	if err == nil && rec != nil {
		rec.Files = state.Follow(rec.Files, before, after)
	} // else they are hashed
	if err := remember(r.names, [2]string{}); err != nil {
		t.s.log.Warn("a new name is remembered in part", "torrent", t.id, "err", err) // see finishRename
	}
	return nil
}

// saveRecord makes rec durable, if the torrent remembers anything.
func (t *torrent) saveRecord(rec *state.Record) error {
	if !t.remembers() {
		return nil
	}
	rec.Serial++
	return state.Save(t.s.cfg.State, t.name+recordSuffix, rec)
}

// renameBelow renames durably; what is not there yet needs no other name.
func renameBelow(root fsys.FS, from, to string) error {
	err := root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = root.SyncDir(path.Dir(to))
	}
	return err
}

// finishRename does what a run that was killed did not get to do.
func (t *torrent) finishRename(rec *state.Record) error {
	if rec == nil || rec.Renaming == [2]string{} {
		return nil
	}
	from, to := rec.Renaming[0], rec.Renaming[1]
	if checkNames(from, to) != nil {
		return nil
	}
	if _, err := t.add.Folder.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := renameBelow(t.add.Folder, from, to); err != nil {
		return fmt.Errorf("rename %s in %s: %w", from, t.add.Folder.Path(), err)
	}
	return nil
}

// checkNames refuses what a record may not have renamed.
func checkNames(names ...string) error {
	for _, n := range names {
		if !fs.ValidPath(n) || n == "." {
			return fs.ErrInvalid
		}
	}
	return nil
}

// filesIn describes the torrent's files in a folder, under the names that they have now. It changes nothing.
func (t *torrent) filesIn(root fsys.FS) ([]state.File, error) {
	st := piece.NewStore(root, t.info, t.s.files)
	defer st.Close()
	if err := st.SetWanted(t.partsName(), func(int) bool { return false }); err != nil {
		return nil, err
	}
	return recordFiles(st.Stat(), root.Path())
}
