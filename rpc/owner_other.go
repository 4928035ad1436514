//go:build !unix

package rpc

import (
	"io/fs"
	"os"
)

// ownerOf leaves it to the system's own access lists.
func ownerOf(fs.FileInfo) int { return os.Geteuid() }
