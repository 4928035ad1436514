package piece

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"shoal/metainfo"
)

// ErrTooLarge: the file system cannot hold a file of this size.
var ErrTooLarge = errors.New("too large for this file system")

// Fits reports the first of the wanted files that is larger than the file system can hold, as FAT beyond
// 4 GiB - 1 byte: a FileError that wraps ErrTooLarge. Nothing is changed; the first SetWanted comes before.
func (s *Store) Fits(wanted func(i int) bool) error {
	most := s.root.Limits().MaxFile
	if most == 0 {
		return nil
	}
	refuse := func(i int, size int64) error {
		return s.fileError("store", i, fmt.Errorf("%d bytes, but files end at %d here (a FAT disk?): %w; choose another folder, or leave the file out", size, most, ErrTooLarge))
	}
	var kept int64
	for i := range s.info.Files() {
		switch {
		case !s.stored(i):
		case !wanted(i) && s.state[i].apart.Load():
			kept = max(kept, s.parts.slots[i].base+s.parts.slots[i].head+s.parts.slots[i].tail)
		case s.length(i) > most && wanted(i):
			return refuse(i, s.length(i))
		}
	}
	if kept > most {
		return refuse(s.hidden(), kept)
	}
	return nil
}

// Needs returns how many more bytes of disk the wanted files take, given the pieces that are there: what is missing,
// but not where it has its place already, as in preallocated files and on systems without holes. It looks at
// every file.
func (s *Store) Needs(have *metainfo.Bitfield) (bytes int64) {
	missing := make([]int64, len(s.info.Files()))
	wanted := func(sp metainfo.Span) bool { return s.stored(sp.File) && !s.state[sp.File].unwanted.Load() }
	var spans []metainfo.Span
	for i := range s.info.NumPieces() {
		if have.Has(i) {
			continue
		}
		spans = s.info.AppendSpans(spans[:0], s.info.PieceOffset(i), int64(s.info.PieceSize(i)))
		if !slices.ContainsFunc(spans, wanted) {
			continue
		}
		for _, sp := range spans {
			missing[sp.File] += sp.Length
		}
	}
	for i, st := range s.Stat() {
		if st.Stored {
			bytes += min(missing[i], max(0, s.length(i)-st.Taken))
		}
	}
	return bytes
}

// How long one waits for another file to be closed when the process has no handle left.
const (
	handleFirst = time.Millisecond
	handleLast  = 50 * time.Millisecond
	handleWait  = 5 * time.Second
)

// patiently does again what fails for want of a file handle, each time after closing another file. Handles that
// are in use come free soon, so it waits where there is none to close.
func (s *Store) patiently(do func() error) error {
	pause, waited := handleFirst, time.Duration(0)
	for {
		err := do()
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return err
		}
		if s.files.spare() {
			continue
		}
		if waited >= handleWait {
			return err
		}
		time.Sleep(pause)
		waited += pause
		pause = min(2*pause, handleLast)
	}
}
