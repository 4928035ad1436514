//go:build unix

package rpc

import (
	"io/fs"
	"syscall"
)

// ownerOf is the user number of a file's owner, -1 when it is not known.
func ownerOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
