//go:build darwin || freebsd

package fsys

import (
	"io/fs"
	"syscall"
	"time"
)

func statOf(info fs.FileInfo) Stat {
	st := Stat{Size: info.Size(), Mode: info.Mode(), MTime: info.ModTime(), Links: 1}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		st.CTime = time.Unix(s.Ctimespec.Unix())
		st.Inode, st.Links = s.Ino, uint64(s.Nlink)
	}
	return st
}
