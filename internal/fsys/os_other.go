//go:build !linux

package fsys

import (
	"errors"
	"os"
)

// syncData is what the system calls a full sync; on macOS os.File.Sync asks
// the drive to empty its cache as well.
func syncData(f *os.File) error { return f.Sync() }

func allocate(f *os.File, size int64) error { return errors.ErrUnsupported }

func dataAt(f *os.File, off int64) (start, end int64, err error) { return restOf(f, off) }
