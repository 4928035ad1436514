package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

// Move makes to the folder of a torrent and, with data, moves its files there: by renaming on the same file system, else by copying. It
// takes to over, also when it fails. It returns when that has begun; meanwhile the phase is Moving. If it fails the torrent stands still where it was,
// with the cause, until Resume. Without data, or where what is there is not the torrent's (ErrExists), files are looked for in to and hashed. ErrLocked and ErrExists, for files that
// stand there already, come at once.
//
// At every moment one whole copy remains: a file is deleted when the other one is durable under its name and the record knows it. A session that
// is given one of the two folders after a kill goes on with the move.
func (s *Session) Move(ctx context.Context, id metainfo.ID, to fsys.FS, data bool) (err error) {
	m := &move{data: data, to: to}
	defer func() {
		if err != nil || m.t == nil {
			m.drop()
		}
	}()
	t, err := s.awake(ctx, id)
	if err != nil {
		return err
	}
	if t.busy() {
		return fmt.Errorf("%s: %w", t.title(), errBusy)
	}
	if err := ctx.Err(); err != nil || t.add.Folder == nil {
		return errors.Join(err, t.hasFiles())
	}
	if t.add.Folder.Path() == to.Path() {
		return nil
	}
	if data && t.hasFiles() == nil {
		if m.data, err = t.hasOwn(); err != nil {
			return err
		}
	}
	if err := m.claim(s, t); err != nil {
		return err
	}
	if m.data && t.hasFiles() == nil {
		if err := m.clear(t); err != nil {
			return err
		}
	}
	_, err = s.succeed(t, status.Moving, func(n *torrent) {
		m.t, m.from = n, n.add.Folder
		n.work, n.spare = m.run, m.drop
	})
	return err
}

// move is a torrent on its way from one folder to another. It runs on the torrent's own goroutine.
type move struct {
	t        *torrent
	from, to fsys.FS
	data     bool
	name     string          // of the torrent's files in the state folder, for to
	lock     io.Closer       // the same; nil when nothing is remembered
	copied   bool            // a file had to be copied
	resumed  bool            // it goes on where an earlier try ended
	arrived  map[string]bool // files that are in their new place
}

// claim locks the torrent in its new folder.
func (m *move) claim(s *Session, t *torrent) error {
	m.name = fileName(t.id, m.to.Path())
	if !t.remembers() {
		return nil
	}
	l, err := s.cfg.State.Lock(m.name + lockSuffix)
	if errors.Is(err, fsys.ErrLocked) {
		return fmt.Errorf("%s in %s: %w; stop the other one first", t.title(), m.to.Path(), ErrLocked)
	}
	m.lock = l
	return err
}

// drop gives back what the move had of its own.
func (m *move) drop() {
	if m.lock != nil {
		_ = m.lock.Close() // the process's end would do the same
	}
	_ = m.to.Close()
}

// clear fails when a file of the torrent is where one is to go.
func (m *move) clear(t *torrent) error {
	for _, name := range t.fileNames() {
		_, err := m.to.Lstat(name)
		if err == nil {
			return fmt.Errorf("%s in %s: %w; move it away, or let the files be looked for there", name, m.to.Path(), ErrExists)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look at %s: %w", m.to.Path(), err)
		}
	}
	return nil
}

// run moves. Without an error the torrent has its new folder.
func (m *move) run(ctx context.Context) error {
	t := m.t
	if t.tor == nil { // a magnet link without files
		return m.settle(nil)
	}
	t.info = t.bare.Info
	rec := t.load()
	t.useNames(rec)
	if !m.data {
		return m.settle(m.empty(rec))
	}
	err := m.begin(rec)
	if err == nil {
		err = m.carry(ctx)
	}
	if err == nil {
		rec, err = m.recorded(rec)
	}
	switch {
	case t.removed.Load():
		return m.back(errors.Join(err, ctx.Err()))
	case ctx.Err() != nil: // the next start goes on
		m.drop()
		return ctx.Err()
	case err != nil:
		return m.back(err)
	}
	m.leave()
	return m.settle(rec)
}

// begin notes what is going to happen. A file that is not as the record has it is hashed after the move: it would look right then.
func (m *move) begin(rec *state.Record) error {
	t := m.t
	m.arrived = make(map[string]bool)
	if !t.remembers() {
		return nil
	}
	known, err := state.LoadMove(t.s.cfg.State, t.id)
	if err == nil && known != nil && !known.Done && known.From == m.from.Path() && known.To == m.to.Path() {
		m.resumed = true
		return m.findArrived()
	}
	if rec != nil {
		now, err := t.filesIn(m.from)
		if err != nil {
			return err
		}
		rec.Files = state.Follow(rec.Files, now, now)
		if err := t.saveRecord(rec); err != nil {
			return err
		}
	}
	return state.SaveMove(t.s.cfg.State, &state.Move{ID: t.id, From: m.from.Path(), To: m.to.Path()})
}

