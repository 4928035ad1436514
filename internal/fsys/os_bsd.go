//go:build darwin || freebsd

package fsys

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limits knows msdos of macOS and msdosfs of FreeBSD.
func limits(f *os.File) Limits {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return Limits{}
	}
	switch unix.ByteSliceToString(st.Fstypename[:]) {
	case "msdos", "msdosfs":
		return fat
	}
	return Limits{}
}

func statOf(info fs.FileInfo) Stat {
	st := Stat{Size: info.Size(), Mode: info.Mode(), MTime: info.ModTime(), Links: 1}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		st.CTime = time.Unix(s.Ctimespec.Unix())
		st.Inode, st.Links, st.Taken = s.Ino, uint64(s.Nlink), s.Blocks*512
	}
	return st
}
