package peer

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mostVectors is how many places one read may have: more are left for the next.
const mostVectors = 40

// socket is a TCP socket that can read into several places with one system call. It belongs to the reader's goroutine.
type socket struct {
	*net.TCPConn
	raw syscall.RawConn
	try func(fd uintptr) bool // readv, made once

	iov [mostVectors]unix.Iovec
	use int // of iov
	n   int
	err error
}

// gathering returns nc as something to read frames from, which honours its deadlines.
func gathering(nc net.Conn) io.Reader {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nc
	}
	s := &socket{TCPConn: tcp, raw: raw}
	s.try = s.readv
	return s
}

// Read implements io.Reader, with the system call of readv.
func (s *socket) Read(p []byte) (int, error) { return s.ReadVector([][]byte{p}) }

// ReadVector implements wire.VectorReader.
func (s *socket) ReadVector(bufs [][]byte) (int, error) {
	s.use = 0
	for _, b := range bufs {
		if len(b) > 0 && s.use < len(s.iov) {
			s.iov[s.use].Base = &b[0]
			s.iov[s.use].SetLen(len(b))
			s.use++
		}
	}
	if s.use == 0 {
		return 0, nil
	}
	err := s.raw.Read(s.try)
	clear(s.iov[:s.use]) // they would keep memory alive
	switch {
	case err != nil:
		return 0, err
	case s.err != nil:
		return 0, &net.OpError{Op: "readv", Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: s.err}
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

// readv reads once and reports false when nothing is there yet. The socket does not block, so what the call takes is the copying,
// work like any other: RawSyscall leaves the processor with this goroutine for that time, where Syscall lets the scheduler
// start another thread to do what this one will do in a moment, and wakes the one that watches over long system calls.
func (s *socket) readv(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READV, fd, uintptr(unsafe.Pointer(&s.iov[0])), uintptr(s.use))
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		case 0:
			s.n, s.err = int(n), nil
		default:
			s.n, s.err = 0, os.NewSyscallError("readv", errno)
		}
		runtime.KeepAlive(s)
		return true
	}
}
