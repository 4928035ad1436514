package library

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"shoal/internal/fsys"
	"shoal/status"
)

// Folders is how a library reaches the folders of torrents.
type Folders interface {
	// Open opens a folder; create makes it where it is missing.
	Open(dir string, create bool) (fsys.FS, error)
	// Resolve returns dir without symbolic links, as far as it exists.
	Resolve(dir string) (string, error)
}

// SystemFolders are the folders of this machine.
type SystemFolders struct{}

// Open implements Folders.
func (SystemFolders) Open(dir string, create bool) (fsys.FS, error) {
	if create {
		return fsys.CreateDir(dir)
	}
	return fsys.OpenDir(dir)
}

// Resolve implements Folders.
func (SystemFolders) Resolve(dir string) (string, error) {
	rest := ""
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		real, err := filepath.EvalSymlinks(at)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			return "", err
		}
		// A link that leads nowhere yet may lead anywhere later.
		if st, err := os.Lstat(at); err == nil && st.Mode()&fs.ModeSymlink != 0 {
			return "", fmt.Errorf("%s is a link that leads nowhere", at)
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// allowed checks a folder that somebody asked for and returns it cleaned. Its errors wrap status.ErrOutside where roots forbid it: a
// folder counts as where it really is.
func allowed(f Folders, dir string, roots []string) (string, error) {
	if strings.ContainsRune(dir, 0) || len(dir) > maxPath {
		return "", fmt.Errorf("a folder's name may not hold NUL or have more than %d bytes: %w", maxPath, status.ErrOutside)
	}
	if !filepath.IsAbs(dir) {
		return "", fmt.Errorf("the folder %q is not absolute: begin it with /: %w", dir, status.ErrOutside)
	}
	dir = filepath.Clean(dir)
	if len(roots) == 0 {
		return dir, nil
	}
	at, err := f.Resolve(dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w: %w", dir, status.ErrOutside, err)
	}
	for _, root := range roots {
		real, err := f.Resolve(root)
		if err == nil && inside(at, real) {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%s is %w: %s", dir, status.ErrOutside, strings.Join(roots, ", "))
}

const maxPath = 4096

// inside reports whether dir is root or below it; both are clean and absolute.
func inside(dir, root string) bool {
	rel, err := filepath.Rel(root, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
