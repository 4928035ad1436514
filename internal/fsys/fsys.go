// Package fsys is the file system as an interface: the real one below an
// os.Root, and one in memory that injects faults and power cuts. Every payload
// and state file of the program goes through it. All methods may be called
// from any goroutine; names are slash-separated and relative to the root, and
// a name that would leave the root is an error.
package fsys

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// ErrLocked is wrapped by FS.Lock when somebody else holds the lock.
var ErrLocked = errors.New("locked by another process")

// ErrMoved is wrapped by FS.Check when the root is no longer what its path names.
var ErrMoved = errors.New("folder was moved, removed or unmounted")

// FS is one folder tree.
type FS interface {
	// OpenFile is os.OpenFile below the root. Symbolic links that leave the
	// root are refused. Parent folders must exist.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// MkdirAll makes the folder and all its parents; an existing folder is fine.
	MkdirAll(name string, perm fs.FileMode) error
	// Lstat describes the entry itself, not what a symbolic link points to.
	Lstat(name string) (Stat, error)
	// ReadDir lists a folder by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Rename replaces newname.
	Rename(oldname, newname string) error
	Remove(name string) error
	// SyncDir makes renames, creations and removals in the folder durable.
	SyncDir(name string) error
	// Lock takes an exclusive lock that ends with the first Close of the result, or with
	// the process. It makes the file name if need be and removes it when the lock is given back.
	// It never waits: ErrLocked says that another holder lives.
	Lock(name string) (io.Closer, error)
	// Check reports whether Path still leads to this folder; ErrMoved when it
	// does not, as after an unmount. A folder that has gone is never made again.
	Check() error
	// Free returns the bytes an unprivileged writer may still use.
	Free() (int64, error)
	// Total returns the bytes of the whole file system, used or not.
	Total() (int64, error)
	// Limits returns what the file system below the root cannot do.
	Limits() Limits
	// Path names the root for messages to people.
	Path() string
	Close() error
}

// Limits of a file system, as those of the FAT family. The zero value has none that matter.
type Limits struct {
	MaxFile int64         // bytes of the largest file; 0 is no limit
	Coarse  time.Duration // steps of mtime where they are so wide that there is no ctime and no lasting inode either
}

// fat is FAT12 to FAT32, which count a file's bytes with 32 bits.
var fat = Limits{MaxFile: 1<<32 - 1, Coarse: 2 * time.Second}

// File is one open file. It may be used by several goroutines.
type File interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	// WritevAt writes the buffers one after another beginning at off with as
	// few system calls as the system allows. A short write is an error that
	// wraps io.ErrShortWrite, or the cause.
	WritevAt(bufs [][]byte, off int64) (int64, error)
	Truncate(size int64) error
	// Allocate reserves disk space for size bytes and sets the size; where the
	// system cannot, it returns errors.ErrUnsupported.
	Allocate(size int64) error
	// DataAt returns the start and end of the first stored (not sparse) range at or after off;
	// io.EOF when there is none. Systems that cannot tell answer the rest of the file.
	DataAt(off int64) (start, end int64, err error)
	// Sync makes contents and size durable (fdatasync where there is one). An
	// error means that the contents are unknown, and must not be retried as if clean.
	Sync() error
	Stat() (Stat, error)
	Close() error
}

// Stat describes a file.
type Stat struct {
	Size  int64
	Mode  fs.FileMode
	MTime time.Time
	CTime time.Time // zero where the system has none
	Inode uint64    // 0 where the system has none
	Links uint64    // hard links; 1 where the system does not tell
	// Taken is how many bytes of disk the file takes; less than Size where there are holes, more where
	// space is reserved or given in blocks.
	Taken int64
}
