package fsys

import (
	"io"
	"os"
	"sync"
)

// file is an open file of this machine. Where a method goes past package os
// to the system, it holds mu for reading, so that Close cannot give the descriptor
// number to another file under it.
type file struct {
	mu     sync.RWMutex
	f      *os.File
	fd     uintptr
	closed bool
}

func newFile(f *os.File) *file { return &file{f: f, fd: f.Fd()} }

func (f *file) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

func (f *file) WriteAt(p []byte, off int64) (int, error) { return f.f.WriteAt(p, off) }

func (f *file) WritevAt(bufs [][]byte, off int64) (int64, error) {
	if len(bufs) == 1 {
		n, err := f.f.WriteAt(bufs[0], off)
		return int64(n), err
	}
	return f.writev(bufs, off)
}

func (f *file) Truncate(size int64) error { return f.f.Truncate(size) }

func (f *file) Allocate(size int64) error {
	return f.locked(func() error { return allocate(f.f, size) })
}

func (f *file) DataAt(off int64) (start, end int64, err error) {
	err = f.locked(func() error {
		start, end, err = dataAt(f.f, off)
		return err
	})
	return start, end, err
}

func (f *file) Sync() error { return f.locked(func() error { return syncData(f.f) }) }

func (f *file) Stat() (Stat, error) {
	info, err := f.f.Stat()
	if err != nil {
		return Stat{}, err
	}
	return statOf(info), nil
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return f.f.Close()
}

func (f *file) locked(do func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return os.ErrClosed
	}
	return do()
}

// writeEach is writev for systems without it.
func (f *file) writeEach(bufs [][]byte, off int64) (n int64, err error) {
	for _, b := range bufs {
		m, err := f.f.WriteAt(b, off+n)
		n += int64(m)
		if err != nil {
			return n, err
		}
		if m < len(b) {
			return n, io.ErrShortWrite
		}
	}
	return n, nil
}

// restOf is dataAt for systems that do not tell holes from data.
func restOf(f *os.File, off int64) (start, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	if off >= info.Size() {
		return 0, 0, io.EOF
	}
	return off, info.Size(), nil
}
