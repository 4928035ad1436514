package piece

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"shoal/internal/fsys"
)

// use returns file i open, for writing too if asked. The caller releases it.
func (s *Store) use(i int, write bool) (*handle, error) {
	st := &s.state[i]
	if h := st.h.Load(); h != nil && (h.writable || !write) && h.acquire() {
		return h, nil
	}
	s.openMu.Lock()
	if h := st.h.Load(); h != nil && (h.writable || !write) && h.acquire() {
		s.openMu.Unlock()
		return h, nil
	}
	var f fsys.File
	err := s.patiently(func() (err error) { f, err = s.open(i, write); return err })
	if err != nil {
		s.openMu.Unlock()
		return nil, err
	}
	h := &handle{store: s, file: i, f: f, writable: write}
	h.refs.Store(2) // the table and the caller
	old := st.h.Swap(h)
	s.openMu.Unlock()

	if old != nil {
		s.files.forget(old)
		old.release()
	}
	s.files.add(h)
	if st.h.Load() != h {
		s.files.forget(h) // it was dropped before it came into the ring
	}
	return h, nil
}

// drop takes a handle out of the table; it closes when its last user is done. Who drops one forgets
// it afterwards, unless it has left the ring already, and never before: see use.
func (s *Store) drop(h *handle) {
	if s.state[h.file].h.CompareAndSwap(h, nil) {
		h.release()
	}
}

// dropAll drops every open file.
func (s *Store) dropAll() {
	for i := range s.state {
		if h := s.state[i].h.Load(); h != nil {
			s.drop(h)
			s.files.forget(h)
		}
	}
}

// closing is called by whoever gave back the last reference. A dirty file is synced
// first, because the system may forget an error of write-back together with
// a closed file. A handle that cannot write never made the file dirty.
func (s *Store) closing(h *handle) {
	if h.writable && !s.closed.Load() {
		s.syncFile(h)
		s.settle(h)
	}
	h.f.Close()
}

// settle remembers how our last write left the file, so that a change made while it
// is closed shows.
func (s *Store) settle(h *handle) {
	was := s.glance(h.file)
	now, err := h.f.Stat()
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := &s.state[h.file]; err == nil && st.seen && was.stillQuiet(st) && !st.settled {
		st.stat, st.settled = now, true
	}
}

// open opens file i after looking at what stands there. openMu is held.
func (s *Store) open(i int, write bool) (fsys.File, error) {
	if s.closed.Load() {
		return nil, s.fileError("open", i, fs.ErrClosed)
	}
	if s.state[i].apart.Load() {
		return nil, s.fileError("open", i, errApart)
	}
	name := s.name(i)
	now, err := s.lstat(name)
	switch {
	case err == nil:
		err = s.acceptable(i, now, write)
	case errors.Is(err, fs.ErrNotExist):
		if s.wasSeen(i) {
			err = ErrDeleted
		} else if write {
			return s.create(i, name)
		}
	}
	if err != nil {
		return nil, s.fileError("open", i, err)
	}
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := s.root.OpenFile(name, flag, 0)
	if err == nil {
		err = s.opened(i, f, write)
	}
	if err != nil {
		return nil, s.fileError("open", i, err)
	}
	if write && !s.state[i].entered {
		s.state[i].entered = true
		s.entered(name) // an earlier run may have made it
	}
	return f, nil
}

// lstat looks at a file whose folders are no links. Folders are looked at once.
func (s *Store) lstat(name string) (fsys.Stat, error) {
	for dir := range parents(name) {
		if s.dirs[dir] {
			continue
		}
		st, err := s.root.Lstat(dir)
		if err != nil {
			return fsys.Stat{}, err
		}
		if !st.Mode.IsDir() {
			return fsys.Stat{}, s.pathError("open", dir, -1, ErrNotFolder)
		}
		s.dirs[dir] = true
	}
	return s.root.Lstat(name)
}

