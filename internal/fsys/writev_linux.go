package fsys

import (
	"io"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// iovecs is how many buffers go into one pwritev: a quarter of IOV_MAX, so that
// the array stays on the stack (4 KiB) and a whole 4 MiB piece is one call.
const iovecs = 256

// writev calls pwritev directly, because unix.Pwritev allocates.
func (f *file) writev(bufs [][]byte, off int64) (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return 0, os.ErrClosed
	}
	var iov [iovecs]unix.Iovec
	var written int64
	for skip := 0; len(bufs) > 0; { // skip: bytes of bufs[0] that are already written
		n, used := 0, 0
		for n < iovecs && used < len(bufs) {
			b := bufs[used]
			if used == 0 {
				b = b[skip:]
			}
			used++
			if len(b) > 0 {
				iov[n].Base = &b[0]
				iov[n].SetLen(len(b))
				n++
			}
		}
		if n == 0 {
			bufs, skip = bufs[used:], 0
			continue
		}
		m, errno := pwritev(f.fd, iov[:n], off+written)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return written, &fs.PathError{Op: "pwritev", Path: f.f.Name(), Err: errno}
		}
		if m == 0 {
			return written, &fs.PathError{Op: "pwritev", Path: f.f.Name(), Err: io.ErrShortWrite}
		}
		written += int64(m)
		for m += skip; len(bufs) > 0 && m >= len(bufs[0]); bufs = bufs[1:] {
			m -= len(bufs[0])
		}
		skip = m
	}
	return written, nil
}

// pwritev passes the offset as the kernel wants it: low and high word, the
// high one ignored on 64-bit systems.
func pwritev(fd uintptr, iov []unix.Iovec, off int64) (int, unix.Errno) {
	lo, hi := uintptr(off), uintptr(0)
	if unsafe.Sizeof(lo) == 4 {
		hi = uintptr(uint64(off) >> 32)
	}
	n, _, errno := unix.Syscall6(unix.SYS_PWRITEV, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)), lo, hi, 0)
	return int(n), errno
}
