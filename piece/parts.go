package piece

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"shoal/internal/fsys"
	"shoal/metainfo"
)

// parts keeps bytes of unwanted files out of sight. A piece on the border of a wanted and an
// unwanted file is needed as a whole, and the part in the unwanted file goes into one
// hidden file for the torrent.
//
// Layout: each file has a slot, in torrent order and without gaps, for those of its
// bytes that share a piece with another file: some at its beginning, some at its end.
// So every place follows from the torrent alone and nothing has to be stored to find it.
// The file is sparse where the system allows it.
//
// Invariant: a slot counts if and only if the real file does not exist. A file that
// becomes wanted is copied to a temporary name, synced, and renamed; the rename is what moves
// its bytes, and a slot is never written after it. The hidden file is removed when no slot counts
// and the renames are durable.
type parts struct {
	name  string      // of the hidden file; empty until SetWanted
	slots []edges     // one a file
	size  int64       // of the layout
	any   atomic.Bool // some file is kept apart

	// moving is held for reading while slots are read or written, and for writing while files become
	// apart or move out. It comes before Store.openMu.
	moving sync.RWMutex
}

// edges is the slot of one file: its first head bytes, then its last tail bytes.
type edges struct{ base, head, tail int64 }

// errApart is the answer to who opens a file that is kept apart.
var errApart = fmt.Errorf("not selected and not there: %w", fs.ErrNotExist)

// lay computes the slots of a torrent.
func (p *parts) lay(s *Store) {
	files, length := s.info.Files(), s.info.PieceLength()
	users := map[int64]int{} // files that begin or end in a piece
	ends := func(i int) (first, last int64, ok bool) {
		f := &files[i]
		if !s.stored(i) || f.Length == 0 {
			return 0, 0, false
		}
		return f.Offset / length, (f.Offset + f.Length - 1) / length, true
	}
	for i := range files {
		if first, last, ok := ends(i); ok {
			users[first]++
			if last != first {
				users[last]++
			}
		}
	}
	p.slots = make([]edges, len(files))
	for i := range files {
		sl, f := &p.slots[i], &files[i]
		sl.base = p.size
		first, last, ok := ends(i)
		if !ok {
			continue
		}
		if users[first] > 1 {
			sl.head = min(f.Length, (first+1)*length-f.Offset)
		}
		if last != first && users[last] > 1 {
			sl.tail = f.Offset + f.Length - last*length
		}
		p.size += sl.head + sl.tail
	}
}

// find says where byte off of a file of the given length lies in the hidden file, and for how many
// of n bytes that is so; ok is false for bytes outside the slot.
func (sl edges) find(length, off, n int64) (pos, m int64, ok bool) {
	switch {
	case off < sl.head:
		return sl.base + off, min(n, sl.head-off), true
	case off >= length-sl.tail:
		return sl.base + sl.head + off - (length - sl.tail), n, true
	}
	return 0, min(n, length-sl.tail-off), false
}

// shown is how much of a file of that length is covered by a hidden file of size bytes.
func (sl edges) shown(length, size int64) int64 {
	if sl.head+sl.tail > 0 && size >= sl.base+sl.head+sl.tail {
		return length
	}
	return max(0, min(size-sl.base, sl.head))
}

// hidden is the index of the hidden file in Store.state.
func (s *Store) hidden() int { return len(s.info.Files()) }

// name is the name of a file below the root, the hidden one included.
func (s *Store) name(i int) string {
	if i == s.hidden() {
		return s.parts.name
	}
	return s.info.Files()[i].Path
}

// length is the size that a file may have.
func (s *Store) length(i int) int64 {
	if i == s.hidden() {
		return s.parts.size
	}
	return s.info.Files()[i].Length
}

// place returns the runs on disk that make up n bytes of the torrent. Who gets locked == true
// unlocks parts.moving for reading when done with them. A file that became
// apart without the lock cannot be opened any more: errApart, and place is to be asked again.
func (s *Store) place(dst []metainfo.Span, off, n int64) (spans []metainfo.Span, locked bool) {
	spans = s.info.AppendSpans(dst, off, n)
	if !s.parts.any.Load() {
		return spans, false
	}
	s.parts.moving.RLock()
	for _, sp := range spans {
		if s.state[sp.File].apart.Load() {
			return s.redirect(spans), true
		}
	}
	s.parts.moving.RUnlock()
	return spans, false
}