// parents walks the folders above name from the top, the root left out.
func parents(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

func (s *Store) wasSeen(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state[i].seen
}

// acceptable judges what stands at the place of file i before it is opened.
func (s *Store) acceptable(i int, now fsys.Stat, write bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.state[i]
	if st.spoiled != nil {
		return st.spoiled
	}
	if st.seen {
		if err := st.compare(now, st.extent, st.quiet() && st.settled, s.coarse); err != nil {
			return err
		}
	}
	if !now.Mode.IsRegular() {
		return ErrNotRegular
	}
	if write && now.Links > 1 && !s.allowLinks.Load() {
		return ErrLinked
	}
	return nil
}

// opened looks at the file that was really opened and remembers it. A file that is
// longer than the torrent says loses its end once it is to be written.
func (s *Store) opened(i int, f fsys.File, write bool) error {
	st, length := &s.state[i], s.length(i)
	now, err := f.Stat()
	if err == nil && !now.Mode.IsRegular() {
		err = ErrNotRegular
	}
	if err == nil && write && now.Size > length {
		s.beginChange(st)
		err = f.Truncate(length)
		s.mu.Lock()
		st.endChange()
		s.mu.Unlock()
		now.Size = length
	}
	if err != nil {
		f.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.stat, st.settled = now, st.quiet()
	st.extent = max(st.extent, min(now.Size, length))
	st.seen = true
	return nil
}

// create makes file i and the folders above it.
func (s *Store) create(i int, name string) (fsys.File, error) {
	if err := s.makeFolders(name); err != nil {
		return nil, err
	}
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, s.perm(i))
	if err == nil {
		s.state[i].entered = true
		s.entered(name)
		err = s.opened(i, f, true)
	}
	if err != nil {
		return nil, s.fileError("create", i, err)
	}
	return f, nil
}

// perm is what a new file may be used for.
func (s *Store) perm(i int) fs.FileMode {
	if i != s.hidden() && s.info.Files()[i].Executable {
		return 0o777
	}
	return 0o666
}

// makeFolders makes what is missing above name, but never a folder that was there
// before during this run: its disk may have been taken away.
func (s *Store) makeFolders(name string) error {
	for dir := range parents(name) {
		st, err := s.root.Lstat(dir)
		switch {
		case err == nil && !st.Mode.IsDir():
			err = ErrNotFolder
		case errors.Is(err, fs.ErrNotExist) && s.dirs[dir]:
			err = ErrDeleted
		case errors.Is(err, fs.ErrNotExist):
			err = s.root.MkdirAll(dir, 0o777)
		}
		if err != nil {
			return s.pathError("make folder", dir, -1, err)
		}
		s.dirs[dir] = true
	}
	return nil
}

// entered notes for Sync that the folders on the way to name may have new entries.
func (s *Store) entered(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteEntries(name)
}

// noteEntries is entered while Store.mu is held.
func (s *Store) noteEntries(name string) {
	s.entries["."] = true
	for dir := range parents(name) {
		s.entries[dir] = true
	}
}

// Create makes the empty files of the torrent and the folders they lie in;
// with prealloc it also reserves the space of all others where the system can,
// which fails early when the disk is too small. Unwanted files are left out.
func (s *Store) Create(prealloc bool) error {
	s.parts.moving.Lock()
	err := s.bringWanted()
	s.parts.moving.Unlock()
	if err != nil {
		return err
	}
	for i := range s.info.Files() {
		f := &s.info.Files()[i]
		if !s.stored(i) || f.Length > 0 && !prealloc || s.state[i].unwanted.Load() {
			continue
		}
		h, err := s.use(i, true)
		if err != nil {
			return err
		}
		if f.Length > 0 {
			err = s.allocate(h, f.Length)
		}
		h.release()
		if err != nil {
			return s.fileError("reserve space for", i, err)
		}
	}
	return nil
}

func (s *Store) allocate(h *handle, size int64) error {
	st := &s.state[h.file]
	s.beginChange(st)
	err := h.f.Allocate(size)
	s.mu.Lock()
	defer s.mu.Unlock()
	st.endChange()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	if err == nil {
		st.extent = max(st.extent, size)
	}
	return err
}

// within says whether name lies in the folder dir.
func within(name, dir string) bool { return dir == "." || strings.HasPrefix(name, dir+"/") }
