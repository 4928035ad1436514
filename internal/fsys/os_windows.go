package fsys

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// statOf: files have no holes here, because nobody asks for sparse ones.
func statOf(info fs.FileInfo) Stat {
	return Stat{Size: info.Size(), Mode: info.Mode(), MTime: info.ModTime(), Links: 1, Taken: info.Size()}
}

// syncDir does nothing: the system writes folder entries through its journal.
func syncDir(*os.File) error { return nil }

func limits(f *os.File) Limits {
	name := make([]uint16, 32)
	err := windows.GetVolumeInformationByHandle(windows.Handle(f.Fd()), nil, 0, nil, nil, nil, &name[0], uint32(len(name)))
	if err != nil {
		return Limits{}
	}
	switch windows.UTF16ToString(name) {
	case "FAT", "FAT32":
		return fat
	}
	return Limits{}
}

func lockFile(f *os.File) error {
	var at windows.Overlapped
	const how = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

// unlockFile closes first, because an open file cannot be removed here. If another
// holder was quicker, its open file stays.
func unlockFile(root *os.Root, f *os.File, name string) error {
	err := f.Close()
	root.Remove(name)
	return err
}

func spaceOf(f *os.File, path string) (free, total int64, err error) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	var unused, all uint64
	if err := windows.GetDiskFreeSpaceEx(p, &unused, &all, nil); err != nil {
		return 0, 0, &fs.PathError{Op: "free space", Path: path, Err: err}
	}
	return int64(unused), int64(all), nil
}
