//go:build unix

package fsys

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// syncDir forgives file systems that cannot sync a folder.
func syncDir(f *os.File) error {
	if err := f.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func lockFile(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch err {
		case unix.EINTR:
			continue
		case unix.EWOULDBLOCK:
			return ErrLocked
		}
		return err
	}
}

func unlockFile(root *os.Root, f *os.File, name string) error {
	return errors.Join(root.Remove(name), f.Close())
}

func spaceOf(f *os.File, path string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return 0, 0, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

// renameAcross opens both parents below their roots, so that no link is followed on the way, and renames between them.
func renameAcross(from *os.Root, oldname string, to *os.Root, newname string) error {
	src, err := from.Open(path.Dir(oldname))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.Open(path.Dir(newname))
	if err != nil {
		return err
	}
	defer dst.Close()
	err = unix.Renameat(int(src.Fd()), path.Base(oldname), int(dst.Fd()), path.Base(newname))
	if errors.Is(err, unix.EXDEV) {
		return ErrElsewhere
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}
