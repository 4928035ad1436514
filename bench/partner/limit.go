//go:build linux

package partner

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// sendFile sends a file to the first who connects; the kernel moves the bytes.
func sendFile(s Spec, tell func(Told)) error {
	f, err := os.Open(s.File)
	if err != nil {
		return err
	}
	defer f.Close()
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	tell(Told{Event: Ready})
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.Copy(conn, f)
	return err
}

// receiveFile receives, hashes and writes, one after the other.
func receiveFile(s Spec) error {
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	f, err := os.Create(s.File)
	if err != nil {
		return err
	}
	defer f.Close()
	piece := make([]byte, s.PieceLength)
	for {
		n, err := io.ReadFull(conn, piece)
		if n > 0 {
			sha1.Sum(piece[:n])
			if _, err := f.Write(piece[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return f.Close()
		}
		if err != nil {
			return err
		}
	}
}

// hashFile reads and hashes on every core.
func hashFile(s Spec) error {
	f, err := os.Open(s.File)
	if err != nil {
		return err
	}
	defer f.Close()
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, runtime.NumCPU())
	for i := range errs {
		group.Go(func() {
			piece := make([]byte, s.PieceLength)
			for offset := next.Add(s.PieceLength) - s.PieceLength; offset < s.Size; offset = next.Add(s.PieceLength) - s.PieceLength {
				n, err := f.ReadAt(piece, offset)
				if err != nil && !errors.Is(err, io.EOF) {
					errs[i] = fmt.Errorf("at %d: %w", offset, err)
					return
				}
				sha1.Sum(piece[:n])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
