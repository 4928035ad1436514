package session

import "errors"

// Reasons why Add, New or Wait fail; every error of the session that has one of these causes
// wraps it.
var (
	// ErrLocked: another process holds this torrent in this folder.
	ErrLocked = errors.New("locked by another process")
	// ErrExists: a file is there already, and nothing in it belongs to the torrent, or it goes on
	// after what belongs to it.
	ErrExists = errors.New("file exists with other content")
	// ErrNoSpace: the disk cannot hold what is missing.
	ErrNoSpace = errors.New("not enough free space")
	// ErrPort: the port that was asked for is taken.
	ErrPort = errors.New("port is taken")
	// ErrDuplicate: the session has this torrent already.
	ErrDuplicate = errors.New("torrent is already here")
	// ErrUnknown: the session has no such torrent.
	ErrUnknown = errors.New("no such torrent")
	// ErrStopped: the session has ended or is ending.
	ErrStopped = errors.New("session has stopped")
	// ErrIncomplete: a seed was to be added, but pieces are missing or damaged.
	ErrIncomplete = errors.New("data is incomplete")
)

// worded is an error with one of the causes above, in words of its own: those of the cause would mislead.
type worded struct {
	words string
	cause error
}

func (e *worded) Error() string { return e.words }
func (e *worded) Unwrap() error { return e.cause }
