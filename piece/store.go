package piece

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
)

// Store keeps the bytes of one torrent in the files that the torrent names,
// below one folder. Positions are torrent offsets in bytes. Pad files and
// symlinks (BEP 47) are never on disk and read as zeros. Files are sparse: they
// grow where something is written. All methods are safe for all goroutines.
//
// A file that was seen once and is then gone, replaced, cut or changed by somebody
// else is an error until Reset, and is never made again. Symbolic links are
// not followed and nothing but regular files is opened.
type Store struct {
	root  fsys.FS
	info  *metainfo.Info
	files *Files
	state []fileState // one a file, and the hidden one

	allowLinks atomic.Bool
	closed     atomic.Bool
	parts      parts
	coarse     time.Duration // of the times of files; 0 when they are exact
	line       line          // guarded by the Disk

	openMu sync.Mutex      // held while one file is opened
	dirs   map[string]bool // folders seen; guarded by openMu

	// syncMu is held by whoever syncs a file, so that a clean file has been synced and is
	// not merely about to be. turn lets one Sync run at a time.
	syncMu sync.Mutex
	turn   sync.Mutex

	mu sync.Mutex // guards what follows, and the plain fields of state
	unsynced
}

// fileState is what is known of one file. The plain fields are guarded by Store.mu.
type fileState struct {
	h     atomic.Pointer[handle] // nil while not open
	dirty atomic.Bool            // written since the last sync began; set under Store.mu

	unwanted atomic.Bool // it is not to appear
	apart    atomic.Bool // its bytes are in the hidden file; changed while parts.moving is held

	entered bool // its folders were noted for Sync; guarded by Store.openMu

	seen    bool      // it existed during this run
	settled bool      // stat is from after our last write
	spoiled error     // what Inspect found wrong
	writing int       // writes under way
	gen     uint      // counts writes
	extent  int64     // the least size the file must have
	stat    fsys.Stat // as last looked at
}

// quiet says that none of our writes can still change the file's times.
func (st *fileState) quiet() bool { return st.writing == 0 && !st.dirty.Load() }

// NewStore touches nothing on disk. root stays the caller's and must outlive
// the Store; files is shared by the stores of a session.
func NewStore(root fsys.FS, info *metainfo.Info, files *Files) *Store {
	return &Store{
		root: root, info: info, files: files, coarse: root.Limits().Coarse,
		state: make([]fileState, len(info.Files())+1),
		dirs:  map[string]bool{},
		unsynced: unsynced{
			pieces:  metainfo.NewBitfield(info.NumPieces()),
			entries: map[string]bool{},
		},
	}
}

// AllowLinks lets the Store write to files that have several hard links,
// which it refuses otherwise.
func (s *Store) AllowLinks(ok bool) { s.allowLinks.Store(ok) }

// Offset is the position of a block in the torrent, in bytes.
func (s *Store) Offset(b metainfo.Block) int64 { return s.info.PieceOffset(b.Piece) + int64(b.Begin) }

// stored says whether file i has bytes on disk.
func (s *Store) stored(i int) bool {
	if i == s.hidden() {
		return true
	}
	f := &s.info.Files()[i]
	return !f.Pad && !f.Symlink
}

// path is the full name of a file, for messages.
func (s *Store) path(name string) string {
	return filepath.Join(s.root.Path(), filepath.FromSlash(name))
}

// ReadAt reads len(p) bytes at byte off of the torrent, as io.ReaderAt. A file
// that ends too early is io.ErrUnexpectedEOF, one that was never there
// fs.ErrNotExist, both in a FileError.
func (s *Store) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.info.Size() {
		return 0, io.EOF
	}
	var end error
	if left := s.info.Size() - off; int64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	n, err := s.readRun(p, off)
	if errors.Is(err, errApart) {
		n, err = s.readRun(p, off) // it may have been put apart just now
	}
	if err != nil {
		return n, err
	}
	return n, end
}