func (s *Store) redirect(spans []metainfo.Span) []metainfo.Span {
	out := make([]metainfo.Span, 0, len(spans)+2)
	for _, sp := range spans {
		if !s.state[sp.File].apart.Load() {
			out = append(out, sp)
			continue
		}
		for sp.Length > 0 {
			pos, m, ok := s.parts.slots[sp.File].find(s.length(sp.File), sp.Offset, sp.Length)
			if ok {
				out = append(out, metainfo.Span{File: s.hidden(), Offset: pos, Length: m})
			} else {
				out = append(out, metainfo.Span{File: sp.File, Offset: sp.Offset, Length: m})
			}
			sp.Offset, sp.Length = sp.Offset+m, sp.Length-m
		}
	}
	return out
}

// SetWanted says which files of the torrent are to appear. What belongs to the others and has
// to be stored all the same goes into the hidden file name, in the root folder; an unwanted
// file that exists already is used as it is. Files that become wanted take their bytes
// back, durably, and the hidden file is removed when nothing in it is needed. An error is about
// one of these moves: nothing is lost, and the next SetWanted, Create or write into
// that file tries again. The first call comes before all else but Stat, which knows nothing of the hidden file until then; name is the
// same in every call.
// It may take as long as copying two pieces for each file that became wanted.
func (s *Store) SetWanted(name string, wanted func(i int) bool) error {
	s.parts.moving.Lock()
	defer s.parts.moving.Unlock()
	if s.parts.name == "" {
		s.parts.name = name
		s.parts.lay(s)
	}
	for i := range s.info.Files() {
		s.state[i].unwanted.Store(!wanted(i))
	}
	s.openMu.Lock()
	s.sortOut()
	s.openMu.Unlock()
	return s.bringWanted()
}

// sortOut finds out which files are kept apart. parts.moving and openMu are held.
func (s *Store) sortOut() {
	s.parts.any.Store(true)
	_, err := s.root.Lstat(s.parts.name)
	kept := !errors.Is(err, fs.ErrNotExist)
	for i := range s.info.Files() {
		st := &s.state[i]
		if !s.stored(i) || s.length(i) == 0 || st.apart.Load() || !st.unwanted.Load() && !kept || s.wasSeen(i) {
			continue
		}
		if _, err := s.root.Lstat(s.name(i)); errors.Is(err, fs.ErrNotExist) {
			st.apart.Store(true)
		}
	}
}

// bringWanted moves all wanted files out, and removes the hidden file if none is left.
// parts.moving is held.
func (s *Store) bringWanted() error {
	if s.parts.name == "" || !s.parts.any.Load() {
		return nil
	}
	var errs []error
	left := false
	for i := range s.info.Files() {
		st := &s.state[i]
		if st.apart.Load() && !st.unwanted.Load() {
			if err := s.bring(i); err != nil {
				errs = append(errs, err)
			}
		}
		left = left || st.apart.Load()
	}
	if !left {
		if err := s.removeParts(); err != nil {
			return err
		}
		s.parts.any.Store(false)
	}
	return errors.Join(errs...)
}

// bringInner moves out what keeps a run from being written: files kept apart that are to get
// bytes which have no place in their slots.
func (s *Store) bringInner(off, n int64) error {
	s.parts.moving.Lock()
	defer s.parts.moving.Unlock()
	for _, sp := range s.redirect(s.info.AppendSpans(nil, off, n)) {
		if sp.File != s.hidden() {
			if err := s.bring(sp.File); err != nil {
				return err
			}
		}
	}
	return nil
}

