package piece

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
)

// FileStat is what Stat found of one file.
type FileStat struct {
	// Stored is false for pad files and symlinks, which are never on disk.
	Stored bool
	// Exists says that there is an entry; look at Mode for what it is.
	Exists bool
	// Apart says that the file is unwanted and not there, and Stat is about what is kept of
	// it in the hidden file: Size is where it ends, times are zero.
	Apart bool
	fsys.Stat
	// Err is why nothing could be found out; nil when the file is just not there.
	Err error
}

// Stat looks at every file of the torrent, in torrent order. It opens and changes nothing.
func (s *Store) Stat() []FileStat {
	s.parts.moving.RLock()
	defer s.parts.moving.RUnlock()
	var kept fsys.Stat
	var keptErr error
	if s.parts.any.Load() {
		kept, keptErr = s.root.Lstat(s.parts.name)
	}
	out := make([]FileStat, len(s.info.Files()))
	for i := range out {
		if !s.stored(i) {
			continue
		}
		out[i].Stored = true
		var st fsys.Stat
		var err error
		if out[i].Apart = s.state[i].apart.Load(); out[i].Apart {
			st, err = s.keptStat(i, kept, keptErr)
		} else {
			err = s.patiently(func() error { st, err = s.root.Lstat(s.name(i)); return err })
		}
		switch {
		case err == nil:
			out[i].Exists, out[i].Stat = true, s.coarsen(st)
		case !errors.Is(err, fs.ErrNotExist):
			out[i].Err = s.fileError("look at", i, err)
		}
	}
	return out
}

// keptStat describes a file that is kept apart, after what the hidden file is like. Its times change with
// every other file's parts, so they are left out.
func (s *Store) keptStat(i int, kept fsys.Stat, err error) (fsys.Stat, error) {
	size := s.parts.slots[i].shown(s.length(i), kept.Size)
	if err == nil && (size == 0 || !kept.Mode.IsRegular()) {
		err = fs.ErrNotExist
	}
	return fsys.Stat{Size: size, Mode: kept.Mode, Inode: kept.Inode, Links: kept.Links}, err
}

// coarsen leaves of a Stat what such a file system keeps: rounded times, and neither ctime nor inode.
func (s *Store) coarsen(st fsys.Stat) fsys.Stat {
	if s.coarse > 0 {
		st.MTime, st.CTime, st.Inode = st.MTime.Truncate(s.coarse), time.Time{}, 0
	}
	return st
}

// Inspect looks at the folder and at every file that is open, to be called about
// once a second while the torrent is active. It returns a FileError when the
// folder was moved or unmounted, or a file was deleted, replaced, cut, made read-only or written to by
// somebody else (ErrMoved of fsys, ErrDeleted, ErrReplaced, ErrCut, ErrReadOnly, ErrChanged). Such a
// file is closed, and reading or writing it fails the same way until Reset.
// Files that are not open are looked at when they are opened next.
func (s *Store) Inspect() error {
	if err := s.root.Check(); err != nil {
		return s.pathError("look at", ".", -1, err)
	}
	var first error
	for i := range s.state {
		h := s.state[i].h.Load()
		if h == nil {
			continue
		}
		if err := s.inspect(i); err != nil {
			s.spoil(i, h, err)
			s.drop(h)
			s.files.forget(h)
			if first == nil {
				first = s.fileError("look at", i, err)
			}
		}
	}
	return first
}