func (s *Store) readRun(p []byte, off int64) (done int, err error) {
	var few [4]metainfo.Span
	spans, locked := s.place(few[:0], off, int64(len(p)))
	if locked {
		defer s.parts.moving.RUnlock()
	}
	for _, sp := range spans {
		n, err := s.readSpan(p[done:done+int(sp.Length)], sp)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (s *Store) readSpan(p []byte, sp metainfo.Span) (int, error) {
	if !s.stored(sp.File) {
		clear(p)
		return len(p), nil
	}
	h, err := s.use(sp.File, false)
	if err != nil {
		return 0, err
	}
	n, err := h.f.ReadAt(p, sp.Offset)
	h.release()
	if n == len(p) {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, s.fileError("read", sp.File, err)
}

// WriteBlocks writes the buffers one after another at byte off of the torrent,
// with one vectored write for each file they touch. Missing folders and files
// are made. After an error nothing is known about the bytes of the run. The
// buffers stay the caller's.
func (s *Store) WriteBlocks(off int64, bufs [][]byte) error {
	return s.write(off, bufs, new(scratch))
}

// scratch is memory that a worker uses again for every job.
type scratch struct {
	spans []metainfo.Span
	part  [][]byte
}

func (s *Store) write(off int64, bufs [][]byte, sc *scratch) error {
	var total int64
	for _, b := range bufs {
		total += int64(len(b))
	}
	if off < 0 || total > s.info.Size()-off {
		return fmt.Errorf("write of %d bytes at %d of a torrent of %d: %w", total, off, s.info.Size(), io.ErrShortWrite)
	}
	for {
		err := s.writeRun(off, total, bufs, sc)
		if !errors.Is(err, errApart) {
			return err
		}
		if err := s.bringInner(off, total); err != nil {
			return err
		}
	}
}

func (s *Store) writeRun(off, total int64, bufs [][]byte, sc *scratch) error {
	var locked bool
	sc.spans, locked = s.place(sc.spans[:0], off, total)
	if locked {
		defer s.parts.moving.RUnlock()
	}
	if len(sc.spans) == 1 {
		return s.writeSpan(off, sc.spans[0], bufs)
	}
	used := 0 // bytes of bufs[0] that earlier spans took
	for _, sp := range sc.spans {
		sc.part = sc.part[:0]
		for left := sp.Length; left > 0; {
			b := bufs[0][used:]
			if int64(len(b)) > left {
				b = b[:left]
				used += int(left)
			} else {
				bufs, used = bufs[1:], 0
			}
			left -= int64(len(b))
			sc.part = append(sc.part, b)
		}
		if err := s.writeSpan(off, sp, sc.part); err != nil {
			return err
		}
		off += sp.Length
	}
	clear(sc.part)
	return nil
}

// writeSpan writes what lies in one file; off is its place in the torrent.
func (s *Store) writeSpan(off int64, sp metainfo.Span, bufs [][]byte) error {
	if !s.stored(sp.File) {
		return nil
	}
	h, err := s.use(sp.File, true)
	if err != nil {
		return err
	}
	defer h.release()
	st := &s.state[sp.File]

	s.beginChange(st)
	n, err := h.f.WritevAt(bufs, sp.Offset)
	if err == nil && n < sp.Length {
		err = io.ErrShortWrite
	}
	s.mu.Lock()
	st.endChange()
	if err == nil {
		st.extent = max(st.extent, sp.Offset+sp.Length)
	}
	for i := off / s.info.PieceLength(); i <= (off+sp.Length-1)/s.info.PieceLength(); i++ {
		s.pieces.Set(int(i))
	}
	s.mu.Unlock()

	if err != nil {
		return s.fileError("write", sp.File, err)
	}
	return nil
}

// beginChange notes that the file's times and size may change from now on.
func (s *Store) beginChange(st *fileState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.writing++
	st.gen++
	st.settled = false
}

// endChange makes the file dirty, and only now: a sync that clears the flag in the
// middle of a write must not leave the rest of it looking clean. Store.mu is held.
func (st *fileState) endChange() {
	st.writing--
	st.dirty.Store(true)
}

// Close closes the files without syncing them; call Sync before, for as long
// as there is time. Later calls fail with fs.ErrClosed.
func (s *Store) Close() error {
	s.openMu.Lock()
	defer s.openMu.Unlock()
	s.closed.Store(true)
	s.dropAll()
	return nil
}
