package fsys

import (
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"sync"
	"time"
)

// Mem is a tree in memory for tests: it counts calls, fails the one it is told to,
// fills up, and hands out what a power cut would leave. Nothing in it waits, so
// that it can be used inside a synctest bubble. One mutex guards the tree and
// everything in it.
type Mem struct {
	mu     sync.Mutex
	root   *memNode
	inode  uint64 // last number given
	free   int64  // bytes, in whole pages
	used   int64  // the same
	locks  map[string]bool
	gone   error
	limits Limits
	faults
}

// faults counts calls down to the one that fails.
type faults struct {
	calls, reads     int
	failAt, readAt   int // 0: never
	failErr, readErr error
}

// NewMem returns an empty tree with room without end.
func NewMem() *Mem {
	m := &Mem{free: math.MaxInt64 / 2, locks: map[string]bool{}}
	m.root = m.newNode(fs.ModeDir | 0o777)
	return m
}

// FailAt makes the n-th changing call from now on fail with err, the next being
// 1: creating, writing, truncating, allocating, syncing, renaming, removing. A failing write has
// stored the first half of its bytes; a failing sync leaves it to Crash whether
// the bytes were stored, and the next sync knows nothing of them. Only that one call
// fails; n == 0 takes a pending fault back.
func (m *Mem) FailAt(n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failAt, m.failErr = m.calls+n, err
	if n == 0 {
		m.failAt = 0
	}
}

// FailReadAt makes the n-th ReadAt of any file from now on fail with err; n == 0 takes it back.
func (m *Mem) FailReadAt(n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readAt, m.readErr = m.reads+n, err
	if n == 0 {
		m.readAt = 0
	}
}

// Calls returns how many changing calls there have been.
func (m *Mem) Calls() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// SetFree sets the bytes that may still be stored, counted in pages of 16 KiB; writes
// beyond fail with ENOSPC.
func (m *Mem) SetFree(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = bytes
}

// SetMoved makes Check fail as after an unmount, or succeed again with nil.
func (m *Mem) SetMoved(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = err
}

// change counts one changing call and says whether it is the one to fail.
func (m *Mem) change(op, name string) error {
	m.calls++
	if m.calls == m.failAt {
		return &fs.PathError{Op: op, Path: name, Err: m.failErr}
	}
	return nil
}

// memNode is a file or a folder.
type memNode struct {
	mode         fs.FileMode
	ino          uint64
	mtime, ctime time.Time
	entries      map[string]*memNode // folder
	synced       map[string]*memNode // folder: what SyncDir made durable
	memData                          // file
}

// stat is what the tree tells of a node.
func (m *Mem) stat(n *memNode) Stat {
	st := n.stat()
	if c := m.limits.Coarse; c > 0 {
		st.MTime, st.CTime = st.MTime.Truncate(c), time.Time{}
	}
	return st
}

func (m *Mem) newNode(mode fs.FileMode) *memNode {
	m.inode++
	now := time.Now()
	n := &memNode{mode: mode, ino: m.inode, mtime: now, ctime: now}
	if mode.IsDir() {
		n.entries, n.synced = map[string]*memNode{}, map[string]*memNode{}
	}
	return n
}

func (n *memNode) touch() { n.mtime = time.Now(); n.ctime = n.mtime }

func (n *memNode) stat() Stat {
	return Stat{Size: n.size, Mode: n.mode, MTime: n.mtime, CTime: n.ctime, Inode: n.ino, Links: 1, Taken: int64(len(n.pages)) * pageSize}
}

// find walks to a name. parent is nil for the root; node is nil where only the
// last element is missing.
func (m *Mem) find(op, name string) (parent, node *memNode, err error) {
	if err := valid(op, name); err != nil {
		return nil, nil, err
	}
	node = m.root
	for rest := name; rest != "." && rest != ""; {
		var elem string
		elem, rest = cut(rest)
		if node == nil {
			return nil, nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		if !node.mode.IsDir() {
			return nil, nil, &fs.PathError{Op: op, Path: name, Err: errNotDir}
		}
		parent, node = node, node.entries[elem]
	}
	return parent, node, nil
}

func cut(name string) (elem, rest string) {
	for i := range len(name) {
		if name[i] == '/' {
			return name[:i], name[i+1:]
		}
	}
	return name, ""
}

func (m *Mem) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, n, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	writable := flag&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		err = fs.ErrNotExist
	case n != nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		err = fs.ErrExist
	case n != nil && n.mode.IsDir() && writable:
		err = errIsDir
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if n == nil {
		if err := m.change("open", name); err != nil {
			return nil, err
		}
		n = m.newNode(perm.Perm())
		parent.entries[path.Base(name)] = n
		parent.touch()
	} else if flag&os.O_TRUNC != 0 && n.size > 0 {
		if err := m.change("open", name); err != nil {
			return nil, err
		}
		m.truncate(n, 0)
	}
	return &memFile{m: m, n: n, name: name, writable: writable}, nil
}

func (m *Mem) MkdirAll(name string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := valid("mkdir", name); err != nil {
		return err
	}
	n := m.root
	for rest := name; rest != "." && rest != ""; {
		var elem string
		elem, rest = cut(rest)
		next := n.entries[elem]
		if next == nil {
			if err := m.change("mkdir", name); err != nil {
				return err
			}
			next = m.newNode(fs.ModeDir | perm.Perm())
			n.entries[elem] = next
			n.touch()
		}
		if !next.mode.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: name, Err: errNotDir}
		}
		n = next
	}
	return nil
}

func (m *Mem) Lstat(name string) (Stat, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.must("lstat", name)
	if err != nil {
		return Stat{}, err
	}
	return m.stat(n), nil
}

// must is find for what has to exist.
func (m *Mem) must(op, name string) (*memNode, error) {
	_, n, err := m.find(op, name)
	if err == nil && n == nil {
		err = &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return n, err
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, _, err := m.find("lock", name)
	if err != nil {
		return nil, err
	}
	if m.locks[name] || parent == nil {
		return nil, &fs.PathError{Op: "lock", Path: name, Err: ErrLocked}
	}
	m.locks[name] = true
	return &memLock{m: m, name: name}, nil
}

type memLock struct {
	m      *Mem
	name   string
	closed bool
}

func (l *memLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.closed {
		return &fs.PathError{Op: "unlock", Path: l.name, Err: fs.ErrClosed}
	}
	l.closed = true
	delete(l.m.locks, l.name)
	return nil
}

func (m *Mem) Check() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone != nil {
		return fmt.Errorf("%w: %w", ErrMoved, m.gone)
	}
	return nil
}

func (m *Mem) Free() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free, nil
}

// Total is what is free and what is stored.
func (m *Mem) Total() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.free + m.used, nil
}

func (m *Mem) Limits() Limits {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limits
}

// SetFAT makes the tree behave like FAT: files end at limit bytes (0: at 4 GiB - 1), times
// are kept in steps of 2 s, there is no ctime and no sparse file.
func (m *Mem) SetFAT(limit int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limits = fat
	if limit > 0 {
		m.limits.MaxFile = limit
	}
}

func (m *Mem) Path() string { return "/mem" }

func (m *Mem) Close() error { return nil }
