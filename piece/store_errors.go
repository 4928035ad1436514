package piece

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// What can be wrong with a file of a torrent, beside the causes that the
// system names (ENOSPC, EIO, fs.ErrNotExist, ...). A FileError wraps one of them.
var (
	// ErrDeleted: the file was there while the torrent ran, and is no more. It is not made again.
	ErrDeleted = errors.New("the file was deleted while in use")
	// ErrReplaced: the name leads to another file or folder than before.
	ErrReplaced = errors.New("the file was replaced while in use")
	// ErrCut: the file is shorter than what was stored in it.
	ErrCut = errors.New("the file was cut while in use")
	// ErrChanged: size or times differ, so that somebody else has written.
	ErrChanged = errors.New("the file was changed by another program")
	// ErrReadOnly: the file that is being written lost its write permission.
	ErrReadOnly = errors.New("the file was made read-only while in use")
	// ErrNotRegular: a folder, link, device or pipe stands where the file belongs.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNotFolder: a link or a file stands where a folder belongs. Links are not followed.
	ErrNotFolder = errors.New("not a folder")
	// ErrLinked: the file has other names that would change with it.
	ErrLinked = errors.New("the file has several hard links; writing would change them all")
)

// FileError says which file of a torrent failed, in what, and why.
type FileError struct {
	Op   string // open, read, write, sync, ...
	Path string // full path, foreign text in parts: clean before showing
	File int    // index into Info.Files; -1 for a folder
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err) }

func (e *FileError) Unwrap() error { return e.Err }

// SyncError is what Store.Sync returns when the system could not make bytes durable.
// The system forgets such an error and the bytes alike: a further sync would
// succeed and prove nothing, and reading back may show what is only in the
// cache. So the pieces are to be taken as lost, and fetched or hashed and written again.
type SyncError struct {
	Pieces []int // ascending: written since the last good sync, with bytes in a file that failed
	Err    error // one FileError, or several joined
}

func (e *SyncError) Error() string {
	cause := strings.ReplaceAll(e.Err.Error(), "\n", "; ")
	if len(e.Pieces) == 0 {
		return cause
	}
	return fmt.Sprintf("%s; pieces needed again: %d", cause, len(e.Pieces))
}

func (e *SyncError) Unwrap() error { return e.Err }

// fileError names file i in err.
func (s *Store) fileError(op string, i int, err error) error {
	return s.pathError(op, s.name(i), i, err)
}

func (s *Store) pathError(op, name string, i int, err error) error {
	if fe, ok := errors.AsType[*FileError](err); ok {
		return fe
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err // our own Path is the fuller one
	}
	return &FileError{Op: op, Path: s.path(name), File: i, Err: err}
}
