package fsys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
)

// OpenDir opens an existing folder of this machine. Everything below it is
// reached through an os.Root, so that neither ".." nor a symbolic link leads
// out of it. The folder itself is never made, neither now nor later: an unmounted
// disk must not come back as an empty folder. Use CreateDir where a person
// asked for the folder.
func OpenDir(path string) (FS, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", path, err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", path, cause(err))
	}
	return &dir{root: root, path: abs}, nil
}

// CreateDir makes the folder and its parents where they are missing, and opens it.
func CreateDir(path string) (FS, error) {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, fmt.Errorf("make folder %s: %w", path, cause(err))
	}
	return OpenDir(path)
}

// cause strips the operation and name that package os puts before an error.
func cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// dir is a folder of this machine.
type dir struct {
	root *os.Root
	path string
}

func (d *dir) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := valid("open", name); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return newFile(f), nil
}

func (d *dir) MkdirAll(name string, perm fs.FileMode) error {
	if err := valid("mkdir", name); err != nil {
		return err
	}
	return d.root.MkdirAll(name, perm)
}

func (d *dir) Lstat(name string) (Stat, error) {
	if err := valid("lstat", name); err != nil {
		return Stat{}, err
	}
	info, err := d.root.Lstat(name)
	if err != nil {
		return Stat{}, err
	}
	return statOf(info), nil
}

func (d *dir) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := valid("readdir", name); err != nil {
		return nil, err
	}
	return fs.ReadDir(d.root.FS(), name)
}

func (d *dir) Rename(oldname, newname string) error {
	if err := errors.Join(valid("rename", oldname), valid("rename", newname)); err != nil {
		return err
	}
	return d.root.Rename(oldname, newname)
}

func (d *dir) Remove(name string) error {
	if err := valid("remove", name); err != nil {
		return err
	}
	return d.root.Remove(name)
}

func (d *dir) SyncDir(name string) error {
	if err := valid("sync", name); err != nil {
		return err
	}
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}

func (d *dir) Lock(name string) (io.Closer, error) {
	if err := valid("lock", name); err != nil {
		return nil, err
	}
	// The holder removes the file before it lets go, so what we locked may have
	// lost its name meanwhile; then somebody else can lock a new one, and we try again.
	for range 100 {
		f, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		if err := lockFile(f); err != nil {
			f.Close()
			return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
		}
		mine, err1 := f.Stat()
		named, err2 := d.root.Lstat(name)
		if err1 == nil && err2 == nil && os.SameFile(mine, named) {
			return &dirLock{root: d.root, f: f, name: name}, nil
		}
		f.Close()
	}
	return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrLocked}
}

// dirLock is a held lock. The name goes first, while nobody else can hold it.
type dirLock struct {
	root   *os.Root
	f      *os.File
	name   string
	closed atomic.Bool
}

// Close takes away the name only if it is still that of our file: another one belongs to the
// next holder.
func (l *dirLock) Close() error {
	if l.closed.Swap(true) {
		return &fs.PathError{Op: "unlock", Path: l.name, Err: fs.ErrClosed}
	}
	mine, err1 := l.f.Stat()
	named, err2 := l.root.Lstat(l.name)
	if err1 == nil && err2 == nil && !os.SameFile(mine, named) || errors.Is(err2, fs.ErrNotExist) {
		return l.f.Close()
	}
	return unlockFile(l.root, l.f, l.name)
}

func (d *dir) Check() error {
	held, err := d.root.Stat(".")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMoved, cause(err))
	}
	named, err := os.Stat(d.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMoved, cause(err))
	}
	if !os.SameFile(held, named) {
		return ErrMoved
	}
	return nil
}

func (d *dir) Free() (int64, error) {
	free, _, err := d.space()
	return free, err
}

func (d *dir) Total() (int64, error) {
	_, total, err := d.space()
	return total, err
}

func (d *dir) space() (free, total int64, err error) {
	f, err := d.root.Open(".")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	return spaceOf(f, d.path)
}

// Limits is the zero value where the system does not say what lies below.
func (d *dir) Limits() Limits {
	f, err := d.root.Open(".")
	if err != nil {
		return Limits{}
	}
	defer f.Close()
	return limits(f)
}

func (d *dir) Path() string { return d.path }

func (d *dir) Close() error { return d.root.Close() }

// valid refuses names that are not clean, slash-separated and local. os.Root
// would stop an escape as well; this makes every implementer answer alike.
func valid(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}