// bring moves a file out, if there is anything of it: parts.moving is held, so
// nobody uses the slot or can make the file.
func (s *Store) bring(i int) error {
	st := &s.state[i]
	if !st.apart.Load() {
		return nil
	}
	h, err := s.use(s.hidden(), false)
	if isAbsent(err) && !errors.Is(err, ErrDeleted) {
		st.apart.Store(false)
		return nil
	}
	if err != nil {
		return err
	}
	defer h.release()
	runs, err := s.kept(h, i)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		if err := s.moveOut(h, i, runs); err != nil {
			return err
		}
	}
	st.apart.Store(false)
	return nil
}

// run is a stretch of bytes at pos in the hidden file and off in the real one.
type run struct{ pos, off, n int64 }

// kept returns what is stored of file i in its slot.
func (s *Store) kept(h *handle, i int) (runs []run, err error) {
	sl := s.parts.slots[i]
	for _, r := range []run{{sl.base, 0, sl.head}, {sl.base + sl.head, s.length(i) - sl.tail, sl.tail}} {
		for r.n > 0 {
			start, end, err := h.f.DataAt(r.pos)
			if errors.Is(err, io.EOF) || err == nil && start >= r.pos+r.n {
				break
			}
			if err != nil {
				return nil, s.fileError("look at", s.hidden(), err)
			}
			end = min(end, r.pos+r.n)
			runs = append(runs, run{start, r.off + start - r.pos, end - start})
			r = run{end, r.off + end - r.pos, r.pos + r.n - end}
		}
	}
	return runs, nil
}

// moveOut copies to a temporary name, syncs and renames.
func (s *Store) moveOut(h *handle, i int, runs []run) error {
	s.openMu.Lock()
	defer s.openMu.Unlock()
	name, temp := s.name(i), s.parts.name+".new"
	if s.closed.Load() {
		return s.fileError("create", i, fs.ErrClosed)
	}
	if _, err := s.root.Lstat(name); err == nil {
		return s.fileError("create", i, fs.ErrExist) // somebody else's, and not to be overwritten
	}
	if err := s.makeFolders(name); err != nil {
		return err
	}
	var f fsys.File
	err := s.patiently(func() (err error) {
		f, err = s.root.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, s.perm(i))
		return err
	})
	if err != nil {
		return s.fileError("create", i, err)
	}
	err = copyRuns(f, h.f, runs)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		s.entered(name)
		err = s.root.Rename(temp, name)
	}
	if err != nil {
		_ = s.root.Remove(temp) // or the next move does it
		return s.fileError("move parts into", i, err)
	}
	return nil
}

func copyRuns(dst, src fsys.File, runs []run) error {
	buf := make([]byte, 256<<10)
	for _, r := range runs {
		for r.n > 0 {
			b := buf[:min(r.n, int64(len(buf)))]
			if _, err := src.ReadAt(b, r.pos); err != nil {
				return err
			}
			if _, err := dst.WriteAt(b, r.off); err != nil {
				return err
			}
			m := int64(len(b))
			r = run{r.pos + m, r.off + m, r.n - m}
		}
	}
	return nil
}

// removeParts removes the hidden file once every file that was moved out of it, perhaps by
// an earlier run, has a durable name. parts.moving is held.
func (s *Store) removeParts() error {
	s.openMu.Lock()
	defer s.openMu.Unlock()
	_ = s.root.Remove(s.parts.name + ".new") // left by a crash
	_, err := s.root.Lstat(s.parts.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	synced := map[string]bool{}
	sync := func(dir string) error {
		if synced[dir] {
			return nil
		}
		synced[dir] = true
		err := s.patiently(func() error { return s.root.SyncDir(dir) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.pathError("sync folder", dir, -1, err)
		}
		return nil
	}
	for i, sl := range s.parts.slots {
		if sl.head+sl.tail == 0 {
			continue
		}
		for dir := range parents(s.name(i)) {
			if err := sync(dir); err != nil {
				return err
			}
		}
	}
	if err := sync("."); err != nil {
		return err
	}
	k := s.hidden()
	st := &s.state[k]
	st.dirty.Store(false) // its bytes were synced where they are now
	if h := st.h.Load(); h != nil {
		s.drop(h)
		s.files.forget(h)
	}
	if err := s.root.Remove(s.parts.name); err != nil {
		return s.fileError("remove", k, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.forget()
	s.noteEntries(s.parts.name)
	return nil
}