// findArrived notes what came by an earlier try. A file that is in both folders was copied, so that both have one size, or is somebody else's.
func (m *move) findArrived() error {
	for _, name := range m.t.fileNames() {
		there, err := m.to.Lstat(name)
		if err != nil {
			continue
		}
		here, err := m.from.Lstat(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err != nil || here.Size == there.Size {
			m.arrived[name] = true
		}
	}
	return nil
}

// carry brings every file to its new place, durably.
func (m *move) carry(ctx context.Context) error {
	dirs, above := make(map[string]bool), map[string]bool{".": true}
	for _, name := range m.t.fileNames() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !realFolder(m.from, path.Dir(name), dirs) {
			continue
		}
		st, err := m.from.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !st.Mode.IsRegular() {
			continue
		}
		if err != nil {
			return err
		}
		if m.arrived[name] {
			continue
		}
		if _, err := m.to.Lstat(name); err == nil {
			return fmt.Errorf("%s: %w", name, ErrExists)
		}
		dir := path.Dir(name)
		if dir != "." {
			if err := m.to.MkdirAll(dir, 0o777); err != nil {
				return err
			}
		}
		if err := m.bring(ctx, name, st); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.arrived[name] = true
	}
	for name := range m.arrived { // of an earlier try too: it may not have come so far
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			above[d] = true
		}
	}
	for _, d := range slices.Sorted(maps.Keys(above)) {
		if err := m.to.SyncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// bring moves one file.
func (m *move) bring(ctx context.Context, name string, st fsys.Stat) error {
	if !m.copied {
		err := fsys.RenameAcross(m.from, name, m.to, name)
		if !errors.Is(err, fsys.ErrElsewhere) {
			return err
		}
		m.copied = true
	}
	return m.copy(ctx, name, st)
}

// recorded makes the record durable in which the files are in their new folder. From then on that is where they are.
func (m *move) recorded(rec *state.Record) (*state.Record, error) {
	t := m.t
	if rec == nil && t.remembers() { // an earlier try came so far
		rec, _ = state.Load(t.s.cfg.State, m.name+recordSuffix, t.id, t.info.NumPieces(), len(t.info.Files()))
	}
	if rec == nil {
		return nil, nil
	}
	now, err := t.filesIn(m.to)
	if err != nil {
		return nil, err
	}
	out, before := *rec, rec.Files
	if m.resumed { // nobody watched it since: what cannot be known by its time, as a copy, is hashed
		before = slices.Clone(now)
		for i, f := range rec.Files {
			before[i].Inode, before[i].CTime = f.Inode, f.CTime
		}
	}
	out.Files, out.Dir = state.Follow(rec.Files, before, now), m.to.Path()
	if t.remembers() {
		out.Serial++
		err = state.Save(t.s.cfg.State, m.name+recordSuffix, &out)
	}
	return &out, err
}

// leave deletes what is left in the old folder: each file whose copy has arrived.
func (m *move) leave() {
	if err := eraseFiles(m.from, slices.Sorted(maps.Keys(m.arrived))); err != nil {
		m.t.s.log.Warn("files are left in the old folder", "torrent", m.t.id, "dir", m.from.Path(), "err", err)
	}
	_ = m.to.Remove(m.temp()) // of a try that was killed
}

// settle makes the new folder that of the torrent. The old record goes, and the note of the move stays as a pointer.
func (m *move) settle(rec *state.Record) error {
	t, dir := m.t, m.t.s.cfg.State
	if t.remembers() {
		err := state.SaveMove(dir, &state.Move{ID: t.id, From: m.from.Path(), To: m.to.Path(), Done: true})
		err = errors.Join(err, state.Remove(dir, t.name+recordSuffix))
		if e := dir.Rename(t.name+torrentSuffix, m.name+torrentSuffix); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
		if err != nil {
			t.s.log.Warn("what is known of the old folder is still there", "torrent", t.id, "err", err)
		}
		_ = t.lock.Close()
	}
	t.add.Folder, t.name, t.lock, t.heirloom, t.away = m.to, m.name, m.lock, rec, !m.data
	if err := m.from.Close(); err != nil {
		t.s.log.Debug("closing the folder", "torrent", t.id, "err", err)
	}
	return nil
}

// empty is a record of a torrent whose files are to be looked for elsewhere: it keeps what else it knows.
func (m *move) empty(rec *state.Record) *state.Record {
	if rec == nil {
		return nil
	}
	nothing := metainfo.NewBitfield(rec.Have.Len())
	out := *rec
	out.Have, out.Synced, out.Doubt, out.Clean, out.Dir = nothing, nothing, nothing, false, m.to.Path()
	out.Files = make([]state.File, len(rec.Files))
	return &out
}

// back undoes a move that failed. What was renamed is renamed back, what was copied is deleted.
func (m *move) back(cause error) error {
	t := m.t
	cause = fmt.Errorf("%s cannot be moved from %s to %s: %w", t.title(), m.from.Path(), m.to.Path(), cause)
	var made []string
	dirs := make(map[string]bool)
	for _, name := range t.fileNames() {
		realFolder(m.to, path.Dir(name), dirs) // for those that are empty then
		if !m.arrived[name] {
			continue
		}
		if _, err := m.from.Lstat(name); err == nil {
			made = append(made, name)
			continue
		}
		var err error
		if dir := path.Dir(name); dir != "." {
			err = m.from.MkdirAll(dir, 0o777)
		}
		if err == nil {
			err = fsys.RenameAcross(m.to, name, m.from, name)
		}
		if err == nil {
			err = m.from.SyncDir(path.Dir(name))
		}
		if err != nil {
			m.drop()
			return fmt.Errorf("%w; %w: %w", cause, errLost, err)
		}
	}
	_ = eraseFiles(m.to, append(made, m.temp())) // what is left is a copy
	removeEmpty(m.to, dirs)
	var err error
	if t.remembers() {
		err = errors.Join(state.Remove(t.s.cfg.State, m.name+recordSuffix), state.RemoveMove(t.s.cfg.State, t.id))
	}
	m.drop()
	if err != nil {
		return fmt.Errorf("%w; %w: %w", cause, errLost, err)
	}
	return cause
}
