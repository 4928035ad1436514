package session

import (
	"errors"
	"io"
	"io/fs"
	"sync"

	"shoal/internal/fsys"
)

// life is how long a simulated process lives, in changing calls to its file
// systems. When it is over, the call of that moment does half of its work and
// none after it does anything: that is what kill -9 looks like from the disk.
type life struct {
	mu    sync.Mutex
	left  int
	ended chan struct{}
}

var errKilled = errors.New("the process was killed")

func newLife(calls int) *life { return &life{left: calls, ended: make(chan struct{})} }

// use spends one call; last is true for the one in which the process dies.
func (l *life) use() (last bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return false, errKilled
	}
	if l.left--; l.left == 0 {
		close(l.ended)
		return true, nil
	}
	return false, nil
}

func (l *life) dead() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 {
		return errKilled
	}
	return nil
}

// mortal is a file system as seen by a process with a life.
type mortal struct {
	fsys.FS
	life *life
}

// step makes a changing call that either happens or does not.
func (m mortal) step(f func() error) error {
	last, err := m.life.use()
	if err == nil && !last {
		err = f()
	}
	if last {
		err = errKilled
	}
	return err
}

func (m mortal) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	if err := m.life.dead(); err != nil {
		return nil, err
	}
	f, err := m.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return mortalFile{f, m}, nil
}

func (m mortal) MkdirAll(name string, perm fs.FileMode) error {
	return m.step(func() error { return m.FS.MkdirAll(name, perm) })
}

func (m mortal) Rename(oldname, newname string) error {
	return m.step(func() error { return m.FS.Rename(oldname, newname) })
}

func (m mortal) Remove(name string) error {
	return m.step(func() error { return m.FS.Remove(name) })
}

func (m mortal) SyncDir(name string) error {
	return m.step(func() error { return m.FS.SyncDir(name) })
}

// Lock ends with the process as with a real one: who stops the session gives it back.
func (m mortal) Lock(name string) (io.Closer, error) { return m.FS.Lock(name) }

type mortalFile struct {
	fsys.File
	m mortal
}

func (f mortalFile) WriteAt(p []byte, off int64) (int, error) {
	last, err := f.m.life.use()
	if err != nil {
		return 0, err
	}
	if last {
		_, _ = f.File.WriteAt(p[:len(p)/2], off)
		return 0, errKilled
	}
	return f.File.WriteAt(p, off)
}

func (f mortalFile) WritevAt(bufs [][]byte, off int64) (int64, error) {
	last, err := f.m.life.use()
	if err != nil {
		return 0, err
	}
	if last {
		_, _ = f.File.WritevAt(bufs[:len(bufs)/2], off)
		return 0, errKilled
	}
	return f.File.WritevAt(bufs, off)
}

func (f mortalFile) Truncate(size int64) error {
	return f.m.step(func() error { return f.File.Truncate(size) })
}

func (f mortalFile) Allocate(size int64) error {
	return f.m.step(func() error { return f.File.Allocate(size) })
}

func (f mortalFile) Sync() error { return f.m.step(f.File.Sync) }

func (f mortalFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.m.life.dead(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}
