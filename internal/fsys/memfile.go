package fsys

import (
	"io"
	"io/fs"
)

// pageSize is the unit in which Mem stores, counts and loses bytes.
const pageSize = 16 << 10

type memPage [pageSize]byte

// memData is the content of a file: pages by number, a missing one being a
// hole. undo holds, for every page changed since the last sync, what it
// was before (nil: a hole); lost holds the same for pages whose sync failed. Bytes of a page beyond
// size are zero.
type memData struct {
	size, syncedSize int64
	pages            map[int64]*memPage
	undo, lost       map[int64]*memPage
}

// page returns page i for writing and remembers what it was.
func (d *memData) page(i int64) *memPage {
	if d.pages == nil {
		d.pages, d.undo, d.lost = map[int64]*memPage{}, map[int64]*memPage{}, map[int64]*memPage{}
	}
	p := d.pages[i]
	if _, ok := d.undo[i]; !ok {
		if old, ok := d.lost[i]; ok {
			d.undo[i] = old
			delete(d.lost, i)
		} else if p == nil {
			d.undo[i] = nil
		} else {
			old := *p
			d.undo[i] = &old
		}
	}
	if p == nil {
		p = new(memPage)
		d.pages[i] = p
	}
	return p
}

// write stores b at off as far as the room goes.
func (m *Mem) write(n *memNode, b []byte, off int64) (int, error) {
	if m.limits.Coarse > 0 && off > n.size { // no holes
		if _, err := m.write(n, make([]byte, off-n.size), n.size); err != nil {
			return 0, err
		}
	}
	done := 0
	var tooLarge error
	if most := m.limits.MaxFile; most > 0 && off+int64(len(b)) > most {
		b, tooLarge = b[:max(0, most-off)], errTooLarge
	}
	for done < len(b) {
		at := off + int64(done)
		i := at / pageSize
		if n.pages[i] == nil {
			if m.free < pageSize {
				return done, errNoSpace
			}
			m.free -= pageSize
			m.used += pageSize
		}
		done += copy(n.page(i)[at%pageSize:], b[done:])
		n.size = max(n.size, off+int64(done))
	}
	n.touch()
	return done, tooLarge
}

func (m *Mem) truncate(n *memNode, size int64) {
	for i, p := range n.pages {
		if start := i * pageSize; start >= size {
			n.page(i)
			delete(n.pages, i)
			m.free += pageSize
			m.used -= pageSize
		} else if start+pageSize > size && p != nil {
			clear(n.page(i)[size-start:])
		}
	}
	n.size = size
	n.touch()
}

// memFile is one open file of a Mem.
type memFile struct {
	m        *Mem
	n        *memNode
	name     string
	writable bool
	closed   bool
}

func (f *memFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// begin checks that the file may be used so.
func (f *memFile) begin(op string, write bool, off int64) error {
	switch {
	case f.closed:
		return f.fail(op, fs.ErrClosed)
	case write && !f.writable:
		return f.fail(op, fs.ErrPermission)
	case f.n.mode.IsDir():
		return f.fail(op, errIsDir)
	case off < 0:
		return f.fail(op, fs.ErrInvalid)
	}
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("read", false, off); err != nil {
		return 0, err
	}
	f.m.reads++
	if f.m.reads == f.m.readAt {
		return 0, f.fail("read", f.m.readErr)
	}
	n := 0
	for n < len(p) && off < f.n.size {
		part := p[n:min(int64(len(p)), int64(n)+pageSize-off%pageSize, int64(n)+f.n.size-off)]
		if pg := f.n.pages[off/pageSize]; pg != nil {
			copy(part, pg[off%pageSize:])
		} else {
			clear(part)
		}
		n += len(part)
		off += int64(len(part))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("write", true, off); err != nil {
		return 0, err
	}
	fault := f.m.change("write", f.name)
	if fault != nil {
		p = p[:len(p)/2]
	}
	n, err := f.m.write(f.n, p, off)
	if err != nil {
		return n, f.fail("write", err)
	}
	return n, fault
}

func (f *memFile) WritevAt(bufs [][]byte, off int64) (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("write", true, off); err != nil {
		return 0, err
	}
	fault := f.m.change("write", f.name)
	var room, done int64
	for _, b := range bufs {
		room += int64(len(b))
	}
	if fault != nil {
		room /= 2
	}
	for _, b := range bufs {
		n, err := f.m.write(f.n, b[:min(int64(len(b)), room-done)], off+done)
		done += int64(n)
		if err != nil {
			return done, f.fail("write", err)
		}
	}
	return done, fault
}

func (f *memFile) Truncate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("truncate", true, size); err != nil {
		return err
	}
	if err := f.m.change("truncate", f.name); err != nil {
		return err
	}
	f.m.truncate(f.n, size)
	return nil
}

func (f *memFile) Allocate(size int64) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("allocate", true, size); err != nil {
		return err
	}
	if most := f.m.limits.MaxFile; most > 0 && size > most {
		return f.fail("allocate", errTooLarge)
	}
	if err := f.m.change("allocate", f.name); err != nil {
		return err
	}
	for i := range (size + pageSize - 1) / pageSize {
		if f.n.pages[i] == nil {
			if f.m.free < pageSize {
				return f.fail("allocate", errNoSpace)
			}
			f.m.free -= pageSize
			f.m.used += pageSize
			f.n.page(i)
		}
	}
	f.n.size = max(f.n.size, size)
	f.n.touch()
	return nil
}

func (f *memFile) DataAt(off int64) (start, end int64, err error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("seek", false, off); err != nil {
		return 0, 0, err
	}
	if f.m.limits.Coarse > 0 {
		if off >= f.n.size {
			return 0, 0, io.EOF
		}
		return off, f.n.size, nil
	}
	i := off / pageSize
	for i*pageSize < f.n.size && f.n.pages[i] == nil {
		i++
	}
	start = max(off, i*pageSize)
	if start >= f.n.size {
		return 0, 0, io.EOF
	}
	for f.n.pages[i] != nil {
		i++
	}
	return start, min(i*pageSize, f.n.size), nil
}

func (f *memFile) Sync() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.begin("sync", false, 0); err != nil {
		return err
	}
	err := f.m.change("sync", f.name)
	f.n.sync(err == nil)
	return err
}

func (f *memFile) Stat() (Stat, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return Stat{}, f.fail("stat", fs.ErrClosed)
	}
	return f.m.stat(f.n), nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return f.fail("close", fs.ErrClosed)
	}
	f.closed = true
	return nil
}
