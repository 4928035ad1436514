// Package watch owns the look at a folder into which people put .torrent and .magnet files: which of them are new and whole, and what
// they are called once they were taken. A Folder belongs to one goroutine; nothing in it waits but for the disk.
package watch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"shoal/internal/fsys"
)

// Suffixes of what is looked for, and of what was.
const (
	Torrent = ".torrent"
	Magnet  = ".magnet"
	added   = ".added"
	invalid = ".invalid"
)

// maxFiles is how many files of a folder are kept an eye on; more wait until some were taken.
const maxFiles = 10_000

// Folder is one folder that is watched.
type Folder struct {
	dir  fsys.FS
	seen map[string]look
}

// look is what was seen of a file.
type look struct {
	size  int64
	mtime time.Time
	taken bool // it could not be renamed: it is passed over until it changes
}

// New watches dir, which the caller closes.
func New(dir fsys.FS) *Folder { return &Folder{dir: dir, seen: map[string]look{}} }

// Scan looks at the folder and returns the names of the files that are whole: of which size and time are those of the Scan before.
func (f *Folder) Scan() (ready []string, err error) {
	list, err := f.dir.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("look into %s: %w", f.dir.Path(), err)
	}
	now := make(map[string]look, len(f.seen))
	for _, e := range list {
		name := e.Name()
		if !wanted(name) || len(now) == maxFiles {
			continue
		}
		st, err := f.dir.Lstat(name)
		if err != nil || !st.Mode.IsRegular() {
			continue
		}
		is, was := look{size: st.Size, mtime: st.MTime}, f.seen[name]
		switch {
		case was.taken && was.size == is.size && was.mtime.Equal(is.mtime):
			is.taken = true
		case !was.taken && !was.mtime.IsZero() && was.size == is.size && was.mtime.Equal(is.mtime) && is.size > 0:
			ready = append(ready, name)
		}
		now[name] = is
	}
	f.seen = now
	return ready, nil
}

// wanted reports whether a name is one to be taken: hidden files are somebody's work in progress.
func wanted(name string) bool {
	lower := strings.ToLower(name)
	return !strings.HasPrefix(name, ".") && (strings.HasSuffix(lower, Torrent) || strings.HasSuffix(lower, Magnet))
}

// IsMagnet reports whether a file that Scan returned holds a link.
func IsMagnet(name string) bool { return strings.HasSuffix(strings.ToLower(name), Magnet) }

// Read returns what a file holds, at most limit bytes; more is an error.
func (f *Folder) Read(name string, limit int64) ([]byte, error) {
	h, err := f.dir.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	st, err := h.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size > limit {
		return nil, fmt.Errorf("it has %d bytes, %d are allowed", st.Size, limit)
	}
	b := make([]byte, st.Size)
	if n, err := h.ReadAt(b, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(b)) {
		return nil, err
	}
	return b, nil
}

// Added notes that a file was taken: it is renamed, or with del deleted. Invalid notes that it cannot be. Where the folder does not allow
// that, the file is passed over until it changes.
func (f *Folder) Added(name string, del bool) error {
	if del {
		return f.settle(name, f.dir.Remove(name))
	}
	return f.rename(name, added)
}

// Invalid is Added for a file that cannot be used.
func (f *Folder) Invalid(name string) error { return f.rename(name, invalid) }

func (f *Folder) rename(name, suffix string) error {
	to := name + suffix
	for n := 2; n <= 1000; n++ { // what was taken before stays
		if _, err := f.dir.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			break
		}
		to = fmt.Sprintf("%s%s.%d", name, suffix, n)
	}
	return f.settle(name, f.dir.Rename(name, to))
}

func (f *Folder) settle(name string, err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(f.seen, name)
		return nil
	}
	x := f.seen[name]
	x.taken = true
	f.seen[name] = x
	return fmt.Errorf("%s in %s was taken, but cannot be renamed or deleted: it is passed over until it changes: %w", name, f.dir.Path(), err)
}
