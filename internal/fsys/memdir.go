package fsys

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"
	"time"
)

// The causes that package fs has no name for, as the systems spell them.
const (
	errNotDir   = syscall.ENOTDIR
	errIsDir    = syscall.EISDIR
	errNotEmpty = syscall.ENOTEMPTY
	errNoSpace  = syscall.ENOSPC
	errTooLarge = syscall.EFBIG
)

func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.must("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotDir}
	}
	var out []fs.DirEntry
	for _, base := range slices.Sorted(maps.Keys(n.entries)) {
		out = append(out, fs.FileInfoToDirEntry(memInfo{base, n.entries[base].stat()}))
	}
	return out, nil
}

func (m *Mem) Rename(oldname, newname string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, n, err := m.find("rename", oldname)
	if err != nil {
		return err
	}
	to, prev, err := m.find("rename", newname)
	if err != nil {
		return err
	}
	switch {
	case n == nil:
		err = fs.ErrNotExist
	case from == nil || to == nil:
		err = fs.ErrInvalid
	case prev != nil && prev.mode.IsDir() && (!n.mode.IsDir() || len(prev.entries) > 0):
		err = fs.ErrExist
	case prev != nil && !prev.mode.IsDir() && n.mode.IsDir():
		err = errNotDir
	}
	if err != nil {
		return &fs.PathError{Op: "rename", Path: oldname, Err: err}
	}
	if err := m.change("rename", oldname); err != nil {
		return err
	}
	delete(from.entries, path.Base(oldname))
	to.entries[path.Base(newname)] = n
	from.touch()
	to.touch()
	return nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	parent, n, err := m.find("remove", name)
	if err != nil {
		return err
	}
	switch {
	case n == nil:
		err = fs.ErrNotExist
	case parent == nil:
		err = fs.ErrInvalid
	case len(n.entries) > 0:
		err = errNotEmpty
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	if err := m.change("remove", name); err != nil {
		return err
	}
	delete(parent.entries, path.Base(name))
	parent.touch()
	return nil
}

func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.must("sync", name)
	if err != nil {
		return err
	}
	if !n.mode.IsDir() {
		return &fs.PathError{Op: "sync", Path: name, Err: errNotDir}
	}
	if err := m.change("sync", name); err != nil {
		return err
	}
	n.synced = maps.Clone(n.entries)
	return nil
}

// memInfo is fs.FileInfo over a Stat.
type memInfo struct {
	name string
	st   Stat
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.st.Size }
func (i memInfo) Mode() fs.FileMode  { return i.st.Mode }
func (i memInfo) ModTime() time.Time { return i.st.MTime }
func (i memInfo) IsDir() bool        { return i.st.Mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
