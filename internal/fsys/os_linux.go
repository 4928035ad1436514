package fsys

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func statOf(info fs.FileInfo) Stat {
	st := Stat{Size: info.Size(), Mode: info.Mode(), MTime: info.ModTime(), Links: 1}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		st.CTime = time.Unix(s.Ctim.Unix())
		st.Inode, st.Links, st.Taken = s.Ino, uint64(s.Nlink), s.Blocks*512
	}
	return st
}

// syncData is fdatasync, which leaves out what only matters to backups: the
// times. The size is included.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// limits knows vfat and msdos, which have one number.
func limits(f *os.File) Limits {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err == nil && int64(st.Type) == unix.MSDOS_SUPER_MAGIC {
		return fat
	}
	return Limits{}
}

func allocate(f *os.File, size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// dataAt moves the file position, which nobody here uses.
func dataAt(f *os.File, off int64) (start, end int64, err error) {
	start, err = unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
	switch err {
	case nil:
	case unix.ENXIO:
		return 0, 0, io.EOF
	case unix.EINVAL, unix.ENOTSUP:
		return restOf(f, off)
	default:
		return 0, 0, &fs.PathError{Op: "seek", Path: f.Name(), Err: err}
	}
	end, err = unix.Seek(int(f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return restOf(f, start)
	}
	return start, end, nil
}