func (s *Store) inspect(i int) error {
	st := &s.state[i]
	was := s.glance(i)

	var now fsys.Stat
	err := s.patiently(func() (err error) { now, err = s.root.Lstat(s.name(i)); return err })
	if errors.Is(err, fs.ErrNotExist) {
		return ErrDeleted
	}
	if err != nil {
		return err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if !st.seen {
		return nil // Reset came between
	}
	quiet := was.stillQuiet(st)
	if now.Inode != st.stat.Inode {
		return ErrReplaced
	}
	if h := st.h.Load(); h != nil && h.writable && st.stat.Mode&0o222 != 0 && now.Mode&0o222 == 0 {
		return ErrReadOnly
	}
	if err := st.compare(now, was.extent, quiet && st.settled, s.coarse); err != nil {
		return err
	}
	if quiet {
		st.stat, st.settled = now, true
	}
	return nil
}

// spoil keeps a file from being opened until Reset. It does nothing if h has been dropped
// meanwhile, perhaps by a Reset.
func (s *Store) spoil(i int, h *handle, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state[i].h.Load() == h {
		s.state[i].spoiled = err
	}
}

// glance is what has to hold still while a file is looked at.
type glance struct {
	quiet  bool
	gen    uint
	extent int64
}

func (s *Store) glance(i int) glance {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.state[i]
	return glance{quiet: st.quiet(), gen: st.gen, extent: st.extent}
}

// stillQuiet says that no write of ours has run since the glance. Store.mu is held.
func (g glance) stillQuiet(st *fileState) bool { return g.quiet && st.quiet() && g.gen == st.gen }

// compare says what somebody else did to the file since it was last looked at.
// Times are compared only if they cannot be from a write of ours. The inode
// is left to Inspect, because FAT gives a file that is not open a new number
// at will. Store.mu is held.
// Coarse times are compared as closely as they are kept, and without ctime, which such
// systems do not have.
func (st *fileState) compare(now fsys.Stat, extent int64, settled bool, coarse time.Duration) error {
	same := now.Size == st.stat.Size && now.MTime.Equal(st.stat.MTime) && now.CTime.Equal(st.stat.CTime)
	if coarse > 0 {
		same = now.Size == st.stat.Size && now.MTime.Sub(st.stat.MTime).Abs() <= coarse
	}
	switch {
	case !now.Mode.IsRegular():
		return ErrReplaced
	case now.Size < extent:
		return ErrCut
	case settled && !same:
		return ErrChanged
	}
	return nil
}

// Reset forgets what was seen of the files, so that they are taken as they are
// now and may be made anew. Call it before the torrent is checked again.
func (s *Store) Reset() {
	s.parts.moving.Lock()
	defer s.parts.moving.Unlock()
	s.openMu.Lock()
	defer s.openMu.Unlock()
	s.dropAll()
	clear(s.dirs)
	s.mu.Lock()
	for i := range s.state {
		s.state[i].forget()
		s.state[i].apart.Store(false)
	}
	s.mu.Unlock()
	if s.parts.name != "" {
		s.sortOut()
	}
}

// forget takes a file as never seen. Store.mu and openMu are held.
func (st *fileState) forget() {
	st.seen, st.settled, st.entered, st.spoiled, st.extent, st.stat = false, false, false, nil, 0, fsys.Stat{}
}

// Stored returns the pieces of which anything is stored: not those that lie wholly in holes, beyond the ends of files, or in
// files that do not exist, which need not be hashed to know that they were never
// written. (A piece of zeros in a file that somebody else made sparse is one of these.) Where the
// system does not tell holes from data, only the file's end counts. Pieces of nothing but padding are stored, and so are
// those of files that cannot be looked at: reading them tells why. It asks for runs of data and not for pieces, so that a
// large torrent of which little is there costs little.
func (s *Store) Stored() metainfo.Bitfield {
	out, payload := metainfo.NewBitfield(s.info.NumPieces()), newBits(s.info.NumPieces())
	for i := range s.info.Files() {
		if f := &s.info.Files()[i]; f.Length == 0 || !s.stored(i) {
			continue
		}
		first, last := s.piecesOf(i)
		for p := first; p <= last; p++ {
			payload.set(p)
		}
		if s.state[i].apart.Load() { // of it only what it shares with other files
			s.markIf(&out, first)
			s.markIf(&out, last)
		} else if err := s.markData(&out, i); err != nil {
			for p := first; p <= last; p++ {
				out.Set(p)
			}
		}
	}
	for p := range out.Len() {
		if !payload.has(p) {
			out.Set(p)
		}
	}
	return out
}

// piecesOf returns the first and the last piece of file i, which is not empty.
func (s *Store) piecesOf(i int) (first, last int) {
	f, length := &s.info.Files()[i], s.info.PieceLength()
	return int(f.Offset / length), int((f.Offset + f.Length - 1) / length)
}

// markData marks the pieces of which something is in file i.
func (s *Store) markData(out *metainfo.Bitfield, i int) error {
	h, err := s.use(i, false)
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer h.release()
	f, length := &s.info.Files()[i], s.info.PieceLength()
	for pos := int64(0); pos < f.Length; {
		start, end, err := h.f.DataAt(pos)
		if errors.Is(err, io.EOF) || err == nil && start >= f.Length {
			return nil
		}
		if err != nil {
			return s.fileError("look at", i, err)
		}
		last := (f.Offset + min(max(end, start+1), f.Length) - 1) / length
		for p := (f.Offset + start) / length; p <= last; p++ {
			out.Set(int(p))
		}
		pos = (last+1)*length - f.Offset // the rest of that piece has nothing to add
	}
	return nil
}

// markIf marks piece p if something of it is stored, in whatever file.
func (s *Store) markIf(out *metainfo.Bitfield, p int) {
	spans, locked := s.place(nil, s.info.PieceOffset(p), int64(s.info.PieceSize(p)))
	if locked {
		defer s.parts.moving.RUnlock()
	}
	for _, sp := range spans {
		if !s.stored(sp.File) {
			continue
		}
		h, err := s.use(sp.File, false)
		if isAbsent(err) {
			continue
		}
		var start int64
		if err == nil {
			start, _, err = h.f.DataAt(sp.Offset)
			h.release()
		}
		if err == nil && start < sp.Offset+sp.Length || err != nil && !errors.Is(err, io.EOF) {
			out.Set(p)
			return
		}
	}
}

// isAbsent says that bytes cannot be read because they were never stored, which
// is an answer and not a failure.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF)
}
